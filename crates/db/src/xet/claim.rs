//! Claims: an uploader says which SHA-256 a file has, and the hub believes it only once it has looked.

use steelyard_core::{Sha256, Timestamp};

use super::file::{FileRow, file, file_columns};
use crate::conn::args;
use crate::{Conn, DbError, Tx, dialect, lfs};

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The repository has its link now.
    Linked,
    /// It had the same one already, or one to a stored content of the same SHA-256 and size.
    Same,
    /// Not so: the repository has another file for this SHA-256, or the hub knows that this file has another SHA-256.
    Other,
}

/// Links a file to a repository as the content of that SHA-256. If the hub has computed the file's SHA-256 the link is an
/// ordinary one, else a claim. The first claim of a repository stands until it is found wrong.
/// `public_id` must be fresh.
pub async fn claim_link(
    tx: &mut Tx,
    repo_id: i64,
    sha256: Sha256,
    public_id: &str,
    file_id: i64,
    now: Timestamp,
) -> Result<ClaimOutcome, DbError> {
    let Some(file) = lock_file(tx, file_id).await? else {
        return Err(DbError::Missing { row: "xet_file" });
    };
    match file.sha256 {
        Some(known) if known != sha256 => Ok(ClaimOutcome::Other),
        Some(_) => link_verified(tx, repo_id, public_id, &file, sha256, now).await,
        None => link_claimed(tx, repo_id, public_id, &file, sha256, now).await,
    }
}

/// The file; its SHA-256 does not become known until the transaction ends.
async fn lock_file(tx: &mut Tx, id: i64) -> Result<Option<FileRow>, DbError> {
    let mut sql =
        concat!("SELECT ", file_columns!(), " FROM xet_file f WHERE f.id = $1").to_owned();
    sql.push_str(dialect::share_rows(tx));
    tx.fetch_dynamic(sql, args![id]).await?.first().map(file).transpose()
}

async fn link_verified(
    tx: &mut Tx,
    repo_id: i64,
    public_id: &str,
    file: &FileRow,
    sha256: Sha256,
    now: Timestamp,
) -> Result<ClaimOutcome, DbError> {
    lfs::ensure_xet_object(tx, sha256, file.size_bytes, file.id, now).await?;
    let is_linked = lfs::find_link(tx, repo_id, sha256)
        .await?
        .is_some_and(|link| matches!(link.home, lfs::Home::Raw | lfs::Home::Xet { .. }));
    if is_linked {
        return Ok(ClaimOutcome::Same);
    }
    lfs::ensure_link(tx, repo_id, sha256, public_id, now).await?;
    Ok(ClaimOutcome::Linked)
}

async fn link_claimed(
    tx: &mut Tx,
    repo_id: i64,
    public_id: &str,
    file: &FileRow,
    sha256: Sha256,
    now: Timestamp,
) -> Result<ClaimOutcome, DbError> {
    // The change that changes nothing locks a link that exists, and returns it.
    let link = tx
        .fetch_one(
            "INSERT INTO lfs_link (repo_id, sha256, public_id, linked_at, claimed_file_id) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (repo_id, sha256) DO UPDATE SET linked_at = lfs_link.linked_at \
             RETURNING public_id, claimed_file_id, quarantined_at",
            args![repo_id, sha256, public_id, now, file.id],
        )
        .await?;
    if link.text("public_id")? == public_id {
        return Ok(ClaimOutcome::Linked);
    }
    let claimed = link.opt_int("claimed_file_id")?;
    if claimed == Some(file.id) {
        return Ok(ClaimOutcome::Same);
    }
    if link.opt_timestamp("quarantined_at")?.is_some() {
        let sql = "UPDATE lfs_link SET claimed_file_id = $3, quarantined_at = NULL, linked_at = $4 \
                   WHERE repo_id = $1 AND sha256 = $2";
        tx.execute(sql, args![repo_id, sha256, file.id, now]).await?;
        return Ok(ClaimOutcome::Linked);
    }
    if claimed.is_some() {
        return Ok(ClaimOutcome::Other);
    }
    // The link is to a stored content. What its file is may be unknown, its size is not.
    let is_same = lfs::find_content(tx, sha256).await?.is_some_and(|content| {
        content.size_bytes == file.size_bytes
            && content.xet.is_none_or(|(file_id, _)| file_id == file.id)
    });
    Ok(if is_same { ClaimOutcome::Same } else { ClaimOutcome::Other })
}

/// What became of the claims on a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Confirmed {
    /// Links that are ordinary ones now.
    pub confirmed: u64,
    /// Links whose claim was wrong.
    pub quarantined: u64,
}

/// Records that the hub has computed a file's SHA-256, and settles every claim on it: those that were right become links
/// to a stored content, wrong ones are quarantined, and grants that rest on a wrong one go.
pub async fn confirm_claims(
    tx: &mut Tx,
    file_id: i64,
    sha256: Sha256,
    now: Timestamp,
) -> Result<Confirmed, DbError> {
    let sql = "UPDATE xet_file SET sha256 = $2 WHERE id = $1 RETURNING size_bytes";
    let Some(row) = tx.fetch_optional(sql, args![file_id, sha256]).await? else {
        return Ok(Confirmed::default());
    };
    let wanted = "SELECT 1 AS one WHERE EXISTS (SELECT 1 FROM lfs_link l WHERE l.claimed_file_id = $1 AND l.sha256 = $2) \
                  OR EXISTS (SELECT 1 FROM lfs_upload u WHERE u.xet_file_id = $1 AND u.sha256 = $2)";
    if tx.fetch_optional(wanted, args![file_id, sha256]).await?.is_some() {
        lfs::ensure_xet_object(tx, sha256, row.count("size_bytes")?, file_id, now).await?;
    }
    let sql = "UPDATE lfs_link SET claimed_file_id = NULL, quarantined_at = NULL \
               WHERE claimed_file_id = $1 AND sha256 = $2";
    let confirmed = tx.execute(sql, args![file_id, sha256]).await?;
    let sql = "UPDATE lfs_link SET quarantined_at = $3 \
               WHERE claimed_file_id = $1 AND sha256 <> $2 AND quarantined_at IS NULL";
    let quarantined = tx.execute(sql, args![file_id, sha256, now]).await?;
    let sql = "DELETE FROM lfs_upload WHERE xet_file_id = $1 AND sha256 <> $2";
    tx.execute(sql, args![file_id, sha256]).await?;
    Ok(Confirmed { confirmed, quarantined })
}

/// Files that a claim or a grant rests on and whose SHA-256 the hub has not computed, in order of id, after `after`.
pub async fn list_unverified_files(
    conn: &mut Conn,
    after: i64,
    limit: i64,
) -> Result<Vec<FileRow>, DbError> {
    let sql = concat!(
        "SELECT ",
        file_columns!(),
        " FROM xet_file f WHERE f.sha256 IS NULL AND f.id > $1 AND f.id IN (\
         SELECT l.claimed_file_id FROM lfs_link l WHERE l.claimed_file_id > $1 \
         UNION SELECT u.xet_file_id FROM lfs_upload u WHERE u.xet_file_id > $1) ORDER BY f.id LIMIT $2"
    );
    conn.fetch_all(sql, args![after, limit]).await?.iter().map(file).collect()
}
