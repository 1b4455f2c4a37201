//! Sessions of browsers: only the SHA-256 of a session's secret is stored.

use steelyard_core::{Sha256, Timestamp};

use crate::conn::args;
use crate::{Conn, DbError, Row, Tx};

/// A session that has not ended.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// Internal key.
    pub id: i64,
    /// The id by which its user revokes it.
    pub public_id: String,
    /// The user's key.
    pub user_id: i64,
    /// The user's name.
    pub user_name: String,
    /// True when the user administers the hub.
    pub user_is_admin: bool,
    /// The password was right; the second factor is still to come.
    pub awaits_code: bool,
    /// The address it was begun from.
    pub address: String,
    /// What the browser called itself.
    pub user_agent: String,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was last used, to a few minutes.
    pub seen_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

macro_rules! select {
    () => {
        "SELECT s.id, s.public_id, s.user_id, s.awaits_code, s.address, s.user_agent, s.created_at, s.seen_at, \
         s.expires_at, a.name AS user_name, a.is_admin FROM session s JOIN account a ON a.id = s.user_id "
    };
}

fn session(row: &Row) -> Result<SessionRow, DbError> {
    Ok(SessionRow {
        id: row.int("id")?,
        public_id: row.text("public_id")?,
        user_id: row.int("user_id")?,
        user_name: row.text("user_name")?,
        user_is_admin: row.bool("is_admin")?,
        awaits_code: row.bool("awaits_code")?,
        address: row.text("address")?,
        user_agent: row.text("user_agent")?,
        created_at: row.timestamp("created_at")?,
        seen_at: row.timestamp("seen_at")?,
        expires_at: row.timestamp("expires_at")?,
    })
}

/// A session to begin.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// The id by which its user revokes it.
    pub public_id: &'a str,
    /// Whose it is.
    pub user_id: i64,
    /// Of its secret.
    pub hash: Sha256,
    /// Whether the second factor is still to come.
    pub awaits_code: bool,
    /// The address it is begun from.
    pub address: &'a str,
    /// What the browser calls itself.
    pub user_agent: &'a str,
    /// Now.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// Begins a session.
pub async fn create_session(tx: &mut Tx, new: &NewSession<'_>) -> Result<(), DbError> {
    let sql = "INSERT INTO session (public_id, user_id, hash, awaits_code, address, user_agent, created_at, \
               seen_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)";
    let args = args![
        new.public_id,
        new.user_id,
        new.hash,
        new.awaits_code,
        new.address,
        new.user_agent,
        new.created_at,
        new.expires_at,
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

/// The live session with this hash, of a user in service.
pub async fn find_session(
    conn: &mut Conn,
    hash: Sha256,
    now: Timestamp,
) -> Result<Option<SessionRow>, DbError> {
    let sql =
        concat!(select!(), "WHERE s.hash = $1 AND s.expires_at > $2 AND a.disabled_at IS NULL");
    conn.fetch_optional(sql, args![hash, now]).await?.as_ref().map(session).transpose()
}

/// The live sessions of a user, newest first.
pub async fn list_sessions(
    conn: &mut Conn,
    user_id: i64,
    now: Timestamp,
) -> Result<Vec<SessionRow>, DbError> {
    let sql = concat!(
        select!(),
        "WHERE s.user_id = $1 AND s.expires_at > $2 AND NOT s.awaits_code ORDER BY s.id DESC LIMIT 200"
    );
    conn.fetch_all(sql, args![user_id, now]).await?.iter().map(session).collect()
}

/// Notes that a session is in use and when it ends now.
pub async fn touch_session(
    tx: &mut Tx,
    id: i64,
    seen_at: Timestamp,
    expires_at: Timestamp,
) -> Result<(), DbError> {
    let sql = "UPDATE session SET seen_at = $2, expires_at = $3 WHERE id = $1";
    tx.execute(sql, args![id, seen_at, expires_at]).await?;
    Ok(())
}

/// Ends one session of a user; false when there is none of that id.
pub async fn delete_session(tx: &mut Tx, user_id: i64, public_id: &str) -> Result<bool, DbError> {
    let sql = "DELETE FROM session WHERE user_id = $1 AND public_id = $2";
    Ok(tx.execute(sql, args![user_id, public_id]).await? > 0)
}

/// Ends every session of a user but one.
pub async fn delete_sessions(tx: &mut Tx, user_id: i64, but: Option<i64>) -> Result<u64, DbError> {
    let sql = "DELETE FROM session WHERE user_id = $1 AND id <> $2";
    tx.execute(sql, args![user_id, but.unwrap_or(0)]).await
}
