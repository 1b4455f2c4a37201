//! Xorbs: their rows, chunk tables and uses.

use std::collections::HashSet;

use steelyard_core::{Timestamp, XetHash};

use super::{Reader, newest_files, readable_file};
use crate::batch::{fetch_in, keys};
use crate::conn::args;
use crate::{Conn, DbError, Row, Tx, Value, dialect};

/// Where a xorb stands between use and deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum XorbState {
    /// In use, or free to be used.
    Live,
    /// Nobody used it for long; whoever does takes it back ([`revive_xorbs`]).
    Condemned,
    /// Its object may be gone: as good as missing.
    Deleting,
}

/// A block of chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XorbRow {
    /// Internal key.
    pub id: i64,
    /// Its hash.
    pub hash: XetHash,
    /// With the hash, the key of its object.
    pub generation: u32,
    /// Whether it is there.
    pub state: XorbState,
    /// How many chunks it has.
    pub n_chunks: u32,
    /// Bytes of its chunks, unpacked.
    pub raw_bytes: u64,
    /// Bytes of its object.
    pub stored_bytes: u64,
    /// When a file first used it.
    pub used_at: Option<Timestamp>,
    /// When it was stored.
    pub created_at: Timestamp,
}

macro_rules! xorb_columns {
    () => {
        "x.id, x.hash, x.generation, x.state, x.n_chunks, x.raw_bytes, x.stored_bytes, x.used_at, x.created_at"
    };
}
pub(crate) use xorb_columns;

pub(crate) fn xorb(row: &Row) -> Result<XorbRow, DbError> {
    let state = match row.int("state")? {
        0 => XorbState::Live,
        1 => XorbState::Condemned,
        2 => XorbState::Deleting,
        _ => return Err(DbError::Inconsistent { column: "state" }),
    };
    Ok(XorbRow {
        id: row.int("id")?,
        hash: row.xet_hash("hash")?,
        generation: row.small("generation")?,
        state,
        n_chunks: row.small("n_chunks")?,
        raw_bytes: row.count("raw_bytes")?,
        stored_bytes: row.count("stored_bytes")?,
        used_at: row.opt_timestamp("used_at")?,
        created_at: row.timestamp("created_at")?,
    })
}

fn xorbs(rows: &[Row]) -> Result<Vec<XorbRow>, DbError> {
    rows.iter().map(xorb).collect()
}

fn ids(rows: &[Row]) -> Result<HashSet<i64>, DbError> {
    rows.iter().map(|row| row.int("id")).collect()
}

/// The xorbs with these hashes, as far as there are any, in any state and order.
pub async fn find_xorbs(conn: &mut Conn, hashes: &[XetHash]) -> Result<Vec<XorbRow>, DbError> {
    let sql = concat!("SELECT ", xorb_columns!(), " FROM xorb x WHERE x.hash IN {keys}");
    xorbs(&fetch_in(conn, sql, args![], &keys(hashes)).await?)
}

/// The xorbs with these ids, as far as there are any, in any state and order.
pub async fn find_xorbs_by_id(conn: &mut Conn, ids: &[i64]) -> Result<Vec<XorbRow>, DbError> {
    let sql = concat!("SELECT ", xorb_columns!(), " FROM xorb x WHERE x.id IN {keys}");
    xorbs(&fetch_in(conn, sql, args![], &keys(ids)).await?)
}

/// The chunk tables of these xorbs: 40 bytes a chunk (hash, end in the stored bytes, end in the raw bytes).
/// A full one has 320 KiB, so ask for few.
pub async fn xorb_tables(conn: &mut Conn, ids: &[i64]) -> Result<Vec<(i64, Vec<u8>)>, DbError> {
    let sql = "SELECT xorb_id, packed FROM xorb_chunks WHERE xorb_id IN {keys}";
    let rows = fetch_in(conn, sql, args![], &keys(ids)).await?;
    rows.iter().map(|row| Ok((row.int("xorb_id")?, row.bytes("packed")?))).collect()
}

/// A xorb whose object is durable.
#[derive(Debug, Clone, Copy)]
pub struct NewXorb<'a> {
    /// Its hash.
    pub hash: XetHash,
    /// With the hash, the key of the object; random.
    pub generation: u32,
    /// Whose quota it counts against until a file uses it; `None` for those the hub makes itself.
    pub uploader_id: Option<i64>,
    /// How many chunks it has.
    pub n_chunks: u32,
    /// Bytes of its chunks, unpacked.
    pub raw_bytes: u64,
    /// Bytes of its object.
    pub stored_bytes: u64,
    /// Its chunk table; see [`xorb_tables`].
    pub packed: &'a [u8],
}

/// What became of a new xorb.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum XorbInsert {
    /// It is new.
    Inserted(i64),
    /// Its row was condemned or being deleted; now it is live and names the new object.
    Revived(i64),
    /// It is there and stays as it is: the new object is a duplicate.
    Exists(XorbRow),
}

