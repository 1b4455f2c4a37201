//! Questions only `fsck` asks.

use steelyard_core::{Sha256, Timestamp};

use crate::conn::args;
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
               AND NOT EXISTS (SELECT 1 FROM lfs_link l WHERE l.sha256 = o.sha256)";
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
