//! The large files a repository links to, as its owners manage them.

use serde_json::json;
use steelyard_core::page::{Cursor, Page};
use steelyard_core::{RepoId, RepoKind};
use steelyard_db::lfs::LinkRow;
use steelyard_db::{Tx, event, lfs};

use crate::{Action, Actor, Error, Hub, Result};

/// Most files in one deletion.
const DELETIONS_MAX: usize = 1000;
/// Files on one page.
const FILES_PAGE: usize = 1000;

impl Hub {
    /// One page of the large files a repository links to, oldest first.
    pub async fn list_lfs_files(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        cursor: Option<&Cursor>,
        limit: Option<usize>,
    ) -> Result<Page<LinkRow>> {
        let mut conn = self.db().read().await?;
        let repo = self.repo_on(&mut conn, actor, kind, id, Action::WriteContent).await?;
        let limit = limit.unwrap_or(FILES_PAGE).clamp(1, FILES_PAGE);
        let after = cursor.map_or(Ok(""), Cursor::as_text)?;
        let ask = i64::try_from(limit + 1).unwrap_or(i64::MAX);
        let mut items = lfs::list_links(&mut conn, repo.id, after, ask).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|link| Cursor::after(&link.public_id));
        Ok(Page { items, next })
    }

    /// Takes the repository's access to large files away; a file nobody else links to is deleted by the sweep.
    /// Commits that point to the files stay as they are; [`Hub::purge_lfs_files`] rewrites them. Returns how many there were.
    pub async fn delete_lfs_files(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        file_ids: &[String],
    ) -> Result<usize> {
        check_count(file_ids)?;
        let mut tx = self.db().write().await?;
        let repo = self.repo_on(&mut tx, actor, kind, id, Action::AdministerRepo).await?;
        let deleted = self.delete_links(&mut tx, actor, repo.id, file_ids).await?;
        tx.commit().await?;
        Ok(deleted)
    }

    /// Deletes links as part of a transaction, and says so in the log of events; returns how many there were.
    pub(super) async fn delete_links(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        repo_id: i64,
        file_ids: &[String],
    ) -> Result<usize> {
        let mut deleted = Vec::with_capacity(file_ids.len());
        for file_id in file_ids {
            if lfs::delete_link(tx, repo_id, file_id).await? {
                deleted.push(file_id.as_str());
            }
        }
        if !deleted.is_empty() {
            let payload = json!({"files": deleted});
            let now = self.now();
            event::append_event(tx, "lfs.delete", actor.id(), Some(repo_id), &payload, now).await?;
        }
        Ok(deleted.len())
    }
}

/// Checks that one call does not delete too many files.
pub(super) fn check_count(file_ids: &[String]) -> Result<()> {
    if file_ids.len() > DELETIONS_MAX {
        let rule = format!("must name at most {DELETIONS_MAX} files");
        return Err(Error::invalid("deletions.sha", rule));
    }
    Ok(())
}
