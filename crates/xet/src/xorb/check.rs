//! Checking a xorb from outside, before anything of it is kept.

use steelyard_core::XetHash;

use super::footer::{check_footer, is_footer};
use super::{StoredChunks, XORB_BODY_BYTES_MAX, XorbError};
use crate::compress::Decompressor;
use crate::hash::{Tree, chunk_hash};
use crate::table::{ChunkTable, TableBuilder};

/// A xorb that is sound and has the hash it should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedXorb {
    /// Its chunks; made from the bytes alone.
    pub table: ChunkTable,
    /// Bytes of the chunks with their headers: what is to be stored. A footer that came behind them does not count.
    pub stored_len: usize,
    /// Bytes of the raw chunks.
    pub raw_len: u32,
}

/// Checks that `body` is the xorb with the hash `expected`, in memory of two chunks and the table.
///
/// Every chunk must give exactly the raw length its header says, in a form that every client decodes: a xorb with the
/// right hash but a header that lies would be stored and then break the downloads of all who share its chunks. Behind
/// the last chunk nothing may come but one footer of the protocol that describes just these chunks.
pub fn check_xorb(body: &[u8], expected: &XetHash) -> Result<CheckedXorb, XorbError> {
    if body.len() > XORB_BODY_BYTES_MAX {
        return Err(XorbError::BodyBytes(body.len()));
    }
    let mut decompressor = Decompressor::new();
    let mut table = TableBuilder::new();
    let mut tree = Tree::default();
    let mut chunks = StoredChunks::new(body);
    while !is_footer(chunks.rest())
        && let Some(chunk) = chunks.next()
    {
        let chunk = chunk?;
        let hash = chunk_hash(chunk.raw(&mut decompressor)?);
        let raw_len = chunk.header.raw_len;
        table
            .push(&hash, chunk.header.stored_len(), raw_len)
            .expect("chunks are counted as they are read");
        tree.push(hash, u64::from(raw_len));
    }
    let table = table.finish();
    let Some(last) = table.len().checked_sub(1) else {
        return Err(XorbError::Empty);
    };
    let computed = tree.root();
    if computed != *expected {
        return Err(XorbError::Hash { expected: *expected, computed });
    }
    let footer = chunks.rest();
    if !footer.is_empty() {
        check_footer(footer, &table, expected).map_err(|rule| XorbError::Footer { last, rule })?;
    }
    let stored_len = body.len() - footer.len();
    Ok(CheckedXorb { stored_len, raw_len: table.raw_bytes(), table })
}
