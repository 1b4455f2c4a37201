//! What users allowed apps, and the codes that apps are sent for it.

use steelyard_core::{Sha256, Timestamp};

use super::revoke_granted_tokens;
use crate::conn::args;
use crate::{Conn, DbError, Row, Tx};

/// What somebody allowed an app.
#[derive(Debug, Clone)]
pub struct GrantRow {
    /// Internal key.
    pub id: i64,
    /// The id by which its user revokes it.
    pub public_id: String,
    /// Who allowed it.
    pub user_id: i64,
    /// Their name.
    pub user_name: String,
    /// Which app.
    pub client_id: String,
    /// Its name at that time.
    pub app_name: String,
    /// What was allowed, as words.
    pub scope: String,
    /// Where the app runs, as far as it is known.
    pub address: String,
    /// How long its access tokens live.
    pub access_secs: i64,
    /// When it was allowed.
    pub created_at: Timestamp,
}

macro_rules! select_grant {
    () => {
        "SELECT g.id, g.public_id, g.user_id, g.client_id, g.app_name, g.scope, g.address, g.access_secs, \
         g.created_at, a.name AS user_name FROM oauth_grant g JOIN account a ON a.id = g.user_id "
    };
}

fn grant(row: &Row) -> Result<GrantRow, DbError> {
    Ok(GrantRow {
        id: row.int("id")?,
        public_id: row.text("public_id")?,
        user_id: row.int("user_id")?,
        user_name: row.text("user_name")?,
        client_id: row.text("client_id")?,
        app_name: row.text("app_name")?,
        scope: row.text("scope")?,
        address: row.text("address")?,
        access_secs: row.int("access_secs")?,
        created_at: row.timestamp("created_at")?,
    })
}

/// A grant to store.
#[derive(Debug)]
pub struct NewGrant<'a> {
    /// The id by which its user revokes it.
    pub public_id: &'a str,
    /// Who allows it.
    pub user_id: i64,
    /// Which app.
    pub client_id: &'a str,
    /// Its name.
    pub app_name: &'a str,
    /// What is allowed, as words.
    pub scope: &'a str,
    /// Where the app runs, as far as it is known.
    pub address: &'a str,
    /// How long its access tokens live.
    pub access_secs: i64,
    /// Now.
    pub created_at: Timestamp,
}

/// Stores what somebody allowed; returns its key.
pub async fn create_grant(tx: &mut Tx, new: &NewGrant<'_>) -> Result<i64, DbError> {
    let sql = "INSERT INTO oauth_grant (public_id, user_id, client_id, app_name, scope, address, access_secs, \
               created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id";
    let args = args![
        new.public_id,
        new.user_id,
        new.client_id,
        new.app_name,
        new.scope,
        new.address,
        new.access_secs,
        new.created_at,
    ];
    tx.fetch_one(sql, args).await?.int("id")
}

/// A grant that nobody revoked, of a user in service.
pub async fn find_grant(conn: &mut Conn, id: i64) -> Result<Option<GrantRow>, DbError> {
    let sql = concat!(
        select_grant!(),
        "WHERE g.id = $1 AND g.revoked_at IS NULL AND a.disabled_at IS NULL"
    );
    conn.fetch_optional(sql, args![id]).await?.as_ref().map(grant).transpose()
}

/// What a user allowed apps that still hold a token of theirs, newest first.
pub async fn list_grants(
    conn: &mut Conn,
    user_id: i64,
    now: Timestamp,
) -> Result<Vec<GrantRow>, DbError> {
    let sql = concat!(
        select_grant!(),
        "WHERE g.user_id = $1 AND g.revoked_at IS NULL AND (EXISTS (SELECT 1 FROM token t \
         WHERE t.grant_id = g.id AND t.revoked_at IS NULL AND t.expires_at > $2) \
         OR EXISTS (SELECT 1 FROM oauth_refresh r WHERE r.grant_id = g.id AND r.uses = 0 AND r.expires_at > $2)) \
         ORDER BY g.id DESC LIMIT 200"
    );
    conn.fetch_all(sql, args![user_id, now]).await?.iter().map(grant).collect()
}

/// Takes a grant back with every token that came of it.
pub async fn revoke_grant(tx: &mut Tx, id: i64, now: Timestamp) -> Result<(), DbError> {
    let sql = "UPDATE oauth_grant SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    tx.execute(sql, args![id, now]).await?;
    revoke_granted_tokens(tx, id, now).await?;
    tx.execute("DELETE FROM oauth_refresh WHERE grant_id = $1", args![id]).await?;
    Ok(())
}

/// Takes back everything that a user allowed.
pub async fn revoke_user_grants(tx: &mut Tx, user_id: i64, now: Timestamp) -> Result<(), DbError> {
    let sql = "SELECT id FROM oauth_grant WHERE user_id = $1 AND revoked_at IS NULL";
    for row in tx.fetch_all(sql, args![user_id]).await? {
        revoke_grant(tx, row.int("id")?, now).await?;
    }
    Ok(())
}

/// A code that an app exchanges for tokens.
#[derive(Debug, Clone)]
pub struct AuthCode {
    /// Of what was allowed.
    pub grant_id: i64,
    /// Where the code was sent.
    pub redirect_uri: String,
    /// What the app wants to see in the id token.
    pub nonce: Option<String>,
    /// Of PKCE, method S256.
    pub challenge: Option<String>,
    /// When whoever allowed it had signed in.
    pub auth_time: Option<Timestamp>,
    /// When it stops being good.
    pub expires_at: Timestamp,
}

/// Stores a code.
pub async fn create_auth_code(tx: &mut Tx, hash: Sha256, code: &AuthCode) -> Result<(), DbError> {
    let sql = "INSERT INTO oauth_code (hash, grant_id, redirect_uri, nonce, challenge, auth_time, expires_at, uses) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, 0)";
    let args = args![
        hash,
        code.grant_id,
        &code.redirect_uri,
        code.nonce.clone(),
        code.challenge.clone(),
        code.auth_time,
        code.expires_at,
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

/// Uses a code; how often it was used before comes with it.
pub async fn use_auth_code(tx: &mut Tx, hash: Sha256) -> Result<Option<(AuthCode, i64)>, DbError> {
    let sql = "UPDATE oauth_code SET uses = uses + 1 WHERE hash = $1 \
               RETURNING grant_id, redirect_uri, nonce, challenge, auth_time, expires_at, uses";
    let Some(row) = tx.fetch_optional(sql, args![hash]).await? else { return Ok(None) };
    let code = AuthCode {
        grant_id: row.int("grant_id")?,
        redirect_uri: row.text("redirect_uri")?,
        nonce: row.opt_text("nonce")?,
        challenge: row.opt_text("challenge")?,
        auth_time: row.opt_timestamp("auth_time")?,
        expires_at: row.timestamp("expires_at")?,
    };
    Ok(Some((code, row.int("uses")? - 1)))
}
