//! Programs without a browser, which wait until somebody typed their code.

use steelyard_core::{Sha256, Timestamp};

use crate::conn::args;
use crate::{Conn, DbError, Row, Tx};

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
