//! Links: a repository's only way to a content.

use std::collections::HashMap;

use steelyard_core::{Sha256, Timestamp, XetHash};

use crate::batch::{fetch_in, keys};
use crate::conn::args;
use crate::{Conn, DbError, Row, Tx, dialect};

/// Where the bytes behind a link are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// In an object of their own.
    Raw,
    /// In a file.
    Xet {
        /// The file's id.
        file_id: i64,
        /// Its hash.
        hash: XetHash,
    },
    /// In a file of which the uploader says that it has this SHA-256, and nobody has checked.
    Claimed {
        /// The file's id.
        file_id: i64,
        /// Its hash.
        hash: XetHash,
    },
    /// Nowhere: the claim was wrong, and what was uploaded is never given out.
    Quarantined,
}

/// A repository's link to a content.
#[derive(Debug, Clone)]
pub struct LinkRow {
    /// The id clients see as `fileOid`.
    pub public_id: String,
    /// The content.
    pub sha256: Sha256,
    /// Its size; of what was uploaded, where that is not the content.
    pub size_bytes: u64,
    /// The last path it was committed under.
    pub filename: Option<String>,
    /// The ref of that commit.
    pub ref_name: Option<String>,
    /// When the link was made.
    pub linked_at: Timestamp,
    /// Where its bytes are.
    pub home: Home,
}

impl LinkRow {
    /// False when there are no bytes that could be given out.
    pub fn is_served(&self) -> bool {
        self.home != Home::Quarantined
    }
}

macro_rules! from_links {
    () => {
        " FROM lfs_link l LEFT JOIN lfs_object o ON o.sha256 = l.sha256 AND l.claimed_file_id IS NULL \
         LEFT JOIN xet_file f ON f.id = COALESCE(l.claimed_file_id, o.xet_file_id) "
    };
}

/// Links without a home are left out; [`crate::check::list_homeless_links`] finds them.
macro_rules! select_link {
    () => {
        concat!(
            "SELECT l.public_id, l.sha256, COALESCE(o.size_bytes, f.size_bytes) AS size_bytes, l.filename, l.ref_name, \
             l.linked_at, l.claimed_file_id, l.quarantined_at, f.id AS file_id, f.hash AS file_hash",
            from_links!(),
            "WHERE (o.sha256 IS NOT NULL OR f.id IS NOT NULL) AND "
        )
    };
}

fn link(row: &Row) -> Result<LinkRow, DbError> {
    let is_claimed = row.opt_int("claimed_file_id")?.is_some();
    let file = row.opt_int("file_id")?.zip(row.opt_xet_hash("file_hash")?);
    let home = match file {
        _ if row.opt_int("quarantined_at")?.is_some() => Home::Quarantined,
        Some((file_id, hash)) if is_claimed => Home::Claimed { file_id, hash },
        Some((file_id, hash)) => Home::Xet { file_id, hash },
        None => Home::Raw,
    };
    Ok(LinkRow {
        public_id: row.text("public_id")?,
        sha256: row.sha256("sha256")?,
        size_bytes: row.count("size_bytes")?,
        filename: row.opt_text("filename")?,
        ref_name: row.opt_text("ref_name")?,
        linked_at: row.timestamp("linked_at")?,
        home,
    })
}

