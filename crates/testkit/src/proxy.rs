use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

use crate::Error;

const BUFFER_BYTES: usize = 16 * 1024;

/// A TCP proxy on loopback that breaks connections on command.
///
/// A refused connection is accepted and closed at once: the client sees an end of stream before any answer, as it does
/// when a server dies or a balancer gives up.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    accepted: u64,
    bytes: u64,
    fail_at: Option<u64>,
    cut_at_bytes: Option<u64>,
    bytes_per_sec: Option<u64>,
    refusing: bool,
    closed: bool,
    open: Vec<(u64, [TcpStream; 2])>,
}

impl State {
    fn cut_open(&mut self) {
        for (_, pair) in self.open.drain(..) {
            close(&pair);
        }
    }
}

impl FaultProxy {
    /// Listens on a free loopback port and passes everything to `upstream` and back.
    pub fn new(upstream: SocketAddr) -> Result<Self, Error> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::io("listen as a proxy"))?;
        let address = listener.local_addr().map_err(Error::io("read the proxy's address"))?;
        let shared = Arc::new(Shared { upstream, state: Mutex::default() });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &accepting));
        Ok(Self { address, shared })
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections accepted since the start, broken ones too.
    pub fn connections(&self) -> u64 {
        self.shared.state.lock().accepted
    }

    /// Bytes passed on since the start, both ways together.
    pub fn bytes(&self) -> u64 {
        self.shared.state.lock().bytes
    }

    /// Closes the `n`-th connection from now (1 is the next) at once, and only that one.
    pub fn fail_nth_connection(&self, n: u64) {
        let mut state = self.shared.state.lock();
        state.fail_at = Some(state.accepted + n);
    }

    /// Closes every connection once `count` more bytes have passed, both ways together; later ones work again.
    /// The bytes over `count` are not passed on.
    pub fn cut_after_bytes(&self, count: u64) {
        let mut state = self.shared.state.lock();
        state.cut_at_bytes = Some(state.bytes + count);
    }

    /// Passes on at most so many bytes a second, each connection and direction for itself.
    pub fn slow_down(&self, bytes_per_sec: u64) {
        self.shared.state.lock().bytes_per_sec = Some(bytes_per_sec);
    }

    /// Closes every open connection now; new ones work.
    pub fn cut_all(&self) {
        self.shared.state.lock().cut_open();
    }

    /// Closes every open connection and every new one until [`FaultProxy::heal`], as if the upstream were gone.
    pub fn refuse(&self) {
        let mut state = self.shared.state.lock();
        state.refusing = true;
        state.cut_open();
    }

    /// Forgets every planned fault.
    pub fn heal(&self) {
        let mut state = self.shared.state.lock();
        state.refusing = false;
        state.fail_at = None;
        state.cut_at_bytes = None;
        state.bytes_per_sec = None;
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        {
            let mut state = self.shared.state.lock();
            state.closed = true;
            state.cut_open();
        }
        // Wakes the accepting thread, which then sees that the proxy is closed.
        TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).ok();
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        let number = {
            let mut state = shared.state.lock();
            if state.closed {
                return;
            }
            state.accepted += 1;
            if state.refusing {
                continue;
            }
            if state.fail_at == Some(state.accepted) {
                state.fail_at = None;
                continue;
            }
            state.accepted
        };
        let Ok(client) = client else { continue };
        let shared = Arc::clone(shared);
        // An upstream that cannot be reached closes the client's connection, which is what the client would see.
        thread::spawn(move || serve(number, client, &shared).ok());
    }
}

fn serve(number: u64, client: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    let server = TcpStream::connect(shared.upstream)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let pair = [client.try_clone()?, server.try_clone()?];
    {
        let mut state = shared.state.lock();
        if state.refusing || state.closed {
            return Ok(());
        }
        state.open.push((number, pair));
    }
    let down = {
        let (from, to, shared) = (server.try_clone()?, client.try_clone()?, Arc::clone(shared));
        thread::spawn(move || copy(from, to, &shared))
    };
    copy(client, server, shared);
    // The other copier only panics if this proxy's code does, and then there is nothing left to pass on.
    down.join().ok();
    shared.state.lock().open.retain(|(open, _)| *open != number);
    Ok(())
}

