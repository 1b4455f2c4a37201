//! Large files: contents, the links that let repositories reach them, uploads under way, and locks.

use steelyard_core::{Sha256, Timestamp};

use crate::conn::args;
use crate::{Conn, DbError, Row, Tx};

/// A repository's link to a content.
#[derive(Debug, Clone)]
pub struct LinkRow {
    /// The id clients see as `fileOid`.
    pub public_id: String,
    /// The content.
    pub sha256: Sha256,
    /// Its size.
    pub size_bytes: u64,
    /// The last path it was committed under.
    pub filename: Option<String>,
    /// The ref of that commit.
    pub ref_name: Option<String>,
    /// When the link was made.
    pub linked_at: Timestamp,
}

fn link(row: &Row) -> Result<LinkRow, DbError> {
    Ok(LinkRow {
        public_id: row.text("public_id")?,
        sha256: row.sha256("sha256")?,
        size_bytes: row.count("size_bytes")?,
        filename: row.opt_text("filename")?,
        ref_name: row.opt_text("ref_name")?,
        linked_at: row.timestamp("linked_at")?,
    })
}

/// Records that a content is durable in the object store; takes it off the condemned list if it was on it.
pub async fn ensure_object(
    tx: &mut Tx,
    sha256: Sha256,
    size_bytes: u64,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO lfs_object (sha256, size_bytes, created_at) VALUES ($1, $2, $3) \
         ON CONFLICT (sha256) DO UPDATE SET condemned_at = NULL",
        args![sha256, size(size_bytes), now],
    )
    .await?;
    Ok(())
}

/// The size of a stored content.
pub async fn find_object(conn: &mut Conn, sha256: Sha256) -> Result<Option<u64>, DbError> {
    let row = conn
        .fetch_optional("SELECT size_bytes FROM lfs_object WHERE sha256 = $1", args![sha256])
        .await?;
    row.map(|row| row.count("size_bytes")).transpose()
}

/// Gives a repository access to a content.
pub async fn ensure_link(
    tx: &mut Tx,
    repo_id: i64,
    sha256: Sha256,
    public_id: &str,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO lfs_link (repo_id, sha256, public_id, linked_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (repo_id, sha256) DO NOTHING",
        args![repo_id, sha256, public_id, now],
    )
    .await?;
    Ok(())
}

/// Notes under which path and ref a linked content was last committed.
pub async fn name_link(
    tx: &mut Tx,
    repo_id: i64,
    sha256: Sha256,
    filename: &str,
    ref_name: &str,
) -> Result<(), DbError> {
    let sql = "UPDATE lfs_link SET filename = $3, ref_name = $4 WHERE repo_id = $1 AND sha256 = $2";
    tx.execute_later(sql, args![repo_id, sha256, filename, ref_name]).await?;
    Ok(())
}

/// The repository's link to a content.
pub async fn find_link(
    conn: &mut Conn,
    repo_id: i64,
    sha256: Sha256,
) -> Result<Option<LinkRow>, DbError> {
    let sql = "SELECT l.public_id, l.sha256, o.size_bytes, l.filename, l.ref_name, l.linked_at FROM lfs_link l \
               JOIN lfs_object o ON o.sha256 = l.sha256 WHERE l.repo_id = $1 AND l.sha256 = $2";
    conn.fetch_optional(sql, args![repo_id, sha256]).await?.as_ref().map(link).transpose()
}

/// The content behind a repository's link of that public id.
pub async fn find_linked(
    conn: &mut Conn,
    repo_id: i64,
    public_id: &str,
) -> Result<Option<Sha256>, DbError> {
    let sql = "SELECT sha256 FROM lfs_link WHERE repo_id = $1 AND public_id = $2";
    let row = conn.fetch_optional(sql, args![repo_id, public_id]).await?;
    row.map(|row| row.sha256("sha256")).transpose()
}

