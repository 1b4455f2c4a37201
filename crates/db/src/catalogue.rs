//! What the index needs: texts of cards, facts of weights, and everything together, many repositories at a time.

use serde_json::Value as Json;
use steelyard_core::{Namespace, Oid, RepoId, RepoKind, RepoName, Timestamp, Visibility};

use crate::batch::{fetch_in, keys};
use crate::conn::args;
use crate::evals::Eval;
use crate::lineage::BaseRow;
use crate::row::clean;
use crate::stats::{self, StatsRow};
use crate::{Conn, DbError, Row, Tx, evals, lineage};

/// Keeps the text of a card to search in; `None` when there is no card any more.
pub async fn save_card(tx: &mut Tx, repo_id: i64, body: Option<&str>) -> Result<(), DbError> {
    let Some(body) = body else {
        return tx.execute_later("DELETE FROM repo_card WHERE repo_id = $1", args![repo_id]).await;
    };
    let sql = "INSERT INTO repo_card (repo_id, body) VALUES ($1, $2) \
               ON CONFLICT (repo_id) DO UPDATE SET body = excluded.body";
    tx.execute_later(sql, args![repo_id, clean(body)]).await
}

/// The kept text of a card.
pub async fn find_card(conn: &mut Conn, repo_id: i64) -> Result<Option<String>, DbError> {
    let row = conn.fetch_optional("SELECT body FROM repo_card WHERE repo_id = $1", args![repo_id]);
    row.await?.map(|row| row.text("body")).transpose()
}

/// Keeps what the headers of the weight files say at a commit.
pub async fn save_weights(
    tx: &mut Tx,
    repo_id: i64,
    commit: Oid,
    weights: &Json,
) -> Result<(), DbError> {
    let sql = "INSERT INTO repo_weights (repo_id, commit_oid, weights) VALUES ($1, $2, $3) \
               ON CONFLICT (repo_id) DO UPDATE SET commit_oid = excluded.commit_oid, weights = excluded.weights";
    tx.execute_later(sql, args![repo_id, commit, weights.to_string()]).await
}

/// What the headers of the weight files say, and at which commit.
pub async fn find_weights(conn: &mut Conn, repo_id: i64) -> Result<Option<(Oid, Json)>, DbError> {
    let sql = "SELECT commit_oid, weights FROM repo_weights WHERE repo_id = $1";
    let row = conn.fetch_optional(sql, args![repo_id]).await?;
    row.map(|row| Ok((row.oid("commit_oid")?, row.json("weights")?))).transpose()
}

/// Gives a copy of a repository what was derived from the files of the original.
pub async fn copy_derived(tx: &mut Tx, from: i64, to: i64) -> Result<(), DbError> {
    for sql in [
        "INSERT INTO model_base (repo_id, position, base_folded, base_id, relation) \
         SELECT $2, position, base_folded, base_id, relation FROM model_base WHERE repo_id = $1",
        "INSERT INTO eval_result (repo_id, source, task, dataset_folded, dataset, dataset_name, config, split, \
         dataset_revision, metric, metric_name, shots, prompt_format, harness, value, origin, verify_token, \
         source_name, source_url, source_user, source_org, date, notes) \
         SELECT $2, source, task, dataset_folded, dataset, dataset_name, config, split, \
         dataset_revision, metric, metric_name, shots, prompt_format, harness, value, origin, verify_token, \
         source_name, source_url, source_user, source_org, date, notes \
         FROM eval_result WHERE repo_id = $1 AND pull_request IS NULL ORDER BY id",
        "INSERT INTO repo_card (repo_id, body) SELECT $2, body FROM repo_card WHERE repo_id = $1",
        "INSERT INTO repo_weights (repo_id, commit_oid, weights) \
         SELECT $2, commit_oid, weights FROM repo_weights WHERE repo_id = $1",
    ] {
        tx.execute(sql, args![from, to]).await?;
    }
    Ok(())
}

