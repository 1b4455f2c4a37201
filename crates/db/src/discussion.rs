//! Numbered threads of a repository: pull requests now, discussions when their routes come.

use steelyard_core::Timestamp;

use crate::conn::args;
use crate::{Conn, DbError, Row, Tx, dialect};

/// A numbered thread.
#[derive(Debug, Clone)]
pub struct DiscussionRow {
    /// Number within the repository, from 1.
    pub num: i64,
    /// Whether it proposes a change on `refs/pr/<num>`.
    pub is_pull_request: bool,
    /// Title.
    pub title: String,
    /// First text.
    pub description: String,
    /// draft, open, closed or merged.
    pub status: String,
    /// The ref a pull request is meant for.
    pub base_ref: Option<String>,
    /// Who opened it.
    pub author_id: i64,
    /// When.
    pub created_at: Timestamp,
}

/// A new thread.
#[derive(Debug)]
pub struct NewDiscussion<'a> {
    /// The id clients will see.
    pub public_id: String,
    /// Whether it is a pull request.
    pub is_pull_request: bool,
    /// Title.
    pub title: &'a str,
    /// First text.
    pub description: &'a str,
    /// draft, open, closed or merged.
    pub status: &'a str,
    /// The ref a pull request is meant for.
    pub base_ref: Option<&'a str>,
    /// Who opens it.
    pub author_id: i64,
    /// The hash of the form that it is opened with, if it is one.
    pub form_hash: Option<&'a [u8]>,
    /// Now.
    pub now: Timestamp,
}

/// Opens a thread and returns its number.
pub async fn create_discussion(
    tx: &mut Tx,
    repo_id: i64,
    new: &NewDiscussion<'_>,
) -> Result<i64, DbError> {
    let sql = "UPDATE repo SET next_discussion = next_discussion + 1 WHERE id = $1 \
               RETURNING next_discussion - 1 AS num";
    let num = tx.fetch_one(sql, args![repo_id]).await?.int("num")?;
    tx.execute(
        "INSERT INTO discussion (repo_id, num, public_id, is_pull_request, title, description, status, base_ref, \
         author_id, form_hash, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        args![
            repo_id,
            num,
            new.public_id.as_str(),
            new.is_pull_request,
            new.title,
            new.description,
            new.status,
            new.base_ref,
            new.author_id,
            new.form_hash.map(<[u8]>::to_vec),
            new.now,
        ],
    )
    .await?;
    Ok(num)
}

/// The number of the thread that this author has opened with this form after `since`. Until the transaction ends nobody
/// else opens one in the repository.
pub async fn find_by_form(
    tx: &mut Tx,
    repo_id: i64,
    author_id: i64,
    form_hash: &[u8],
    since: Timestamp,
) -> Result<Option<i64>, DbError> {
    let lock = format!("SELECT id FROM repo WHERE id = $1{}", dialect::lock_rows(tx));
    tx.fetch_dynamic(lock, args![repo_id]).await?;
    let sql = "SELECT num FROM discussion WHERE repo_id = $1 AND author_id = $2 AND form_hash = $3 \
               AND created_at > $4 ORDER BY num DESC LIMIT 1";
    let row = tx.fetch_optional(sql, args![repo_id, author_id, form_hash, since]).await?;
    row.map(|row| row.int("num")).transpose()
}

/// The thread with that number.
pub async fn find_discussion(
    conn: &mut Conn,
    repo_id: i64,
    num: i64,
) -> Result<Option<DiscussionRow>, DbError> {
    let sql = "SELECT num, is_pull_request, title, description, status, base_ref, author_id, created_at \
               FROM discussion WHERE repo_id = $1 AND num = $2";
    conn.fetch_optional(sql, args![repo_id, num]).await?.as_ref().map(discussion).transpose()
}

fn discussion(row: &Row) -> Result<DiscussionRow, DbError> {
    Ok(DiscussionRow {
        num: row.int("num")?,
        is_pull_request: row.bool("is_pull_request")?,
        title: row.text("title")?,
        description: row.text("description")?,
        status: row.text("status")?,
        base_ref: row.opt_text("base_ref")?,
        author_id: row.int("author_id")?,
        created_at: row.timestamp("created_at")?,
    })
}
