//! Questions only `fsck` asks.

use std::collections::HashMap;

use steelyard_core::{Sha256, Timestamp, XetHash};

use crate::batch::{fetch_in, keys};
use crate::conn::args;
use crate::xet::{FileRow, XorbRow, file, file_columns, list_terms, xorb, xorb_columns};
use crate::{Conn, DbError, Row};

/// A redirect that leads nowhere or that no request can reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRedirect {
    /// Kind, folded namespace and folded name it stands for.
    pub name: String,
    /// True when a repository has the name, false when the redirect's own repository is deleted.
    pub is_shadowed: bool,
}

fn redirect_name(row: &Row) -> Result<String, DbError> {
    Ok(format!(
        "{} {}/{}",
        row.text("kind")?,
        row.text("namespace_folded")?,
        row.text("name_folded")?
    ))
}

/// Redirects that lead to a deleted repository or stand at the name of an existing one.
pub async fn list_bad_redirects(conn: &mut Conn, limit: i64) -> Result<Vec<BadRedirect>, DbError> {
    let sql = "SELECT d.kind, d.namespace_folded, d.name_folded FROM repo_redirect d JOIN repo r ON r.id = d.repo_id \
               WHERE r.deleted_at IS NOT NULL ORDER BY 1, 2, 3 LIMIT $1";
    let mut bad = Vec::new();
    for row in conn.fetch_all(sql, args![limit]).await? {
        bad.push(BadRedirect { name: redirect_name(&row)?, is_shadowed: false });
    }
    let sql = "SELECT d.kind, d.namespace_folded, d.name_folded FROM repo_redirect d \
               JOIN repo r ON r.kind = d.kind AND r.name_folded = d.name_folded AND r.deleted_at IS NULL \
               JOIN account a ON a.id = r.owner_id AND a.name_folded = d.namespace_folded ORDER BY 1, 2, 3 LIMIT $1";
    for row in conn.fetch_all(sql, args![limit]).await? {
        bad.push(BadRedirect { name: redirect_name(&row)?, is_shadowed: true });
    }
    Ok(bad)
}

/// Public ids of repositories whose owner does not exist.
pub async fn list_ownerless_repos(conn: &mut Conn, limit: i64) -> Result<Vec<String>, DbError> {
    let sql = "SELECT r.public_id FROM repo r LEFT JOIN account a ON a.id = r.owner_id \
               WHERE a.id IS NULL ORDER BY r.id LIMIT $1";
    conn.fetch_all(sql, args![limit]).await?.iter().map(|row| row.text("public_id")).collect()
}

/// Keys of packs a repository names that have no row of their own.
pub async fn list_rowless_packs(conn: &mut Conn, repo_id: i64) -> Result<Vec<String>, DbError> {
    let sql = "SELECT rp.pack_id FROM git_repo_pack rp LEFT JOIN git_pack p ON p.pack_id = rp.pack_id \
               WHERE rp.repo_id = $1 AND rp.retired_at IS NULL AND p.pack_id IS NULL";
    conn.fetch_all(sql, args![repo_id]).await?.iter().map(|row| row.text("pack_id")).collect()
}

/// True when the content waits for its deletion and no repository links to it: its bytes may be gone already.
pub async fn is_condemned(conn: &mut Conn, sha256: Sha256) -> Result<bool, DbError> {
    let sql = "SELECT 1 AS one FROM lfs_object o WHERE o.sha256 = $1 AND o.condemned_at IS NOT NULL \
               AND NOT EXISTS (SELECT 1 FROM lfs_link l WHERE l.sha256 = o.sha256 AND l.claimed_file_id IS NULL)";
    Ok(conn.fetch_optional(sql, args![sha256]).await?.is_some())
}

/// How many uploads ended before `before` and were not cleared away.
pub async fn count_stale_uploads(conn: &mut Conn, before: Timestamp) -> Result<i64, DbError> {
    let sql = "SELECT COUNT(*) AS n FROM lfs_upload WHERE expires_at < $1";
    conn.fetch_one(sql, args![before]).await?.int("n")
}

