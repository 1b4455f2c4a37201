//! How files and xorbs go: condemned when nobody names them, deleted long after, each time with another look.

use std::collections::BTreeSet;

use steelyard_core::Timestamp;

use super::file::{FileRow, file, file_columns};
use super::xorb::{XorbRow, lock_xorbs, xorb, xorb_columns};
use crate::batch::{fetch_in, keys};
use crate::conn::args;
use crate::{Conn, DbError, Row, Tx, dialect};

/// A xorb is not condemned on its first day: its file may be on the way.
const YOUNG_SECS: i64 = 24 * 3600;

/// True when nothing names file `f`.
macro_rules! unreferenced {
    ($file:literal) => {
        concat!(
            "NOT EXISTS (SELECT 1 FROM lfs_object o WHERE o.xet_file_id = ",
            $file,
            ".id) AND NOT EXISTS (SELECT 1 FROM lfs_link l WHERE l.claimed_file_id = ",
            $file,
            ".id) AND NOT EXISTS (SELECT 1 FROM lfs_upload u WHERE u.xet_file_id = ",
            $file,
            ".id)"
        )
    };
}

/// True when no file uses xorb `x` and nobody may refer to it after `$1`.
macro_rules! unused {
    ($xorb:literal) => {
        concat!(
            "NOT EXISTS (SELECT 1 FROM xet_file_xorb e WHERE e.xorb_id = ",
            $xorb,
            ".id) AND NOT EXISTS (SELECT 1 FROM xorb_use u WHERE u.xorb_id = ",
            $xorb,
            ".id AND u.until > $1)"
        )
    };
}

fn ids(rows: &[Row]) -> Result<Vec<i64>, DbError> {
    let ids: Result<BTreeSet<_>, _> = rows.iter().map(|row| row.int("id")).collect();
    Ok(ids?.into_iter().collect())
}

/// Files that nothing names and that are not condemned yet, in order of id, after `after`: what [`condemn_files`] is for.
/// Grants count until they are swept.
pub async fn list_condemnable_files(
    conn: &mut Conn,
    after: i64,
    limit: i64,
) -> Result<Vec<FileRow>, DbError> {
    let sql = concat!(
        "SELECT ",
        file_columns!(),
        " FROM xet_file f WHERE f.id > $1 AND f.condemned_at IS NULL AND ",
        unreferenced!("f"),
        " ORDER BY f.id LIMIT $2"
    );
    conn.fetch_all(sql, args![after, limit]).await?.iter().map(file).collect()
}

/// Condemns those of these files that nothing names; returns how many.
pub async fn condemn_files(tx: &mut Tx, ids: &[i64], now: Timestamp) -> Result<u64, DbError> {
    let sql = concat!(
        "UPDATE xet_file SET condemned_at = $1 WHERE id IN {keys} AND condemned_at IS NULL AND ",
        unreferenced!("xet_file"),
        " RETURNING id"
    );
    Ok(fetch_in(tx, sql, args![now], &keys(ids)).await?.len() as u64)
}

/// Condemned files that something names again, in order of id, after `after`: what [`spare_files`] is for.
pub async fn list_sparable_files(
    conn: &mut Conn,
    after: i64,
    limit: i64,
) -> Result<Vec<i64>, DbError> {
    // A plus keeps SQLite from walking through all files by their ids, of which few are condemned.
    let sql = concat!(
        "SELECT f.id FROM xet_file f WHERE f.condemned_at IS NOT NULL AND f.id + 0 > $1 AND NOT (",
        unreferenced!("f"),
        ") ORDER BY f.id LIMIT $2"
    );
    ids(&conn.fetch_all(sql, args![after, limit]).await?)
}

/// Takes those of these condemned files that something names again off the list; returns how many. A name may come in the
/// moment in which a file is condemned, and when it goes, the file has its full time once more.
pub async fn spare_files(tx: &mut Tx, ids: &[i64]) -> Result<u64, DbError> {
    let sql = concat!(
        "UPDATE xet_file SET condemned_at = NULL WHERE id IN {keys} AND condemned_at IS NOT NULL AND NOT (",
        unreferenced!("xet_file"),
        ") RETURNING id"
    );
    Ok(fetch_in(tx, sql, args![], &keys(ids)).await?.len() as u64)
}

