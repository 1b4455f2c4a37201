//! The event log: one append-only table, written in the transaction of the change it tells of.

use serde_json::Value as Json;
use steelyard_core::Timestamp;

use crate::conn::args;
use crate::{Conn, DbError, Row, Tx, Value};

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

/// An event to append.
#[derive(Debug, Clone)]
pub struct NewEvent<'a> {
    /// What happened, such as `repo.create`.
    pub kind: &'a str,
    /// Who did it.
    pub actor_id: Option<i64>,
    /// The repository it concerns.
    pub repo_id: Option<i64>,
    /// Details, as a JSON object.
    pub payload: Json,
    /// When it happened.
    pub now: Timestamp,
}

/// Appends events, in that order.
pub async fn append_events(tx: &mut Tx, events: &[NewEvent<'_>]) -> Result<(), DbError> {
    let into = "INSERT INTO event (at, kind, actor_id, repo_id, payload) VALUES ";
    let rows = events.iter().map(|event| {
        [
            Value::from(event.now),
            event.kind.into(),
            event.actor_id.into(),
            event.repo_id.into(),
            event.payload.to_string().into(),
        ]
    });
    tx.insert_later(into, rows).await
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
    let event = NewEvent { kind, actor_id, repo_id, payload: payload.clone(), now };
    append_events(tx, std::slice::from_ref(&event)).await
}

/// Visible events after `after`, oldest first; on PostgreSQL smaller ids may still become visible, see [`crate::feed`].
pub async fn list_events(
    conn: &mut Conn,
    after: i64,
    limit: i64,
) -> Result<Vec<EventRow>, DbError> {
    let sql = "SELECT id, at, kind, actor_id, repo_id, payload FROM event WHERE id > $1 ORDER BY id LIMIT $2";
    let rows = conn.fetch_all(sql, args![after, limit]).await?;
    rows.iter().map(event).collect()
}

/// The id of the newest event that is visible, 0 when there is none. To follow the log, see [`crate::feed`].
pub async fn last_event_id(conn: &mut Conn) -> Result<i64, DbError> {
    let sql = "SELECT COALESCE(MAX(id), 0) AS id FROM event";
    conn.fetch_one(sql, args![]).await?.int("id")
}

pub(crate) fn event(row: &Row) -> Result<EventRow, DbError> {
    Ok(EventRow {
        id: row.int("id")?,
        at: row.timestamp("at")?,
        kind: row.text("kind")?,
        actor_id: row.opt_int("actor_id")?,
        repo_id: row.opt_int("repo_id")?,
        payload: row.json("payload")?,
    })
}

/// Which events somebody wants to see.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// A kind such as `repo.create`, or what it begins with, such as `repo`; empty for all.
    pub kind: String,
    /// Who did it.
    pub actor_id: Option<i64>,
    /// The repository it concerns.
    pub repo_id: Option<i64>,
    /// Only earlier ones than this.
    pub before: Option<i64>,
}

/// Events that fit a filter, newest first.
pub async fn find_events(
    conn: &mut Conn,
    filter: &EventFilter,
    limit: i64,
) -> Result<Vec<EventRow>, DbError> {
    let sql = "SELECT id, at, kind, actor_id, repo_id, payload FROM event WHERE id < $1 \
               AND ($2 = '' OR kind = $2 OR SUBSTR(kind, 1, LENGTH($2) + 1) = $2 || '.') \
               AND ($3 = 0 OR actor_id = $3) AND ($4 = 0 OR repo_id = $4) ORDER BY id DESC LIMIT $5";
    let args = args![
        filter.before.unwrap_or(i64::MAX),
        &filter.kind,
        filter.actor_id.unwrap_or(0),
        filter.repo_id.unwrap_or(0),
        limit,
    ];
    conn.fetch_all(sql, args).await?.iter().map(event).collect()
}
