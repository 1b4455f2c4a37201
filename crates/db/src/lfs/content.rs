//! Contents and their homes.

use std::collections::BTreeMap;

use steelyard_core::{Sha256, Timestamp, XetHash};

use crate::batch::insert_rows;
use crate::conn::args;
use crate::{Conn, DbError, Row, Tx, Value};

/// A content whose SHA-256 the hub has computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentRow {
    /// Its SHA-256.
    pub sha256: Sha256,
    /// Its size.
    pub size_bytes: u64,
    /// True when its bytes are an object of their own.
    pub has_raw: bool,
    /// Since when such an object is left over, if it is.
    pub raw_retired_at: Option<Timestamp>,
    /// Id and hash of the file that holds its bytes, if one does.
    pub xet: Option<(i64, XetHash)>,
}

macro_rules! select_content {
    () => {
        "SELECT o.sha256, o.size_bytes, o.has_raw, o.raw_retired_at, o.xet_file_id, f.hash AS file_hash \
         FROM lfs_object o LEFT JOIN xet_file f ON f.id = o.xet_file_id "
    };
}

fn content(row: &Row) -> Result<ContentRow, DbError> {
    Ok(ContentRow {
        sha256: row.sha256("sha256")?,
        size_bytes: row.count("size_bytes")?,
        has_raw: row.bool("has_raw")?,
        raw_retired_at: row.opt_timestamp("raw_retired_at")?,
        xet: row.opt_int("xet_file_id")?.zip(row.opt_xet_hash("file_hash")?),
    })
}

/// Records that a content is durable as an object of its own; takes it off the condemned list if it was on it.
/// Where a file holds the content already, the object is left over from the start.
pub async fn ensure_object(
    tx: &mut Tx,
    sha256: Sha256,
    size_bytes: u64,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO lfs_object (sha256, size_bytes, created_at) VALUES ($1, $2, $3) \
         ON CONFLICT (sha256) DO UPDATE SET condemned_at = NULL, has_raw = (lfs_object.xet_file_id IS NULL), \
         raw_retired_at = CASE WHEN lfs_object.xet_file_id IS NULL THEN NULL ELSE excluded.created_at END",
        args![sha256, Value::count(size_bytes), now],
    )
    .await?;
    Ok(())
}

/// Records that a file is a content, as [`ensure_object`] does for an object. A file that is known for it stays; an object
/// that is there is left over from now on.
pub async fn ensure_xet_object(
    tx: &mut Tx,
    sha256: Sha256,
    size_bytes: u64,
    file_id: i64,
    now: Timestamp,
) -> Result<(), DbError> {
    ensure_xet_objects(tx, &[(sha256, size_bytes, file_id)], now).await
}

/// Records files as contents, `(SHA-256, size, file id)`, as [`ensure_xet_object`] does. Of those with the same SHA-256
/// the first one counts.
pub async fn ensure_xet_objects(
    tx: &mut Tx,
    contents: &[(Sha256, u64, i64)],
    now: Timestamp,
) -> Result<(), DbError> {
    // In order, as others do: two transactions with the same contents must not wait for each other.
    let by_hash: BTreeMap<Sha256, _> =
        contents.iter().rev().map(|content| (content.0, content)).collect();
    let rows: Vec<[Value; 5]> = by_hash
        .into_values()
        .map(|(sha256, size, file_id)| {
            [(*sha256).into(), Value::count(*size), now.into(), false.into(), (*file_id).into()]
        })
        .collect();
    let sql = "INSERT INTO lfs_object (sha256, size_bytes, created_at, has_raw, xet_file_id) VALUES {rows} \
               ON CONFLICT (sha256) DO UPDATE SET condemned_at = NULL, has_raw = excluded.has_raw, \
               raw_retired_at = CASE WHEN lfs_object.has_raw THEN excluded.created_at ELSE lfs_object.raw_retired_at END, \
               xet_file_id = COALESCE(lfs_object.xet_file_id, excluded.xet_file_id)";
    insert_rows(tx, sql, &rows).await?;
    Ok(())
}

/// The size of a stored content.
pub async fn find_object(conn: &mut Conn, sha256: Sha256) -> Result<Option<u64>, DbError> {
    let row = conn
        .fetch_optional("SELECT size_bytes FROM lfs_object WHERE sha256 = $1", args![sha256])
        .await?;
    row.map(|row| row.count("size_bytes")).transpose()
}

/// A stored content with its homes.
pub async fn find_content(conn: &mut Conn, sha256: Sha256) -> Result<Option<ContentRow>, DbError> {
    let sql = concat!(select_content!(), "WHERE o.sha256 = $1");
    conn.fetch_optional(sql, args![sha256]).await?.as_ref().map(content).transpose()
}

/// Contents in order of hash, after `after`; for fsck.
pub async fn list_objects(
    conn: &mut Conn,
    after: &[u8],
    limit: i64,
) -> Result<Vec<ContentRow>, DbError> {
    let sql = concat!(select_content!(), "WHERE o.sha256 > $1 ORDER BY o.sha256 LIMIT $2");
    conn.fetch_all(sql, args![after, limit]).await?.iter().map(content).collect()
}

/// Contents that no file holds yet and that are not empty, in order of hash, after `after`: `(SHA-256, size)`.
/// Condemned ones are left out.
pub async fn list_raw_only(
    conn: &mut Conn,
    after: &[u8],
    limit: i64,
) -> Result<Vec<(Sha256, u64)>, DbError> {
    let sql = "SELECT sha256, size_bytes FROM lfs_object WHERE xet_file_id IS NULL AND has_raw AND size_bytes > 0 \
               AND condemned_at IS NULL AND sha256 > $1 ORDER BY sha256 LIMIT $2";
    let rows = conn.fetch_all(sql, args![after, limit]).await?;
    rows.iter().map(|row| Ok((row.sha256("sha256")?, row.count("size_bytes")?))).collect()
}

/// Moves a content from its object into a file, which must be the same bytes; the object is left over from now on.
/// False when the content has gone, or moved already.
pub async fn set_xet_home(
    tx: &mut Tx,
    sha256: Sha256,
    file_id: i64,
    now: Timestamp,
) -> Result<bool, DbError> {
    let sql = "UPDATE lfs_object SET xet_file_id = $2, has_raw = $3, raw_retired_at = $4 \
               WHERE sha256 = $1 AND has_raw AND xet_file_id IS NULL";
    Ok(tx.execute(sql, args![sha256, file_id, false, now]).await? > 0)
}
