//! Uploads: granted, and finished ones that wait for their commit.

use std::collections::{BTreeMap, HashMap};

use steelyard_core::{Sha256, Timestamp};

use crate::batch::{fetch_in, insert_rows, keys};
use crate::conn::args;
use crate::{Conn, DbError, Row, Tx, Value};

/// An upload that was granted, or that has finished and waits for its commit.
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
    /// When its bytes were verified and became a stored content; for a file, when it was registered.
    pub finished_at: Option<Timestamp>,
    /// The file that was registered as this content. While its SHA-256 is unknown, that is a claim.
    pub xet_file_id: Option<i64>,
}

macro_rules! select_upload {
    () => {
        "SELECT id, repo_id, user_id, sha256, size_bytes, part_size_bytes, expires_at, finished_at, xet_file_id \
         FROM lfs_upload "
    };
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
        xet_file_id: row.opt_int("xet_file_id")?,
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
            Value::count(new.size_bytes),
            new.part_size_bytes,
            now,
            new.expires_at,
        ],
    )
    .await?;
    Ok(())
}

/// Records an upload that has finished without a grant: a file ([`UploadRow::xet_file_id`]) that was registered as a
/// content. One of the same file by the same user is prolonged instead.
pub async fn create_finished_upload(
    tx: &mut Tx,
    new: &UploadRow,
    now: Timestamp,
) -> Result<(), DbError> {
    create_finished_uploads(tx, std::slice::from_ref(new), now).await
}

/// Records finished uploads as [`create_finished_upload`] does.
pub async fn create_finished_uploads(
    tx: &mut Tx,
    new: &[UploadRow],
    now: Timestamp,
) -> Result<(), DbError> {
    let mut of_grantees: BTreeMap<_, Vec<&UploadRow>> = BTreeMap::new();
    for upload in new {
        of_grantees.entry((upload.repo_id, upload.user_id)).or_default().push(upload);
    }
    for ((repo_id, user_id), uploads) in of_grantees {
        let contents: Vec<Sha256> = uploads.iter().map(|upload| upload.sha256).collect();
        let sql = "SELECT id, sha256, xet_file_id FROM lfs_upload WHERE repo_id = $1 AND user_id = $2 \
                   AND sha256 IN {keys} AND finished_at IS NOT NULL";
        let mut known = HashMap::new();
        for row in fetch_in(tx, sql, args![repo_id, user_id], &keys(&contents)).await? {
            let key = (row.sha256("sha256")?, row.opt_int("xet_file_id")?);
            known.insert(key, row.text("id")?);
        }
        let mut fresh = BTreeMap::new();
        for upload in uploads {
            match known.get(&(upload.sha256, upload.xet_file_id)) {
                Some(id) => {
                    let sql = "UPDATE lfs_upload SET expires_at = $2 WHERE id = $1";
                    tx.execute_later(sql, args![id, upload.expires_at]).await?;
                }
                None => _ = fresh.insert((upload.sha256, upload.xet_file_id), upload),
            }
        }
        insert_finished(tx, fresh.into_values(), now).await?;
    }
    Ok(())
}

async fn insert_finished<'a>(
    tx: &mut Tx,
    uploads: impl Iterator<Item = &'a UploadRow>,
    now: Timestamp,
) -> Result<(), DbError> {
    let rows: Vec<[Value; 9]> = uploads
        .map(|upload| {
            [
                (&upload.id).into(),
                upload.repo_id.into(),
                upload.user_id.into(),
                upload.sha256.into(),
                Value::count(upload.size_bytes),
                now.into(),
                upload.expires_at.into(),
                now.into(),
                upload.xet_file_id.into(),
            ]
        })
        .collect();
    let sql = "INSERT INTO lfs_upload (id, repo_id, user_id, sha256, size_bytes, created_at, expires_at, finished_at, \
               xet_file_id) VALUES {rows}";
    insert_rows(tx, sql, &rows).await?;
    Ok(())
}

/// The upload with that id.
pub async fn find_upload(conn: &mut Conn, id: &str) -> Result<Option<UploadRow>, DbError> {
    let sql = concat!(select_upload!(), "WHERE id = $1");
    conn.fetch_optional(sql, args![id]).await?.as_ref().map(upload).transpose()
}

/// Uploads of a content to a repository, newest first.
pub async fn list_uploads(
    conn: &mut Conn,
    repo_id: i64,
    sha256: Sha256,
) -> Result<Vec<UploadRow>, DbError> {
    let sql = concat!(
        select_upload!(),
        "WHERE repo_id = $1 AND sha256 = $2 ORDER BY created_at DESC, id LIMIT 20"
    );
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