/// Records a xorb, unless it is live already.
pub async fn insert_xorb(
    tx: &mut Tx,
    new: &NewXorb<'_>,
    now: Timestamp,
) -> Result<XorbInsert, DbError> {
    // The change that changes nothing locks a row that exists, and returns it.
    let row = tx
        .fetch_one(
            "INSERT INTO xorb (hash, generation, state, uploader_id, n_chunks, raw_bytes, stored_bytes, created_at) \
             VALUES ($1, $2, 0, $3, $4, $5, $6, $7) ON CONFLICT (hash) DO UPDATE SET state = xorb.state \
             RETURNING id, hash, generation, state, n_chunks, raw_bytes, stored_bytes, used_at, created_at",
            args![
                new.hash,
                i64::from(new.generation),
                new.uploader_id,
                i64::from(new.n_chunks),
                Value::count(new.raw_bytes),
                Value::count(new.stored_bytes),
                now,
            ],
        )
        .await?;
    let row = xorb(&row)?;
    // Every xorb has a table, so whoever can insert that has inserted the xorb.
    let sql = "INSERT INTO xorb_chunks (xorb_id, packed) VALUES ($1, $2) ON CONFLICT (xorb_id) DO NOTHING";
    if tx.execute(sql, args![row.id, new.packed]).await? > 0 {
        return Ok(XorbInsert::Inserted(row.id));
    }
    if row.state == XorbState::Live {
        return Ok(XorbInsert::Exists(row));
    }
    // No file uses it, so no term knows where the chunks of the old object are.
    tx.execute(
        "UPDATE xorb SET generation = $2, state = 0, uploader_id = $3, stored_bytes = $4, used_at = NULL, \
         created_at = $5, condemned_at = NULL WHERE id = $1",
        args![
            row.id,
            i64::from(new.generation),
            new.uploader_id,
            Value::count(new.stored_bytes),
            now,
        ],
    )
    .await?;
    tx.execute("UPDATE xorb_chunks SET packed = $2 WHERE xorb_id = $1", args![row.id, new.packed])
        .await?;
    Ok(XorbInsert::Revived(row.id))
}

/// The xorbs with these ids in order, as far as there are any; until the transaction ends nobody condemns or deletes
/// them.
pub async fn lock_xorbs(tx: &mut Tx, ids: &[i64]) -> Result<Vec<XorbRow>, DbError> {
    let mut sql =
        concat!("SELECT ", xorb_columns!(), " FROM xorb x WHERE x.id IN {keys} ORDER BY x.id")
            .to_owned();
    sql.push_str(dialect::lock_rows(tx));
    xorbs(&fetch_in(tx, &sql, args![], &keys(ids)).await?)
}

/// Makes condemned xorbs live again; the others stay as they are. Lock them first.
pub async fn revive_xorbs(tx: &mut Tx, ids: &[i64]) -> Result<(), DbError> {
    let sql = "UPDATE xorb SET state = 0, condemned_at = NULL WHERE id IN {keys} AND state = 1";
    fetch_in(tx, sql, args![], &keys(ids)).await?;
    Ok(())
}

/// Notes that a file uses these xorbs, so that they no longer count against their uploaders' quota.
pub async fn mark_used(tx: &mut Tx, ids: &[i64], now: Timestamp) -> Result<(), DbError> {
    let sql = "UPDATE xorb SET used_at = $1 WHERE id IN {keys} AND used_at IS NULL";
    fetch_in(tx, sql, args![now], &keys(ids)).await?;
    Ok(())
}

/// Lets a user refer to these xorbs until `until`, or longer where they may already, and keeps the xorbs as long:
/// condemned ones live again. Returns those for which this holds; a xorb that is being deleted is not among them.
pub async fn touch_use(
    tx: &mut Tx,
    user_id: i64,
    ids: &[i64],
    until: Timestamp,
) -> Result<HashSet<i64>, DbError> {
    let there = lock_xorbs(tx, ids).await?;
    let there: HashSet<i64> =
        there.iter().filter(|row| row.state != XorbState::Deleting).map(|row| row.id).collect();
    let sql = "INSERT INTO xorb_use (xorb_id, user_id, until) SELECT id, $1, $2 FROM xorb WHERE id IN {keys} \
               ON CONFLICT (xorb_id, user_id) DO UPDATE SET until = excluded.until \
               WHERE xorb_use.until < excluded.until";
    let list: Vec<i64> = there.iter().copied().collect();
    revive_xorbs(tx, &list).await?;
    fetch_in(tx, sql, args![user_id, until], &keys(&list)).await?;
    Ok(there)
}

/// Those of these xorbs that the user was given leave to refer to, and may still.
pub async fn usable_xorbs(
    conn: &mut Conn,
    user_id: i64,
    ids_asked: &[i64],
    now: Timestamp,
) -> Result<HashSet<i64>, DbError> {
    let sql = "SELECT xorb_id AS id FROM xorb_use WHERE xorb_id IN {keys} AND user_id = $1 AND until > $2";
    ids(&fetch_in(conn, sql, args![user_id, now], &keys(ids_asked)).await?)
}

/// Those of these xorbs that are used by a file which the reader can read in some repository; only the newest thousand
/// files of each are looked at.
pub async fn readable_xorbs(
    conn: &mut Conn,
    reader: &Reader,
    ids_asked: &[i64],
) -> Result<HashSet<i64>, DbError> {
    let sql = concat!(
        "SELECT x.id FROM xorb x WHERE x.id IN {keys} AND EXISTS (SELECT 1 FROM ",
        newest_files!("x.id"),
        " WHERE ",
        readable_file!(),
        " LIMIT 1 OFFSET 0)"
    );
    let args = args![reader.user_id, reader.is_admin];
    ids(&fetch_in(conn, sql, args, &keys(ids_asked)).await?)
}

/// Stored bytes of xorbs that a user uploaded and no file has used yet.
pub async fn unused_bytes(conn: &mut Conn, user_id: i64) -> Result<u64, DbError> {
    let sql = "SELECT CAST(COALESCE(SUM(stored_bytes), 0) AS BIGINT) AS n FROM xorb \
               WHERE uploader_id = $1 AND used_at IS NULL";
    conn.fetch_one(sql, args![user_id]).await?.count("n")
}