/// The repository's links in order of their public id, after `after`.
pub async fn list_links(
    conn: &mut Conn,
    repo_id: i64,
    after: &str,
    limit: i64,
) -> Result<Vec<LinkRow>, DbError> {
    let sql = "SELECT l.public_id, l.sha256, o.size_bytes, l.filename, l.ref_name, l.linked_at FROM lfs_link l \
               JOIN lfs_object o ON o.sha256 = l.sha256 WHERE l.repo_id = $1 AND l.public_id > $2 \
               ORDER BY l.public_id LIMIT $3";
    conn.fetch_all(sql, args![repo_id, after, limit]).await?.iter().map(link).collect()
}

/// Takes a repository's access to a content away; false when it had none.
pub async fn delete_link(tx: &mut Tx, repo_id: i64, public_id: &str) -> Result<bool, DbError> {
    let sql = "DELETE FROM lfs_link WHERE repo_id = $1 AND public_id = $2";
    Ok(tx.execute(sql, args![repo_id, public_id]).await? > 0)
}

/// Gives one repository the links of another; `fresh_prefix` makes their public ids unique.
pub async fn share_links(
    tx: &mut Tx,
    from_repo: i64,
    to_repo: i64,
    fresh_prefix: &str,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO lfs_link (repo_id, sha256, public_id, filename, ref_name, linked_at) \
         SELECT $2, sha256, $3 || substr(public_id, 9), filename, ref_name, $4 FROM lfs_link WHERE repo_id = $1",
        args![from_repo, to_repo, fresh_prefix, now],
    )
    .await?;
    Ok(())
}

/// Bytes of all contents a repository links to.
pub async fn sum_linked_bytes(conn: &mut Conn, repo_id: i64) -> Result<i64, DbError> {
    let sql = "SELECT CAST(COALESCE(SUM(o.size_bytes), 0) AS BIGINT) AS n FROM lfs_link l \
               JOIN lfs_object o ON o.sha256 = l.sha256 WHERE l.repo_id = $1";
    conn.fetch_one(sql, args![repo_id]).await?.int("n")
}

/// An upload that was granted and has not finished.
#[derive(Debug, Clone)]
pub struct UploadRow {
    /// UUID; also its key in the object store.
    pub id: String,
    /// For this repository.
    pub repo_id: i64,
    /// By this user.
    pub user_id: i64,
    /// The content it promises.
    pub sha256: Sha256,
    /// The size it promises.
    pub size_bytes: u64,
    /// Bytes per part, when it comes in parts.
    pub part_size_bytes: Option<i64>,
    /// When the grant ends.
    pub expires_at: Timestamp,
    /// When its bytes were verified and became a stored content.
    pub finished_at: Option<Timestamp>,
}

fn upload(row: &Row) -> Result<UploadRow, DbError> {
    Ok(UploadRow {
        id: row.text("id")?,
        repo_id: row.int("repo_id")?,
        user_id: row.int("user_id")?,
        sha256: row.sha256("sha256")?,
        size_bytes: row.count("size_bytes")?,
        part_size_bytes: row.opt_int("part_size_bytes")?,
        expires_at: row.timestamp("expires_at")?,
        finished_at: row.opt_timestamp("finished_at")?,
    })
}

/// Grants an upload.
pub async fn create_upload(tx: &mut Tx, new: &UploadRow, now: Timestamp) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO lfs_upload (id, repo_id, user_id, sha256, size_bytes, part_size_bytes, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        args![
            new.id.as_str(),
            new.repo_id,
            new.user_id,
            new.sha256,
            size(new.size_bytes),
            new.part_size_bytes,
            now,
            new.expires_at,
        ],
    )
    .await?;
    Ok(())
}

/// The upload with that id.
pub async fn find_upload(conn: &mut Conn, id: &str) -> Result<Option<UploadRow>, DbError> {
    let sql = "SELECT id, repo_id, user_id, sha256, size_bytes, part_size_bytes, expires_at, finished_at \
               FROM lfs_upload WHERE id = $1";
    conn.fetch_optional(sql, args![id]).await?.as_ref().map(upload).transpose()
}

