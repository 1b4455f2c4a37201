//! Locks on files, as git-lfs keeps them. They advise: git-lfs asks before a push, the hub does not refuse a commit.

use steelyard_core::page::{Cursor, Page};
use steelyard_core::{RepoId, RepoKind, RepoPath, Timestamp};
use steelyard_db::{DbError, lfs};

use crate::{Action, Actor, Error, Hub, Missing, Result};

/// Most locks on one page.
const LOCKS_PAGE_MAX: usize = 1000;
/// Locks on a page when the client names no number.
const LOCKS_PAGE: usize = 100;
const REF_BYTES_MAX: usize = steelyard_core::limits::REF_BYTES_MAX;

/// A locked file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// UUID.
    pub id: String,
    /// The file.
    pub path: String,
    /// The name of whoever holds it.
    pub owner: String,
    /// True when the actor holds it.
    pub is_ours: bool,
    /// Since when.
    pub locked_at: Timestamp,
}

/// What came of locking a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Locking {
    /// The actor holds the lock now.
    Created(Lock),
    /// Somebody, perhaps the actor, holds one already.
    Held(Lock),
}

/// Which locks to list.
#[derive(Debug, Clone, Default)]
pub struct LockQuery {
    /// Only the one on this path.
    pub path: Option<String>,
    /// Only the one with this id.
    pub id: Option<String>,
    /// Where the page starts.
    pub cursor: Option<Cursor>,
    /// Locks per page.
    pub limit: Option<usize>,
}

impl Hub {
    /// Locks a path for the actor.
    pub async fn create_lock(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        path: &str,
        ref_name: Option<&str>,
    ) -> Result<Locking> {
        let mut tx = self.db().write().await?;
        let repo = self.repo_on(&mut tx, actor, kind, id, Action::WriteContent).await?;
        let path = RepoPath::parse(path)?;
        if ref_name.is_some_and(|name| name.len() > REF_BYTES_MAX) {
            return Err(Error::invalid("ref", format!("must have at most {REF_BYTES_MAX} bytes")));
        }
        let owner = actor.id().ok_or_else(|| Error::LoginRequired("to lock a file".to_owned()))?;
        if let Some(held) = lfs::find_lock_by_path(&mut tx, repo.id, path.as_str()).await? {
            return Ok(Locking::Held(seen_by(actor, held)));
        }
        let lock_id = self.fresh_uuid().to_string();
        let made = lfs::create_lock(
            &mut tx,
            repo.id,
            &lock_id,
            path.as_str(),
            owner,
            ref_name,
            self.now(),
        )
        .await;
        match made {
            Ok(()) => {
                let lock = lfs::find_lock(&mut tx, repo.id, &lock_id).await?;
                let lock =
                    lock.ok_or_else(|| Error::internal("a lock vanished inside its transaction"))?;
                tx.commit().await?;
                Ok(Locking::Created(seen_by(actor, lock)))
            }
            // Somebody was quicker, between the look and the insert.
            Err(DbError::Conflict { .. }) => {
                drop(tx);
                let mut conn = self.db().read().await?;
                let held = lfs::find_lock_by_path(&mut conn, repo.id, path.as_str()).await?;
                let held =
                    held.ok_or_else(|| Error::conflict("the lock is changing hands; try again"))?;
                Ok(Locking::Held(seen_by(actor, held)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// One page of the repository's locks, by path.
    pub async fn list_locks(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        query: &LockQuery,
    ) -> Result<Page<Lock>> {
        self.locks_for(actor, kind, id, query, Action::ReadContent).await
    }

    /// As [`Hub::list_locks`], for somebody who is about to push.
    pub async fn list_locks_before_push(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        query: &LockQuery,
    ) -> Result<Page<Lock>> {
        self.locks_for(actor, kind, id, query, Action::WriteContent).await
    }

    async fn locks_for(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        query: &LockQuery,
        action: Action,
    ) -> Result<Page<Lock>> {
        let mut conn = self.db().read().await?;
        let repo = self.repo_on(&mut conn, actor, kind, id, action).await?;
        let one = match (&query.path, &query.id) {
            (None, None) => None,
            (Some(path), _) => Some(lfs::find_lock_by_path(&mut conn, repo.id, path).await?),
            (None, Some(id)) => Some(lfs::find_lock(&mut conn, repo.id, id).await?),
        };
        if let Some(one) = one {
            let one = one.filter(|lock| query.id.as_ref().is_none_or(|id| *id == lock.id));
            return Ok(Page {
                items: one.into_iter().map(|lock| seen_by(actor, lock)).collect(),
                next: None,
            });
        }
        let limit = query.limit.unwrap_or(LOCKS_PAGE).clamp(1, LOCKS_PAGE_MAX);
        let after = query.cursor.as_ref().map_or(Ok(""), Cursor::as_text)?;
        let ask = i64::try_from(limit + 1).unwrap_or(i64::MAX);
        let mut items = lfs::list_locks(&mut conn, repo.id, after, ask).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|lock| Cursor::after(&lock.path));
        Ok(Page { items: items.into_iter().map(|lock| seen_by(actor, lock)).collect(), next })
    }

    /// Releases a lock: one's own, or with `force` anybody's, for those who administer the repository.
    pub async fn delete_lock(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        lock_id: &str,
        force: bool,
    ) -> Result<Lock> {
        let mut tx = self.db().write().await?;
        let repo = self.repo_on(&mut tx, actor, kind, id, Action::WriteContent).await?;
        let lock = lfs::find_lock(&mut tx, repo.id, lock_id).await?;
        let lock = seen_by(actor, lock.ok_or(Error::NotFound(Missing::Other("lock")))?);
        if !lock.is_ours {
            if !force {
                let text = format!(
                    "\"{}\" is locked by {}; unlock it with --force",
                    lock.path, lock.owner
                );
                return Err(Error::Forbidden(text));
            }
            self.check_repo(&mut tx, actor, &repo, Action::AdministerRepo).await?;
        }
        lfs::delete_lock(&mut tx, repo.id, lock_id).await?;
        tx.commit().await?;
        Ok(lock)
    }
}

fn seen_by(actor: &Actor, row: lfs::LockRow) -> Lock {
    Lock {
        id: row.id,
        path: row.path,
        is_ours: actor.id() == Some(row.owner_id),
        owner: row.owner_name,
        locked_at: row.locked_at,
    }
}
