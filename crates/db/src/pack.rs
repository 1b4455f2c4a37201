//! The pack manifest: which packs make up which repository.

use steelyard_core::{Oid, Timestamp};

use crate::conn::args;
use crate::{Conn, DbError, Row, Tx};

/// Why a pack was written; also how it is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackKind {
    /// One commit or push: the tail, small, often inline.
    Tail,
    /// Several packs joined byte for byte.
    Joined,
    /// Everything reachable, repacked by git.
    Repacked,
}

impl PackKind {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tail => "tail",
            Self::Joined => "joined",
            Self::Repacked => "repacked",
        }
    }

    fn parse(text: &str) -> Result<Self, ()> {
        [Self::Tail, Self::Joined, Self::Repacked]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(())
    }
}

/// One pack of one repository, without its bytes.
#[derive(Debug, Clone)]
pub struct PackRow {
    /// UUID; also its key in the object store.
    pub pack_id: String,
    /// Why it was written.
    pub kind: PackKind,
    /// Number of objects.
    pub n_objects: i64,
    /// Length in bytes.
    pub size_bytes: i64,
    /// SHA-1 at its end.
    pub trailer: Oid,
    /// The change that brought it.
    pub seq: i64,
    /// True when the bytes are in the database.
    pub is_inline: bool,
}

/// The bytes of a pack that the database holds.
#[derive(Debug, Clone)]
pub struct PackBytes {
    /// The pack's UUID.
    pub pack_id: String,
    /// Encoded table of contents; `None` when it lies in the object store beside the pack.
    pub toc: Option<Vec<u8>>,
    /// The pack itself; `None` when it lies in the object store.
    pub inline: Option<Vec<u8>>,
}

fn pack(row: &Row) -> Result<PackRow, DbError> {
    Ok(PackRow {
        pack_id: row.text("pack_id")?,
        kind: row.parsed("kind", PackKind::parse)?,
        n_objects: row.int("n_objects")?,
        size_bytes: row.int("size_bytes")?,
        trailer: row.oid("trailer")?,
        seq: row.int("seq")?,
        is_inline: row.bool("is_inline")?,
    })
}

/// A new pack.
#[derive(Debug, Clone)]
pub struct NewPack {
    /// UUID.
    pub pack_id: String,
    /// Why it was written.
    pub kind: PackKind,
    /// Number of objects.
    pub n_objects: i64,
    /// Length in bytes.
    pub size_bytes: i64,
    /// SHA-1 at its end.
    pub trailer: Oid,
    /// Encoded table of contents, when small enough for a row.
    pub toc: Option<Vec<u8>>,
    /// The pack, when small enough for a row; otherwise it is durable in the object store already.
    pub inline: Option<Vec<u8>>,
}

/// Writes the pack's row and attaches it to the repository as part of change `seq`.
pub async fn insert_pack(
    tx: &mut Tx,
    repo_id: i64,
    seq: i64,
    new: NewPack,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.execute_later(
        "INSERT INTO git_pack (pack_id, kind, n_objects, size_bytes, trailer, toc, inline_bytes, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        args![
            new.pack_id.as_str(),
            new.kind.as_str(),
            new.n_objects,
            new.size_bytes,
            new.trailer,
            new.toc,
            new.inline,
            now,
        ],
    )
    .await?;
    attach_pack(tx, repo_id, &new.pack_id, seq).await?;
    if new.kind == PackKind::Tail {
        let sql = "UPDATE git_repo SET tail_packs = tail_packs + 1, tail_bytes = tail_bytes + $2 WHERE repo_id = $1";
        tx.execute_later(sql, args![repo_id, new.size_bytes]).await?;
    }
    Ok(())
}

async fn attach_pack(tx: &mut Tx, repo_id: i64, pack_id: &str, seq: i64) -> Result<(), DbError> {
    let sql = "INSERT INTO git_repo_pack (repo_id, pack_id, seq) VALUES ($1, $2, $3)";
    tx.execute_later(sql, args![repo_id, pack_id, seq]).await?;
    Ok(())
}

