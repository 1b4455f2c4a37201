//! The event log, for people.

use std::collections::HashMap;

use steelyard_core::{Namespace, RepoId, RepoKind, Timestamp};
use steelyard_db::event::{self, EventFilter};
use steelyard_db::{Conn, account, repo};

use super::PAGE;
use crate::access::administrator;
use crate::{Actor, Hub, Result};

/// Which events somebody wants to see; empty texts ask for all.
#[derive(Debug, Clone, Default)]
pub struct EventQuery {
    /// A kind, or what it begins with: `repo.create`, `repo`.
    pub kind: String,
    /// The name of who did it.
    pub actor: String,
    /// The repository, as its address has it: `alice/bert`, `datasets/alice/words`.
    pub repo: String,
    /// Only earlier ones than this.
    pub before: Option<i64>,
}

/// An event with names in place of keys.
#[derive(Debug, Clone)]
pub struct EventLine {
    /// Its place in the log.
    pub id: i64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: String,
    /// Who did it; `None` for the hub itself and for the operator at a shell.
    pub actor: Option<String>,
    /// The repository it concerns, while it exists.
    pub repo: Option<(RepoKind, RepoId)>,
    /// Details.
    pub payload: String,
}

impl Hub {
    /// Events, newest first; one more than a page when there is more.
    pub async fn admin_events(&self, actor: &Actor, query: &EventQuery) -> Result<Vec<EventLine>> {
        administrator(actor)?;
        let mut conn = self.db().read().await?;
        let Some(filter) = filter_of(&mut conn, query).await? else { return Ok(Vec::new()) };
        let limit = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
        let rows = event::find_events(&mut conn, &filter, limit).await?;
        let ids: Vec<i64> = rows.iter().filter_map(|row| row.repo_id).collect();
        let repos = repo::find_repos_by_id(&mut conn, &ids).await?;
        let repos: HashMap<i64, _> =
            repos.into_iter().map(|row| (row.id, (row.kind, row.repo))).collect();
        let mut names: HashMap<i64, String> = HashMap::new();
        for id in rows.iter().filter_map(|row| row.actor_id) {
            if let std::collections::hash_map::Entry::Vacant(entry) = names.entry(id) {
                let row = account::find_account_by_id(&mut conn, id).await?;
                entry.insert(row.map_or_else(|| format!("#{id}"), |row| row.name));
            }
        }
        let lines = rows.into_iter().map(|row| EventLine {
            id: row.id,
            at: row.at,
            kind: row.kind,
            actor: row.actor_id.and_then(|id| names.get(&id).cloned()),
            repo: row.repo_id.and_then(|id| repos.get(&id).cloned()),
            payload: row.payload.to_string(),
        });
        Ok(lines.collect())
    }
}

/// Names become keys; `None` for a name that nobody and nothing has.
async fn filter_of(conn: &mut Conn, query: &EventQuery) -> Result<Option<EventFilter>> {
    let mut filter = EventFilter { before: query.before, ..EventFilter::default() };
    if query.kind.contains('\0') {
        return Ok(None);
    }
    query.kind.trim().clone_into(&mut filter.kind);
    let name = query.actor.trim();
    if !name.is_empty() {
        let Ok(name) = Namespace::parse(name) else { return Ok(None) };
        let Some(row) = account::find_account(conn, &name).await? else { return Ok(None) };
        filter.actor_id = Some(row.id);
    }
    let named = query.repo.trim().trim_start_matches('/');
    if !named.is_empty() {
        let (kind, id) = RepoKind::split_url(named);
        let Ok(id) = RepoId::parse(id) else { return Ok(None) };
        let Some(row) = repo::find_repo(conn, kind, &id).await? else { return Ok(None) };
        filter.repo_id = Some(row.id);
    }
    Ok(Some(filter))
}
