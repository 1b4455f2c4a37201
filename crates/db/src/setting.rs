//! Values that all replicas share: the key that signs URLs, the instance's id.

use crate::conn::args;
use crate::{DbError, Tx};

/// The stored value of `name`; `fresh` is stored and returned when there is none yet.
pub async fn ensure_setting(tx: &mut Tx, name: &str, fresh: &str) -> Result<String, DbError> {
    let sql = "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    tx.execute(sql, args![name, fresh]).await?;
    tx.fetch_one("SELECT value FROM setting WHERE name = $1", args![name]).await?.text("value")
}