/// The repository's live packs that came after change `after_seq`, oldest first.
pub async fn list_packs(
    conn: &mut Conn,
    repo_id: i64,
    after_seq: i64,
) -> Result<Vec<PackRow>, DbError> {
    let sql = "SELECT p.pack_id, p.kind, p.n_objects, p.size_bytes, p.trailer, rp.seq, \
               (p.inline_bytes IS NOT NULL) AS is_inline \
               FROM git_repo_pack rp JOIN git_pack p ON p.pack_id = rp.pack_id \
               WHERE rp.repo_id = $1 AND rp.seq > $2 AND rp.retired_at IS NULL ORDER BY rp.seq, p.pack_id";
    conn.fetch_all(sql, args![repo_id, after_seq]).await?.iter().map(pack).collect()
}

/// The bytes of the repository's live inline packs that came after change `after_seq`.
pub async fn list_inline_bytes(
    conn: &mut Conn,
    repo_id: i64,
    after_seq: i64,
) -> Result<Vec<PackBytes>, DbError> {
    let sql = "SELECT p.pack_id, p.toc, p.inline_bytes FROM git_repo_pack rp \
               JOIN git_pack p ON p.pack_id = rp.pack_id \
               WHERE rp.repo_id = $1 AND rp.seq > $2 AND rp.retired_at IS NULL AND p.inline_bytes IS NOT NULL";
    conn.fetch_all(sql, args![repo_id, after_seq]).await?.iter().map(pack_bytes).collect()
}

/// What the database holds of one pack.
pub async fn find_pack_bytes(conn: &mut Conn, pack_id: &str) -> Result<Option<PackBytes>, DbError> {
    let sql = "SELECT pack_id, toc, inline_bytes FROM git_pack WHERE pack_id = $1";
    conn.fetch_optional(sql, args![pack_id]).await?.as_ref().map(pack_bytes).transpose()
}

fn pack_bytes(row: &Row) -> Result<PackBytes, DbError> {
    Ok(PackBytes {
        pack_id: row.text("pack_id")?,
        toc: row.opt_bytes("toc")?,
        inline: row.opt_bytes("inline_bytes")?,
    })
}

/// Retires packs of a repository and starts a new generation of it; false, and nothing is valid, when one of them
/// was retired already (the caller rolls back).
pub async fn retire_packs(
    tx: &mut Tx,
    repo_id: i64,
    pack_ids: &[String],
    now: Timestamp,
) -> Result<bool, DbError> {
    for pack_id in pack_ids {
        let sql = "UPDATE git_repo_pack SET retired_at = $3 \
                   WHERE repo_id = $1 AND pack_id = $2 AND retired_at IS NULL";
        if tx.execute(sql, args![repo_id, pack_id, now]).await? != 1 {
            return Ok(false);
        }
    }
    let sql = "UPDATE git_repo SET generation = generation + 1 WHERE repo_id = $1";
    tx.execute(sql, args![repo_id]).await?;
    count_tail(tx, repo_id).await?;
    Ok(true)
}

/// Counts the repository's tail packs anew; packs that are shared change under its hands.
pub async fn count_tail(tx: &mut Tx, repo_id: i64) -> Result<(), DbError> {
    tx.execute(
        "UPDATE git_repo SET \
         tail_packs = (SELECT COUNT(*) FROM git_repo_pack rp JOIN git_pack p ON p.pack_id = rp.pack_id \
                       WHERE rp.repo_id = $1 AND rp.retired_at IS NULL AND p.kind = 'tail'), \
         tail_bytes = (SELECT CAST(COALESCE(SUM(p.size_bytes), 0) AS BIGINT) FROM git_repo_pack rp \
                       JOIN git_pack p ON p.pack_id = rp.pack_id \
                       WHERE rp.repo_id = $1 AND rp.retired_at IS NULL AND p.kind = 'tail') \
         WHERE repo_id = $1",
        args![repo_id],
    )
    .await?;
    Ok(())
}

