//! The tokens by which apps come: those that are good for fresh ones, and those that open something.

use steelyard_core::{Sha256, Timestamp, TokenRole};

use crate::conn::args;
use crate::{Conn, DbError, Row, Tx};

/// Stores a token that is good for fresh ones.
pub async fn create_refresh(
    tx: &mut Tx,
    hash: Sha256,
    grant_id: i64,
    expires_at: Timestamp,
) -> Result<(), DbError> {
    let sql = "INSERT INTO oauth_refresh (hash, grant_id, expires_at, uses) VALUES ($1, $2, $3, 0)";
    tx.execute(sql, args![hash, grant_id, expires_at]).await?;
    Ok(())
}

/// A refresh token that an app came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshRow {
    /// Of what was allowed.
    pub grant_id: i64,
    /// When it stops being good.
    pub expires_at: Timestamp,
    /// How often it was used before.
    pub used: i64,
}

fn refresh(row: &Row) -> Result<RefreshRow, DbError> {
    Ok(RefreshRow {
        grant_id: row.int("grant_id")?,
        expires_at: row.timestamp("expires_at")?,
        used: row.int("uses")?,
    })
}

/// The refresh token of this hash, used or not.
pub async fn find_refresh(conn: &mut Conn, hash: Sha256) -> Result<Option<RefreshRow>, DbError> {
    let sql = "SELECT grant_id, expires_at, uses FROM oauth_refresh WHERE hash = $1";
    conn.fetch_optional(sql, args![hash]).await?.as_ref().map(refresh).transpose()
}

/// Uses a refresh token: it is good once.
pub async fn use_refresh(tx: &mut Tx, hash: Sha256) -> Result<Option<RefreshRow>, DbError> {
    let sql = "UPDATE oauth_refresh SET uses = uses + 1 WHERE hash = $1 \
               RETURNING grant_id, expires_at, uses - 1 AS uses";
    tx.fetch_optional(sql, args![hash]).await?.as_ref().map(refresh).transpose()
}

/// An access token that comes of a grant.
#[derive(Debug)]
pub struct NewGrantedToken<'a> {
    /// The id by which its user revokes it.
    pub public_id: &'a str,
    /// Whose it is.
    pub user_id: i64,
    /// Of what was allowed.
    pub grant_id: i64,
    /// Its name among the user's tokens.
    pub name: &'a str,
    /// What it may do; `None` for one that only says who somebody is.
    pub role: Option<TokenRole>,
    /// Of its text.
    pub hash: Sha256,
    /// Now.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// Stores an access token of an app.
pub async fn create_granted_token(tx: &mut Tx, new: &NewGrantedToken<'_>) -> Result<(), DbError> {
    let sql = "INSERT INTO token (public_id, user_id, name, role, hash, created_at, expires_at, grant_id, is_identity) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let args = args![
        new.public_id,
        new.user_id,
        new.name,
        new.role.unwrap_or(TokenRole::Read).as_str(),
        new.hash,
        new.created_at,
        new.expires_at,
        new.grant_id,
        new.role.is_none(),
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

/// True when a user has a token of that name that nobody revoked.
pub async fn is_token_name_taken(
    conn: &mut Conn,
    user_id: i64,
    name: &str,
) -> Result<bool, DbError> {
    let sql = "SELECT 1 AS one FROM token WHERE user_id = $1 AND name = $2 AND revoked_at IS NULL";
    Ok(conn.fetch_optional(sql, args![user_id, name]).await?.is_some())
}

/// Revokes the access tokens that came of a grant.
pub async fn revoke_granted_tokens(
    tx: &mut Tx,
    grant_id: i64,
    now: Timestamp,
) -> Result<(), DbError> {
    let sql = "UPDATE token SET revoked_at = $2 WHERE grant_id = $1 AND revoked_at IS NULL";
    tx.execute(sql, args![grant_id, now]).await?;
    Ok(())
}

/// Whose a live access token is and of which grant, if of any; also one that only says who somebody is.
pub async fn find_bearer(
    conn: &mut Conn,
    hash: Sha256,
    now: Timestamp,
) -> Result<Option<(i64, Option<i64>)>, DbError> {
    let sql = "SELECT t.user_id, t.grant_id FROM token t JOIN account a ON a.id = t.user_id \
               WHERE t.hash = $1 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > $2) \
               AND a.disabled_at IS NULL";
    let row = conn.fetch_optional(sql, args![hash, now]).await?;
    row.map(|row| Ok((row.int("user_id")?, row.opt_int("grant_id")?))).transpose()
}
