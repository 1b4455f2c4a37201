//! Public SSH keys of users, kept for the day the hub speaks SSH.

use steelyard_core::Timestamp;

use crate::conn::args;
use crate::{Conn, DbError, Tx};

/// A user's key.
#[derive(Debug, Clone)]
pub struct SshKeyRow {
    /// The id by which its user deletes it.
    pub public_id: String,
    /// What its user calls it.
    pub title: String,
    /// `SHA256:...`, as ssh-keygen prints it.
    pub fingerprint: String,
    /// Type and key, without a comment.
    pub public_key: String,
    /// When it was added.
    pub created_at: Timestamp,
}

/// Adds a key; [`DbError::Conflict`] when somebody has it already.
pub async fn create_ssh_key(tx: &mut Tx, user_id: i64, key: &SshKeyRow) -> Result<(), DbError> {
    let sql = "INSERT INTO ssh_key (public_id, user_id, title, fingerprint, public_key, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6)";
    let args = args![
        key.public_id.as_str(),
        user_id,
        key.title.as_str(),
        key.fingerprint.as_str(),
        key.public_key.as_str(),
        key.created_at,
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

/// The keys of a user, oldest first.
pub async fn list_ssh_keys(conn: &mut Conn, user_id: i64) -> Result<Vec<SshKeyRow>, DbError> {
    let sql = "SELECT public_id, title, fingerprint, public_key, created_at FROM ssh_key WHERE user_id = $1 ORDER BY id";
    let rows = conn.fetch_all(sql, args![user_id]).await?;
    let key = |row: &crate::Row| {
        Ok(SshKeyRow {
            public_id: row.text("public_id")?,
            title: row.text("title")?,
            fingerprint: row.text("fingerprint")?,
            public_key: row.text("public_key")?,
            created_at: row.timestamp("created_at")?,
        })
    };
    rows.iter().map(key).collect()
}

/// Deletes a user's key; false when there is none of that id.
pub async fn delete_ssh_key(tx: &mut Tx, user_id: i64, public_id: &str) -> Result<bool, DbError> {
    let sql = "DELETE FROM ssh_key WHERE user_id = $1 AND public_id = $2";
    Ok(tx.execute(sql, args![user_id, public_id]).await? > 0)
}