/// Takes packs that need no other out of the tail without rewriting them.
pub async fn promote_pack(tx: &mut Tx, pack_id: &str) -> Result<(), DbError> {
    let sql = "UPDATE git_pack SET kind = 'joined' WHERE pack_id = $1 AND kind = 'tail'";
    tx.execute(sql, args![pack_id]).await?;
    Ok(())
}

/// Records that unreachable objects were dropped: writers that relied on the old packs must start again.
pub async fn bump_gc_epoch(tx: &mut Tx, repo_id: i64) -> Result<(), DbError> {
    let sql = "UPDATE git_repo SET gc_epoch = gc_epoch + 1 WHERE repo_id = $1";
    tx.execute(sql, args![repo_id]).await?;
    Ok(())
}

/// Attaches every live pack of one repository to another, which shares them from then on.
pub async fn share_packs(
    tx: &mut Tx,
    from_repo: i64,
    to_repo: i64,
    seq: i64,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO git_repo_pack (repo_id, pack_id, seq) \
         SELECT $2, pack_id, $3 FROM git_repo_pack WHERE repo_id = $1 AND retired_at IS NULL",
        args![from_repo, to_repo, seq],
    )
    .await?;
    count_tail(tx, to_repo).await
}

/// Retired packs whose time has come: inline ones retired before `inline_before`, others before the earlier
/// `stored_before`.
pub async fn list_retired(
    conn: &mut Conn,
    inline_before: Timestamp,
    stored_before: Timestamp,
    limit: i64,
) -> Result<Vec<(i64, String)>, DbError> {
    let sql = "SELECT rp.repo_id, rp.pack_id FROM git_repo_pack rp JOIN git_pack p ON p.pack_id = rp.pack_id \
               WHERE rp.retired_at < $1 AND (p.inline_bytes IS NOT NULL OR rp.retired_at < $2) \
               ORDER BY rp.retired_at LIMIT $3";
    let rows = conn.fetch_all(sql, args![inline_before, stored_before, limit]).await?;
    rows.iter().map(|row| Ok((row.int("repo_id")?, row.text("pack_id")?))).collect()
}

/// Detaches a retired pack from a repository.
pub async fn detach_pack(tx: &mut Tx, repo_id: i64, pack_id: &str) -> Result<(), DbError> {
    let sql =
        "DELETE FROM git_repo_pack WHERE repo_id = $1 AND pack_id = $2 AND retired_at IS NOT NULL";
    tx.execute(sql, args![repo_id, pack_id]).await?;
    Ok(())
}

/// Detaches all packs of a repository that is being purged; returns their ids.
pub async fn detach_all(tx: &mut Tx, repo_id: i64) -> Result<Vec<String>, DbError> {
    let sql = "DELETE FROM git_repo_pack WHERE repo_id = $1 RETURNING pack_id";
    let rows = tx.fetch_all(sql, args![repo_id]).await?;
    rows.iter().map(|row| row.text("pack_id")).collect()
}

/// Deletes the pack's row unless a repository names it (retired or not); true when it went and its bytes lie in the
/// object store, where they are garbage once the transaction is committed.
pub async fn delete_unnamed(tx: &mut Tx, pack_id: &str) -> Result<bool, DbError> {
    let sql = "DELETE FROM git_pack WHERE pack_id = $1 \
               AND NOT EXISTS (SELECT 1 FROM git_repo_pack rp WHERE rp.pack_id = git_pack.pack_id) \
               RETURNING (inline_bytes IS NULL) AS stored";
    tx.fetch_optional(sql, args![pack_id]).await?.map_or(Ok(false), |row| row.bool("stored"))
}

/// Packs that no repository names, in order of id after `after`; for fsck.
pub async fn list_unnamed(
    conn: &mut Conn,
    after: &str,
    limit: i64,
) -> Result<Vec<String>, DbError> {
    let sql = "SELECT p.pack_id FROM git_pack p WHERE p.pack_id > $1 AND NOT EXISTS \
               (SELECT 1 FROM git_repo_pack rp WHERE rp.pack_id = p.pack_id) ORDER BY p.pack_id LIMIT $2";
    conn.fetch_all(sql, args![after, limit]).await?.iter().map(|row| row.text("pack_id")).collect()
}

