//! Starting a git process and moving its bytes, with every wait bounded.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rustix::process::{Pid, Resource, Rlimit, Signal};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, Command};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;

use super::error::explain;
use super::{GitBinary, ToolError, Work};

/// How long an operation waits for its turn.
const QUEUE_WAIT_MAX: Duration = Duration::from_secs(30);
const CHUNK_BYTES: usize = 64 * 1024;
const STDERR_BYTES_MAX: usize = 64 * 1024;

/// Settings of every process; they hold for the processes it starts, too.
const SETTINGS: [&str; 17] = [
    "safe.directory=*",
    "core.hooksPath=/dev/null",
    "core.bigFileThreshold=32m",
    "core.deltaBaseCacheLimit=64m",
    "gc.auto=0",
    "maintenance.auto=false",
    "pack.threads=1",
    "pack.windowMemory=64m",
    "pack.deltaCacheSize=64m",
    // Nobody reads it: readers of the cache build what they need from the index.
    "pack.writeReverseIndex=false",
    "repack.writeBitmaps=false",
    "protocol.allow=never",
    "transfer.advertiseSID=false",
    "uploadpack.advertiseBundleURIs=false",
    "uploadpack.allowFilter=true",
    // A ref may move between the two requests of a protocol v0 client. The directory is the boundary.
    "uploadpack.allowAnySHA1InWant=true",
    "uploadpack.allowRefInWant=false",
];

/// A git command to be started.
pub(super) struct Invocation {
    pub(super) operation: &'static str,
    pub(super) work: Work,
    command: Command,
}

impl Invocation {
    pub(super) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(super) fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.command.args(args);
        self
    }

    pub(super) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }
}

/// How a process ended, and what it said on stderr.
#[derive(Debug)]
pub(super) struct Exit {
    pub(super) operation: &'static str,
    pub(super) status: ExitStatus,
    pub(super) stderr: Vec<u8>,
}

impl Exit {
    pub(super) fn into_error(self, hidden: &[&Path]) -> ToolError {
        let text = explain(&self.stderr, hidden);
        ToolError::Exit { operation: self.operation, status: self.status, text }
    }
}

/// An [`Exit`] with the output that was kept.
#[derive(Debug)]
pub(super) struct Captured {
    pub(super) exit: Exit,
    pub(super) stdout: Vec<u8>,
}

