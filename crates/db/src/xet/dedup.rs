//! Chunks by which known content is found again.

use steelyard_core::XetHash;

use super::{Reader, newest_files, readable_file};
use crate::batch::{fetch_in, insert_rows, keys};
use crate::conn::args;
use crate::{Conn, DbError, Tx, Value};

/// Records where chunks are: `(hash, xorb id, index in the xorb)`. One that is known points to the newer place.
pub async fn insert_dedup(tx: &mut Tx, chunks: &[(XetHash, i64, u32)]) -> Result<(), DbError> {
    let mut chunks = chunks.to_vec();
    // In order, as all rows that several transactions may write; of equal ones the last counts.
    chunks.reverse();
    chunks.sort_by_key(|(hash, ..)| *hash);
    chunks.dedup_by_key(|(hash, ..)| *hash);
    let rows: Vec<[Value; 3]> = chunks
        .into_iter()
        .map(|(hash, xorb_id, index)| [hash.into(), xorb_id.into(), i64::from(index).into()])
        .collect();
    let sql = "INSERT INTO xet_dedup (chunk, xorb_id, chunk_index) VALUES {rows} ON CONFLICT (chunk) \
               DO UPDATE SET xorb_id = excluded.xorb_id, chunk_index = excluded.chunk_index";
    insert_rows(tx, sql, &rows).await?;
    Ok(())
}

/// Where these chunks are: `(hash, xorb id, index in the xorb)` of those that are known, in any order.
/// Whether the caller may know is another question.
pub async fn find_dedup(
    conn: &mut Conn,
    chunks: &[XetHash],
) -> Result<Vec<(XetHash, i64, u32)>, DbError> {
    let sql = "SELECT chunk, xorb_id, chunk_index FROM xet_dedup WHERE chunk IN {keys}";
    let rows = fetch_in(conn, sql, args![], &keys(chunks)).await?;
    rows.iter()
        .map(|row| Ok((row.xet_hash("chunk")?, row.int("xorb_id")?, row.small("chunk_index")?)))
        .collect()
}

/// Ids of files that use the xorb and that the reader can read in some repository, the newest first; only the newest
/// thousand are looked at.
pub async fn readable_files_of_xorb(
    conn: &mut Conn,
    reader: &Reader,
    xorb_id: i64,
    limit: i64,
) -> Result<Vec<i64>, DbError> {
    let sql = concat!(
        "SELECT e.file_id FROM ",
        newest_files!("$3"),
        " WHERE ",
        readable_file!(),
        " ORDER BY e.file_id DESC LIMIT $4"
    );
    let args = args![reader.user_id, reader.is_admin, xorb_id, limit];
    conn.fetch_all(sql, args).await?.iter().map(|row| row.int("file_id")).collect()
}