/// Everything the index needs of a repository.
#[derive(Debug, Clone)]
pub struct IndexRow {
    /// Internal key.
    pub repo_id: i64,
    /// The id clients see as `_id`.
    pub public_id: String,
    /// Model, dataset, space or kernel.
    pub kind: RepoKind,
    /// The owning account's key.
    pub owner_id: i64,
    /// `namespace/name`.
    pub repo: RepoId,
    /// Public or private.
    pub visibility: Visibility,
    /// `""`, `"auto"` or `"manual"`.
    pub gated: String,
    /// True when an administrator took it out of service.
    pub disabled: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its default branch last changed.
    pub last_modified: Timestamp,
    /// What clients set: the text of a JSON object.
    pub settings: String,
    /// What was derived from the head: the text of a JSON object.
    pub facts: String,
    /// The text of the card.
    pub card: Option<String>,
    /// What the headers of the weight files say: the text of a JSON object.
    pub weights: Option<String>,
    /// The counters.
    pub stats: StatsRow,
    /// What it was made from.
    pub bases: Vec<BaseRow>,
    /// The results its default branch reports.
    pub evals: Vec<Eval>,
}

/// What is asked of the tables beside `repo`, for a range of keys and for a list of them. Each statement is a plain range,
/// without joins and conditions: a server that has no statistics yet would else read whole tables for every page.
macro_rules! beside {
    ($select:expr) => {
        Beside {
            between: concat!($select, " WHERE repo_id > $1 AND repo_id <= $2 ORDER BY repo_id"),
            listed: concat!($select, " WHERE repo_id IN {keys} ORDER BY repo_id"),
        }
    };
}

struct Beside {
    between: &'static str,
    listed: &'static str,
}

const CARDS: Beside = beside!("SELECT repo_id, body FROM repo_card");
const WEIGHTS: Beside = beside!("SELECT repo_id, weights FROM repo_weights");
const STATS: Beside = beside!(concat!("SELECT ", stats::columns!(), " FROM repo_stats"));

macro_rules! select_index {
    () => {
        "SELECT r.id, r.public_id, r.kind, r.owner_id, a.name AS owner_name, r.name, r.visibility, r.gated, \
         r.disabled, r.created_at, r.last_modified, r.deleted_at, r.settings, r.facts \
         FROM repo r JOIN account a ON a.id = r.owner_id WHERE "
    };
}

/// Those that were not deleted.
fn index_rows(rows: &[Row]) -> Result<Vec<IndexRow>, DbError> {
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        if row.opt_int("deleted_at")?.is_none() {
            found.push(index_row(row)?);
        }
    }
    Ok(found)
}

fn index_row(row: &Row) -> Result<IndexRow, DbError> {
    let namespace = row.parsed("owner_name", Namespace::parse)?;
    let name = row.parsed("name", RepoName::parse)?;
    let repo_id = row.int("id")?;
    Ok(IndexRow {
        repo_id,
        public_id: row.text("public_id")?,
        kind: row.parsed("kind", RepoKind::parse)?,
        owner_id: row.int("owner_id")?,
        repo: RepoId::new(namespace, name),
        visibility: row.parsed("visibility", Visibility::parse)?,
        gated: row.text("gated")?,
        disabled: row.bool("disabled")?,
        created_at: row.timestamp("created_at")?,
        last_modified: row.timestamp("last_modified")?,
        settings: row.text("settings")?,
        facts: row.text("facts")?,
        card: None,
        weights: None,
        stats: StatsRow::unused(repo_id),
        bases: Vec::new(),
        evals: Vec::new(),
    })
}

/// Repositories in order of key after `after`, for an index that is built anew; none only at the end.
pub async fn list_for_index(
    conn: &mut Conn,
    after: i64,
    limit: i64,
) -> Result<Vec<IndexRow>, DbError> {
    let (mut after, mut found) = (after, Vec::new());
    while found.is_empty() {
        let Some(last) = last_of_page(conn, after, limit).await? else { break };
        found = list_page(conn, after, last).await?;
        after = last;
    }
    Ok(found)
}