/// Gives a repository access to a stored content. A claim that the repository has for it gives way.
/// [`DbError::Missing`] when no such content is stored.
pub async fn ensure_link(
    tx: &mut Tx,
    repo_id: i64,
    sha256: Sha256,
    public_id: &str,
    now: Timestamp,
) -> Result<(), DbError> {
    let sql = format!(
        "INSERT INTO lfs_link (repo_id, sha256, public_id, linked_at) \
         SELECT $1, o.sha256, $3, $4 FROM lfs_object o WHERE o.sha256 = $2{} \
         ON CONFLICT (repo_id, sha256) DO UPDATE SET claimed_file_id = NULL, quarantined_at = NULL RETURNING repo_id",
        dialect::hold_rows(tx)
    );
    let rows = tx.fetch_dynamic(sql, args![repo_id, sha256, public_id, now]).await?;
    if rows.is_empty() { Err(DbError::Missing { row: "lfs_object" }) } else { Ok(()) }
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

/// The repository's link to a content, also where it rests on a claim, a wrong one included ([`LinkRow::home`]).
pub async fn find_link(
    conn: &mut Conn,
    repo_id: i64,
    sha256: Sha256,
) -> Result<Option<LinkRow>, DbError> {
    let sql = concat!(select_link!(), "l.repo_id = $1 AND l.sha256 = $2");
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

/// The repository's links in order of their public id, after `after`; those that rest on a claim, too.
pub async fn list_links(
    conn: &mut Conn,
    repo_id: i64,
    after: &str,
    limit: i64,
) -> Result<Vec<LinkRow>, DbError> {
    let sql = concat!(
        select_link!(),
        "l.repo_id = $1 AND l.public_id > $2 ORDER BY l.public_id LIMIT $3"
    );
    conn.fetch_all(sql, args![repo_id, after, limit]).await?.iter().map(link).collect()
}

/// The files behind a repository's links to these contents: of those that a file holds or is claimed to hold.
pub async fn xet_hashes(
    conn: &mut Conn,
    repo_id: i64,
    contents: &[Sha256],
) -> Result<HashMap<Sha256, XetHash>, DbError> {
    let sql = concat!(
        "SELECT l.sha256, f.hash",
        from_links!(),
        "WHERE l.repo_id = $1 AND l.sha256 IN {keys} AND l.quarantined_at IS NULL AND f.id IS NOT NULL"
    );
    let rows = fetch_in(conn, sql, args![repo_id], &keys(contents)).await?;
    rows.iter().map(|row| Ok((row.sha256("sha256")?, row.xet_hash("hash")?))).collect()
}

/// Takes a repository's access to a content away; false when it had none.
pub async fn delete_link(tx: &mut Tx, repo_id: i64, public_id: &str) -> Result<bool, DbError> {
    let sql = "DELETE FROM lfs_link WHERE repo_id = $1 AND public_id = $2";
    Ok(tx.execute(sql, args![repo_id, public_id]).await? > 0)
}

/// Gives one repository the links of another, claims and all; `fresh_prefix` makes their public ids unique.
pub async fn share_links(
    tx: &mut Tx,
    from_repo: i64,
    to_repo: i64,
    fresh_prefix: &str,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO lfs_link (repo_id, sha256, public_id, filename, ref_name, linked_at, claimed_file_id, \
         quarantined_at) SELECT $2, sha256, $3 || substr(public_id, 9), filename, ref_name, $4, claimed_file_id, \
         quarantined_at FROM lfs_link WHERE repo_id = $1",
        args![from_repo, to_repo, fresh_prefix, now],
    )
    .await?;
    Ok(())
}

/// Bytes of all contents a repository links to; what is quarantined does not count.
pub async fn sum_linked_bytes(conn: &mut Conn, repo_id: i64) -> Result<i64, DbError> {
    let sql = concat!(
        "SELECT CAST(COALESCE(SUM(COALESCE(o.size_bytes, f.size_bytes)), 0) AS BIGINT) AS n",
        from_links!(),
        "WHERE l.repo_id = $1 AND l.quarantined_at IS NULL"
    );
    conn.fetch_one(sql, args![repo_id]).await?.int("n")
}

/// Bytes of a repository's live packs and of everything that it links to.
pub async fn sum_stored_bytes(conn: &mut Conn, repo_id: i64) -> Result<u64, DbError> {
    let sql = concat!(
        "SELECT CAST((SELECT COALESCE(SUM(p.size_bytes), 0) FROM git_repo_pack rp \
         JOIN git_pack p ON p.pack_id = rp.pack_id WHERE rp.repo_id = $1 AND rp.retired_at IS NULL) \
         + (SELECT COALESCE(SUM(COALESCE(o.size_bytes, f.size_bytes)), 0)",
        from_links!(),
        "WHERE l.repo_id = $1 AND l.quarantined_at IS NULL) AS BIGINT) AS n"
    );
    conn.fetch_one(sql, args![repo_id]).await?.count("n")
}
