//! Xorbs, files, claims, and how they go.

mod claims;
mod compact;
mod dedup;
mod files;
mod fsck;
mod gc;
mod races;
mod readers;
mod report;
mod storage;
mod xorbs;

use steelyard_core::XetHash;
use steelyard_db::lfs;
use steelyard_db::xet::{self, NewFile, NewXorb, Reader, XorbInsert};

use crate::base::{Base, at, sha256};

const NOBODY: Reader = Reader { user_id: None, is_admin: false };

fn reader(user_id: i64) -> Reader {
    Reader { user_id: Some(user_id), is_admin: false }
}

fn hash(n: u8) -> XetHash {
    XetHash::new([n; 32])
}

/// A xorb of `n` chunks, `n * 1000` bytes stored and `n * 2000` raw.
fn new_xorb(n: u8, generation: u32, uploader_id: Option<i64>, packed: &[u8]) -> NewXorb<'_> {
    NewXorb {
        hash: hash(n),
        generation,
        uploader_id,
        n_chunks: n.into(),
        raw_bytes: u64::from(n) * 2000,
        stored_bytes: u64::from(n) * 1000,
        packed,
    }
}

/// Stores such a xorb, at the time 100; its id.
async fn xorb(base: &Base, n: u8) -> i64 {
    let packed = vec![n; 40 * usize::from(n)];
    let mut tx = base.write().await;
    let inserted =
        xet::insert_xorb(&mut tx, &new_xorb(n, n.into(), None, &packed), at(100)).await.unwrap();
    tx.commit().await.unwrap();
    match inserted {
        XorbInsert::Inserted(id) => id,
        other => panic!("{other:?}"),
    }
}

/// Registers a file of `n * 1000` bytes that uses these xorbs, at the time 200; its id.
async fn file(base: &Base, n: u8, xorb_ids: &[i64]) -> i64 {
    let mut tx = base.write().await;
    let (id, _) = xet::insert_file(&mut tx, &new_file(n, xorb_ids), at(200)).await.unwrap();
    tx.commit().await.unwrap();
    id
}

fn new_file(n: u8, xorb_ids: &[i64]) -> NewFile<'_> {
    NewFile {
        hash: hash(n),
        size_bytes: u64::from(n) * 1000,
        n_terms: 1,
        terms: b"twenty-eight bytes of a term",
        xorb_ids,
    }
}

/// Gives a repository content `n` of that file, verified.
async fn link(base: &Base, repo: i64, n: u8, file: i64) {
    let mut tx = base.write().await;
    xet::set_file_sha256(&mut tx, file, sha256(n)).await.unwrap();
    lfs::ensure_xet_object(&mut tx, sha256(n), u64::from(n) * 1000, file, at(300)).await.unwrap();
    lfs::ensure_link(&mut tx, repo, sha256(n), &format!("{repo}-link-{n}"), at(300)).await.unwrap();
    tx.commit().await.unwrap();
}

/// Claims that a file is content `n` of a repository.
async fn claim(base: &Base, repo: i64, n: u8, file: i64, id: &str) -> xet::ClaimOutcome {
    let mut tx = base.write().await;
    let outcome = xet::claim_link(&mut tx, repo, sha256(n), id, file, at(300)).await.unwrap();
    tx.commit().await.unwrap();
    outcome
}

/// A user and their public repository `r` of that name.
async fn user_and_repo(base: &Base, name: &str) -> (i64, i64) {
    let user = base.user(name).await;
    (user, base.repo((name, user), "r").await)
}