/// The last key of a page, whether or not the repository still exists.
async fn last_of_page(conn: &mut Conn, after: i64, limit: i64) -> Result<Option<i64>, DbError> {
    let sql = "SELECT MAX(id) AS last FROM \
               (SELECT id FROM repo WHERE id > $1 ORDER BY id LIMIT $2) AS page";
    conn.fetch_one(sql, args![after, limit]).await?.opt_int("last")
}

async fn list_page(conn: &mut Conn, after: i64, last: i64) -> Result<Vec<IndexRow>, DbError> {
    let sql = concat!(select_index!(), "r.id > $1 AND r.id <= $2 ORDER BY r.id");
    let rows = conn.fetch_all(sql, args![after, last]).await?;
    let mut found = index_rows(&rows)?;
    drop(rows);
    let rows = conn.fetch_all(CARDS.between, args![after, last]).await?;
    hand_out(&mut found, rows.iter().map(card), |row, card| row.card = Some(card))?;
    let rows = conn.fetch_all(WEIGHTS.between, args![after, last]).await?;
    hand_out(&mut found, rows.iter().map(weights), |row, weights| row.weights = Some(weights))?;
    let rows = conn.fetch_all(STATS.between, args![after, last]).await?;
    hand_out(&mut found, rows.iter().map(counters), |row, stats| row.stats = stats)?;
    let bases = lineage::list_bases_between(conn, after, last).await?;
    hand_out(&mut found, bases.into_iter().map(Ok), |row, base| row.bases.push(base))?;
    let evals = evals::list_between(conn, after, last).await?;
    hand_out(&mut found, evals.into_iter().map(Ok), |row, eval| row.evals.push(eval))?;
    Ok(found)
}

/// Those of these repositories that exist, in order of key.
pub async fn find_for_index(conn: &mut Conn, repo_ids: &[i64]) -> Result<Vec<IndexRow>, DbError> {
    let sql = concat!(select_index!(), "r.id IN {keys} ORDER BY r.id");
    let listed = keys(repo_ids);
    let rows = fetch_in(conn, sql, args![], &listed).await?;
    let mut found = index_rows(&rows)?;
    let rows = fetch_in(conn, CARDS.listed, args![], &listed).await?;
    hand_out(&mut found, rows.iter().map(card), |row, card| row.card = Some(card))?;
    let rows = fetch_in(conn, WEIGHTS.listed, args![], &listed).await?;
    hand_out(&mut found, rows.iter().map(weights), |row, weights| row.weights = Some(weights))?;
    let rows = fetch_in(conn, STATS.listed, args![], &listed).await?;
    hand_out(&mut found, rows.iter().map(counters), |row, stats| row.stats = stats)?;
    let bases = lineage::find_bases_of(conn, repo_ids).await?;
    hand_out(&mut found, bases.into_iter().map(Ok), |row, base| row.bases.push(base))?;
    let evals = evals::find_of_repos(conn, repo_ids).await?;
    hand_out(&mut found, evals.into_iter().map(Ok), |row, eval| row.evals.push(eval))?;
    Ok(found)
}

fn card(row: &Row) -> Result<(i64, String), DbError> {
    Ok((row.int("repo_id")?, row.text("body")?))
}

fn weights(row: &Row) -> Result<(i64, String), DbError> {
    Ok((row.int("repo_id")?, row.text("weights")?))
}

fn counters(row: &Row) -> Result<(i64, StatsRow), DbError> {
    Ok((row.int("repo_id")?, crate::stats::stats(row)?))
}

/// Gives each row what is its own; the rows are in order of key. What belongs to none was deleted meanwhile.
fn hand_out<T>(
    rows: &mut [IndexRow],
    things: impl Iterator<Item = Result<(i64, T), DbError>>,
    give: impl Fn(&mut IndexRow, T),
) -> Result<(), DbError> {
    for thing in things {
        let (repo_id, thing) = thing?;
        if let Ok(at) = rows.binary_search_by_key(&repo_id, |row| row.repo_id) {
            give(&mut rows[at], thing);
        }
    }
    Ok(())
}
