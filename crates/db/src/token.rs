//! Access tokens: only their SHA-256 is stored.

use steelyard_core::{Sha256, Timestamp, TokenRole};

use crate::conn::args;
use crate::{Conn, DbError, Tx};

/// A token that is valid now, with the user it speaks for.
#[derive(Debug, Clone)]
pub struct TokenRow {
    /// Internal key.
    pub id: i64,
    /// The user's key.
    pub user_id: i64,
    /// The user's name.
    pub user_name: String,
    /// True when the user administers the hub.
    pub user_is_admin: bool,
    /// The token's name.
    pub name: String,
    /// What it may do.
    pub role: TokenRole,
}

/// Stores a token; [`DbError::Conflict`] when the user has a live one of that name.
pub async fn create_token(
    tx: &mut Tx,
    public_id: &str,
    user_id: i64,
    name: &str,
    role: TokenRole,
    hash: Sha256,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO token (public_id, user_id, name, role, hash, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        args![public_id, user_id, name, role.as_str(), hash, now],
    )
    .await?;
    Ok(())
}

/// A live token, as its user sees it.
#[derive(Debug, Clone)]
pub struct TokenLine {
    /// Internal key.
    pub id: i64,
    /// The id by which its user revokes it.
    pub public_id: String,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: TokenRole,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to the hour.
    pub used_at: Option<Timestamp>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// The live tokens that a user made, newest first; those of apps come with what apps were allowed ([`crate::oauth`]).
pub async fn list_tokens(
    conn: &mut Conn,
    user_id: i64,
    now: Timestamp,
) -> Result<Vec<TokenLine>, DbError> {
    let sql = "SELECT id, public_id, name, role, created_at, used_at, expires_at FROM token \
               WHERE user_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2) \
               AND grant_id IS NULL ORDER BY id DESC LIMIT 1000";
    let line = |row: &crate::Row| {
        Ok(TokenLine {
            id: row.int("id")?,
            public_id: row.text("public_id")?,
            name: row.text("name")?,
            role: row.parsed("role", TokenRole::parse)?,
            created_at: row.timestamp("created_at")?,
            used_at: row.opt_timestamp("used_at")?,
            expires_at: row.opt_timestamp("expires_at")?,
        })
    };
    conn.fetch_all(sql, args![user_id, now]).await?.iter().map(line).collect()
}

/// Notes that a token was used.
pub async fn touch_token(tx: &mut Tx, id: i64, used_at: Timestamp) -> Result<(), DbError> {
    let sql = "UPDATE token SET used_at = $2 WHERE id = $1 AND (used_at IS NULL OR used_at < $2)";
    tx.execute(sql, args![id, used_at]).await?;
    Ok(())
}

/// Revokes every live token of a user.
pub async fn revoke_tokens(tx: &mut Tx, user_id: i64, now: Timestamp) -> Result<u64, DbError> {
    let sql = "UPDATE token SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL";
    tx.execute(sql, args![user_id, now]).await
}

/// The live token with this hash, of a user in service.
pub async fn find_token(
    conn: &mut Conn,
    hash: Sha256,
    now: Timestamp,
) -> Result<Option<TokenRow>, DbError> {
    let sql = "SELECT t.id, t.user_id, t.name, t.role, a.name AS user_name, a.is_admin FROM token t \
               JOIN account a ON a.id = t.user_id WHERE t.hash = $1 AND t.revoked_at IS NULL \
               AND (t.expires_at IS NULL OR t.expires_at > $2) AND NOT t.is_identity AND a.disabled_at IS NULL";
    let Some(row) = conn.fetch_optional(sql, args![hash, now]).await? else { return Ok(None) };
    Ok(Some(TokenRow {
        id: row.int("id")?,
        user_id: row.int("user_id")?,
        user_name: row.text("user_name")?,
        user_is_admin: row.bool("is_admin")?,
        name: row.text("name")?,
        role: row.parsed("role", TokenRole::parse)?,
    }))
}

/// Revokes the user's live token of that name; false when there is none.
pub async fn revoke_token(
    tx: &mut Tx,
    user_id: i64,
    name: &str,
    now: Timestamp,
) -> Result<bool, DbError> {
    let sql =
        "UPDATE token SET revoked_at = $3 WHERE user_id = $1 AND name = $2 AND revoked_at IS NULL";
    Ok(tx.execute(sql, args![user_id, name, now]).await? > 0)
}