/// Files that [`delete_files`] would delete.
pub async fn list_deletable_files(
    conn: &mut Conn,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<FileRow>, DbError> {
    let sql = concat!(
        "SELECT ",
        file_columns!(),
        " FROM xet_file f WHERE f.condemned_at < $1 AND ",
        unreferenced!("f"),
        " ORDER BY f.condemned_at LIMIT $2"
    );
    conn.fetch_all(sql, args![before, limit]).await?.iter().map(file).collect()
}

/// Deletes files that were condemned before `before` and that nothing names; returns their ids. Their xorbs stay, but
/// these files no longer keep them, and they are noted as perhaps half empty ([`super::list_shrunk_xorbs`]).
pub async fn delete_files(
    tx: &mut Tx,
    before: Timestamp,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<i64>, DbError> {
    let sql =
        "SELECT f.id FROM xet_file f WHERE f.condemned_at < $1 ORDER BY f.condemned_at LIMIT $2";
    let candidates = ids(&tx.fetch_all(sql, args![before, limit]).await?)?;
    // Their xorbs first, as whoever registers a file does.
    let sql = "SELECT DISTINCT xorb_id AS id FROM xet_file_xorb WHERE file_id IN {keys}";
    let xorb_ids = ids(&fetch_in(tx, sql, args![], &keys(&candidates)).await?)?;
    lock_xorbs(tx, &xorb_ids).await?;
    let mut sql =
        "SELECT f.id FROM xet_file f WHERE f.condemned_at < $1 AND f.id IN {keys}".to_owned();
    sql.push_str(dialect::lock_doomed_rows(tx));
    let locked = ids(&fetch_in(tx, &sql, args![before], &keys(&candidates)).await?)?;
    // A statement of its own sees what others had committed when the lock was taken.
    let sql = concat!("SELECT f.id FROM xet_file f WHERE f.id IN {keys} AND ", unreferenced!("f"));
    let doomed = ids(&fetch_in(tx, sql, args![], &keys(&locked)).await?)?;
    let sql = "UPDATE xorb SET shrunk_at = $1 WHERE shrunk_at IS NULL \
               AND id IN (SELECT e.xorb_id FROM xet_file_xorb e WHERE e.file_id IN {keys})";
    fetch_in(tx, sql, args![now], &keys(&doomed)).await?;
    for sql in [
        "DELETE FROM xet_file_xorb WHERE file_id IN {keys}",
        "DELETE FROM xet_file WHERE id IN {keys}",
    ] {
        fetch_in(tx, sql, args![], &keys(&doomed)).await?;
    }
    Ok(doomed)
}

/// Xorbs that no file uses and nobody may refer to, in order of id, after `after`: what [`condemn_xorbs`] is for.
pub async fn list_condemnable_xorbs(
    conn: &mut Conn,
    now: Timestamp,
    after: i64,
    limit: i64,
) -> Result<Vec<XorbRow>, DbError> {
    let sql = concat!(
        "SELECT ",
        xorb_columns!(),
        " FROM xorb x WHERE x.id > $2 AND x.state = 0 AND x.created_at < $3 AND ",
        unused!("x"),
        " ORDER BY x.id LIMIT $4"
    );
    let args = args![now, after, now.plus_secs(-YOUNG_SECS), limit];
    conn.fetch_all(sql, args).await?.iter().map(xorb).collect()
}

/// Condemns those of these xorbs that no file uses and nobody may refer to, and forgets their chunks, so that nobody is
/// told of them any more; returns their ids.
pub async fn condemn_xorbs(
    tx: &mut Tx,
    asked: &[i64],
    now: Timestamp,
) -> Result<Vec<i64>, DbError> {
    let locked = lock_doomed(tx, asked).await?;
    let sql = concat!(
        "UPDATE xorb SET state = 1, condemned_at = $1 WHERE id IN {keys} AND state = 0 AND created_at < $2 AND ",
        unused!("xorb"),
        " RETURNING id"
    );
    let args = args![now, now.plus_secs(-YOUNG_SECS)];
    let condemned = ids(&fetch_in(tx, sql, args, &keys(&locked)).await?)?;
    let sql = "DELETE FROM xet_dedup WHERE xorb_id IN {keys}";
    fetch_in(tx, sql, args![], &keys(&condemned)).await?;
    Ok(condemned)
}

async fn lock_doomed(tx: &mut Tx, asked: &[i64]) -> Result<Vec<i64>, DbError> {
    let mut sql = "SELECT x.id FROM xorb x WHERE x.id IN {keys} ORDER BY x.id".to_owned();
    sql.push_str(dialect::lock_doomed_rows(tx));
    ids(&fetch_in(tx, &sql, args![], &keys(asked)).await?)
}

/// Xorbs that [`claim_xorbs_to_delete`] would return.
pub async fn list_deletable_xorbs(
    conn: &mut Conn,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<XorbRow>, DbError> {
    let sql = concat!(
        "SELECT ",
        xorb_columns!(),
        " FROM xorb x WHERE x.state <> 0 AND x.condemned_at < $1 AND (x.state = 2 OR (",
        unused!("x"),
        ")) ORDER BY x.condemned_at LIMIT $2"
    );
    conn.fetch_all(sql, args![before, limit]).await?.iter().map(xorb).collect()
}

/// Begins to delete xorbs that were condemned before `before` and that nobody uses: once this is committed nobody can
/// refer to them, and their objects can go. Also returns those whose deletion was begun and not ended by
/// [`delete_xorb`]: deleting an object twice does no harm.
pub async fn claim_xorbs_to_delete(
    tx: &mut Tx,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<XorbRow>, DbError> {
    // The index is of states other than 0, and SQLite does not see that 1 is another one.
    let sql = "SELECT x.id FROM xorb x WHERE x.state <> 0 AND x.state = 1 AND x.condemned_at < $1 ORDER BY x.condemned_at LIMIT $2";
    let candidates = ids(&tx.fetch_all(sql, args![before, limit]).await?)?;
    let locked = lock_doomed(tx, &candidates).await?;
    // Uses that ended since `before` still count: then the promise is kept by a day more than was made.
    let sql = concat!(
        "UPDATE xorb SET state = 2 WHERE id IN {keys} AND state = 1 AND condemned_at < $1 AND ",
        unused!("xorb"),
        " RETURNING id"
    );
    fetch_in(tx, sql, args![before], &keys(&locked)).await?;
    let sql = concat!(
        "SELECT ",
        xorb_columns!(),
        " FROM xorb x WHERE x.state <> 0 AND x.state = 2 AND x.condemned_at < $1 ORDER BY x.condemned_at LIMIT $2"
    );
    tx.fetch_all(sql, args![before, limit]).await?.iter().map(xorb).collect()
}

/// Forgets a xorb whose object of this generation is gone; false when its row names another object by now.
pub async fn delete_xorb(tx: &mut Tx, id: i64, generation: u32) -> Result<bool, DbError> {
    let mut sql = "SELECT id FROM xorb WHERE id = $1 AND generation = $2 AND state = 2".to_owned();
    sql.push_str(dialect::lock_rows(tx));
    if tx.fetch_dynamic(sql, args![id, i64::from(generation)]).await?.is_empty() {
        return Ok(false);
    }
    for sql in [
        "DELETE FROM xet_dedup WHERE xorb_id = $1",
        "DELETE FROM xorb_use WHERE xorb_id = $1",
        "DELETE FROM xorb_chunks WHERE xorb_id = $1",
        "DELETE FROM xorb WHERE id = $1",
    ] {
        tx.execute(sql, args![id]).await?;
    }
    Ok(true)
}

/// Forgets up to `limit` permissions to refer to a xorb that ended before `before`; returns how many.
pub async fn delete_ended_uses(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, DbError> {
    let sql = "DELETE FROM xorb_use WHERE until < $1 AND (xorb_id, user_id) IN (\
               SELECT u.xorb_id, u.user_id FROM xorb_use u WHERE u.until < $1 ORDER BY u.until LIMIT $2)";
    tx.execute(sql, args![before, limit]).await
}

/// What a repository's large files take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RepoStorage {
    /// Sizes of the files it links to, as a reader sees them.
    pub logical_bytes: u64,
    /// Stored bytes that no other repository uses.
    pub unique_bytes: u64,
    /// Stored bytes that it uses together with others.
    pub shared_bytes: u64,
}

/// What a repository's large files take. Looks at every link and xorb of the repository, so not for each request.
pub async fn storage_of_repo(conn: &mut Conn, repo_id: i64) -> Result<RepoStorage, DbError> {
    let logical_bytes = crate::lfs::sum_linked_bytes(conn, repo_id).await?;
    let raw = "SELECT o.size_bytes AS stored_bytes, CASE WHEN EXISTS (SELECT 1 FROM lfs_link p \
               WHERE p.sha256 = o.sha256 AND p.claimed_file_id IS NULL AND p.repo_id <> $1) THEN 1 ELSE 0 END AS shared \
               FROM lfs_link l JOIN lfs_object o ON o.sha256 = l.sha256 \
               WHERE l.repo_id = $1 AND l.claimed_file_id IS NULL AND o.has_raw";
    let xorbs = "SELECT x.stored_bytes, CASE WHEN EXISTS (SELECT 1 FROM xet_file_xorb e \
                 JOIN lfs_object o ON o.xet_file_id = e.file_id \
                 JOIN lfs_link p ON p.sha256 = o.sha256 AND p.claimed_file_id IS NULL \
                 WHERE e.xorb_id = x.id AND p.repo_id <> $1) OR EXISTS (SELECT 1 FROM xet_file_xorb e \
                 JOIN lfs_link p ON p.claimed_file_id = e.file_id AND p.quarantined_at IS NULL \
                 WHERE e.xorb_id = x.id AND p.repo_id <> $1) THEN 1 ELSE 0 END AS shared \
                 FROM xorb x WHERE x.id IN (SELECT e.xorb_id FROM lfs_link l \
                 LEFT JOIN lfs_object o ON o.sha256 = l.sha256 AND l.claimed_file_id IS NULL \
                 JOIN xet_file_xorb e ON e.file_id = COALESCE(l.claimed_file_id, o.xet_file_id) \
                 WHERE l.repo_id = $1 AND l.quarantined_at IS NULL)";
    let mut storage =
        RepoStorage { logical_bytes: logical_bytes.unsigned_abs(), ..RepoStorage::default() };
    for part in [raw, xorbs] {
        let sql = format!(
            "SELECT CAST(COALESCE(SUM(stored_bytes), 0) AS BIGINT) AS n, \
             CAST(COALESCE(SUM(stored_bytes * shared), 0) AS BIGINT) AS shared FROM ({part}) s"
        );
        let rows = conn.fetch_dynamic(sql, args![repo_id]).await?;
        for row in &rows {
            let shared = row.count("shared")?;
            storage.shared_bytes += shared;
            storage.unique_bytes += row.count("n")?.saturating_sub(shared);
        }
    }
    Ok(storage)
}
