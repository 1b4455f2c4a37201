//! The hub as OAuth provider: apps, what users allowed them, and the codes and tokens by which apps come. Only hashes are
//! stored of what an app must keep to itself.

use steelyard_core::{Sha256, Timestamp, TokenRole};

use crate::conn::args;
use crate::{Conn, DbError, Row, Tx, Value};

/// An app that somebody registered.
#[derive(Debug, Clone)]
pub struct AppRow {
    /// The id it names itself by.
    pub client_id: String,
    /// Who registered it.
    pub owner_id: i64,
    /// The owner's name.
    pub owner_name: String,
    /// What people know it by.
    pub name: String,
    /// Where to read about it.
    pub website: Option<String>,
    /// Of its secret; `None` for one that can keep none.
    pub secret_hash: Option<Sha256>,
    /// Where people may be sent back to.
    pub redirect_uris: Vec<String>,
    /// When it was registered.
    pub created_at: Timestamp,
}

macro_rules! select_app {
    () => {
        "SELECT p.client_id, p.owner_id, p.name, p.website, p.secret_hash, p.redirect_uris, p.created_at, \
         a.name AS owner_name FROM oauth_app p JOIN account a ON a.id = p.owner_id "
    };
}

fn app(row: &Row) -> Result<AppRow, DbError> {
    let uris = row.json("redirect_uris")?;
    let uris = serde_json::from_value(uris);
    Ok(AppRow {
        client_id: row.text("client_id")?,
        owner_id: row.int("owner_id")?,
        owner_name: row.text("owner_name")?,
        name: row.text("name")?,
        website: row.opt_text("website")?,
        secret_hash: row.opt_sha256("secret_hash")?,
        redirect_uris: uris.map_err(|_| DbError::Inconsistent { column: "redirect_uris" })?,
        created_at: row.timestamp("created_at")?,
    })
}

/// An app to register.
#[derive(Debug)]
pub struct NewApp<'a> {
    /// The id it will name itself by.
    pub client_id: &'a str,
    /// Who registers it.
    pub owner_id: i64,
    /// What people know it by.
    pub name: &'a str,
    /// Where to read about it.
    pub website: Option<&'a str>,
    /// Of its secret.
    pub secret_hash: Option<Sha256>,
    /// Where people may be sent back to.
    pub redirect_uris: &'a [String],
    /// Now.
    pub created_at: Timestamp,
}

fn opt_hash(hash: Option<Sha256>) -> Option<Vec<u8>> {
    hash.map(|hash| hash.as_bytes().to_vec())
}

/// Registers an app.
pub async fn create_app(tx: &mut Tx, new: &NewApp<'_>) -> Result<(), DbError> {
    let sql = "INSERT INTO oauth_app (client_id, owner_id, name, website, secret_hash, redirect_uris, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let args = args![
        new.client_id,
        new.owner_id,
        new.name,
        new.website,
        opt_hash(new.secret_hash),
        serde_json::json!(new.redirect_uris).to_string(),
        new.created_at,
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

/// The app that names itself so, of an owner in service.
pub async fn find_app(conn: &mut Conn, client_id: &str) -> Result<Option<AppRow>, DbError> {
    let sql = concat!(select_app!(), "WHERE p.client_id = $1 AND a.disabled_at IS NULL");
    conn.fetch_optional(sql, args![client_id]).await?.as_ref().map(app).transpose()
}

/// The apps that a user registered, newest first.
pub async fn list_apps(conn: &mut Conn, owner_id: i64) -> Result<Vec<AppRow>, DbError> {
    let sql = concat!(select_app!(), "WHERE p.owner_id = $1 ORDER BY p.id DESC LIMIT 200");
    conn.fetch_all(sql, args![owner_id]).await?.iter().map(app).collect()
}

/// Deletes a user's app with everything it was allowed; false when they have none of that id.
pub async fn delete_app(
    tx: &mut Tx,
    owner_id: i64,
    client_id: &str,
    now: Timestamp,
) -> Result<bool, DbError> {
    let sql = "DELETE FROM oauth_app WHERE owner_id = $1 AND client_id = $2";
    if tx.execute(sql, args![owner_id, client_id]).await? == 0 {
        return Ok(false);
    }
    let sql = "SELECT id FROM oauth_grant WHERE client_id = $1 AND revoked_at IS NULL";
    for row in tx.fetch_all(sql, args![client_id]).await? {
        revoke_grant(tx, row.int("id")?, now).await?;
    }
    Ok(true)
}

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
    /// When it stops being good.
    pub expires_at: Timestamp,
}