/// How many retired packs are older than `before`.
pub async fn count_stale_retired(conn: &mut Conn, before: Timestamp) -> Result<i64, DbError> {
    let sql = "SELECT COUNT(*) AS n FROM git_repo_pack WHERE retired_at < $1";
    conn.fetch_one(sql, args![before]).await?.int("n")
}

/// True when owners of the repository took large files away by hand, so that commits may name what it has no link to.
pub async fn has_deleted_links(conn: &mut Conn, repo_id: i64) -> Result<bool, DbError> {
    let sql = "SELECT 1 AS one FROM event WHERE repo_id = $1 AND kind = 'lfs.delete' LIMIT 1";
    Ok(conn.fetch_optional(sql, args![repo_id]).await?.is_some())
}

/// Most terms on one page of [`list_files`], its first file aside; each has 28 bytes.
const PAGE_TERMS_MAX: u64 = 1 << 20;

/// Xorbs in order of id, after `after`.
pub async fn list_xorbs(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<XorbRow>, DbError> {
    let sql =
        concat!("SELECT ", xorb_columns!(), " FROM xorb x WHERE x.id > $1 ORDER BY x.id LIMIT $2");
    conn.fetch_all(sql, args![after, limit]).await?.iter().map(xorb).collect()
}

/// Ids of xorbs that have no chunk table, after `after`, in order.
pub async fn list_xorbs_without_table(
    conn: &mut Conn,
    after: i64,
    limit: i64,
) -> Result<Vec<i64>, DbError> {
    let sql = "SELECT x.id FROM xorb x LEFT JOIN xorb_chunks c ON c.xorb_id = x.id \
               WHERE x.id > $1 AND c.xorb_id IS NULL ORDER BY x.id LIMIT $2";
    conn.fetch_all(sql, args![after, limit]).await?.iter().map(|row| row.int("id")).collect()
}

/// Files with their packed terms in order of id, after `after`; fewer than `limit` where their terms are many, and none
/// only at the end.
pub async fn list_files(
    conn: &mut Conn,
    after: i64,
    limit: i64,
) -> Result<Vec<(FileRow, Vec<u8>)>, DbError> {
    let sql = concat!(
        "SELECT ",
        file_columns!(),
        " FROM xet_file f WHERE f.id > $1 ORDER BY f.id LIMIT $2"
    );
    let rows = conn.fetch_all(sql, args![after, limit]).await?;
    let mut files = Vec::with_capacity(rows.len());
    let mut terms = 0;
    for row in &rows {
        let file = file(row)?;
        terms += u64::from(file.n_terms);
        if terms > PAGE_TERMS_MAX && !files.is_empty() {
            break;
        }
        files.push(file);
    }
    let ids: Vec<i64> = files.iter().map(|file| file.id).collect();
    let mut packed: HashMap<i64, Vec<u8>> = list_terms(conn, &ids).await?.into_iter().collect();
    // A file that was deleted since is left out.
    Ok(files
        .into_iter()
        .filter_map(|file| packed.remove(&file.id).map(|terms| (file, terms)))
        .collect())
}

/// Which xorbs these files keep: `(file id, xorb id)` in order.
pub async fn file_edges(conn: &mut Conn, file_ids: &[i64]) -> Result<Vec<(i64, i64)>, DbError> {
    let sql = "SELECT file_id, xorb_id FROM xet_file_xorb WHERE file_id IN {keys}";
    let rows = fetch_in(conn, sql, args![], &keys(file_ids)).await?;
    let edges: Result<Vec<_>, DbError> =
        rows.iter().map(|row| Ok((row.int("file_id")?, row.int("xorb_id")?))).collect();
    let mut edges = edges?;
    edges.sort_unstable();
    Ok(edges)
}

/// Files that keep a xorb which is missing or about to go: `(file id, xorb id)` in order, after `after`.
pub async fn list_bad_edges(
    conn: &mut Conn,
    after: (i64, i64),
    limit: i64,
) -> Result<Vec<(i64, i64)>, DbError> {
    let sql = "SELECT e.file_id, e.xorb_id FROM xet_file_xorb e LEFT JOIN xorb x ON x.id = e.xorb_id \
               WHERE (e.file_id, e.xorb_id) > ($1, $2) AND (x.id IS NULL OR x.state <> 0) \
               ORDER BY e.file_id, e.xorb_id LIMIT $3";
    let rows = conn.fetch_all(sql, args![after.0, after.1, limit]).await?;
    rows.iter().map(|row| Ok((row.int("file_id")?, row.int("xorb_id")?))).collect()
}

/// A link that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomelessLink {
    /// The repository's key.
    pub repo_id: i64,
    /// The content it should lead to.
    pub sha256: Sha256,
    /// The id clients see.
    pub public_id: String,
}

