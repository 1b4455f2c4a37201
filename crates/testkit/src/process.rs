//! Child processes that cannot outlive the test: killed on drop, and by the kernel when the test itself is killed.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rustix::process::{Pid, Signal, kill_process};

use crate::Error;

/// Lines of a child's output that are kept for messages.
const LINES_KEPT: usize = 2000;
/// Longest piece of output kept as one line, so that a child cannot fill memory with a line that never ends.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// A child process to be started.
#[derive(Debug)]
pub struct Launch {
    name: String,
    command: Command,
    user: Option<String>,
    death_signal: &'static str,
}

impl Launch {
    /// Prepares `program`; `name` stands for it in messages.
    pub fn new(name: impl Into<String>, program: impl AsRef<std::ffi::OsStr>) -> Self {
        Self { name: name.into(), command: Command::new(program), user: None, death_signal: "KILL" }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<std::ffi::OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(
        mut self,
        key: impl AsRef<std::ffi::OsStr>,
        value: impl AsRef<std::ffi::OsStr>,
    ) -> Self {
        self.command.env(key, value);
        self
    }

    /// Hides an environment variable of this process from the child.
    #[must_use]
    pub fn env_remove(mut self, key: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env_remove(key);
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Runs the child as this system user; only root can.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Sends this signal (`QUIT`, `TERM`, ...) instead of `KILL` when this process dies.
    #[must_use]
    pub fn death_signal(mut self, signal: &'static str) -> Self {
        self.death_signal = signal;
        self
    }

    /// Starts the child with its output captured line by line.
    pub fn spawn(self) -> Result<Process, Error> {
        let name = self.name.clone();
        let mut command = self.wrapped();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = spawn_on_lasting_thread(command)
            .map_err(|source| Error::Start { name: name.clone(), source })?;
        let log = Arc::new(Log::default());
        if let Some(stdout) = child.stdout.take() {
            Log::follow(&log, stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            Log::follow(&log, stderr);
        }
        Ok(Process { name, child, log })
    }

    /// Runs the child to its end; a failure is an error that carries what it printed.
    pub fn run(self) -> Result<Output, Error> {
        let name = self.name.clone();
        let output = self.output()?;
        if output.status.success() {
            return Ok(output);
        }
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        Err(Error::Ended { name, status: output.status.to_string(), output: text })
    }

    /// Runs the child to its end, whatever its exit status.
    pub fn output(self) -> Result<Output, Error> {
        let name = self.name.clone();
        let mut command = self.wrapped();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        spawn_on_lasting_thread(command)
            .and_then(Child::wait_with_output)
            .map_err(|source| Error::Start { name, source })
    }

    /// The command behind `setpriv`, which asks the kernel for the death signal and gives up root, then becomes the
    /// child itself: the process id stays. Without `setpriv` (not Linux) the child is only killed on drop.
    fn wrapped(self) -> Command {
        if !Path::new("/usr/bin/setpriv").exists() {
            return self.command;
        }
        let mut prefix: Vec<OsString> = vec!["--pdeathsig".into(), self.death_signal.into()];
        if let Some(user) = &self.user {
            prefix.extend([
                "--reuid".into(),
                user.into(),
                "--regid".into(),
                user.into(),
                "--init-groups".into(),
            ]);
        }
        prefix.push("--".into());
        let mut command = Command::new("/usr/bin/setpriv");
        command.args(prefix).arg(self.command.get_program()).args(self.command.get_args());
        for (key, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        if let Some(dir) = self.command.get_current_dir() {
            command.current_dir(dir);
        }
        command
    }
}

/// A running child.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: Arc<Log>,
}

impl Process {
    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The last lines it printed, standard output and error as they came.
    pub fn output(&self) -> String {
        self.log.text()
    }

    /// True while it has not ended.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for a line, printed already or to come, that `wanted` accepts.
    pub fn wait_for_line(
        &mut self,
        what: &str,
        timeout: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<String, Error> {
        let until = Instant::now() + timeout;
        let mut seen = 0;
        loop {
            if let Some(line) = self.log.find_from(&mut seen, &wanted) {
                return Ok(line);
            }
            self.check_waiting(&format!("print {what}"), timeout, until)?;
            self.log.wait(Duration::from_millis(20));
        }
    }

    /// Waits until something listens on `address`.
    pub fn wait_for_port(&mut self, address: SocketAddr, timeout: Duration) -> Result<(), Error> {
        let until = Instant::now() + timeout;
        while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
            self.check_waiting(&format!("listen on {address}"), timeout, until)?;
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Waits for its end.
    pub fn wait(&mut self, timeout: Duration) -> Result<ExitStatus, Error> {
        let until = Instant::now() + timeout;
        loop {
            let ended =
                self.child.try_wait().map_err(Error::io(format!("wait for {}", self.name)))?;
            if let Some(status) = ended {
                return Ok(status);
            }
            if Instant::now() >= until {
                return Err(self.timed_out("end", timeout));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Kills it at once, as `kill -9` does, and waits until it is gone.
    pub fn kill(&mut self) {
        // An error here means that it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }

    /// Sends `signal`.
    pub fn signal(&self, signal: Signal) -> Result<(), Error> {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .expect("a child has a positive id");
        kill_process(pid, signal)
            .map_err(|errno| Error::io(format!("signal {}", self.name))(errno.into()))
    }

    /// Asks it to end (`SIGTERM`) and waits.
    pub fn terminate(&mut self, timeout: Duration) -> Result<ExitStatus, Error> {
        if self.is_running() {
            self.signal(Signal::TERM)?;
        }
        self.wait(timeout)
    }

    fn check_waiting(
        &mut self,
        what: &str,
        timeout: Duration,
        until: Instant,
    ) -> Result<(), Error> {
        if let Ok(Some(status)) = self.child.try_wait() {
            self.log.drain(Duration::from_millis(500));
            return Err(Error::Ended {
                name: self.name.clone(),
                status: status.to_string(),
                output: self.output(),
            });
        }
        if Instant::now() >= until {
            return Err(self.timed_out(what, timeout));
        }
        Ok(())
    }

    fn timed_out(&self, what: &str, timeout: Duration) -> Error {
        Error::TimedOut {
            name: self.name.clone(),
            what: what.to_owned(),
            timeout,
            output: self.output(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

#[derive(Debug, Default)]
struct Log {
    lines: Mutex<Lines>,
    grew: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<String>,
    dropped: usize,
    readers: usize,
}

impl Log {
    fn follow(log: &Arc<Self>, stream: impl Read + Send + 'static) {
        log.lines.lock().readers += 1;
        let log = Arc::clone(log);
        thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while matches!(reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line), Ok(count) if count > 0)
            {
                log.push(String::from_utf8_lossy(&line).trim_end().to_owned());
                line.clear();
            }
            log.lines.lock().readers -= 1;
            log.grew.notify_all();
        });
    }

    fn push(&self, line: String) {
        let mut lines = self.lines.lock();
        lines.kept.push_back(line);
        if lines.kept.len() > LINES_KEPT {
            lines.kept.pop_front();
            lines.dropped += 1;
        }
        self.grew.notify_all();
    }

    fn find_from(&self, seen: &mut usize, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let lines = self.lines.lock();
        let skip = seen.saturating_sub(lines.dropped);
        let found = lines.kept.iter().skip(skip).find(|line| wanted(line)).cloned();
        *seen = lines.dropped + lines.kept.len();
        found
    }

    fn wait(&self, timeout: Duration) {
        self.grew.wait_for(&mut self.lines.lock(), timeout);
    }

    /// Waits until an ended child's pipes are read to their end.
    fn drain(&self, timeout: Duration) {
        let until = Instant::now() + timeout;
        let mut lines = self.lines.lock();
        while lines.readers > 0 && Instant::now() < until {
            self.grew.wait_until(&mut lines, until);
        }
    }

    fn text(&self) -> String {
        let lines = self.lines.lock();
        lines.kept.iter().map(|line| format!("{line}\n")).collect()
    }
}

type Request = (Command, Sender<std::io::Result<Child>>);

/// Spawns on one thread that lives as long as the process: the kernel sends the death signal when the *thread* that
/// spawned the child ends, and a test's thread ends with its test.
fn spawn_on_lasting_thread(command: Command) -> std::io::Result<Child> {
    static SPAWNER: OnceLock<Sender<Request>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, receiver) = channel::<Request>();
        thread::spawn(move || {
            for (mut command, answer) in receiver {
                // The asker waits for the answer, so it can only be gone if its thread was.
                answer.send(command.spawn()).ok();
            }
        });
        sender
    });
    let (answer, result) = channel();
    spawner.send((command, answer)).expect("the spawning thread never ends");
    result.recv().expect("the spawning thread always answers")
}

#[cfg(test)]
mod tests;
