//! What is true of the stores at every moment between two transactions, read from them without the hub's own code paths
//! for reading: rows by SQL, packs from where they lie.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use steelyard_blob::{BlobStore, Key};
use steelyard_core::RefName;
use steelyard_db::pack::{self, PackKind};
use steelyard_db::{Conn, Db, lfs, refs};
use steelyard_git::walk::reachable;
use steelyard_git::{
    GitError, Object, ObjectKind, ObjectSource, Pack, PackData, PackSet, Toc, hash_object, read,
};

use crate::stores;

/// Checks every repository that was made after the one with the key `after`; returns the key of the last.
pub async fn check(db: &Db, blobs: &BlobStore, after: i64) -> i64 {
    let mut conn = db.read().await.unwrap();
    let rows = conn
        .fetch_all("SELECT id FROM repo WHERE id > $1 ORDER BY id", vec![after.into()])
        .await
        .unwrap();
    let mut last = after;
    for row in rows {
        last = row.int("id").unwrap();
        check_repo(&mut conn, blobs, last).await;
    }
    check_packs_are_attached(&mut conn).await;
    check_uploads(&mut conn, blobs).await;
    drop(conn);
    stores::check(db, blobs).await;
    last
}

async fn check_repo(conn: &mut Conn, blobs: &BlobStore, repo_id: i64) {
    let state = refs::find_git(conn, repo_id)
        .await
        .unwrap()
        .expect("every repository has a history record");
    RefName::parse(&state.head_ref).unwrap();
    let rows = pack::list_packs(conn, repo_id, 0).await.unwrap();
    let mut packs = Vec::new();
    for row in &rows {
        assert!(
            row.seq <= state.seq,
            "repo {repo_id}: pack {} is ahead of the history",
            row.pack_id
        );
        packs.push(Arc::new(open_pack(conn, blobs, row).await));
    }
    check_tail(repo_id, &state, &rows);
    let set = PackSet::from_packs(packs);
    check_refs(conn, repo_id, &set).await;
    check_pull_requests(conn, repo_id).await;
    check_links(conn, blobs, repo_id).await;
}

async fn open_pack(conn: &mut Conn, blobs: &BlobStore, row: &pack::PackRow) -> Pack {
    let stored =
        pack::find_pack_bytes(conn, &row.pack_id).await.unwrap().expect("a listed pack has a row");
    let uuid = uuid::Uuid::parse_str(&row.pack_id).unwrap();
    let bytes = match stored.inline {
        Some(inline) => inline.into(),
        None => blobs.get(&Key::pack(uuid)).await.unwrap().expect("a stored pack has its bytes"),
    };
    let toc = match stored.toc {
        Some(toc) => toc.into(),
        None => {
            blobs.get(&Key::pack_toc(uuid)).await.unwrap().expect("a stored table has its bytes")
        }
    };
    assert_eq!(bytes.len() as i64, row.size_bytes);
    let data = PackData::new(bytes).unwrap();
    data.check_trailer().unwrap();
    assert_eq!(data.trailer(), row.trailer);
    let toc = Toc::decode(toc).unwrap();
    assert_eq!(toc.len() as i64, row.n_objects);
    Pack::new(data, toc).unwrap()
}

fn check_tail(repo_id: i64, state: &refs::GitRow, rows: &[pack::PackRow]) {
    let tail: Vec<_> = rows.iter().filter(|row| row.kind == PackKind::Tail).collect();
    assert_eq!(tail.len() as i64, state.tail_packs, "repo {repo_id}: tail packs are counted");
    let bytes: i64 = tail.iter().map(|row| row.size_bytes).sum();
    assert_eq!(bytes, state.tail_bytes, "repo {repo_id}: tail bytes are counted");
}

