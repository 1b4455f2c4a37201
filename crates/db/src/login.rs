//! How users prove who they are to a browser: passwords, second factors, codes, and how often somebody guessed wrong.

use steelyard_core::{Sha256, Timestamp};

use crate::conn::args;
use crate::{Conn, DbError, Tx};

/// The password and second factor of a user.
#[derive(Debug, Clone)]
pub struct LoginRow {
    /// The user's key.
    pub user_id: i64,
    /// In PHC form.
    pub password_hash: String,
    /// When the password was set.
    pub changed_at: Timestamp,
    /// The secret of the second factor, once one was begun.
    pub totp_secret: Option<Vec<u8>>,
    /// The last time step of which a code was used; `None` until the first one proves that the secret was received.
    pub totp_step: Option<i64>,
}

impl LoginRow {
    /// True when signing in takes a code beside the password.
    pub fn has_second_factor(&self) -> bool {
        self.totp_secret.is_some() && self.totp_step.is_some()
    }
}

/// The login of a user, if they have a password.
pub async fn find_login(conn: &mut Conn, user_id: i64) -> Result<Option<LoginRow>, DbError> {
    let sql = "SELECT user_id, password_hash, changed_at, totp_secret, totp_step FROM login WHERE user_id = $1";
    let Some(row) = conn.fetch_optional(sql, args![user_id]).await? else { return Ok(None) };
    Ok(Some(LoginRow {
        user_id: row.int("user_id")?,
        password_hash: row.text("password_hash")?,
        changed_at: row.timestamp("changed_at")?,
        totp_secret: row.opt_bytes("totp_secret")?,
        totp_step: row.opt_int("totp_step")?,
    }))
}

/// Sets a user's password; the second factor stays.
pub async fn set_password(
    tx: &mut Tx,
    user_id: i64,
    password_hash: &str,
    now: Timestamp,
) -> Result<(), DbError> {
    let sql = "INSERT INTO login (user_id, password_hash, changed_at) VALUES ($1, $2, $3) \
               ON CONFLICT (user_id) DO UPDATE SET password_hash = excluded.password_hash, \
               changed_at = excluded.changed_at";
    tx.execute(sql, args![user_id, password_hash, now]).await?;
    Ok(())
}

/// Begins a second factor that is not in force yet, or takes it away with `None`.
pub async fn set_totp_secret(
    tx: &mut Tx,
    user_id: i64,
    secret: Option<&[u8]>,
) -> Result<(), DbError> {
    let sql = "UPDATE login SET totp_secret = $2, totp_step = NULL WHERE user_id = $1";
    tx.execute(sql, args![user_id, secret.map(<[u8]>::to_vec)]).await?;
    Ok(())
}

/// Uses up the code of a time step; false when that one or a later one was used before. The first makes the factor count.
pub async fn use_totp_step(tx: &mut Tx, user_id: i64, step: i64) -> Result<bool, DbError> {
    let sql = "UPDATE login SET totp_step = $2 WHERE user_id = $1 AND totp_secret IS NOT NULL \
               AND (totp_step IS NULL OR totp_step < $2)";
    Ok(tx.execute(sql, args![user_id, step]).await? > 0)
}

/// Replaces a user's recovery codes.
pub async fn set_recovery_codes(
    tx: &mut Tx,
    user_id: i64,
    hashes: &[Sha256],
) -> Result<(), DbError> {
    tx.execute("DELETE FROM recovery_code WHERE user_id = $1", args![user_id]).await?;
    for hash in hashes {
        let sql = "INSERT INTO recovery_code (user_id, hash) VALUES ($1, $2)";
        tx.execute(sql, args![user_id, *hash]).await?;
    }
    Ok(())
}

/// Uses up a recovery code; false when the user has no such code.
pub async fn use_recovery_code(tx: &mut Tx, user_id: i64, hash: Sha256) -> Result<bool, DbError> {
    let sql = "DELETE FROM recovery_code WHERE user_id = $1 AND hash = $2";
    Ok(tx.execute(sql, args![user_id, hash]).await? > 0)
}

/// How many recovery codes a user has left.
pub async fn count_recovery_codes(conn: &mut Conn, user_id: i64) -> Result<i64, DbError> {
    let sql = "SELECT COUNT(*) AS n FROM recovery_code WHERE user_id = $1";
    conn.fetch_one(sql, args![user_id]).await?.int("n")
}

/// What a code that was given to somebody is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodePurpose {
    /// Sets a new password.
    Reset,
    /// Makes an account.
    Invitation,
}

impl CodePurpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Invitation => "invitation",
        }
    }
}

/// A code that was given to somebody, without its text.
#[derive(Debug, Clone)]
pub struct CodeRow {
    /// Internal key.
    pub id: i64,
    /// Whose password it sets.
    pub user_id: Option<i64>,
    /// Whom it was sent to.
    pub email: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops being good.
    pub expires_at: Timestamp,
}

