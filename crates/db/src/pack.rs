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
#[derive(Debug)]
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
    tx.execute(
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
        tx.execute(sql, args![repo_id, new.size_bytes]).await?;
    }
    Ok(())
}

async fn attach_pack(tx: &mut Tx, repo_id: i64, pack_id: &str, seq: i64) -> Result<(), DbError> {
    let sql = "INSERT INTO git_repo_pack (repo_id, pack_id, seq) VALUES ($1, $2, $3)";
    tx.execute(sql, args![repo_id, pack_id, seq]).await?;
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
    tx.execute(
        "UPDATE git_repo SET generation = generation + 1, \
         tail_packs = (SELECT COUNT(*) FROM git_repo_pack rp JOIN git_pack p ON p.pack_id = rp.pack_id \
                       WHERE rp.repo_id = $1 AND rp.retired_at IS NULL AND p.kind = 'tail'), \
         tail_bytes = (SELECT CAST(COALESCE(SUM(p.size_bytes), 0) AS BIGINT) FROM git_repo_pack rp \
                       JOIN git_pack p ON p.pack_id = rp.pack_id \
                       WHERE rp.repo_id = $1 AND rp.retired_at IS NULL AND p.kind = 'tail') \
         WHERE repo_id = $1",
        args![repo_id],
    )
    .await?;
    Ok(true)
}

/// Records that unreachable objects were dropped: writers that relied on the old packs must start again.
pub async fn bump_gc_epoch(tx: &mut Tx, repo_id: i64) -> Result<(), DbError> {
    let sql = "UPDATE git_repo SET gc_epoch = gc_epoch + 1, drop_wanted = $2 WHERE repo_id = $1";
    tx.execute(sql, args![repo_id, false]).await?;
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
    Ok(())
}

/// Detaches packs that were retired before `before`.
pub async fn forget_retired(tx: &mut Tx, before: Timestamp) -> Result<u64, DbError> {
    tx.execute("DELETE FROM git_repo_pack WHERE retired_at < $1", args![before]).await
}

/// Deletes the rows of packs that no repository names (any more) and that are older than `before`; returns the ids
/// of those whose bytes lie in the object store.
pub async fn delete_unnamed(
    tx: &mut Tx,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<String>, DbError> {
    let rows = tx
        .fetch_all(
            "DELETE FROM git_pack WHERE pack_id IN (SELECT p.pack_id FROM git_pack p WHERE p.created_at < $1 \
             AND NOT EXISTS (SELECT 1 FROM git_repo_pack rp WHERE rp.pack_id = p.pack_id) LIMIT $2) \
             RETURNING pack_id, (inline_bytes IS NULL) AS stored",
            args![before, limit],
        )
        .await?;
    let mut stored = Vec::new();
    for row in rows {
        if row.bool("stored")? {
            stored.push(row.text("pack_id")?);
        }
    }
    Ok(stored)
}

/// True when a pack row with this id exists; for sweeping orphans of the object store.
pub async fn pack_exists(conn: &mut Conn, pack_id: &str) -> Result<bool, DbError> {
    let sql = "SELECT 1 AS one FROM git_pack WHERE pack_id = $1";
    Ok(conn.fetch_optional(sql, args![pack_id]).await?.is_some())
}

/// Repositories with at least `packs` tail packs or `bytes` tail bytes, or that want a drop.
pub async fn list_wanting_work(
    conn: &mut Conn,
    packs: i64,
    bytes: i64,
    limit: i64,
) -> Result<Vec<(i64, bool)>, DbError> {
    let sql = "SELECT repo_id, drop_wanted FROM git_repo \
               WHERE tail_packs >= $1 OR tail_bytes >= $2 OR drop_wanted = $3 LIMIT $4";
    let rows = conn.fetch_all(sql, args![packs, bytes, true, limit]).await?;
    rows.iter().map(|row| Ok((row.int("repo_id")?, row.bool("drop_wanted")?))).collect()
}

/// Bytes of all live packs of a repository.
pub async fn sum_bytes(conn: &mut Conn, repo_id: i64) -> Result<i64, DbError> {
    let sql = "SELECT CAST(COALESCE(SUM(p.size_bytes), 0) AS BIGINT) AS n FROM git_repo_pack rp \
               JOIN git_pack p ON p.pack_id = rp.pack_id WHERE rp.repo_id = $1 AND rp.retired_at IS NULL";
    conn.fetch_one(sql, args![repo_id]).await?.int("n")
}
