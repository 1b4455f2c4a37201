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

/// The live token with this hash.
pub async fn find_token(conn: &mut Conn, hash: Sha256) -> Result<Option<TokenRow>, DbError> {
    let sql = "SELECT t.id, t.user_id, t.name, t.role, a.name AS user_name, a.is_admin FROM token t \
               JOIN account a ON a.id = t.user_id WHERE t.hash = $1 AND t.revoked_at IS NULL";
    let Some(row) = conn.fetch_optional(sql, args![hash]).await? else { return Ok(None) };
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