/// True when a pack row with this id exists; for sweeping orphans of the object store.
pub async fn pack_exists(conn: &mut Conn, pack_id: &str) -> Result<bool, DbError> {
    let sql = "SELECT 1 AS one FROM git_pack WHERE pack_id = $1";
    Ok(conn.fetch_optional(sql, args![pack_id]).await?.is_some())
}

/// When a repository's tail is to be joined.
#[derive(Debug, Clone, Copy)]
pub struct JoinThreshold {
    /// At that many packs,
    pub packs: i64,
    /// or that many bytes,
    pub bytes: i64,
    /// or when the newest pack is older than this.
    pub idle_before: Timestamp,
}

/// Repositories whose tail is to be joined, longest tails first; not those where that failed after `failed_since`, nor
/// those being repacked, which a join would spoil.
pub async fn list_wanting_join(
    conn: &mut Conn,
    threshold: &JoinThreshold,
    failed_since: Timestamp,
    limit: i64,
) -> Result<Vec<i64>, DbError> {
    // `tail_packs >= 2` stands literally so that the partial index serves.
    let sql = "SELECT g.repo_id FROM git_repo g WHERE g.tail_packs >= 2 AND (g.tail_packs >= $1 OR g.tail_bytes >= $2 \
               OR $3 > (SELECT p.created_at FROM git_repo_pack rp JOIN git_pack p ON p.pack_id = rp.pack_id \
               WHERE rp.repo_id = g.repo_id AND rp.retired_at IS NULL ORDER BY rp.seq DESC LIMIT 1)) \
               AND NOT EXISTS (SELECT 1 FROM job j WHERE j.kind = 'git.join' AND j.subject = CAST(g.repo_id AS TEXT) \
               AND (j.state IN ('waiting', 'running') OR (j.state = 'failed' AND j.finished_at > $4))) \
               AND NOT EXISTS (SELECT 1 FROM job j WHERE j.kind = 'git.repack' \
               AND j.subject = CAST(g.repo_id AS TEXT) AND j.state = 'running') \
               ORDER BY g.tail_packs DESC LIMIT $5";
    let args = args![threshold.packs, threshold.bytes, threshold.idle_before, failed_since, limit];
    conn.fetch_all(sql, args).await?.iter().map(|row| row.int("repo_id")).collect()
}

/// Repositories that want unreachable objects dropped by `now`; not those where that failed after `failed_since`.
pub async fn list_wanting_drop(
    conn: &mut Conn,
    now: Timestamp,
    failed_since: Timestamp,
    limit: i64,
) -> Result<Vec<i64>, DbError> {
    let sql = "SELECT g.repo_id FROM git_repo g WHERE g.drop_wanted AND (g.drop_after IS NULL OR g.drop_after <= $1) \
               AND NOT EXISTS (SELECT 1 FROM job j WHERE j.kind = 'git.drop' AND j.subject = CAST(g.repo_id AS TEXT) \
               AND (j.state IN ('waiting', 'running') OR (j.state = 'failed' AND j.finished_at > $2))) \
               ORDER BY g.repo_id LIMIT $3";
    let rows = conn.fetch_all(sql, args![now, failed_since, limit]).await?;
    rows.iter().map(|row| row.int("repo_id")).collect()
}

/// Bytes of all live packs of a repository.
pub async fn sum_bytes(conn: &mut Conn, repo_id: i64) -> Result<i64, DbError> {
    let sql = "SELECT CAST(COALESCE(SUM(p.size_bytes), 0) AS BIGINT) AS n FROM git_repo_pack rp \
               JOIN git_pack p ON p.pack_id = rp.pack_id WHERE rp.repo_id = $1 AND rp.retired_at IS NULL";
    conn.fetch_one(sql, args![repo_id]).await?.int("n")
}