/// Uploads of a content to a repository, newest first.
pub async fn list_uploads(
    conn: &mut Conn,
    repo_id: i64,
    sha256: Sha256,
) -> Result<Vec<UploadRow>, DbError> {
    let sql = "SELECT id, repo_id, user_id, sha256, size_bytes, part_size_bytes, expires_at, finished_at \
               FROM lfs_upload \
               WHERE repo_id = $1 AND sha256 = $2 ORDER BY created_at DESC, id LIMIT 20";
    conn.fetch_all(sql, args![repo_id, sha256]).await?.iter().map(upload).collect()
}

/// Uploads whose grant ended before `now`.
pub async fn list_expired_uploads(
    conn: &mut Conn,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<String>, DbError> {
    let sql = "SELECT id FROM lfs_upload WHERE expires_at < $1 ORDER BY expires_at LIMIT $2";
    conn.fetch_all(sql, args![now, limit]).await?.iter().map(|row| row.text("id")).collect()
}

/// Notes that an upload's bytes became a stored content, and keeps the grant until `expires_at`, so that a repeated
/// request finds it; false when the upload is unknown by now.
pub async fn finish_upload(
    tx: &mut Tx,
    id: &str,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<bool, DbError> {
    let sql = "UPDATE lfs_upload SET finished_at = $2, expires_at = $3 WHERE id = $1";
    Ok(tx.execute(sql, args![id, now, expires_at]).await? > 0)
}

/// True when the upload is known; for sweeping orphans of the object store.
pub async fn upload_exists(conn: &mut Conn, id: &str) -> Result<bool, DbError> {
    Ok(conn
        .fetch_optional("SELECT 1 AS one FROM lfs_upload WHERE id = $1", args![id])
        .await?
        .is_some())
}

/// Forgets an upload.
pub async fn delete_upload(tx: &mut Tx, id: &str) -> Result<(), DbError> {
    tx.execute("DELETE FROM lfs_upload WHERE id = $1", args![id]).await?;
    Ok(())
}

/// Condemns contents without a link that are older than `before`; they go when nobody links to them until then.
pub async fn condemn_unlinked(
    tx: &mut Tx,
    before: Timestamp,
    now: Timestamp,
) -> Result<u64, DbError> {
    tx.execute(
        "UPDATE lfs_object SET condemned_at = $2 WHERE condemned_at IS NULL AND created_at < $1 \
         AND NOT EXISTS (SELECT 1 FROM lfs_link l WHERE l.sha256 = lfs_object.sha256)",
        args![before, now],
    )
    .await
}

/// Takes a stored content off the condemned list and keeps it off until the transaction ends; its size, or `None`
/// when there is no such content.
///
/// Waits for a transaction that is deleting the content, so that whoever stores its bytes again does so afterwards.
pub async fn spare_object(tx: &mut Tx, sha256: Sha256) -> Result<Option<u64>, DbError> {
    let sql = "UPDATE lfs_object SET condemned_at = NULL WHERE sha256 = $1 RETURNING size_bytes";
    let row = tx.fetch_optional(sql, args![sha256]).await?;
    row.map(|row| row.count("size_bytes")).transpose()
}

/// Records bytes that lie in the object store without a row, condemned from the start, so that they go as others do.
/// False when there is a row by now.
pub async fn condemn_orphan(
    tx: &mut Tx,
    sha256: Sha256,
    size_bytes: u64,
    now: Timestamp,
) -> Result<bool, DbError> {
    let sql = "INSERT INTO lfs_object (sha256, size_bytes, created_at, condemned_at) VALUES ($1, $2, $3, $3) \
               ON CONFLICT (sha256) DO NOTHING";
    Ok(tx.execute(sql, args![sha256, size(size_bytes), now]).await? > 0)
}

/// Contents that were condemned before `before`.
pub async fn list_condemned(
    conn: &mut Conn,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<Sha256>, DbError> {
    let sql =
        "SELECT sha256 FROM lfs_object WHERE condemned_at < $1 ORDER BY condemned_at LIMIT $2";
    let rows = conn.fetch_all(sql, args![before, limit]).await?;
    rows.iter().map(|row| row.sha256("sha256")).collect()
}

/// Deletes a content that was condemned before `before` and still has no link; false when it was spared meanwhile.
/// Until the transaction ends nobody can store or link it, so its bytes are deleted before the commit.
pub async fn delete_condemned(
    tx: &mut Tx,
    sha256: Sha256,
    before: Timestamp,
) -> Result<bool, DbError> {
    let sql = "DELETE FROM lfs_object WHERE sha256 = $1 AND condemned_at < $2 \
               AND NOT EXISTS (SELECT 1 FROM lfs_link l WHERE l.sha256 = lfs_object.sha256)";
    Ok(tx.execute(sql, args![sha256, before]).await? > 0)
}

/// Contents in order of hash, after `after`; for fsck.
pub async fn list_objects(
    conn: &mut Conn,
    after: &[u8],
    limit: i64,
) -> Result<Vec<(Sha256, u64)>, DbError> {
    let sql =
        "SELECT sha256, size_bytes FROM lfs_object WHERE sha256 > $1 ORDER BY sha256 LIMIT $2";
    let rows = conn.fetch_all(sql, args![after, limit]).await?;
    rows.iter().map(|row| Ok((row.sha256("sha256")?, row.count("size_bytes")?))).collect()
}

/// A file somebody locked.
#[derive(Debug, Clone)]
pub struct LockRow {
    /// UUID.
    pub id: String,
    /// The file.
    pub path: String,
    /// Who holds it.
    pub owner_id: i64,
    /// Their name.
    pub owner_name: String,
    /// Since when.
    pub locked_at: Timestamp,
}

fn lock(row: &Row) -> Result<LockRow, DbError> {
    Ok(LockRow {
        id: row.text("id")?,
        path: row.text("path")?,
        owner_id: row.int("owner_id")?,
        owner_name: row.text("owner_name")?,
        locked_at: row.timestamp("locked_at")?,
    })
}

macro_rules! select_lock {
    () => {
        "SELECT l.id, l.path, l.owner_id, a.name AS owner_name, l.locked_at FROM lfs_lock l \
         JOIN account a ON a.id = l.owner_id "
    };
}

/// Locks a path; [`DbError::Conflict`] when it is locked.
pub async fn create_lock(
    tx: &mut Tx,
    repo_id: i64,
    id: &str,
    path: &str,
    owner_id: i64,
    ref_name: Option<&str>,
    now: Timestamp,
) -> Result<(), DbError> {
    let sql = "INSERT INTO lfs_lock (id, repo_id, path, owner_id, ref_name, locked_at) VALUES ($1, $2, $3, $4, $5, $6)";
    tx.execute(sql, args![id, repo_id, path, owner_id, ref_name, now]).await?;
    Ok(())
}

/// The lock on a path.
pub async fn find_lock_by_path(
    conn: &mut Conn,
    repo_id: i64,
    path: &str,
) -> Result<Option<LockRow>, DbError> {
    let sql = concat!(select_lock!(), "WHERE l.repo_id = $1 AND l.path = $2");
    conn.fetch_optional(sql, args![repo_id, path]).await?.as_ref().map(lock).transpose()
}

/// The lock with that id.
pub async fn find_lock(
    conn: &mut Conn,
    repo_id: i64,
    id: &str,
) -> Result<Option<LockRow>, DbError> {
    let sql = concat!(select_lock!(), "WHERE l.repo_id = $1 AND l.id = $2");
    conn.fetch_optional(sql, args![repo_id, id]).await?.as_ref().map(lock).transpose()
}

/// Locks in order of path, after `after`.
pub async fn list_locks(
    conn: &mut Conn,
    repo_id: i64,
    after: &str,
    limit: i64,
) -> Result<Vec<LockRow>, DbError> {
    let sql =
        concat!(select_lock!(), "WHERE l.repo_id = $1 AND l.path > $2 ORDER BY l.path LIMIT $3");
    conn.fetch_all(sql, args![repo_id, after, limit]).await?.iter().map(lock).collect()
}

/// Releases a lock.
pub async fn delete_lock(tx: &mut Tx, repo_id: i64, id: &str) -> Result<bool, DbError> {
    let sql = "DELETE FROM lfs_lock WHERE repo_id = $1 AND id = $2";
    Ok(tx.execute(sql, args![repo_id, id]).await? > 0)
}

fn size(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