/// Stores a code.
pub async fn create_auth_code(tx: &mut Tx, hash: Sha256, code: &AuthCode) -> Result<(), DbError> {
    let sql = "INSERT INTO oauth_code (hash, grant_id, redirect_uri, nonce, challenge, expires_at, uses) \
               VALUES ($1, $2, $3, $4, $5, $6, 0)";
    let args = args![
        hash,
        code.grant_id,
        &code.redirect_uri,
        code.nonce.clone(),
        code.challenge.clone(),
        code.expires_at,
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

/// Uses a code; how often it was used before comes with it.
pub async fn use_auth_code(tx: &mut Tx, hash: Sha256) -> Result<Option<(AuthCode, i64)>, DbError> {
    let sql = "UPDATE oauth_code SET uses = uses + 1 WHERE hash = $1 \
               RETURNING grant_id, redirect_uri, nonce, challenge, expires_at, uses";
    let Some(row) = tx.fetch_optional(sql, args![hash]).await? else { return Ok(None) };
    let code = AuthCode {
        grant_id: row.int("grant_id")?,
        redirect_uri: row.text("redirect_uri")?,
        nonce: row.opt_text("nonce")?,
        challenge: row.opt_text("challenge")?,
        expires_at: row.timestamp("expires_at")?,
    };
    Ok(Some((code, row.int("uses")? - 1)))
}

/// What a program without a browser asks for.
#[derive(Debug, Clone)]
pub struct DeviceRow {
    /// Internal key.
    pub id: i64,
    /// Which app.
    pub client_id: String,
    /// What it asks for, as words.
    pub scope: String,
    /// Where it runs.
    pub address: String,
    /// What it called itself.
    pub user_agent: String,
    /// `waiting`, `allowed` or `denied`.
    pub state: String,
    /// What was allowed.
    pub grant_id: Option<i64>,
    /// When it asked.
    pub created_at: Timestamp,
    /// When its code stops being good.
    pub expires_at: Timestamp,
    /// When the app asked for the last time but one.
    pub polled_before: Option<Timestamp>,
}

macro_rules! device_columns {
    () => {
        "id, client_id, scope, address, user_agent, state, grant_id, created_at, expires_at, polled_before"
    };
}

fn device(row: &Row) -> Result<DeviceRow, DbError> {
    Ok(DeviceRow {
        id: row.int("id")?,
        client_id: row.text("client_id")?,
        scope: row.text("scope")?,
        address: row.text("address")?,
        user_agent: row.text("user_agent")?,
        state: row.text("state")?,
        grant_id: row.opt_int("grant_id")?,
        created_at: row.timestamp("created_at")?,
        expires_at: row.timestamp("expires_at")?,
        polled_before: row.opt_timestamp("polled_before")?,
    })
}

/// What a program without a browser begins with.
#[derive(Debug)]
pub struct NewDevice<'a> {
    /// Of the code that the program keeps.
    pub device_hash: Sha256,
    /// Of the code that its user types.
    pub user_code_hash: Sha256,
    /// Which app.
    pub client_id: &'a str,
    /// What it asks for, as words.
    pub scope: &'a str,
    /// Where it runs.
    pub address: &'a str,
    /// What it calls itself.
    pub user_agent: &'a str,
    /// Now.
    pub created_at: Timestamp,
    /// When its codes stop being good.
    pub expires_at: Timestamp,
}

/// Stores what a program asks for.
pub async fn create_device(tx: &mut Tx, new: &NewDevice<'_>) -> Result<(), DbError> {
    let sql = "INSERT INTO oauth_device (device_hash, user_code_hash, client_id, scope, address, user_agent, state, \
               created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, 'waiting', $7, $8)";
    let args = args![
        new.device_hash,
        new.user_code_hash,
        new.client_id,
        new.scope,
        new.address,
        new.user_agent,
        new.created_at,
        new.expires_at,
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

/// How many programs at an address wait for somebody.
pub async fn count_devices(conn: &mut Conn, address: &str, now: Timestamp) -> Result<i64, DbError> {
    let sql = "SELECT COUNT(*) AS n FROM oauth_device WHERE address = $1 AND state = 'waiting' AND expires_at > $2";
    conn.fetch_one(sql, args![address, now]).await?.int("n")
}

/// The program that waits for this code to be typed.
pub async fn find_device(
    conn: &mut Conn,
    user_code_hash: Sha256,
    now: Timestamp,
) -> Result<Option<DeviceRow>, DbError> {
    let sql = concat!(
        "SELECT ",
        device_columns!(),
        " FROM oauth_device WHERE user_code_hash = $1 AND state = 'waiting' AND expires_at > $2"
    );
    conn.fetch_optional(sql, args![user_code_hash, now]).await?.as_ref().map(device).transpose()
}

/// Allows a program what a grant says, or denies it with `None`; false when that was decided already.
pub async fn decide_device(
    tx: &mut Tx,
    id: i64,
    grant_id: Option<i64>,
    now: Timestamp,
) -> Result<bool, DbError> {
    let sql = "UPDATE oauth_device SET state = $2, grant_id = $3 \
               WHERE id = $1 AND state = 'waiting' AND expires_at > $4";
    let state = if grant_id.is_some() { "allowed" } else { "denied" };
    Ok(tx.execute(sql, args![id, state, grant_id, now]).await? > 0)
}

/// Notes that a program asks how things stand, and tells it.
pub async fn poll_device(
    tx: &mut Tx,
    device_hash: Sha256,
    now: Timestamp,
) -> Result<Option<DeviceRow>, DbError> {
    let sql = concat!(
        "UPDATE oauth_device SET polled_before = polled_at, polled_at = $2 WHERE device_hash = $1 RETURNING ",
        device_columns!()
    );
    tx.fetch_optional(sql, args![device_hash, now]).await?.as_ref().map(device).transpose()
}

/// Forgets what a program asked for: its code is used up. False when it was forgotten already.
pub async fn delete_device(tx: &mut Tx, id: i64) -> Result<bool, DbError> {
    Ok(tx.execute("DELETE FROM oauth_device WHERE id = $1", args![id]).await? > 0)
}

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

/// Deletes codes, requests and refresh tokens that ended before `before`.
pub async fn trim_oauth(tx: &mut Tx, before: Timestamp) -> Result<u64, DbError> {
    let before = || vec![Value::from(before)];
    let codes = tx.execute("DELETE FROM oauth_code WHERE expires_at < $1", before()).await?;
    let devices = tx.execute("DELETE FROM oauth_device WHERE expires_at < $1", before()).await?;
    let tokens = tx.execute("DELETE FROM oauth_refresh WHERE expires_at < $1", before()).await?;
    Ok(codes + devices + tokens)
}
