//! What every change of files stands on: a branch or the ref of a pull request, and what its reader may do there.

use sha2::Digest as _;
use steelyard_core::{Oid, Revision, Sha256};
use steelyard_http::Target;
use steelyard_service::commits::{CommitRequest, Committed, Operation};
use steelyard_service::revisions::{Content, EntryKind, Snapshot};
use steelyard_service::{Action, Error, Result};

use crate::frame::Visit;
use crate::routes::repo::revision_of;

/// A branch, or the ref of a pull request, that files are to be changed on.
pub(super) struct Ground {
    pub(super) snapshot: Snapshot,
    /// As the address names it.
    pub(super) revision: String,
    pub(super) path: String,
    pub(super) may_commit: bool,
    pub(super) may_propose: bool,
}

/// What is said of a change, and which way it goes.
#[derive(Debug, Clone, Default)]
pub(super) struct Message {
    pub(super) summary: String,
    pub(super) description: String,
    pub(super) propose: bool,
}

impl Message {
    /// From the fields of a form.
    pub(super) fn of(field: impl Fn(&str) -> String) -> Self {
        Self {
            summary: field("summary").trim().to_owned(),
            description: field("description").replace("\r\n", "\n").trim().to_owned(),
            propose: field("target") == "pull",
        }
    }
}

impl Ground {
    /// The ground that an address names, for somebody who may at least propose a change.
    pub(super) async fn of(visit: &Visit, target: &Target) -> Result<Self> {
        let (hub, actor, kind, id) = (&visit.hub, &visit.actor, target.kind, &target.id);
        hub.repo(actor, kind, id, Action::ProposeChange).await?;
        let (text, path) = target.revision_and_path()?;
        let (revision, text) = revision_of(&text)?;
        let snapshot = hub.snapshot(actor, kind, id, &revision, Action::ReadContent).await?;
        let refs = hub.list_refs(actor, kind, id).await?;
        let is_branch = refs.branches.iter().any(|(name, full, _)| *name == text || *full == text);
        let is_proposal = refs.pull_requests.iter().any(|(_, full, _)| *full == text);
        if !is_branch && !is_proposal {
            let rule = "must be a branch or a pull request; tags and commits stay as they are";
            return Err(Error::invalid("revision", rule));
        }
        let refusal = match hub.authorize_commit(actor, kind, id, &text, false).await {
            Ok(_) => None,
            Err(error @ Error::Forbidden(_)) => Some(error),
            Err(error) => return Err(error),
        };
        match refusal {
            // Somebody else's pull request can be neither changed nor proposed to.
            Some(refusal) if is_proposal => Err(refusal),
            refusal => Ok(Self {
                snapshot,
                revision: text,
                path: path.trim_matches('/').to_owned(),
                may_commit: refusal.is_none(),
                may_propose: is_branch,
            }),
        }
    }

    /// Commits, or proposes; `parent` is what the change was made upon.
    pub(super) async fn commit(
        &self,
        visit: &Visit,
        message: &Message,
        operations: Vec<Operation>,
        parent: Option<Oid>,
    ) -> Result<Committed> {
        let repo = &self.snapshot.repo;
        let (hub, propose) = (&visit.hub, message.propose);
        // Twice the same commit is one; twice the same proposal would be two.
        let form = propose.then(|| hash_of(&self.revision, message, parent, &operations));
        let request = CommitRequest {
            summary: message.summary.clone(),
            description: message.description.clone(),
            parent: parent.map(|oid| oid.to_string()),
            operations,
            create_pr: message.propose,
        };
        let access =
            hub.commit_access(&visit.actor, repo.kind, &repo.repo, &self.revision, propose).await?;
        let access = match form {
            Some(form) => access.for_form(form),
            None => access,
        };
        hub.commit_with(access, request).await
    }

    /// The revision that shows what was committed.
    pub(super) fn after(&self, committed: &Committed) -> String {
        match committed.pull_request {
            Some(number) => format!("refs/pr/{number}"),
            None => self.revision.clone(),
        }
    }

    /// The branch as it is now.
    pub(super) async fn now(&self, visit: &Visit) -> Result<Snapshot> {
        self.at(visit, &Revision::parse(&self.revision)?).await
    }

    /// The repository at another revision.
    pub(super) async fn at(&self, visit: &Visit, revision: &Revision) -> Result<Snapshot> {
        let repo = &self.snapshot.repo;
        let (kind, id) = (repo.kind, &repo.repo);
        visit.hub.snapshot(&visit.actor, kind, id, revision, Action::ReadContent).await
    }
}

/// What a form asks for, so that it is known again when it is sent twice.
fn hash_of(
    revision: &str,
    message: &Message,
    parent: Option<Oid>,
    operations: &[Operation],
) -> Sha256 {
    let mut hasher = sha2::Sha256::new();
    let mut add = |field: &[u8]| {
        hasher.update((field.len() as u64).to_be_bytes());
        hasher.update(field);
    };
    let parent = parent.map(|oid| oid.to_string()).unwrap_or_default();
    for field in [revision, &*parent, &*message.summary, &*message.description] {
        add(field.as_bytes());
    }
    for operation in operations {
        add(operation.path().as_str().as_bytes());
        match operation {
            Operation::File { content, .. } => add(content),
            Operation::LfsFile { sha256, .. } => add(sha256.as_bytes()),
            Operation::DeleteFile(_) => add(b"delete a file"),
            Operation::DeleteFolder(_) => add(b"delete a folder"),
        }
    }
    Sha256::new(hasher.finalize().into())
}

/// Whether the operations would change nothing any more.
pub(super) fn holds(snapshot: &Snapshot, operations: &[Operation]) -> Result<bool> {
    for operation in operations {
        let entry = snapshot.find_entry(operation.path().as_str())?;
        let is_so = match (operation, entry) {
            (Operation::DeleteFile(_) | Operation::DeleteFolder(_), entry) => entry.is_none(),
            (_, None) => false,
            (Operation::File { content, .. }, Some(entry)) => {
                matches!(snapshot.content(&entry)?, Content::Regular(bytes) if bytes == *content)
            }
            (Operation::LfsFile { sha256, .. }, Some(entry)) => {
                matches!(entry.kind, EntryKind::File { lfs: Some(lfs), .. } if lfs.sha256 == *sha256)
            }
        };
        if !is_so {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a path is the same in two states.
pub(super) fn is_unchanged(one: &Snapshot, other: &Snapshot, path: &str) -> Result<bool> {
    let oid =
        |snapshot: &Snapshot| Ok::<_, Error>(snapshot.find_entry(path)?.map(|found| found.oid));
    Ok(oid(one)? == oid(other)?)
}
