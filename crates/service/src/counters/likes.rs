//! Likes.

use serde_json::json;
use steelyard_core::page::{Cursor, Page};
use steelyard_core::{Namespace, RepoId, RepoKind, Timestamp};
use steelyard_db::likes::{self, Liker};
use steelyard_db::repo::RepoRow;
use steelyard_db::stats::{self, StatsChange};
use steelyard_db::{Tx, Viewer, account, event};

use super::trend;
use crate::{Action, Actor, Error, Hub, Missing, Result};

/// Entries of a page.
const PAGE: usize = 100;
/// Most entries of a page.
const PAGE_MAX: usize = 1000;

/// What became of a like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Liking {
    /// The user likes the repository now.
    pub is_liked: bool,
    /// How many people like it now.
    pub likes: u64,
}

/// A repository that a user likes.
#[derive(Debug)]
pub struct LikedRepo {
    /// The repository.
    pub repo: RepoRow,
    /// Since when.
    pub created_at: Timestamp,
}

impl Hub {
    /// Likes a repository; once is enough.
    pub async fn like(&self, actor: &Actor, kind: RepoKind, id: &RepoId) -> Result<Liking> {
        let mut tx = self.db().write().await?;
        let row = self.repo_on(&mut tx, actor, kind, id, Action::LikeRepo).await?;
        let now = self.now();
        if likes::insert_like(&mut tx, row.id, user_id(actor)?, now).await? {
            self.change_likes(&mut tx, actor, &row, 1, now).await?;
        }
        let likes = stats::get_stats(&mut tx, row.id).await?.likes;
        tx.commit().await?;
        Ok(Liking { is_liked: true, likes })
    }

    /// Takes a like back, if there is one.
    pub async fn unlike(&self, actor: &Actor, kind: RepoKind, id: &RepoId) -> Result<Liking> {
        let mut tx = self.db().write().await?;
        let row = self.repo_on(&mut tx, actor, kind, id, Action::LikeRepo).await?;
        if let Some(since) = likes::delete_like(&mut tx, row.id, user_id(actor)?).await? {
            self.change_likes(&mut tx, actor, &row, -1, since).await?;
        }
        let likes = stats::get_stats(&mut tx, row.id).await?.likes;
        tx.commit().await?;
        Ok(Liking { is_liked: false, likes })
    }

    /// A like that began at `since` comes or goes.
    async fn change_likes(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        row: &RepoRow,
        likes: i64,
        since: Timestamp,
    ) -> Result<()> {
        let (kind, sign) = if likes > 0 { ("repo.like", 1.0) } else { ("repo.unlike", -1.0) };
        let change = StatsChange {
            repo_id: row.id,
            likes,
            trend: sign * trend::LIKE * trend::growth(since),
            ..StatsChange::default()
        };
        stats::change_stats(tx, &[change], self.now()).await?;
        let payload = json!({"kind": row.kind.as_str(), "repo": row.repo.to_string()});
        event::append_event(tx, kind, actor.id(), Some(row.id), &payload, self.now()).await?;
        Ok(())
    }

    /// Who likes a repository, the latest first.
    pub async fn list_likers(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        limit: Option<usize>,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Liker>> {
        let mut conn = self.db().read().await?;
        let row = self.repo_on(&mut conn, actor, kind, id, Action::ReadRepo).await?;
        let (limit, after) = (page_size(limit), cursor.map(parse_cursor).transpose()?);
        let items = likes::list_likers(&mut conn, row.id, after, more_than(limit)).await?;
        Ok(page(items, limit, |liker| (liker.created_at, liker.user_id)))
    }

    /// What a user likes, of that which `actor` may see, the latest first.
    pub async fn list_likes(
        &self,
        actor: &Actor,
        user: &Namespace,
        limit: Option<usize>,
        cursor: Option<&Cursor>,
    ) -> Result<Page<LikedRepo>> {
        let mut conn = self.db().read().await?;
        let missing = Error::NotFound(Missing::Other("user"));
        let user = account::find_account(&mut conn, user).await?;
        let user = user.filter(|user| user.kind == account::AccountKind::User).ok_or(missing)?;
        let viewer = Viewer {
            user_id: actor.id(),
            sees_all: actor.user().is_some_and(|user| user.is_admin),
        };
        let (limit, after) = (page_size(limit), cursor.map(parse_cursor).transpose()?);
        let rows = likes::list_of_user(&mut conn, user.id, viewer, after, more_than(limit)).await?;
        let items = rows.into_iter().map(|(repo, created_at)| LikedRepo { repo, created_at });
        Ok(page(items.collect(), limit, |liked| (liked.created_at, liked.repo.id)))
    }
}

fn user_id(actor: &Actor) -> Result<i64> {
    actor.id().ok_or_else(|| Error::LoginRequired("to like a repository".to_owned()))
}

fn page_size(limit: Option<usize>) -> usize {
    limit.unwrap_or(PAGE).clamp(1, PAGE_MAX)
}

/// One more than fits shows whether there is a next page.
fn more_than(limit: usize) -> i64 {
    i64::try_from(limit + 1).unwrap_or(i64::MAX)
}

fn page<T>(mut items: Vec<T>, limit: usize, key: impl Fn(&T) -> (Timestamp, i64)) -> Page<T> {
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| has_more).map(|last| {
        let (at, id) = key(last);
        Cursor::after(format!("{}:{id}", at.millis()))
    });
    Page { items, next }
}

fn parse_cursor(cursor: &Cursor) -> Result<(Timestamp, i64)> {
    let parsed = cursor
        .as_text()?
        .split_once(':')
        .and_then(|(at, id)| Some((Timestamp::from_millis(at.parse().ok()?), id.parse().ok()?)));
    parsed
        .ok_or_else(|| Error::invalid("cursor", "must be taken from a Link header of this server"))
}
