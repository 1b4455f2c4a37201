//! A repository at one commit.

use std::sync::Arc;

use steelyard_core::{Oid, RefName, RepoId, RepoKind, Revision};
use steelyard_db::Conn;
use steelyard_db::refs::{self, GitRow};
use steelyard_db::repo::RepoRow;
use steelyard_git::{Commit, GitError, ObjectKind, ObjectSource};

use crate::history::{History, broken};
use crate::{Action, Actor, Error, Hub, Result};

/// A repository at one commit, as somebody may see it.
#[derive(Clone)]
pub struct Snapshot {
    /// The repository.
    pub repo: RepoRow,
    /// The commit.
    pub commit: Oid,
    /// Its root tree.
    pub tree: Oid,
    /// True when it was reached through the default branch.
    pub is_head: bool,
    /// The default branch's name.
    pub default_branch: String,
    pub(crate) history: Arc<History>,
}

impl Hub {
    /// The repository at a revision, if `actor` may do `action` with it.
    pub async fn snapshot(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        revision: &Revision,
        action: Action,
    ) -> Result<Snapshot> {
        let mut conn = self.db().read().await?;
        let likely = match revision {
            Revision::Named { refs, .. } => refs.first(),
            Revision::Commit(_) => None,
        };
        let found = self.repo_at(&mut conn, actor, kind, id, action, likely).await?;
        let (state, target) = match (found.reference, revision) {
            (Some(found_ref), _) => {
                (found.git, Target::Known { oid: found_ref.target(), name: found_ref.name })
            }
            (None, Revision::Commit(oid)) => (found.git, Target::Claimed(*oid)),
            (None, Revision::Named { .. }) => {
                self.find_commit(&mut conn, found.repo.id, revision).await?
            }
        };
        drop(conn);
        self.snapshot_at(found.repo, &state, target).await
    }

    /// The repository and its default branch, if `actor` may read it, mostly in one question to the database; no
    /// snapshot while it has no commit.
    pub async fn repo_with_head(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
    ) -> Result<(RepoRow, Option<Snapshot>)> {
        let mut conn = self.db().read().await?;
        let likely = RefName::parse("refs/heads/main")?;
        let found =
            self.repo_at(&mut conn, actor, kind, id, Action::ReadRepo, Some(&likely)).await?;
        if found.git.head_ref != likely.as_str() {
            drop(conn);
            let head = self.head(found.repo.clone()).await?;
            return Ok((found.repo, head));
        }
        drop(conn);
        let Some(head) = found.reference else { return Ok((found.repo, None)) };
        let target = Target::Known { oid: head.target(), name: head.name };
        let snapshot = self.snapshot_at(found.repo.clone(), &found.git, target).await?;
        Ok((found.repo, Some(snapshot)))
    }

    /// The repository's default branch, or `None` while it has no commit.
    pub async fn head(&self, repo: RepoRow) -> Result<Option<Snapshot>> {
        let conn = self.db().read().await?;
        let head =
            Revision::Named { text: "HEAD".to_owned(), refs: Vec::new(), abbreviation: None };
        match self.snapshot_of(conn, repo, &head).await {
            Ok(snapshot) => Ok(Some(snapshot)),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn snapshot_of(
        &self,
        mut conn: Conn,
        repo: RepoRow,
        revision: &Revision,
    ) -> Result<Snapshot> {
        let (state, target) = self.find_commit(&mut conn, repo.id, revision).await?;
        drop(conn);
        self.snapshot_at(repo, &state, target).await
    }

    async fn snapshot_at(&self, repo: RepoRow, state: &GitRow, target: Target) -> Result<Snapshot> {
        let is_head = matches!(&target, Target::Known { name, .. } if *name == state.head_ref);
        let history = self.history(repo.id, state).await?;
        let commit = match target {
            Target::Known { oid, .. } => oid,
            Target::Claimed(oid) => {
                let peeled = steelyard_git::read::resolve_commit(&*history, &oid);
                match peeled {
                    Ok((commit, _)) => commit,
                    Err(GitError::Missing(_) | GitError::WrongKind { .. }) => {
                        return Err(Error::no_revision(oid.to_string()));
                    }
                    Err(error) => return Err(broken(error)),
                }
            }
            Target::Abbreviated(prefix) => complete(&history, &prefix)?,
        };
        let tree = read_commit(&history, commit)?.tree;
        let default_branch =
            state.head_ref.strip_prefix("refs/heads/").unwrap_or("HEAD").to_owned();
        Ok(Snapshot { repo, commit, tree, is_head, default_branch, history })
    }

    async fn find_commit(
        &self,
        conn: &mut Conn,
        repo_id: i64,
        revision: &Revision,
    ) -> Result<(GitRow, Target)> {
        let gone = || Error::internal("the repository has no history record");
        let (text, names, abbreviation) = match revision {
            Revision::Commit(oid) => {
                let state = refs::find_git(conn, repo_id).await?.ok_or_else(gone)?;
                return Ok((state, Target::Claimed(*oid)));
            }
            Revision::Named { text, refs, abbreviation } => (text, refs, abbreviation),
        };
        let mut state = None;
        for name in names {
            let (git, found) =
                refs::find_ref_with_git(conn, repo_id, name).await?.ok_or_else(gone)?;
            if let Some(found) = found {
                return Ok((git, Target::Known { oid: found.target(), name: found.name }));
            }
            state = Some(git);
        }
        let state = match state {
            Some(state) => state,
            None => refs::find_git(conn, repo_id).await?.ok_or_else(gone)?,
        };
        if text == "HEAD" {
            let head = RefName::parse(&state.head_ref)?;
            if let Some((git, Some(found))) = refs::find_ref_with_git(conn, repo_id, &head).await? {
                return Ok((git, Target::Known { oid: found.target(), name: found.name }));
            }
        }
        match abbreviation {
            Some(prefix) => Ok((state, Target::Abbreviated(prefix.clone()))),
            None => Err(Error::no_revision(text.clone())),
        }
    }
}

enum Target {
    /// A ref points there, so it is there.
    Known { oid: Oid, name: String },
    /// The client says so.
    Claimed(Oid),
    /// The client gave the first digits.
    Abbreviated(String),
}

fn complete(history: &History, prefix: &str) -> Result<Oid> {
    let mut commits = Vec::new();
    for oid in history.complete(prefix) {
        if matches!(history.header(&oid).map_err(broken)?, Some((ObjectKind::Commit, _))) {
            commits.push(oid);
        }
    }
    match commits[..] {
        [commit] => Ok(commit),
        [] => Err(Error::no_revision(prefix)),
        _ => Err(Error::invalid("revision", format!("{prefix} is ambiguous; give more digits"))),
    }
}

/// A commit that a ref or another commit names, so it must be there.
pub(crate) fn read_commit(history: &History, oid: Oid) -> Result<Commit> {
    steelyard_git::read::get_commit(history, &oid).map_err(broken)
}

/// The root tree of a commit.
pub(crate) fn read_tree_of(history: &History, commit: Oid) -> Result<Oid> {
    Ok(read_commit(history, commit)?.tree)
}
