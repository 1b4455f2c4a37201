//! What is true of xorbs, files and links at every moment between two transactions, read from both stores without the
//! hub's own code for reading.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use sha2::Digest as _;
use steelyard_blob::{BlobStore, Key};
use steelyard_core::{Sha256, XetHash};
use steelyard_db::{Conn, Db};
use steelyard_xet::xorb::StoredChunks;
use steelyard_xet::{Decompressor, Terms, check_xorb, chunk_hash, file_hash};

/// A xorb as its object says.
struct Chunks(Vec<Vec<u8>>);

/// Checks everything there is.
pub async fn check(db: &Db, blobs: &BlobStore) {
    let mut conn = db.read().await.unwrap();
    let xorbs = check_xorbs(&mut conn, blobs).await;
    let files = check_files(&mut conn, &xorbs).await;
    check_contents(&mut conn, blobs, &files).await;
    check_links(&mut conn).await;
}

/// Every xorb that is not being deleted is what its row says.
async fn check_xorbs(conn: &mut Conn, blobs: &BlobStore) -> HashMap<i64, Chunks> {
    let sql = "SELECT x.id, x.hash, x.generation, x.stored_bytes, x.raw_bytes, x.n_chunks, c.packed FROM xorb x \
               JOIN xorb_chunks c ON c.xorb_id = x.id WHERE x.state <> 2";
    let mut xorbs = HashMap::new();
    for row in conn.fetch_all(sql, Vec::new()).await.unwrap() {
        let hash = row.xet_hash("hash").unwrap();
        let generation = u32::try_from(row.int("generation").unwrap()).unwrap();
        let object = blobs.get(&Key::xorb(&hash, generation)).await.unwrap();
        let object = object.unwrap_or_else(|| panic!("xorb {hash} has a row and no object"));
        let checked = check_xorb(&object, &hash).unwrap();
        assert_eq!(checked.stored_len, object.len(), "no footer is stored");
        assert_eq!(row.count("stored_bytes").unwrap(), object.len() as u64);
        assert_eq!(row.count("raw_bytes").unwrap(), u64::from(checked.raw_len));
        assert_eq!(row.count("n_chunks").unwrap(), u64::from(checked.table.len()));
        assert_eq!(&row.bytes("packed").unwrap(), checked.table.packed());
        xorbs.insert(row.int("id").unwrap(), decode(&object));
    }
    let sql = "SELECT x.id FROM xorb x WHERE NOT EXISTS (SELECT 1 FROM xorb_chunks c WHERE c.xorb_id = x.id)";
    assert!(conn.fetch_all(sql, Vec::new()).await.unwrap().is_empty(), "a xorb has its table");
    xorbs
}

fn decode(object: &Bytes) -> Chunks {
    let mut decompressor = Decompressor::new();
    let raw = StoredChunks::new(object)
        .map(|chunk| chunk.unwrap().raw(&mut decompressor).unwrap().to_vec());
    Chunks(raw.collect())
}

/// Every file is what its name says, and holds the xorbs it is made of. Returns the SHA-256 of each.
async fn check_files(
    conn: &mut Conn,
    xorbs: &HashMap<i64, Chunks>,
) -> HashMap<i64, (XetHash, Sha256, u64)> {
    let edges = conn.fetch_all("SELECT file_id, xorb_id FROM xet_file_xorb", Vec::new()).await;
    let edges: BTreeSet<(i64, i64)> = edges
        .unwrap()
        .iter()
        .map(|row| (row.int("file_id").unwrap(), row.int("xorb_id").unwrap()))
        .collect();
    let mut files = HashMap::new();
    let mut expected = BTreeSet::new();
    let sql = "SELECT id, hash, size_bytes, n_terms, terms, sha256 FROM xet_file";
    for row in conn.fetch_all(sql, Vec::new()).await.unwrap() {
        let (id, hash) = (row.int("id").unwrap(), row.xet_hash("hash").unwrap());
        let terms = Terms::from_packed(row.bytes("terms").unwrap().into()).unwrap();
        assert_eq!(row.count("n_terms").unwrap(), terms.len() as u64);
        let (mut bytes, mut chunks) = (Vec::new(), Vec::new());
        for term in terms.iter() {
            expected.insert((id, term.xorb_id));
            let xorb = xorbs.get(&term.xorb_id);
            let xorb = xorb.unwrap_or_else(|| panic!("file {hash} uses a xorb that is not there"));
            for chunk in &xorb.0[term.chunks.start as usize..term.chunks.end as usize] {
                chunks.push((chunk_hash(chunk), chunk.len() as u64));
                bytes.extend_from_slice(chunk);
            }
        }
        assert_eq!(file_hash(&chunks), hash);
        assert_eq!(row.count("size_bytes").unwrap(), bytes.len() as u64);
        let actual = sha256(&bytes);
        if let Some(recorded) = row.opt_sha256("sha256").unwrap() {
            assert_eq!(recorded, actual, "file {hash}");
        }
        files.insert(id, (hash, actual, bytes.len() as u64));
    }
    assert_eq!(edges, expected, "a file holds exactly the xorbs of its terms");
    files
}

/// Every content has a home, and a home in a file is the right one.
async fn check_contents(
    conn: &mut Conn,
    blobs: &BlobStore,
    files: &HashMap<i64, (XetHash, Sha256, u64)>,
) {
    let sql = "SELECT sha256, size_bytes, has_raw, xet_file_id FROM lfs_object";
    for row in conn.fetch_all(sql, Vec::new()).await.unwrap() {
        let content = row.sha256("sha256").unwrap();
        let size = row.count("size_bytes").unwrap();
        if let Some(file_id) = row.opt_int("xet_file_id").unwrap() {
            let (hash, actual, length) = files[&file_id];
            assert_eq!((actual, length), (content, size), "file {hash}");
        } else {
            assert!(row.bool("has_raw").unwrap(), "content {content} has no home");
            let object = blobs.get(&Key::lfs(&content)).await.unwrap().unwrap();
            assert_eq!(sha256(&object), content);
        }
    }
}

/// Every link leads somewhere; claims only to files that nobody has read.
async fn check_links(conn: &mut Conn) {
    let sql = "SELECT l.sha256 FROM lfs_link l WHERE l.claimed_file_id IS NULL \
               AND NOT EXISTS (SELECT 1 FROM lfs_object o WHERE o.sha256 = l.sha256)";
    assert!(conn.fetch_all(sql, Vec::new()).await.unwrap().is_empty(), "a link leads nowhere");
    let sql = "SELECT l.sha256, f.sha256 AS actual, l.quarantined_at FROM lfs_link l \
               JOIN xet_file f ON f.id = l.claimed_file_id WHERE f.sha256 IS NOT NULL";
    for row in conn.fetch_all(sql, Vec::new()).await.unwrap() {
        let (claimed, actual) = (row.sha256("sha256").unwrap(), row.sha256("actual").unwrap());
        assert_ne!(claimed, actual, "a claim that is right is a claim no more");
        assert!(row.opt_int("quarantined_at").unwrap().is_some(), "a wrong claim is quarantined");
    }
}

fn sha256(bytes: &[u8]) -> Sha256 {
    Sha256::new(sha2::Sha256::digest(bytes).into())
}
