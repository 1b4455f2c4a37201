//! Listings of repositories, page by page.

use steelyard_core::page::{Cursor, Page};
use steelyard_core::{Namespace, RepoKind};
use steelyard_db::repo::{ListRepos, RepoRow, RepoSort};
use steelyard_db::{account, lfs, pack, repo};

use crate::{Actor, Error, Hub, Missing, Result};

const PAGE_MAX: usize = 1000;

/// What a listing is asked for.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// Only this kind.
    pub kind: Option<RepoKind>,
    /// Only this namespace.
    pub author: Option<String>,
    /// Only ids that contain each of these texts, in any case.
    pub search: Vec<String>,
    /// Order.
    pub sort: RepoSort,
    /// Entries per page.
    pub limit: Option<usize>,
    /// Where the page starts.
    pub cursor: Option<Cursor>,
}

/// A repository and the bytes it holds.
#[derive(Debug)]
pub struct StorageEntry {
    /// The repository.
    pub row: RepoRow,
    /// Bytes of its packs and of the large files it links to.
    pub bytes: i64,
}

impl Hub {
    /// One page of the repositories `actor` may see.
    pub async fn list_repos(&self, actor: &Actor, query: &ListQuery) -> Result<Page<RepoRow>> {
        let mut conn = self.db().read().await?;
        let limit = query.limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
        let owner_id = match &query.author {
            None => None,
            // A name that cannot exist, or does not, owns nothing.
            Some(author) => match Namespace::parse(author) {
                Err(_) => return Ok(Page { items: Vec::new(), next: None }),
                Ok(name) => match account::find_account(&mut conn, &name).await? {
                    None => return Ok(Page { items: Vec::new(), next: None }),
                    Some(account) => Some(account.id),
                },
            },
        };
        let wanted = ListRepos {
            kind: query.kind,
            owner_id,
            search: query.search.iter().map(|text| text.to_ascii_lowercase()).collect(),
            viewer_id: actor.id(),
            sees_all: actor.user().is_some_and(|user| user.is_admin),
            sort: query.sort,
            after: query.cursor.as_ref().map(parse_cursor).transpose()?,
            limit: i64::try_from(limit + 1).unwrap_or(i64::MAX),
        };
        let mut items = repo::list_repos(&mut conn, &wanted).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|row| cursor_of(row, query.sort));
        Ok(Page { items, next })
    }

    /// One page of a namespace's repositories with the bytes each holds; for its owner or members.
    pub async fn list_storage(
        &self,
        actor: &Actor,
        namespace: Option<&Namespace>,
        cursor: Option<Cursor>,
    ) -> Result<Page<StorageEntry>> {
        let Some(user) = actor.user() else {
            return Err(Error::LoginRequired("to list a namespace's repositories".to_owned()));
        };
        let mut conn = self.db().read().await?;
        let author = match namespace {
            None => user.name.clone(),
            Some(name) => {
                let missing = Error::NotFound(Missing::Other("organization"));
                let account = account::find_account(&mut conn, name).await?.ok_or(missing)?;
                let role = account::find_role(&mut conn, account.id, user.id).await?;
                if role.is_none() && account.id != user.id && !user.is_admin {
                    return Err(Error::Forbidden(format!(
                        "{} is not a member of {name}",
                        user.name
                    )));
                }
                account.name
            }
        };
        drop(conn);
        let query =
            ListQuery { author: Some(author), limit: Some(100), cursor, ..ListQuery::default() };
        let page = self.list_repos(actor, &query).await?;
        let mut conn = self.db().read().await?;
        let mut items = Vec::with_capacity(page.items.len());
        for row in page.items {
            let bytes = pack::sum_bytes(&mut conn, row.id).await?
                + lfs::sum_linked_bytes(&mut conn, row.id).await?;
            items.push(StorageEntry { row, bytes });
        }
        Ok(Page { items, next: page.next })
    }

    /// Bytes of a repository's packs and of the large files it links to.
    pub async fn used_storage(&self, row: &RepoRow) -> Result<i64> {
        let mut conn = self.db().read().await?;
        Ok(pack::sum_bytes(&mut conn, row.id).await?
            + lfs::sum_linked_bytes(&mut conn, row.id).await?)
    }
}

fn cursor_of(row: &RepoRow, sort: RepoSort) -> Cursor {
    let value = match sort {
        RepoSort::CreatedAt => row.created_at,
        RepoSort::LastModified => row.last_modified,
    };
    Cursor::after(format!("{}:{}", value.millis(), row.id))
}

fn parse_cursor(cursor: &Cursor) -> Result<(i64, i64)> {
    let parsed = cursor
        .as_text()?
        .split_once(':')
        .and_then(|(value, id)| Some((value.parse().ok()?, id.parse().ok()?)));
    parsed
        .ok_or_else(|| Error::invalid("cursor", "must be taken from a Link header of this server"))
}
