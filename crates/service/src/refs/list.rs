//! All refs of a repository, as clients group them.

use steelyard_core::{Oid, RepoId, RepoKind};
use steelyard_db::refs;

use crate::{Action, Actor, Hub, Result};

/// A name, the full ref and the commit it stands for.
pub type NamedRef = (String, String, Oid);

/// The refs of a repository.
#[derive(Debug, Default)]
pub struct RefList {
    /// `refs/heads/*`.
    pub branches: Vec<NamedRef>,
    /// `refs/tags/*`.
    pub tags: Vec<NamedRef>,
    /// `refs/convert/*`.
    pub converts: Vec<NamedRef>,
    /// `refs/pr/*`.
    pub pull_requests: Vec<NamedRef>,
}

impl Hub {
    /// Lists the refs of a repository.
    pub async fn list_refs(&self, actor: &Actor, kind: RepoKind, id: &RepoId) -> Result<RefList> {
        let mut conn = self.db().read().await?;
        let repo = self.repo_on(&mut conn, actor, kind, id, Action::ReadRepo).await?;
        let mut list = RefList::default();
        for row in refs::list_refs(&mut conn, repo.id, "refs/").await? {
            let target = row.target();
            let groups = [
                ("refs/heads/", &mut list.branches),
                ("refs/tags/", &mut list.tags),
                ("refs/convert/", &mut list.converts),
                ("refs/pr/", &mut list.pull_requests),
            ];
            for (prefix, group) in groups {
                if let Some(name) = row.name.strip_prefix(prefix) {
                    group.push((name.to_owned(), row.name.clone(), target));
                }
            }
        }
        list.pull_requests.sort_by_key(|(name, _, _)| name.parse::<i64>().unwrap_or(i64::MAX));
        Ok(list)
    }
}