async fn check_refs(conn: &mut Conn, repo_id: i64, set: &PackSet) {
    let all = refs::list_refs(conn, repo_id, "refs/").await.unwrap();
    let tips: Vec<_> = all.iter().map(|row| row.oid).collect();
    let found = reachable(set, &tips, &|_| false, &mut |oid| Err(GitError::Missing(*oid)));
    let found =
        found.unwrap_or_else(|error| panic!("repo {repo_id}: a ref lacks objects: {error}"));
    // Every object is what its name says, not only present.
    for oid in &found {
        let Some(Object { kind, data }) = set.read(oid).unwrap() else { continue };
        assert_eq!(
            hash_object(kind, &data).unwrap(),
            *oid,
            "repo {repo_id}: an object has another content"
        );
    }
    let logged = last_logged(conn, repo_id).await;
    for row in &all {
        let (commit, _) = read::resolve_commit(set, &row.oid).unwrap();
        assert_eq!(row.target(), commit, "repo {repo_id}: {} is peeled", row.name);
        let is_tag = set.header(&row.oid).unwrap().is_some_and(|(kind, _)| kind == ObjectKind::Tag);
        assert_eq!(row.peeled.is_some(), is_tag);
        if let Some(last) = logged.get(&row.name) {
            assert_eq!(
                last.as_ref(),
                Some(&row.oid),
                "repo {repo_id}: the log ends where {} is",
                row.name
            );
        }
    }
    let names: HashSet<_> = all.iter().map(|row| &row.name).collect();
    for (name, last) in &logged {
        assert!(last.is_none() || names.contains(name), "repo {repo_id}: {name} is lost");
    }
}

/// Where the log of ref changes says each ref is; `None` when it was deleted.
async fn last_logged(
    conn: &mut Conn,
    repo_id: i64,
) -> BTreeMap<String, Option<steelyard_core::Oid>> {
    let sql = "SELECT ref_name, new_oid FROM git_reflog WHERE repo_id = $1 ORDER BY id";
    let rows = conn.fetch_all(sql, vec![repo_id.into()]).await.unwrap();
    rows.iter()
        .map(|row| (row.text("ref_name").unwrap(), row.opt_oid("new_oid").unwrap()))
        .collect()
}

async fn check_pull_requests(conn: &mut Conn, repo_id: i64) {
    let sql = "SELECT d.num, r.next_discussion FROM discussion d JOIN repo r ON r.id = d.repo_id \
               WHERE d.repo_id = $1 AND d.is_pull_request ORDER BY d.num";
    let rows = conn.fetch_all(sql, vec![repo_id.into()]).await.unwrap();
    let mut expected = Vec::new();
    for row in &rows {
        let num = row.int("num").unwrap();
        assert!(num < row.int("next_discussion").unwrap());
        expected.push(RefName::pull_request(num).to_string());
    }
    let mut found: Vec<_> = refs::list_refs(conn, repo_id, "refs/pr/")
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.name)
        .collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected, "repo {repo_id}: every pull request has its ref");
}

async fn check_links(conn: &mut Conn, blobs: &BlobStore, repo_id: i64) {
    for link in lfs::list_links(conn, repo_id, "", 10_000).await.unwrap() {
        // What is in xorbs is looked at as a whole.
        if link.home != lfs::Home::Raw {
            continue;
        }
        let info = blobs.head(&Key::lfs(&link.sha256)).await.unwrap();
        let info = info.unwrap_or_else(|| {
            panic!("repo {repo_id}: {} is linked and has no bytes", link.sha256)
        });
        assert_eq!(info.size, link.size_bytes);
    }
}

async fn check_packs_are_attached(conn: &mut Conn) {
    let unnamed = pack::list_unnamed(conn, "", 10).await.unwrap();
    assert_eq!(
        unnamed,
        Vec::<String>::new(),
        "a pack's row and its place in a repository come together"
    );
}

async fn check_uploads(conn: &mut Conn, blobs: &BlobStore) {
    let sql = "SELECT sha256, xet_file_id FROM lfs_upload WHERE finished_at IS NOT NULL";
    for row in conn.fetch_all(sql, Vec::new()).await.unwrap() {
        let sha256 = row.sha256("sha256").unwrap();
        let content = lfs::find_content(conn, sha256).await.unwrap();
        if row.opt_int("xet_file_id").unwrap().is_some() {
            continue;
        }
        let content = content.expect("a finished upload has a content");
        if content.has_raw {
            let info =
                blobs.head(&Key::lfs(&sha256)).await.unwrap().expect("a finished upload has bytes");
            assert_eq!(info.size, content.size_bytes);
        }
    }
}