/// A code to store.
#[derive(Debug)]
pub struct NewCode<'a> {
    /// Of its text.
    pub hash: Sha256,
    /// What it is good for.
    pub purpose: CodePurpose,
    /// Whose password it sets.
    pub user_id: Option<i64>,
    /// Whom it is sent to.
    pub email: Option<&'a str>,
    /// Who asked for it.
    pub created_by: Option<i64>,
    /// Now.
    pub created_at: Timestamp,
    /// When it stops being good.
    pub expires_at: Timestamp,
}

/// Stores a code.
pub async fn create_code(tx: &mut Tx, new: &NewCode<'_>) -> Result<(), DbError> {
    let sql = "INSERT INTO login_code (hash, purpose, user_id, email, created_by, created_at, expires_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let args = args![
        new.hash,
        new.purpose.as_str(),
        new.user_id,
        new.email,
        new.created_by,
        new.created_at,
        new.expires_at,
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

macro_rules! code_columns {
    () => {
        "id, user_id, email, created_at, expires_at"
    };
}

fn code(row: &crate::Row) -> Result<CodeRow, DbError> {
    Ok(CodeRow {
        id: row.int("id")?,
        user_id: row.opt_int("user_id")?,
        email: row.opt_text("email")?,
        created_at: row.timestamp("created_at")?,
        expires_at: row.timestamp("expires_at")?,
    })
}

/// Uses up a code: it is good once. `None` for one that does not exist or is too old.
pub async fn use_code(
    tx: &mut Tx,
    hash: Sha256,
    purpose: CodePurpose,
    now: Timestamp,
) -> Result<Option<CodeRow>, DbError> {
    let sql = concat!(
        "DELETE FROM login_code WHERE hash = $1 AND purpose = $2 AND expires_at > $3 RETURNING ",
        code_columns!()
    );
    let row = tx.fetch_optional(sql, args![hash, purpose.as_str(), now]).await?;
    row.as_ref().map(code).transpose()
}

/// Codes of a purpose that are still good, newest first.
pub async fn list_codes(
    conn: &mut Conn,
    purpose: CodePurpose,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<CodeRow>, DbError> {
    let sql = concat!(
        "SELECT ",
        code_columns!(),
        " FROM login_code WHERE purpose = $1 AND expires_at > $2 ORDER BY id DESC LIMIT $3"
    );
    conn.fetch_all(sql, args![purpose.as_str(), now, limit]).await?.iter().map(code).collect()
}

/// Takes a code back; false when it is gone already.
pub async fn delete_code(tx: &mut Tx, id: i64) -> Result<bool, DbError> {
    Ok(tx.execute("DELETE FROM login_code WHERE id = $1", args![id]).await? > 0)
}

/// Takes back every code that sets this user's password.
pub async fn delete_reset_codes(tx: &mut Tx, user_id: i64) -> Result<(), DbError> {
    let sql = "DELETE FROM login_code WHERE user_id = $1 AND purpose = 'reset'";
    tx.execute(sql, args![user_id]).await?;
    Ok(())
}

/// Failures of `subject` since the window's start, and that start.
pub async fn find_failures(
    conn: &mut Conn,
    subject: &str,
) -> Result<Option<(i64, Timestamp)>, DbError> {
    let sql = "SELECT failures, since FROM login_failure WHERE subject = $1";
    let row = conn.fetch_optional(sql, args![subject]).await?;
    row.map(|row| Ok((row.int("failures")?, row.timestamp("since")?))).transpose()
}

/// Counts a failure; a window that began before `window_start` begins anew. Returns how many the window has now.
pub async fn count_failure(
    tx: &mut Tx,
    subject: &str,
    window_start: Timestamp,
    now: Timestamp,
) -> Result<i64, DbError> {
    let sql = "INSERT INTO login_failure (subject, failures, since) VALUES ($1, 1, $3) \
               ON CONFLICT (subject) DO UPDATE SET \
               failures = CASE WHEN login_failure.since <= $2 THEN 1 ELSE login_failure.failures + 1 END, \
               since = CASE WHEN login_failure.since <= $2 THEN excluded.since ELSE login_failure.since END \
               RETURNING failures";
    tx.fetch_one(sql, args![subject, window_start, now]).await?.int("failures")
}

/// Forgets the failures of `subject`, after a success.
pub async fn clear_failures(tx: &mut Tx, subject: &str) -> Result<(), DbError> {
    tx.execute("DELETE FROM login_failure WHERE subject = $1", args![subject]).await?;
    Ok(())
}

/// Deletes what time has made useless: sessions and codes past their end, windows of failures that began before `before`.
pub async fn trim_logins(tx: &mut Tx, now: Timestamp, before: Timestamp) -> Result<u64, DbError> {
    let sessions = tx.execute("DELETE FROM session WHERE expires_at <= $1", args![now]).await?;
    let codes = tx.execute("DELETE FROM login_code WHERE expires_at <= $1", args![now]).await?;
    let windows = tx.execute("DELETE FROM login_failure WHERE since < $1", args![before]).await?;
    Ok(sessions + codes + windows)
}
