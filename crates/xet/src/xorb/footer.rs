//! The footer that clients may send behind the chunks: a second account of them, for readers without a database.
//!
//! Two versions exist (`XorbObjectInfoV0`, `XorbObjectInfoV1`). Since everything in them but 16 free bytes follows
//! from the chunks, a footer is checked by making it anew and comparing.

use steelyard_core::XetHash;

use crate::table::ChunkTable;

/// How a footer starts. No chunk starts so, because the first byte of its header is zero.
const IDENT: &[u8; 7] = b"XETBLOB";
const HASHES_IDENT: &[u8; 7] = b"XBLBHSH";
const BOUNDARIES_IDENT: &[u8; 7] = b"XBLBBND";
/// Bytes near the end that clients may fill as they like (a nonce that makes equal xorbs differ).
const FREE_LEN: usize = 16;
/// What follows the free bytes: the length of the rest.
const LENGTH_LEN: usize = 4;

/// True when here no chunk follows but a footer.
pub(super) fn is_footer(rest: &[u8]) -> bool {
    rest.starts_with(IDENT)
}

/// Checks that `footer` is all one footer, of these chunks and this hash; else names the rule it breaks.
pub(super) fn check_footer(
    footer: &[u8],
    table: &ChunkTable,
    hash: &XetHash,
) -> Result<(), &'static str> {
    let made = match footer.get(IDENT.len()) {
        Some(0) => version_0(table, hash),
        Some(1) => version_1(table, hash),
        _ => return Err("must have version 0 or 1"),
    };
    if footer.len() != made.len() {
        return Err("must end the body and have the length that its chunks give it");
    }
    let free = made.len() - LENGTH_LEN - FREE_LEN;
    let after = free + FREE_LEN;
    if footer[..free] != made[..free] || footer[after..] != made[after..] {
        return Err("must describe the chunks before it");
    }
    Ok(())
}

fn version_0(table: &ChunkTable, hash: &XetHash) -> Vec<u8> {
    let mut out = start(0, hash);
    put(&mut out, table.len());
    table.entries().for_each(|chunk| put(&mut out, chunk.stored.end));
    table.entries().for_each(|chunk| out.extend_from_slice(chunk.hash.as_bytes()));
    end(out)
}

fn version_1(table: &ChunkTable, hash: &XetHash) -> Vec<u8> {
    let mut out = start(1, hash);
    let hashes_at = out.len();
    out.extend_from_slice(HASHES_IDENT);
    out.push(0);
    put(&mut out, table.len());
    table.entries().for_each(|chunk| out.extend_from_slice(chunk.hash.as_bytes()));
    let boundaries_at = out.len();
    out.extend_from_slice(BOUNDARIES_IDENT);
    out.push(1);
    put(&mut out, table.len());
    table.entries().for_each(|chunk| put(&mut out, chunk.stored.end));
    table.entries().for_each(|chunk| put(&mut out, chunk.raw.end));
    put(&mut out, table.len());
    // Where the sections start, counted from the end of the free bytes.
    let total = out.len() + 8 + FREE_LEN;
    put(&mut out, (total - hashes_at) as u32);
    put(&mut out, (total - boundaries_at) as u32);
    end(out)
}

fn start(version: u8, hash: &XetHash) -> Vec<u8> {
    let mut out = IDENT.to_vec();
    out.push(version);
    out.extend_from_slice(hash.as_bytes());
    out
}

fn end(mut out: Vec<u8>) -> Vec<u8> {
    out.extend_from_slice(&[0; FREE_LEN]);
    let len = out.len() as u32;
    put(&mut out, len);
    out
}

fn put(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}
