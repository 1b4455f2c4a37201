//! `POST /api/{T}/{id}/commit/{rev}`: a commit over HTTP.

use steelyard_core::limits::COMMIT_MESSAGE_BYTES_MAX;
use steelyard_core::{Oid, RefName, RepoId, RepoKind, Sha256};
use steelyard_db::refs;
use steelyard_db::repo::RepoRow;

use super::access::commit_target;
use super::build::Authorship;
use super::operation::{self, Operation};
use super::plan::{Plan, named_content};
use super::pull_request::PullRequest;
use crate::{Actor, Error, Hub, Result};

/// A commit somebody wants to make.
#[derive(Debug, Clone)]
pub struct CommitRequest {
    /// First line of the message.
    pub summary: String,
    /// The rest of the message.
    pub description: String,
    /// The commit the client believes to be the head: 5 to 40 hexadecimal digits.
    pub parent: Option<String>,
    /// What changes.
    pub operations: Vec<Operation>,
    /// Open a pull request with this commit instead of changing the branch.
    pub create_pr: bool,
}

/// A commit that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// Its id; the head's when nothing changed.
    pub oid: Oid,
    /// The pull request that was opened with it.
    pub pull_request: Option<i64>,
}

/// Leave to commit to one branch, or to open a pull request: what [`Hub::commit_access`] found.
#[derive(Debug)]
pub struct CommitAccess {
    repo: RepoRow,
    actor_id: i64,
    actor_name: String,
    target: RefName,
    create_pr: bool,
    form: Option<Sha256>,
}

impl CommitAccess {
    /// For a form of a page with this hash: who sends it twice, at once or one after the other, opens one pull request and
    /// is told of it again.
    #[must_use]
    pub fn for_form(self, form: Sha256) -> Self {
        Self { form: Some(form), ..self }
    }

    /// The repository.
    pub fn repo(&self) -> &RepoRow {
        &self.repo
    }
}

impl Hub {
    /// As [`Hub::authorize_commit`], for [`Hub::commit_with`] to rely on. Permission is what it is now: whoever waits for
    /// a large request asks again when it is there.
    pub async fn commit_access(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        revision: &str,
        create_pr: bool,
    ) -> Result<CommitAccess> {
        let repo = self.authorize_commit(actor, kind, id, revision, create_pr).await?;
        let Some(user) = actor.user() else {
            return Err(Error::LoginRequired("committing".to_owned()));
        };
        let target = commit_target(revision)?;
        Ok(CommitAccess {
            repo,
            actor_id: user.id,
            actor_name: user.name.clone(),
            target,
            create_pr,
            form: None,
        })
    }

    /// Commits to a branch or a pull request's ref, or opens a pull request.
    pub async fn commit(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        revision: &str,
        request: CommitRequest,
    ) -> Result<Committed> {
        let access = self.commit_access(actor, kind, id, revision, request.create_pr).await?;
        self.commit_with(access, request).await
    }

    /// As [`Hub::commit`], with permission asked before. What was begun goes on when the caller stops waiting.
    pub async fn commit_with(
        &self,
        access: CommitAccess,
        request: CommitRequest,
    ) -> Result<Committed> {
        if access.create_pr != request.create_pr {
            return Err(Error::internal("leave was asked for another kind of commit"));
        }
        let message = message_of(&request)?;
        operation::check(access.repo.kind, &request.operations)?;
        let (lfs_epoch, operations) = self.resolve_lfs(&access.repo, request.operations).await?;
        let authorship = Authorship {
            email: format!("{}@users.noreply.{}", access.actor_name, self.mail_domain()),
            name: access.actor_name,
            now: self.now(),
            message,
        };
        let plan = Plan {
            repo: access.repo,
            actor_id: access.actor_id,
            target: access.target,
            parent: request.parent,
            operations,
            lfs_epoch,
            authorship,
            pull_request: access.create_pr.then_some(PullRequest {
                title: request.summary,
                description: request.description,
                form: access.form,
            }),
        };
        self.queue_commit(plan).await
    }

    /// Makes sure this repository may name each large file, and learns its size. Says the repository's epoch before
    /// that, when there are any: links that end with a rewritten history raise it.
    async fn resolve_lfs(
        &self,
        repo: &RepoRow,
        operations: Vec<Operation>,
    ) -> Result<(Option<i64>, Vec<(Operation, Option<u64>)>)> {
        let mut epoch = None;
        let mut resolved = Vec::with_capacity(operations.len());
        for operation in operations {
            if epoch.is_none() && named_content(&operation).is_some() {
                let mut conn = self.db().read().await?;
                epoch = refs::find_git(&mut conn, repo.id).await?.map(|state| state.gc_epoch);
            }
            let size = self.resolve_content(repo, &operation).await?;
            resolved.push((operation, size));
        }
        Ok((epoch, resolved))
    }

    /// Fails unless the repository may name the large file of this operation; says its size, where there is one.
    async fn resolve_content(&self, repo: &RepoRow, operation: &Operation) -> Result<Option<u64>> {
        let Some((path, sha256, size)) = named_content(operation) else { return Ok(None) };
        let Some(found) = self.finish_upload_for_commit(repo.id, sha256).await? else {
            return Err(not_uploaded(repo, operation));
        };
        if size.is_some_and(|claimed| claimed != found) {
            let rule = format!(
                "\"{path}\" claims another size than LFS object {sha256} has ({found} bytes)"
            );
            return Err(Error::invalid(field_of(operation), rule));
        }
        Ok(Some(found))
    }
}

/// The answer to an operation that names a large file which the repository has no right to.
pub(super) fn not_uploaded(repo: &RepoRow, operation: &Operation) -> Error {
    let sha256 = named_content(operation).map(|(_, sha256, _)| sha256.to_string());
    let rule = format!(
        "\"{}\" names LFS object {}, which was not uploaded to {}",
        operation.path(),
        sha256.unwrap_or_default(),
        repo.repo
    );
    Error::invalid(field_of(operation), rule)
}

fn field_of(operation: &Operation) -> &'static str {
    if matches!(operation, Operation::LfsFile { .. }) { "lfsFile" } else { "file" }
}

fn message_of(request: &CommitRequest) -> Result<String> {
    if request.summary.trim().is_empty() {
        return Err(Error::invalid("summary", "must not be empty"));
    }
    if request.summary.len() + request.description.len() > COMMIT_MESSAGE_BYTES_MAX {
        return Err(Error::invalid(
            "summary",
            format!("must have at most {COMMIT_MESSAGE_BYTES_MAX} bytes"),
        ));
    }
    if let Some(parent) = &request.parent {
        let is_hex =
            (5..=40).contains(&parent.len()) && parent.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_hex {
            return Err(Error::invalid("parentCommit", "must be 5 to 40 hexadecimal digits"));
        }
    }
    let summary = request.summary.trim();
    if request.description.is_empty() {
        return Ok(summary.to_owned());
    }
    Ok(format!("{summary}\n\n{}", request.description))
}
