//! The event log: one append-only table, written in the transaction of the change it tells of.

use serde_json::Value as Json;
use steelyard_core::Timestamp;

use crate::conn::args;
use crate::{Conn, DbError, Tx};

/// One event.
#[derive(Debug, Clone)]
pub struct EventRow {
    /// Its place in the log.
    pub id: i64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened, such as `repo.create`.
    pub kind: String,
    /// Who did it.
    pub actor_id: Option<i64>,
    /// The repository it concerns.
    pub repo_id: Option<i64>,
    /// Details, as a JSON object.
    pub payload: Json,
}

/// Appends an event.
pub async fn append_event(
    tx: &mut Tx,
    kind: &str,
    actor_id: Option<i64>,
    repo_id: Option<i64>,
    payload: &Json,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.execute_later(
        "INSERT INTO event (at, kind, actor_id, repo_id, payload) VALUES ($1, $2, $3, $4, $5)",
        args![now, kind, actor_id, repo_id, payload.to_string()],
    )
    .await?;
    Ok(())
}

/// Events after `after`, oldest first.
pub async fn list_events(
    conn: &mut Conn,
    after: i64,
    limit: i64,
) -> Result<Vec<EventRow>, DbError> {
    let sql = "SELECT id, at, kind, actor_id, repo_id, payload FROM event WHERE id > $1 ORDER BY id LIMIT $2";
    let rows = conn.fetch_all(sql, args![after, limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(EventRow {
                id: row.int("id")?,
                at: row.timestamp("at")?,
                kind: row.text("kind")?,
                actor_id: row.opt_int("actor_id")?,
                repo_id: row.opt_int("repo_id")?,
                payload: row.json("payload")?,
            })
        })
        .collect()
}
