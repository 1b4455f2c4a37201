//! What a fetching client asks: the refs, then objects.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use steelyard_core::size::size_text;
use steelyard_core::{RepoId, RepoKind};
use steelyard_db::refs::{self, GitRow, RefRow};
use steelyard_db::repo::RepoRow;
use steelyard_git::protocol::RefRecord;
use steelyard_git::tool::{GitBinary, GitOutput, ToolError};
use tokio::io::AsyncRead;

use super::Lease;
use crate::{Action, Actor, Error, Hub, Result};

/// How long a fetch may go without a byte moving in either direction.
const IDLE_MAX: Duration = Duration::from_secs(120);

/// The refs of a repository at one moment.
#[derive(Debug, Clone)]
pub struct GitRefs {
    /// The branch `HEAD` points to, whether it exists or not.
    pub head: String,
    /// All refs, by name.
    pub refs: Vec<RefRecord>,
    pub(crate) repo_id: i64,
    pub(crate) state: GitRow,
}

impl Hub {
    /// The refs of a repository for a client that may read its contents.
    pub async fn git_refs(&self, actor: &Actor, kind: RepoKind, id: &RepoId) -> Result<GitRefs> {
        let repo = self.repo(actor, kind, id, Action::ReadContent).await?;
        self.git_refs_of(&repo).await
    }

    /// The refs of a repository, and where its history stands, read in one statement.
    pub(crate) async fn git_refs_of(&self, repo: &RepoRow) -> Result<GitRefs> {
        let mut conn = self.db().read().await?;
        let found = refs::list_refs_with_git(&mut conn, repo.id).await?;
        let (state, rows) =
            found.ok_or_else(|| Error::internal("the repository has no history record"))?;
        let head = state.head_ref.clone();
        let refs = rows.into_iter().map(record).collect();
        Ok(GitRefs { head, refs, repo_id: repo.id, state })
    }

    /// The git program, or why there is no git transport.
    pub fn require_git(&self) -> Result<&GitBinary> {
        self.git().ok_or_else(|| {
            let text = "git clone, fetch and push are disabled: this hub has no git program (2.30 or later); \
                        its operator can install one. Files can be downloaded and uploaded over HTTP.";
            Error::NotImplemented(text.to_owned())
        })
    }

    /// Answers the request of a fetch (`git_protocol` is the client's header) by somebody who was given `refs`: brings
    /// a bare repository up to date and lets git answer from it. Dropping the output ends the git process.
    pub async fn fetch<R>(
        &self,
        refs: GitRefs,
        git_protocol: Option<&str>,
        request: R,
    ) -> Result<FetchOutput>
    where
        R: AsyncRead + Send + Unpin + 'static,
    {
        let git = self.require_git()?;
        let GitRefs { repo_id, state, refs, .. } = refs;
        let history = self.history(repo_id, &state).await?;
        let lease = self.hydrate(repo_id, &history, &state, refs).await?;
        let output = git
            .upload_pack(lease.path(), git_protocol, request, IDLE_MAX)
            .await
            .map_err(tool_error)?;
        let mut output = FetchOutput { output, first: None, _lease: lease };
        // What fails before the first byte can still be told.
        output.first = output.output.next().await.transpose().map_err(fetch_error)?;
        Ok(output)
    }
}

/// The bytes of git's answer.
#[derive(Debug)]
pub struct FetchOutput {
    output: GitOutput,
    first: Option<Bytes>,
    _lease: Lease,
}

impl Stream for FetchOutput {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        self.output.poll_next_unpin(context).map(|item| match item {
            // It has told the client why in an ERR packet already.
            Some(Err(ToolError::Exit { text, .. })) => {
                tracing::debug!(text, "git upload-pack ended with an error");
                None
            }
            other => other.map(|item| item.map_err(tool_error)),
        })
    }
}

pub(crate) fn record(row: RefRow) -> RefRecord {
    RefRecord { name: row.name, oid: row.oid, peeled: row.peeled }
}

/// Git ends without a word to the client when it cannot read the request.
fn fetch_error(error: ToolError) -> Error {
    match error {
        ToolError::Exit { text, .. } if text.contains("protocol error") => {
            Error::invalid("request", text)
        }
        other => tool_error(other),
    }
}

/// What a client is told when the git program refuses or fails.
pub(crate) fn tool_error(error: ToolError) -> Error {
    match error {
        ToolError::Busy { .. } => Error::Unavailable(Box::new(error)),
        ToolError::PackTooLarge { limit } => {
            Error::TooLarge { what: "the pack".to_owned(), limit: size_text(limit) }
        }
        ToolError::Refused { .. } => Error::invalid("pack", error.to_string()),
        ToolError::Input { source, .. } => Error::invalid("body", source.to_string()),
        ToolError::Timeout { .. } | ToolError::Aborted { .. } => {
            Error::invalid("body", error.to_string())
        }
        ToolError::Spawn { .. }
        | ToolError::Version { .. }
        | ToolError::Io { .. }
        | ToolError::Exit { .. }
        | ToolError::Answer { .. } => Error::internal(error),
    }
}
