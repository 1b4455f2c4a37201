//! `POST /api/{T}/{id}/commit/{rev}`: a commit over HTTP.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use steelyard_core::fault::crash_point;
use steelyard_core::limits::COMMIT_MESSAGE_BYTES_MAX;
use steelyard_core::{Oid, RefName, RepoId, RepoKind, RepoPath, Sha256};
use steelyard_db::pack::PackKind;
use steelyard_db::refs::{self, GitRow, RefRow};
use steelyard_db::repo::{self, RepoRow};
use steelyard_db::{DbError, Tx, event, lfs};
use steelyard_git::lfs_pointer;

use super::access::commit_target;
use super::build::{Authorship, Built, build};
use super::operation::{self, Operation};
use super::pull_request::PullRequest;
use crate::history::{Change, History, Landed, LogEntry};
use crate::revisions::{compute_facts, is_telling, read_tree_of};
use crate::{Actor, Error, Hub, Result};

/// Attempts before a writer takes the repository's lock first and cannot lose any more.
const OPTIMISTIC_ATTEMPTS: u32 = 4;
const ATTEMPTS_MAX: u32 = 8;

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

impl Hub {
    /// Commits to a branch or a pull request's ref, or opens a pull request.
    pub async fn commit(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        revision: &str,
        request: CommitRequest,
    ) -> Result<Committed> {
        let repo = self.authorize_commit(actor, kind, id, revision, request.create_pr).await?;
        let message = message_of(&request)?;
        operation::check(repo.kind, &request.operations)?;
        let Some(user) = actor.user() else {
            return Err(Error::LoginRequired("committing".to_owned()));
        };
        let operations = self.resolve_lfs(&repo, request.operations).await?;
        let authorship = Authorship {
            name: user.name.clone(),
            email: format!("{}@users.noreply.{}", user.name, self.mail_domain()),
            now: self.now(),
            message,
        };
        let target = commit_target(revision)?;
        let plan = Plan {
            repo: &repo,
            actor_id: user.id,
            target,
            parent: request.parent,
            operations: Arc::new(operations),
            authorship,
            pull_request: request.create_pr.then(|| PullRequest {
                title: request.summary.clone(),
                description: request.description.clone(),
            }),
        };
        self.run_plan(&plan).await
    }

    /// Makes sure this repository may name each large file, and learns its size.
    async fn resolve_lfs(
        &self,
        repo: &RepoRow,
        operations: Vec<Operation>,
    ) -> Result<Vec<(Operation, Option<u64>)>> {
        let mut resolved = Vec::with_capacity(operations.len());
        for operation in operations {
            let mut real = None;
            if let Some((path, sha256, size)) = named_content(&operation) {
                let field =
                    if matches!(operation, Operation::LfsFile { .. }) { "lfsFile" } else { "file" };
                let Some(found) = self.finish_upload_for_commit(repo.id, sha256).await? else {
                    let rule = format!(
                        "\"{path}\" names LFS object {sha256}, which was not uploaded to {}",
                        repo.repo
                    );
                    return Err(Error::invalid(field, rule));
                };
                if size.is_some_and(|claimed| claimed != found) {
                    let rule = format!(
                        "\"{path}\" claims another size than LFS object {sha256} has ({found} bytes)"
                    );
                    return Err(Error::invalid(field, rule));
                }
                real = Some(found);
            }
            resolved.push((operation, real));
        }
        Ok(resolved)
    }

    async fn run_plan(&self, plan: &Plan<'_>) -> Result<Committed> {
        // One writer of this replica at a time: losing races against ourselves would only burn CPU.
        let slot = self.histories().writer(plan.repo.id);
        let _writing = slot.lock().await;
        for attempt in 0..ATTEMPTS_MAX {
            let mut locked = None;
            if attempt >= OPTIMISTIC_ATTEMPTS {
                let mut tx = self.db().write().await?;
                refs::lock_git(&mut tx, plan.repo.id).await?;
                locked = Some(tx);
            }
            match self.attempt(plan, locked).await? {
                Some(committed) => return Ok(committed),
                None if plan.parent.is_some() && plan.pull_request.is_none() => {
                    return Err(Error::Stale);
                }
                None => tokio::time::sleep(self.jitter(attempt)).await,
            }
        }
        Err(Error::Unavailable("the branch changes too fast".into()))
    }

    fn jitter(&self, attempt: u32) -> Duration {
        let mut byte = [0];
        self.rng().fill(&mut byte);
        Duration::from_millis(u64::from(byte[0] % 8) << attempt.min(4))
    }

    /// One try; `None` when somebody else was faster.
    async fn attempt(&self, plan: &Plan<'_>, locked: Option<Tx>) -> Result<Option<Committed>> {
        let (state, head) = self.read_target(plan).await?;
        let history = self.history(plan.repo.id, &state).await?;
        let base = self.base_of(plan, &history, head.as_ref())?;
        let Some(built) = self.build_commit(plan, &history, base).await? else {
            return Ok(base.map(|(oid, _)| Committed { oid, pull_request: None }));
        };
        let facts = self.facts_after(plan, &history, &state, &built)?;
        crash_point("commit.built");
        let prepared = self.prepare_pack(built.pack, PackKind::Tail).await?;
        let mut tx = match locked {
            Some(tx) => tx,
            None => self.db().write().await?,
        };
        let mut pull_request = None;
        let name = match &plan.pull_request {
            None => plan.target.clone(),
            Some(wanted) => {
                let num = self
                    .open_pull_request(&mut tx, plan.repo.id, plan.actor_id, wanted, &plan.target)
                    .await?;
                pull_request = Some(num);
                RefName::pull_request(num)
            }
        };
        let old = if pull_request.is_some() { None } else { head.as_ref().map(|head| head.oid) };
        let change = Change { name, old, new: Some(built.commit), peeled: None };
        let log =
            LogEntry { actor_id: Some(plan.actor_id), cause: "commit", now: plan.authorship.now };
        let changes = std::slice::from_ref(&change);
        let landed = self
            .land(&mut tx, plan.repo.id, history.gc_epoch(), Some(&prepared), changes, log)
            .await?;
        let Landed::At(seq) = landed else { return Ok(None) };
        self.record(&mut tx, plan, &state, &change, facts).await?;
        crash_point("commit.before_commit");
        tx.commit().await?;
        crash_point("commit.after_commit");
        self.note_landed(plan.repo.id, &history, seq, Some(&prepared));
        Ok(Some(Committed { oid: built.commit, pull_request }))
    }