impl GitBinary {
    /// Prepares `git <settings> <operation>` in the repository `git_dir`, an absolute path.
    pub(super) fn invoke(&self, work: Work, operation: &'static str, git_dir: &Path) -> Invocation {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .env("PATH", search_path(&self.program))
            .env("LC_ALL", "C")
            .env("GIT_DIR", git_dir)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            .current_dir(git_dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        for setting in SETTINGS {
            command.arg("-c").arg(setting);
        }
        command.arg(operation);
        Invocation { operation, work, command }
    }

    /// Waits for a free place and starts the process.
    pub(super) async fn start(&self, mut invocation: Invocation) -> Result<Running, ToolError> {
        let operation = invocation.operation;
        let slots = match invocation.work {
            Work::Fetch => &self.fetches,
            Work::Push => &self.pushes,
            Work::Maintenance => &self.maintenance,
        };
        let slot = timeout(QUEUE_WAIT_MAX, slots.clone().acquire_owned())
            .await
            .map_err(|_| ToolError::Busy { operation })?
            .expect("the semaphores are never closed");
        let spawn = |source| ToolError::Spawn { operation, source };
        let child = invocation.command.spawn().map_err(spawn)?;
        let running = Running { operation, child, _slot: slot };
        running.limit(self.memory_bytes_max).map_err(spawn)?;
        Ok(running)
    }

    /// Runs to the end, feeding `stdin` and keeping the first `keep` bytes of the output.
    pub(super) async fn capture<R: AsyncRead + Unpin>(
        &self,
        invocation: Invocation,
        stdin: R,
        keep: usize,
        idle: Duration,
    ) -> Result<Captured, ToolError> {
        let running = self.start(invocation).await?;
        let (sender, mut receiver) = mpsc::channel::<Bytes>(4);
        let collect = async {
            let mut stdout = Vec::new();
            while let Some(chunk) = receiver.recv().await {
                let room = keep - stdout.len();
                stdout.extend_from_slice(&chunk[..chunk.len().min(room)]);
            }
            stdout
        };
        let (exit, stdout) = tokio::join!(running.drive(stdin, sender, idle), collect);
        Ok(Captured { exit: exit?, stdout })
    }
}

/// A started process; dropping it kills it and all its children.
pub(super) struct Running {
    operation: &'static str,
    child: Child,
    _slot: OwnedSemaphorePermit,
}

impl Running {
    /// Feeds `stdin` and passes the output on until the process ends. Fails, and so kills the process, when `idle`
    /// passes without a byte moving, when `stdin` fails, or when `output` has no reader any more.
    pub(super) async fn drive<R: AsyncRead + Unpin>(
        mut self,
        stdin: R,
        output: mpsc::Sender<Bytes>,
        idle: Duration,
    ) -> Result<Exit, ToolError> {
        let operation = self.operation;
        let failed = |source| ToolError::Io { operation, source };
        let too_slow = || ToolError::Timeout { operation, after: idle };
        let mut stdout = self.child.stdout.take().expect("stdout is a pipe");
        let stderr = self.child.stderr.take().expect("stderr is a pipe");
        let to_child = self.child.stdin.take().expect("stdin is a pipe");
        let mut feed = std::pin::pin!(feed(operation, stdin, to_child, idle));
        let mut complain = std::pin::pin!(read_start(stderr));
        let mut is_fed = false;
        let mut complaints = None;
        let mut buffer = BytesMut::new();
        let mut ready: Option<Bytes> = None;
        loop {
            buffer.reserve(CHUNK_BYTES);
            tokio::select! {
                () = output.closed() => return Err(ToolError::Aborted { operation }),
                result = &mut feed, if !is_fed => {
                    result?;
                    is_fed = true;
                }
                text = &mut complain, if complaints.is_none() => complaints = Some(text),
                permit = output.reserve(), if ready.is_some() => {
                    if let (Ok(permit), Some(chunk)) = (permit, ready.take()) {
                        permit.send(chunk);
                    }
                }
                read = stdout.read_buf(&mut buffer), if ready.is_none() => {
                    if read.map_err(failed)? == 0 {
                        break;
                    }
                    ready = Some(buffer.split().freeze());
                }
                // Until all is fed, `feed` watches the time.
                () = tokio::time::sleep(idle), if is_fed => return Err(too_slow()),
            }
        }
        let stderr = match complaints {
            Some(text) => text,
            None => timeout(idle, complain).await.map_err(|_| too_slow())?,
        };
        let status = timeout(idle, self.child.wait()).await.map_err(|_| too_slow())?;
        Ok(Exit { operation, status: status.map_err(failed)?, stderr })
    }

    fn pid(&self) -> Option<Pid> {
        // The id is gone once the child is reaped: a stranger that got the same one is never meant.
        Pid::from_raw(self.child.id()?.try_into().ok()?)
    }

    fn limit(&self, memory_bytes_max: u64) -> io::Result<()> {
        let Some(pid) = self.pid() else { return Ok(()) };
        for (resource, value) in [(Resource::Data, memory_bytes_max), (Resource::Core, 0)] {
            let limit = Rlimit { current: Some(value), maximum: Some(value) };
            match rustix::process::prlimit(Some(pid), resource, limit) {
                // It may have ended already.
                Ok(_) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        }
    }
}

async fn feed<R: AsyncRead + Unpin>(
    operation: &'static str,
    mut from: R,
    mut to: ChildStdin,
    idle: Duration,
) -> Result<(), ToolError> {
    let too_slow = |_| ToolError::Timeout { operation, after: idle };
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let length = timeout(idle, from.read(&mut buffer))
            .await
            .map_err(too_slow)?
            .map_err(|source| ToolError::Input { operation, source })?;
        if length == 0 {
            return Ok(());
        }
        match timeout(idle, to.write_all(&buffer[..length])).await.map_err(too_slow)? {
            Ok(()) => {}
            // It has all it wants, or has failed; its exit status tells.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(source) => return Err(ToolError::Io { operation, source }),
        }
    }
}

/// Reads to the end and keeps the start.
async fn read_start(mut stderr: ChildStderr) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut buffer = vec![0; 4096];
    // An error ends the text; the exit status says the rest.
    while let Ok(length @ 1..) = stderr.read(&mut buffer).await {
        let room = STDERR_BYTES_MAX - kept.len();
        kept.extend_from_slice(&buffer[..length.min(room)]);
    }
    kept
}

/// Where git's own children are found; git itself knows where its other parts lie.
fn search_path(program: &Path) -> std::ffi::OsString {
    let mut path = std::ffi::OsString::new();
    if let Some(folder) = program.parent() {
        path.push(folder);
        path.push(":");
    }
    path.push("/usr/local/bin:/usr/bin:/bin");
    path
}
