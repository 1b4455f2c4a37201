//! Who likes what.

use steelyard_core::Timestamp;

use crate::account::AccountKind;
use crate::conn::args;
use crate::repo::{RepoRow, repo, select};
use crate::{Conn, DbError, Tx, Viewer};

/// Somebody who likes a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Liker {
    /// Account key.
    pub user_id: i64,
    /// User or organisation.
    pub kind: AccountKind,
    /// Account name.
    pub name: String,
    /// Display name.
    pub full_name: String,
    /// Since when.
    pub created_at: Timestamp,
}

/// Records a like; false when it is there already.
pub async fn insert_like(
    tx: &mut Tx,
    repo_id: i64,
    user_id: i64,
    now: Timestamp,
) -> Result<bool, DbError> {
    let sql = "INSERT INTO repo_like (repo_id, user_id, created_at) VALUES ($1, $2, $3) \
               ON CONFLICT (repo_id, user_id) DO NOTHING";
    Ok(tx.execute(sql, args![repo_id, user_id, now]).await? > 0)
}

/// Takes a like back; returns since when it stood, `None` when there was none.
pub async fn delete_like(
    tx: &mut Tx,
    repo_id: i64,
    user_id: i64,
) -> Result<Option<Timestamp>, DbError> {
    let sql = "DELETE FROM repo_like WHERE repo_id = $1 AND user_id = $2 RETURNING created_at";
    let row = tx.fetch_optional(sql, args![repo_id, user_id]).await?;
    row.map(|row| row.timestamp("created_at")).transpose()
}

/// Whether a user likes a repository.
pub async fn has_like(conn: &mut Conn, repo_id: i64, user_id: i64) -> Result<bool, DbError> {
    let sql = "SELECT 1 AS liked FROM repo_like WHERE repo_id = $1 AND user_id = $2";
    Ok(conn.fetch_optional(sql, args![repo_id, user_id]).await?.is_some())
}

/// Who likes a repository, the latest first, after the like of that moment and user.
pub async fn list_likers(
    conn: &mut Conn,
    repo_id: i64,
    after: Option<(Timestamp, i64)>,
    limit: i64,
) -> Result<Vec<Liker>, DbError> {
    let (at, user_id) = after.unwrap_or((Timestamp::from_millis(i64::MAX), i64::MAX));
    let sql = "SELECT l.user_id, l.created_at, a.kind, a.name, a.full_name \
               FROM repo_like l JOIN account a ON a.id = l.user_id WHERE l.repo_id = $1 \
               AND (l.created_at, l.user_id) < ($2, $3) ORDER BY l.created_at DESC, l.user_id DESC LIMIT $4";
    let rows = conn.fetch_all(sql, args![repo_id, at, user_id, limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(Liker {
                user_id: row.int("user_id")?,
                kind: AccountKind::of(&row.text("kind")?),
                name: row.text("name")?,
                full_name: row.text("full_name")?,
                created_at: row.timestamp("created_at")?,
            })
        })
        .collect()
}

/// What a user likes of that which the viewer may see, the latest first, after the like of that moment and repository.
pub async fn list_of_user(
    conn: &mut Conn,
    user_id: i64,
    viewer: Viewer,
    after: Option<(Timestamp, i64)>,
    limit: i64,
) -> Result<Vec<(RepoRow, Timestamp)>, DbError> {
    let (at, repo_id) = after.unwrap_or((Timestamp::from_millis(i64::MAX), i64::MAX));
    let mut values = args![user_id, at, repo_id, limit];
    let mut sql = String::from(concat!(
        select!(", l.created_at AS liked_at"),
        "JOIN repo_like l ON l.repo_id = r.id WHERE l.user_id = $1 AND r.deleted_at IS NULL \
         AND (l.created_at, l.repo_id) < ($2, $3)"
    ));
    sql.push_str(&viewer.condition(&mut values));
    sql.push_str(" ORDER BY l.created_at DESC, l.repo_id DESC LIMIT $4");
    let rows = conn.fetch_dynamic(sql, values).await?;
    rows.iter().map(|row| Ok((repo(row)?, row.timestamp("liked_at")?))).collect()
}

/// How many people like a repository since then.
pub async fn count_since(conn: &mut Conn, repo_id: i64, since: Timestamp) -> Result<i64, DbError> {
    let sql = "SELECT COUNT(*) AS n FROM repo_like WHERE repo_id = $1 AND created_at >= $2";
    conn.fetch_one(sql, args![repo_id, since]).await?.int("n")
}
