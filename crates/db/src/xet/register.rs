//! Registering files.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use steelyard_core::{Sha256, Timestamp, XetHash};

use crate::batch::{fetch_in, insert_rows, keys};
use crate::conn::args;
use crate::{DbError, Tx, Value};

/// Times a file is tried to be inserted while others delete it.
const ATTEMPTS_MAX: u32 = 3;
/// Files whose terms are copied at a time.
const ROWS_AT_ONCE: usize = 64;

/// A file to register.
#[derive(Debug, Clone, Copy)]
pub struct NewFile<'a> {
    /// Its hash in the protocol of Xet.
    pub hash: XetHash,
    /// Its size.
    pub size_bytes: u64,
    /// How many terms it has.
    pub n_terms: u32,
    /// The terms, packed: 28 bytes each.
    pub terms: &'a [u8],
    /// The xorbs that the terms name; they must be locked and live.
    pub xorb_ids: &'a [i64],
}

/// Registers a file; its id, and true when it is new. A file that is there keeps its terms, and is kept from being
/// deleted if it was about to be.
pub async fn insert_file(
    tx: &mut Tx,
    new: &NewFile<'_>,
    now: Timestamp,
) -> Result<(i64, bool), DbError> {
    let ids = insert_files(tx, std::slice::from_ref(new), now).await?;
    ids.first().copied().ok_or(DbError::Missing { row: "xet_file" })
}

/// Registers files as [`insert_file`] does; the answers are in the order of the files. Of files with the same hash the
/// first one counts.
pub async fn insert_files(
    tx: &mut Tx,
    new: &[NewFile<'_>],
    now: Timestamp,
) -> Result<Vec<(i64, bool)>, DbError> {
    // In order, as others do: two transactions with the same files must not wait for each other.
    let by_hash: BTreeMap<XetHash, &NewFile<'_>> =
        new.iter().rev().map(|file| (file.hash, file)).collect();
    let mut open: Vec<&NewFile<'_>> = by_hash.into_values().collect();
    let mut ids = HashMap::with_capacity(open.len());
    for _ in 0..ATTEMPTS_MAX {
        let fresh = insert_unknown(tx, &open, now).await?;
        ids.extend(fresh.into_iter().map(|(hash, id)| (hash, (id, true))));
        open.retain(|file| !ids.contains_key(&file.hash));
        let known: Vec<XetHash> = open.iter().map(|file| file.hash).collect();
        let spared = spare_known(tx, &known).await?;
        ids.extend(spared.into_iter().map(|(hash, id)| (hash, (id, false))));
        open.retain(|file| !ids.contains_key(&file.hash));
        // What is open still was deleted between the two; on SQLite nobody could.
        if open.is_empty() {
            break;
        }
    }
    let mut told = HashSet::new();
    let answers = new.iter().map(|file| {
        let (id, is_new) = ids.get(&file.hash).ok_or_else(|| DbError::contended("xet_file"))?;
        Ok((*id, *is_new && told.insert(*id)))
    });
    answers.collect()
}

/// Inserts the files that have no row, with their edges: `(hash, id)` of those.
async fn insert_unknown(
    tx: &mut Tx,
    files: &[&NewFile<'_>],
    now: Timestamp,
) -> Result<HashMap<XetHash, i64>, DbError> {
    let mut ids = HashMap::new();
    for files in files.chunks(ROWS_AT_ONCE) {
        let row = |file: &&NewFile<'_>| {
            [
                file.hash.into(),
                Value::count(file.size_bytes),
                i64::from(file.n_terms).into(),
                file.terms.into(),
                now.into(),
            ]
        };
        let rows: Vec<[Value; 5]> = files.iter().map(row).collect();
        let sql = "INSERT INTO xet_file (hash, size_bytes, n_terms, terms, created_at) VALUES {rows} \
                   ON CONFLICT (hash) DO NOTHING RETURNING id, hash";
        for row in insert_rows(tx, sql, &rows).await? {
            ids.insert(row.xet_hash("hash")?, row.int("id")?);
        }
    }
    let mut edges = BTreeSet::new();
    for file in files {
        if let Some(id) = ids.get(&file.hash) {
            edges.extend(file.xorb_ids.iter().map(|xorb_id| (*id, *xorb_id)));
        }
    }
    let edges: Vec<[Value; 2]> =
        edges.into_iter().map(|(file, xorb)| [file.into(), xorb.into()]).collect();
    insert_rows(tx, "INSERT INTO xet_file_xorb (file_id, xorb_id) VALUES {rows}", &edges).await?;
    Ok(ids)
}

/// The ids of files that are there; none of them is condemned any longer.
async fn spare_known(tx: &mut Tx, hashes: &[XetHash]) -> Result<HashMap<XetHash, i64>, DbError> {
    let (mut ids, mut condemned) = (HashMap::new(), Vec::new());
    let sql = "SELECT id, hash, condemned_at FROM xet_file WHERE hash IN {keys}";
    for row in fetch_in(tx, sql, args![], &keys(hashes)).await? {
        let hash = row.xet_hash("hash")?;
        match row.opt_int("condemned_at")? {
            Some(_) => condemned.push(hash),
            None => {
                ids.insert(hash, row.int("id")?);
            }
        }
    }
    let sql = "UPDATE xet_file SET condemned_at = NULL WHERE hash IN {keys} RETURNING id, hash";
    for row in fetch_in(tx, sql, args![], &keys(&condemned)).await? {
        ids.insert(row.xet_hash("hash")?, row.int("id")?);
    }
    Ok(ids)
}

/// Records the SHA-256 that the hub has computed of files, `(file id, SHA-256)`. For files that others may have claimed
/// there is [`super::confirm_claims`].
pub async fn set_files_sha256(tx: &mut Tx, files: &[(i64, Sha256)]) -> Result<(), DbError> {
    let files: BTreeMap<i64, Sha256> = files.iter().copied().collect();
    let rows: Vec<[Value; 2]> =
        files.into_iter().map(|(id, sha256)| [id.into(), sha256.into()]).collect();
    // Both engines call the columns of VALUES so.
    let sql = "UPDATE xet_file SET sha256 = v.column2 FROM (VALUES {rows}) v WHERE xet_file.id = v.column1";
    insert_rows(tx, sql, &rows).await?;
    Ok(())
}
