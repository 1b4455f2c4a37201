//! Commands whose output goes to a client: `upload-pack` and `bundle`.

use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use tokio::io::AsyncRead;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::process::{Exit, Running};
use super::{GitBinary, ToolError, Work};

/// Chunks of up to 64 KiB that wait for the reader; then git has to wait.
const CHUNKS_AHEAD: usize = 8;
const PROTOCOL_BYTES_MAX: usize = 256;

impl GitBinary {
    /// Answers a fetch: runs `git upload-pack --stateless-rpc` on the repository `dir`, feeds it the request and
    /// streams its answer. `git_protocol` is the client's `Git-Protocol` header. The process is killed when the
    /// returned stream is dropped, when `stdin` fails, or when no byte moves for `idle`.
    pub async fn upload_pack<R>(
        &self,
        dir: &Path,
        git_protocol: Option<&str>,
        stdin: R,
        idle: Duration,
    ) -> Result<GitOutput, ToolError>
    where
        R: AsyncRead + Send + Unpin + 'static,
    {
        let operation = "upload-pack";
        let dir =
            std::path::absolute(dir).map_err(|source| ToolError::Spawn { operation, source })?;
        let mut invocation = self
            .invoke(Work::Fetch, operation, &dir)
            .args(["--stateless-rpc", "--strict"])
            .arg(format!("--timeout={}", idle.as_secs().max(1)));
        // Other values mean the oldest protocol to git, just as no value does.
        let is_sane = |text: &&str| {
            text.len() <= PROTOCOL_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if let Some(protocol) = git_protocol.filter(is_sane) {
            invocation = invocation.env("GIT_PROTOCOL", protocol);
        }
        let running = self.start(invocation.arg(&dir)).await?;
        Ok(GitOutput::new(running, stdin, idle))
    }

    /// Streams a bundle of all refs of the repository `dir`, which must not be empty.
    pub async fn bundle(&self, dir: &Path, idle: Duration) -> Result<GitOutput, ToolError> {
        let operation = "bundle";
        let dir =
            std::path::absolute(dir).map_err(|source| ToolError::Spawn { operation, source })?;
        let invocation =
            self.invoke(Work::Fetch, operation, &dir).args(["create", "--quiet", "-", "--all"]);
        let running = self.start(invocation).await?;
        Ok(GitOutput::new(running, tokio::io::empty(), idle))
    }
}

/// The output of a running git process, as a stream.
///
/// A failure comes as the last item. `upload-pack` also fails after it told the client why in an `ERR` packet, so a
/// [`ToolError::Exit`] after some output need not cut the client's connection.
#[derive(Debug)]
pub struct GitOutput {
    chunks: mpsc::Receiver<Bytes>,
    end: Option<JoinHandle<Result<Exit, ToolError>>>,
}

impl GitOutput {
    fn new<R>(running: Running, stdin: R, idle: Duration) -> Self
    where
        R: AsyncRead + Send + Unpin + 'static,
    {
        let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
        // The task ends itself, and with it the process, once `chunks` is dropped.
        let end = tokio::spawn(running.drive(stdin, sender, idle));
        Self { chunks, end: Some(end) }
    }
}

impl Stream for GitOutput {
    type Item = Result<Bytes, ToolError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(chunk) = ready!(self.chunks.poll_recv(context)) {
            return Poll::Ready(Some(Ok(chunk)));
        }
        let Some(end) = self.end.as_mut() else { return Poll::Ready(None) };
        let result = ready!(Pin::new(end).poll(context));
        self.end = None;
        Poll::Ready(match result {
            Ok(Ok(exit)) if exit.status.success() => None,
            Ok(Ok(exit)) => Some(Err(exit.into_error(&[]))),
            Ok(Err(error)) => Some(Err(error)),
            // The runtime is shutting down, or the task panicked: the output is cut short in any case.
            Err(error) => Some(Err(ToolError::Io {
                operation: "output",
                source: std::io::Error::other(error),
            })),
        })
    }
}
