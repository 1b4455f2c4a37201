//! Moving what is still used of a xorb into another one.

use steelyard_core::{Timestamp, XetHash};

use super::insert_dedup;
use super::xorb::{XorbRow, xorb, xorb_columns};
use crate::conn::args;
use crate::{Conn, DbError, Tx};

/// Live xorbs of which files were deleted since and that were stored before `before`, in order of id, after `after`.
pub async fn list_shrunk_xorbs(
    conn: &mut Conn,
    before: Timestamp,
    after: i64,
    limit: i64,
) -> Result<Vec<XorbRow>, DbError> {
    let sql = concat!(
        "SELECT ",
        xorb_columns!(),
        " FROM xorb x WHERE x.shrunk_at IS NOT NULL AND x.state = 0 AND x.created_at < $1 AND x.id > $2 \
         ORDER BY x.id LIMIT $3"
    );
    conn.fetch_all(sql, args![before, after, limit]).await?.iter().map(xorb).collect()
}

/// Notes that a xorb was looked at: it is not looked at again before another of its files is deleted.
pub async fn clear_shrunk(tx: &mut Tx, xorb_id: i64) -> Result<(), DbError> {
    tx.execute("UPDATE xorb SET shrunk_at = NULL WHERE id = $1", args![xorb_id]).await?;
    Ok(())
}

/// The files that use a xorb, in order of id.
pub async fn list_files_of_xorb(
    conn: &mut Conn,
    xorb_id: i64,
    limit: i64,
) -> Result<Vec<i64>, DbError> {
    let sql = "SELECT file_id FROM xet_file_xorb WHERE xorb_id = $1 ORDER BY file_id LIMIT $2";
    let rows = conn.fetch_all(sql, args![xorb_id, limit]).await?;
    rows.iter().map(|row| row.int("file_id")).collect()
}

/// Gives a file other terms for the same bytes, and the edges that go with them: `from` for `to`, both of which must be
/// locked.
pub async fn move_file(
    tx: &mut Tx,
    file_id: i64,
    terms: &[u8],
    from: i64,
    to: i64,
) -> Result<(), DbError> {
    tx.execute("UPDATE xet_file SET terms = $2 WHERE id = $1", args![file_id, terms]).await?;
    let sql = "INSERT INTO xet_file_xorb (file_id, xorb_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    tx.execute(sql, args![file_id, to]).await?;
    let sql = "DELETE FROM xet_file_xorb WHERE file_id = $1 AND xorb_id = $2";
    tx.execute(sql, args![file_id, from]).await?;
    Ok(())
}

/// Forgets the chunks by which a xorb is found, and remembers these of another in their place: `(hash, index)`.
pub async fn move_dedup(
    tx: &mut Tx,
    from: i64,
    to: i64,
    chunks: &[(XetHash, u32)],
) -> Result<(), DbError> {
    tx.execute("DELETE FROM xet_dedup WHERE xorb_id = $1", args![from]).await?;
    let rows: Vec<_> = chunks.iter().map(|(hash, index)| (*hash, to, *index)).collect();
    insert_dedup(tx, &rows).await
}

/// The chunks by which a xorb is found: `(hash, index)`.
pub async fn list_dedup_of_xorb(
    conn: &mut Conn,
    xorb_id: i64,
) -> Result<Vec<(XetHash, u32)>, DbError> {
    let sql = "SELECT chunk, chunk_index FROM xet_dedup WHERE xorb_id = $1 ORDER BY chunk_index";
    let rows = conn.fetch_all(sql, args![xorb_id]).await?;
    rows.iter().map(|row| Ok((row.xet_hash("chunk")?, row.small("chunk_index")?))).collect()
}
