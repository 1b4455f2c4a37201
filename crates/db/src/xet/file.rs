//! Files put together from xorbs.

use steelyard_core::{Sha256, Timestamp, XetHash};

use crate::batch::{fetch_in, keys};
use crate::conn::args;
use crate::{Conn, DbError, Row, Tx};

/// A file, without its terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    /// Internal key.
    pub id: i64,
    /// Its hash in the protocol of Xet.
    pub hash: XetHash,
    /// Its size.
    pub size_bytes: u64,
    /// How many terms it has.
    pub n_terms: u32,
    /// SHA-256 of its content, once the hub has computed it.
    pub sha256: Option<Sha256>,
    /// When it was registered first.
    pub created_at: Timestamp,
}

macro_rules! file_columns {
    () => {
        "f.id, f.hash, f.size_bytes, f.n_terms, f.sha256, f.created_at"
    };
}
pub(crate) use file_columns;

pub(crate) fn file(row: &Row) -> Result<FileRow, DbError> {
    Ok(FileRow {
        id: row.int("id")?,
        hash: row.xet_hash("hash")?,
        size_bytes: row.count("size_bytes")?,
        n_terms: row.small("n_terms")?,
        sha256: row.opt_sha256("sha256")?,
        created_at: row.timestamp("created_at")?,
    })
}

/// The file with that hash. Whether the caller may know of it is another question.
pub async fn find_file(conn: &mut Conn, hash: &XetHash) -> Result<Option<FileRow>, DbError> {
    let sql = concat!("SELECT ", file_columns!(), " FROM xet_file f WHERE f.hash = $1");
    conn.fetch_optional(sql, args![*hash]).await?.as_ref().map(file).transpose()
}

/// The files with these hashes, as far as there are any, in any order.
pub async fn find_files(conn: &mut Conn, hashes: &[XetHash]) -> Result<Vec<FileRow>, DbError> {
    let sql = concat!("SELECT ", file_columns!(), " FROM xet_file f WHERE f.hash IN {keys}");
    fetch_in(conn, sql, args![], &keys(hashes)).await?.iter().map(file).collect()
}

/// The file with that id.
pub async fn find_file_by_id(conn: &mut Conn, id: i64) -> Result<Option<FileRow>, DbError> {
    let sql = concat!("SELECT ", file_columns!(), " FROM xet_file f WHERE f.id = $1");
    conn.fetch_optional(sql, args![id]).await?.as_ref().map(file).transpose()
}

/// The packed terms of a file, 28 bytes each; none when there is no such file.
pub async fn file_terms(conn: &mut Conn, id: i64) -> Result<Vec<u8>, DbError> {
    let row = conn.fetch_optional("SELECT terms FROM xet_file WHERE id = $1", args![id]).await?;
    row.map_or(Ok(Vec::new()), |row| row.bytes("terms"))
}

/// The packed terms of several files. A file may have a million of 28 bytes, so ask for few.
pub async fn list_terms(conn: &mut Conn, ids: &[i64]) -> Result<Vec<(i64, Vec<u8>)>, DbError> {
    let sql = "SELECT id, terms FROM xet_file WHERE id IN {keys}";
    let rows = fetch_in(conn, sql, args![], &keys(ids)).await?;
    rows.iter().map(|row| Ok((row.int("id")?, row.bytes("terms")?))).collect()
}

/// Records the SHA-256 that the hub has computed of a file's content. [`super::confirm_claims`] does this, too.
pub async fn set_file_sha256(tx: &mut Tx, id: i64, sha256: Sha256) -> Result<(), DbError> {
    tx.execute("UPDATE xet_file SET sha256 = $2 WHERE id = $1", args![id, sha256]).await?;
    Ok(())
}

/// A file as a repository has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoFile {
    /// The file.
    pub file: FileRow,
    /// The content it is, or is claimed to be.
    pub sha256: Sha256,
    /// False while the hub has only the uploader's word for `sha256`.
    pub verified: bool,
}

/// The file with that hash if the repository links to it; claims that were found wrong do not count.
pub async fn find_repo_file(
    conn: &mut Conn,
    repo_id: i64,
    hash: &XetHash,
) -> Result<Option<RepoFile>, DbError> {
    // CROSS JOIN keeps SQLite from beginning with the links, of which a repository may have a million.
    let sql = concat!(
        "SELECT ",
        file_columns!(),
        ", l.sha256 AS link_sha256, CAST(1 AS BIGINT) AS verified FROM xet_file f \
         CROSS JOIN lfs_object o CROSS JOIN lfs_link l WHERE f.hash = $2 AND o.xet_file_id = f.id \
         AND l.repo_id = $1 AND l.sha256 = o.sha256 AND l.claimed_file_id IS NULL \
         UNION ALL SELECT ",
        file_columns!(),
        ", l.sha256 AS link_sha256, CAST(0 AS BIGINT) AS verified FROM xet_file f \
         CROSS JOIN lfs_link l WHERE f.hash = $2 AND l.claimed_file_id = f.id AND l.repo_id = $1 \
         AND l.quarantined_at IS NULL ORDER BY verified DESC LIMIT 1"
    );
    let Some(row) = conn.fetch_optional(sql, args![repo_id, *hash]).await? else { return Ok(None) };
    let verified = row.int("verified")? == 1;
    Ok(Some(RepoFile { file: file(&row)?, sha256: row.sha256("link_sha256")?, verified }))
}