    async fn read_target(&self, plan: &Plan<'_>) -> Result<(GitRow, Option<RefRow>)> {
        let mut conn = self.db().read().await?;
        let found = refs::find_ref_with_git(&mut conn, plan.repo.id, &plan.target).await?;
        let (state, head) =
            found.ok_or_else(|| Error::internal("the repository has no history record"))?;
        // Only the default branch may be born by a commit.
        if head.is_none() && state.head_ref != plan.target.as_str() {
            let name = plan.target.branch_name().unwrap_or(plan.target.as_str());
            return Err(Error::no_revision(name));
        }
        Ok((state, head))
    }

    /// The commit and tree to build on, after checking what the client believes about them.
    fn base_of(
        &self,
        plan: &Plan<'_>,
        history: &History,
        head: Option<&RefRow>,
    ) -> Result<Option<(Oid, Oid)>> {
        let head = head.map(RefRow::target);
        let mut base = head;
        if let Some(parent) = &plan.parent {
            let is_head = head.is_some_and(|head| head.to_string().starts_with(parent.as_str()));
            if !is_head && plan.pull_request.is_none() {
                return Err(Error::Stale);
            }
            if !is_head {
                base = Some(super::pull_request::find_parent(history, parent)?);
            }
        }
        base.map(|commit| Ok((commit, read_tree_of(history, commit)?))).transpose()
    }

    async fn build_commit(
        &self,
        plan: &Plan<'_>,
        history: &Arc<History>,
        base: Option<(Oid, Oid)>,
    ) -> Result<Option<Built>> {
        /// Commits with more bytes than this are built off the async threads.
        const INLINE_BUILD_BYTES: usize = 64 * 1024;
        let bytes: usize = plan.operations.iter().map(|(operation, _)| weight(operation)).sum();
        if bytes <= INLINE_BUILD_BYTES {
            return build(history, base, &plan.operations, &plan.authorship);
        }
        let (history, operations) = (Arc::clone(history), Arc::clone(&plan.operations));
        let authorship = plan.authorship.clone();
        let task = move || build(&history, base, &operations, &authorship);
        tokio::task::spawn_blocking(task).await.map_err(Error::internal)?
    }

    /// What the repository says of itself after this commit, when it changes the default branch and touches a file
    /// that tells something.
    fn facts_after(
        &self,
        plan: &Plan<'_>,
        history: &Arc<History>,
        state: &GitRow,
        built: &Built,
    ) -> Result<Option<serde_json::Value>> {
        let is_head = plan.pull_request.is_none() && state.head_ref == plan.target.as_str();
        let tells =
            || plan.operations.iter().any(|(operation, _)| is_telling(operation.path().as_str()));
        if !is_head || !tells() {
            return Ok(None);
        }
        compute_facts(plan.repo.kind, &history.with_built(&built.pack), built.tree).map(Some)
    }

    async fn record(
        &self,
        tx: &mut Tx,
        plan: &Plan<'_>,
        state: &GitRow,
        change: &Change,
        facts: Option<serde_json::Value>,
    ) -> Result<(), DbError> {
        for (operation, _) in plan.operations.iter() {
            if let Some((path, sha256, _)) = named_content(operation) {
                lfs::name_link(tx, plan.repo.id, sha256, path.as_str(), change.name.as_str())
                    .await?;
            }
        }
        let now = plan.authorship.now;
        if change.name.as_str() == state.head_ref {
            repo::touch_repo(tx, plan.repo.id, now, facts.as_ref()).await?;
        }
        let (old, new) =
            (change.old.map(|oid| oid.to_string()), change.new.map(|oid| oid.to_string()));
        let payload =
            json!({"updatedRefs": [{"ref": change.name.as_str(), "oldSha": old, "newSha": new}]});
        event::append_event(
            tx,
            "repo.content",
            Some(plan.actor_id),
            Some(plan.repo.id),
            &payload,
            now,
        )
        .await
    }
}

struct Plan<'a> {
    repo: &'a RepoRow,
    actor_id: i64,
    target: RefName,
    parent: Option<String>,
    operations: Arc<Vec<(Operation, Option<u64>)>>,
    authorship: Authorship,
    pull_request: Option<PullRequest>,
}

/// The large file an operation names, with its size if that is said: pointers may also come as the text they are, and
/// one that leads nowhere would be a file that nobody can read.
fn named_content(operation: &Operation) -> Option<(&RepoPath, Sha256, Option<u64>)> {
    match operation {
        Operation::LfsFile { path, sha256, size } => Some((path, *sha256, *size)),
        Operation::File { path, content } if content.len() < lfs_pointer::POINTER_BYTES_MAX => {
            lfs_pointer::parse(content).map(|(sha256, size)| (path, sha256, Some(size)))
        }
        _ => None,
    }
}

fn weight(operation: &Operation) -> usize {
    if let Operation::File { content, .. } = operation { content.len() } else { 200 }
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