fn copy(mut from: TcpStream, mut to: TcpStream, shared: &Shared) {
    let mut buffer = [0; BUFFER_BYTES];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let bytes_per_sec = shared.state.lock().bytes_per_sec;
        if let Some(bytes_per_sec) = bytes_per_sec {
            thread::sleep(Duration::from_secs(1).mul_f64(count as f64 / bytes_per_sec as f64));
        }
        let (allowed, cut) = allow(shared, count);
        let written = to.write_all(&buffer[..allowed]);
        if cut {
            shared.state.lock().cut_open();
            return;
        }
        if written.is_err() {
            break;
        }
    }
    // Only this direction is over: a half-closed connection still answers.
    to.shutdown(Shutdown::Write).ok();
}

/// How many of `count` bytes may pass, and whether that reaches the planned cut.
fn allow(shared: &Shared, count: usize) -> (usize, bool) {
    let mut state = shared.state.lock();
    let left = state.cut_at_bytes.map(|at| at.saturating_sub(state.bytes));
    let allowed =
        left.map_or(count, |left| usize::try_from(left).map_or(count, |left| left.min(count)));
    state.bytes += allowed as u64;
    let cut = left.is_some_and(|left| left <= count as u64);
    if cut {
        state.cut_at_bytes = None;
    }
    (allowed, cut)
}

fn close(pair: &[TcpStream; 2]) {
    for stream in pair {
        // An error means that the peer has closed it already.
        stream.shutdown(Shutdown::Both).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that sends back what it receives.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || io::copy(&mut &stream, &mut &stream));
            }
        });
        address
    }

    fn ask(proxy: &FaultProxy, text: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut answer = Vec::new();
        if stream.write_all(text).is_ok() && stream.shutdown(Shutdown::Write).is_ok() {
            // A cut may be seen as an end of stream or as a reset; what arrived before it is what counts.
            stream.read_to_end(&mut answer).ok();
        }
        answer
    }

    #[test]
    fn passes_everything_when_healthy() {
        let proxy = FaultProxy::new(echo()).unwrap();
        let text = vec![b'x'; 300_000];
        assert_eq!(ask(&proxy, &text), text);
        assert_eq!(proxy.bytes(), 600_000);
        assert_eq!(proxy.connections(), 1);
    }

    #[test]
    fn fails_only_the_nth_connection() {
        let proxy = FaultProxy::new(echo()).unwrap();
        assert_eq!(ask(&proxy, b"0"), b"0");
        proxy.fail_nth_connection(2);
        let answers: Vec<_> = [b"1", b"2", b"3"].iter().map(|text| ask(&proxy, *text)).collect();
        assert_eq!(answers, [&b"1"[..], b"", b"3"]);
    }

    #[test]
    fn cuts_at_the_exact_byte_once() {
        let proxy = FaultProxy::new(echo()).unwrap();
        // Ten bytes go up; of the ten that come back, four pass.
        proxy.cut_after_bytes(14);
        assert_eq!(ask(&proxy, b"0123456789"), b"0123");
        assert_eq!(ask(&proxy, b"0123456789"), b"0123456789");
    }

    #[test]
    fn cut_all_ends_open_connections_and_lets_new_ones_in() {
        let proxy = FaultProxy::new(echo()).unwrap();
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        stream.write_all(b"a").unwrap();
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        proxy.cut_all();
        assert!(matches!(stream.read(&mut byte), Ok(0) | Err(_)));
        assert_eq!(ask(&proxy, b"b"), b"b");
    }

    #[test]
    fn refuses_until_healed() {
        let proxy = FaultProxy::new(echo()).unwrap();
        proxy.refuse();
        assert_eq!(ask(&proxy, b"a"), b"");
        assert_eq!(ask(&proxy, b"a"), b"");
        proxy.heal();
        assert_eq!(ask(&proxy, b"a"), b"a");
    }
}