/// Links whose content or claimed file has no row, in order of their public id, after `after`.
pub async fn list_homeless_links(
    conn: &mut Conn,
    after: &str,
    limit: i64,
) -> Result<Vec<HomelessLink>, DbError> {
    let sql = "SELECT l.repo_id, l.sha256, l.public_id FROM lfs_link l \
               LEFT JOIN lfs_object o ON o.sha256 = l.sha256 AND l.claimed_file_id IS NULL \
               LEFT JOIN xet_file f ON f.id = l.claimed_file_id \
               WHERE l.public_id > $1 AND o.sha256 IS NULL AND f.id IS NULL ORDER BY l.public_id LIMIT $2";
    let rows = conn.fetch_all(sql, args![after, limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(HomelessLink {
                repo_id: row.int("repo_id")?,
                sha256: row.sha256("sha256")?,
                public_id: row.text("public_id")?,
            })
        })
        .collect()
}

/// Contents that neither an object nor a file holds, in order, after `after`.
pub async fn list_homeless_contents(
    conn: &mut Conn,
    after: &[u8],
    limit: i64,
) -> Result<Vec<Sha256>, DbError> {
    let sql = "SELECT o.sha256 FROM lfs_object o LEFT JOIN xet_file f ON f.id = o.xet_file_id \
               WHERE o.sha256 > $1 AND NOT o.has_raw AND f.id IS NULL ORDER BY o.sha256 LIMIT $2";
    let rows = conn.fetch_all(sql, args![after, limit]).await?;
    rows.iter().map(|row| row.sha256("sha256")).collect()
}

/// Files that are the home of a content of another size or SHA-256: `(SHA-256 of the content, file id)` in order, after
/// `after`.
pub async fn list_wrong_homes(
    conn: &mut Conn,
    after: &[u8],
    limit: i64,
) -> Result<Vec<(Sha256, i64)>, DbError> {
    let sql = "SELECT o.sha256, f.id FROM lfs_object o JOIN xet_file f ON f.id = o.xet_file_id \
               WHERE o.sha256 > $1 AND (f.size_bytes <> o.size_bytes OR f.sha256 IS NULL OR f.sha256 <> o.sha256) \
               ORDER BY o.sha256 LIMIT $2";
    let rows = conn.fetch_all(sql, args![after, limit]).await?;
    rows.iter().map(|row| Ok((row.sha256("sha256")?, row.int("id")?))).collect()
}

/// Chunks by which content is found again that point to no live xorb, or behind its end: their hashes in order, after
/// `after`.
pub async fn list_bad_dedup(
    conn: &mut Conn,
    after: &[u8],
    limit: i64,
) -> Result<Vec<XetHash>, DbError> {
    let sql = "SELECT d.chunk FROM xet_dedup d LEFT JOIN xorb x ON x.id = d.xorb_id \
               WHERE d.chunk > $1 AND (x.id IS NULL OR x.state <> 0 OR d.chunk_index >= x.n_chunks) \
               ORDER BY d.chunk LIMIT $2";
    let rows = conn.fetch_all(sql, args![after, limit]).await?;
    rows.iter().map(|row| row.xet_hash("chunk")).collect()
}
