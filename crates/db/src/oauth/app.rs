//! Apps that somebody registered.

use steelyard_core::{Sha256, Timestamp};

use super::revoke_grant;
use crate::conn::args;
use crate::{Conn, DbError, Row, Tx};

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
