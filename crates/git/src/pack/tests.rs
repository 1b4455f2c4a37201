use std::sync::Arc;

use proptest::prelude::*;
use steelyard_core::RepoPath;

use super::*;
use crate::edit::TreeOp;
use crate::object::{Object, ObjectKind};
use crate::oracle::{Oracle, Repo, put};
use crate::store::{NoObjects, ObjectSource, PackSet};

/// Fifty commits of one pack each, with deltas of folders and files that come and go.
fn fifty_commits() -> Repo {
    let mut repo = Repo::default();
    let files: Vec<_> = (0..300).map(|n| put(&format!("d{}/f{n}", n % 3), 0)).collect();
    let mut commit = repo.commit(&[], &files, 1);
    for step in 0..49u8 {
        let mut ops = vec![put(&format!("d{}/f{step}", step % 3), 1), put(&format!("n{step}"), 2)];
        if step % 7 == 3 {
            ops.push(TreeOp::DeleteFile(RepoPath::parse(&format!("n{}", step - 2)).unwrap()));
        }
        commit = repo.commit(&[commit], &ops, i64::from(step) + 2);
    }
    repo
}

fn verified(pack: &BuiltPack, bases: &dyn ObjectSource) -> Toc {
    verify(pack.bytes.clone(), bases, VerifyLimits::default()).unwrap()
}

#[test]
fn packs_of_single_commits_and_their_concatenation_satisfy_git() {
    let repo = fifty_commits();
    let stepwise = Oracle::new();
    let mut earlier = PackSet::empty();
    for pack in &repo.packs {
        stepwise.index_pack(pack);
        assert_eq!(verified(pack, &earlier), pack.toc);
        earlier = earlier.with_pack(Arc::new(pack.clone().into_pack()));
    }
    stepwise.git(&["fsck", "--full", "--strict"], b"");

    let joined = repo.concat();
    assert_eq!(verified(&joined, &NoObjects), joined.toc);
    let oracle = Oracle::new();
    let path = oracle.path().join("joined.pack");
    std::fs::write(&path, &joined.bytes).unwrap();
    let printed = oracle.text(&["index-pack", "--strict", "joined.pack"]);
    assert_eq!(printed, joined.trailer.to_string());
    let idx = std::fs::read(path.with_extension("idx")).unwrap();
    assert_eq!(idx, joined.toc.to_idx_v2(&joined.trailer));
    assert_eq!(Toc::from_idx_v2(&idx).unwrap(), (joined.toc.clone(), joined.trailer));
    oracle.install(&joined);
    oracle.git(&["fsck", "--full", "--strict"], b"");

    // Mapped from disk, every object reads as it did before.
    let data = PackData::open(&path).unwrap();
    data.check_trailer().unwrap();
    let pack = Pack::new(data, joined.toc.clone()).unwrap();
    let set = PackSet::empty().with_pack(Arc::new(pack));
    for entry in joined.toc.iter() {
        let object = set.read(&entry.oid).unwrap().unwrap();
        assert_eq!(object, repo.set.read(&entry.oid).unwrap().unwrap());
        let header = (object.kind, object.data.len() as u64);
        assert_eq!(set.header(&entry.oid).unwrap(), Some(header));
        assert_eq!(repo.set.header(&entry.oid).unwrap(), Some(header));
    }
}

#[test]
fn packs_gathered_in_one_hold_each_object_once_and_satisfy_git() {
    let repo = fifty_commits();
    let oracle = Oracle::new();
    let mut earlier = PackSet::empty();
    for packs in [&repo.packs[..1], &repo.packs[1..9], &repo.packs[9..]] {
        let gathered = gather(packs).unwrap();
        let mut expected: Vec<_> = packs.iter().flat_map(|pack| pack.toc.iter()).collect();
        expected.sort_by_key(|entry| entry.oid);
        expected.dedup_by_key(|entry| entry.oid);
        let found: Vec<_> = gathered.toc.iter().collect();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!((found.oid, found.crc32), (expected.oid, expected.crc32));
        }
        // Nothing is outside of it that was not outside of all of them; git sees it as one pack that completes others.
        assert_eq!(verified(&gathered, &earlier), gathered.toc);
        oracle.index_pack(&gathered);
        earlier = earlier.with_pack(Arc::new(gathered.into_pack()));
    }
    oracle.git(&["fsck", "--full", "--strict"], b"");
    for oid in repo.packs.iter().flat_map(|pack| pack.toc.iter()).map(|entry| entry.oid) {
        assert_eq!(earlier.read(&oid).unwrap(), repo.set.read(&oid).unwrap());
    }
}

#[test]
fn packs_that_name_bases_by_offset_cannot_be_gathered() {
    let repo = fifty_commits();
    let joined = repo.concat();
    let refused = gather(&[repo.packs[0].clone(), joined.clone()]);
    assert!(matches!(refused, Err(GitError::Malformed { .. })));
    assert_eq!(gather(std::slice::from_ref(&joined)).unwrap().bytes, joined.bytes);
}

#[test]
fn a_tail_alone_is_completed_with_the_bases_it_lacks() {
    let repo = fifty_commits();
    let mut tail = Repo { set: repo.set.clone(), packs: repo.packs[40..].to_vec() };
    let joined = tail.concat();
    assert!(joined.toc.len() > tail.packs.iter().map(|pack| pack.toc.len()).max().unwrap());
    assert_eq!(verified(&joined, &NoObjects), joined.toc);
    tail.set = PackSet::empty();
    let data = PackData::new(tail.packs[0].bytes.clone()).unwrap();
    let missing = concat(&[(&data, &tail.packs[0].toc)], &NoObjects);
    assert!(matches!(missing, Err(GitError::Missing(_))));
    assert!(matches!(
        verify(tail.packs[0].bytes.clone(), &NoObjects, VerifyLimits::default()),
        Err(GitError::Missing(_))
    ));
}

#[test]
fn objects_that_are_left_out_leave_no_trace() {
    let repo = fifty_commits();
    let commits: Vec<Oid> = repo
        .packs
        .iter()
        .flat_map(|pack| pack.toc.iter().map(|entry| entry.oid))
        .filter(|oid| repo.set.header(oid).unwrap().unwrap().0 == ObjectKind::Commit)
        .collect();
    let last = commits.iter().find(|oid| !commits.iter().any(|other| parent_is(&repo, other, oid)));
    // Only what the last commit holds: all older folders go, although newer ones are deltas against them.
    let tree = repo.tree_of(last.unwrap());
    let keep = crate::walk::reachable(&repo.set, &[tree], &|_| false, &mut |oid| {
        Err(GitError::Missing(*oid))
    });
    let keep = keep.unwrap();
    let tail = repo.packs[30..].iter().map(|pack| Arc::new(pack.clone().into_pack()));
    let tail: Vec<_> = tail.collect();
    assert!(tail.iter().any(|pack| !pack.foreign_bases().unwrap().is_empty()));
    let all: Vec<_> = repo.packs.iter().map(|pack| Arc::new(pack.clone().into_pack())).collect();
    for packs in [&tail, &all] {
        let inputs: Vec<_> = packs.iter().map(|pack| (pack.data(), pack.toc())).collect();
        let kept = concat_kept(&inputs, &repo.set, &|oid| keep.contains(oid)).unwrap();
        assert_eq!(verified(&kept, &NoObjects), kept.toc);
        assert!(kept.toc.iter().all(|entry| keep.contains(&entry.oid)));
        let expected = packs.iter().flat_map(|pack| pack.toc().iter()).map(|entry| entry.oid);
        for oid in expected.filter(|oid| keep.contains(oid)) {
            assert!(kept.toc.find(&oid).is_some());
        }
        Oracle::new().index_pack(&kept);
        assert_eq!(kept.into_pack().foreign_bases().unwrap(), []);
    }
    let inputs = [(all[0].data(), all[0].toc())];
    let nothing = concat_kept(&inputs, &repo.set, &|_| false).unwrap();
    assert!(nothing.toc.is_empty());
}

fn parent_is(repo: &Repo, child: &Oid, parent: &Oid) -> bool {
    crate::read::get_commit(&repo.set, child).unwrap().parents.contains(parent)
}

#[test]
fn packs_made_by_git_are_read_and_joined() {
    let repo = fifty_commits();
    let oracle = Oracle::new();
    oracle.install(&repo.concat());
    let head = repo.packs.last().unwrap().toc.iter().map(|entry| entry.oid);
    let head = head.filter(|oid| repo.set.header(oid).unwrap().unwrap().0 == ObjectKind::Commit);
    let head = head.last().unwrap().to_string();
    oracle.git(&["update-ref", "refs/heads/main", &head], b"");
    oracle.git(&["repack", "-adfq", "--depth=60", "--window=20"], b"");
    let path = std::fs::read_dir(oracle.path().join(".git/objects/pack")).unwrap();
    let path = path
        .map(|file| file.unwrap().path())
        .find(|path| path.extension().is_some_and(|e| e == "pack"));
    let path = path.unwrap();
    let data = PackData::open(&path).unwrap();
    let (toc, trailer) =
        Toc::from_idx_v2(&std::fs::read(path.with_extension("idx")).unwrap()).unwrap();
    assert_eq!(trailer, data.trailer());
    assert_eq!(verify(data.bytes().clone(), &NoObjects, VerifyLimits::default()).unwrap(), toc);
    let tight = VerifyLimits { object_bytes_max: 1 << 20, total_bytes_max: 1 << 10 };
    assert!(matches!(
        verify(data.bytes().clone(), &NoObjects, tight),
        Err(GitError::TooLarge { .. })
    ));

    let own = PackData::new(repo.packs[3].bytes.clone()).unwrap();
    let set = repo.set.with_pack(Arc::new(Pack::new(data.clone(), toc.clone()).unwrap()));
    for inputs in
        [[(&data, &toc), (&own, &repo.packs[3].toc)], [(&own, &repo.packs[3].toc), (&data, &toc)]]
    {
        let joined = concat(&inputs, &set).unwrap();
        assert_eq!(verified(&joined, &NoObjects), joined.toc);
        let oracle = Oracle::new();
        oracle.index_pack(&joined);
    }
}

#[test]
fn circular_and_deep_deltas_are_broken_up() {
    let texts: Vec<Vec<u8>> =
        (0..80u32).map(|n| format!("{}{n}", "x".repeat(100)).into_bytes()).collect();
    let oids: Vec<Oid> =
        texts.iter().map(|text| crate::hash_object(ObjectKind::Blob, text).unwrap()).collect();
    let delta_pack = |from: usize, to: usize| {
        let mut builder = PackBuilder::new();
        let delta = crate::delta::tree_delta(&texts[from], &texts[to]);
        builder.add_ref_delta(oids[from], &delta, ObjectKind::Blob, &texts[to]).unwrap();
        builder.finish().unwrap()
    };
    let mut whole = PackBuilder::new();
    for text in &texts {
        whole.add(ObjectKind::Blob, text).unwrap();
    }
    let source = PackSet::empty().with_pack(Arc::new(whole.finish().unwrap().into_pack()));
    let circle = [delta_pack(0, 1), delta_pack(1, 2), delta_pack(2, 0)];
    let deep: Vec<_> = (0..79).map(|n| delta_pack(n, n + 1)).collect();
    for packs in [&circle[..], &deep] {
        let data: Vec<_> =
            packs.iter().map(|pack| PackData::new(pack.bytes.clone()).unwrap()).collect();
        let inputs: Vec<_> = data.iter().zip(packs.iter().map(|pack| &pack.toc)).collect();
        let joined = concat(&inputs, &source).unwrap();
        assert_eq!(verified(&joined, &NoObjects), joined.toc);
        let set = PackSet::empty().with_pack(Arc::new(joined.into_pack()));
        for oid in &oids[..packs.len()] {
            assert!(set.delta_depth(oid).unwrap().unwrap() <= 50);
        }
    }
    // Read as they are, circles end in an error.
    let set = PackSet::from_packs(circle.into_iter().map(|pack| Arc::new(pack.into_pack())));
    assert!(matches!(set.read(&oids[0]), Err(GitError::TooLarge { .. })));
    assert!(matches!(set.header(&oids[0]), Err(GitError::TooLarge { .. })));
    assert!(matches!(set.delta_depth(&oids[0]), Err(GitError::TooLarge { .. })));
}

#[test]
fn objects_are_stored_once_and_checksums_are_checked() {
    let mut builder = PackBuilder::new();
    let a = builder.add(ObjectKind::Blob, b"same").unwrap();
    assert_eq!(builder.add(ObjectKind::Blob, b"same").unwrap(), a);
    assert_eq!(builder.len(), 1);
    let pack = builder.finish().unwrap();
    let mut damaged = pack.bytes.to_vec();
    damaged[20] ^= 1;
    let data = PackData::new(damaged.into()).unwrap();
    assert!(data.check_trailer().is_err());
    assert!(concat(&[(&data, &pack.toc)], &NoObjects).is_err());
}

/// A source that answers every question, so that hostile deltas find a base.
struct Anything;

impl ObjectSource for Anything {
    fn read(&self, _: &Oid) -> Result<Option<Object>, GitError> {
        Ok(Some(Object { kind: ObjectKind::Tree, data: Bytes::from_static(&[0; 64]) }))
    }

    fn header(&self, _: &Oid) -> Result<Option<(ObjectKind, u64)>, GitError> {
        Ok(Some((ObjectKind::Tree, 64)))
    }
}

/// Reads a pack in every way; answers do not matter, panics and endless work do.
fn exercise(bytes: Vec<u8>, toc: &Toc) {
    let limits = VerifyLimits { object_bytes_max: 1 << 22, total_bytes_max: 1 << 24 };
    let mut signed = bytes.clone();
    if let Some(body) = signed.len().checked_sub(Oid::LEN) {
        let trailer = crate::object::checksum(&signed[..body]);
        signed[body..].copy_from_slice(trailer.as_bytes());
    }
    let _ = verify(signed.into(), &Anything, limits);
    let Ok(data) = PackData::new(bytes.into()) else { return };
    let _ = concat(&[(&data, toc)], &Anything);
    let Ok(pack) = Pack::new(data, toc.clone()) else { return };
    let set = PackSet::empty().with_pack(Arc::new(pack));
    for entry in toc.iter() {
        let _ = set.read(&entry.oid);
        let _ = set.header(&entry.oid);
        let _ = set.delta_chain(&entry.oid);
        let _ = set.find_tree(&entry.oid);
    }
}

proptest! {
    #[test]
    fn hostile_packs_never_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        toc_edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        cut in any::<prop::sample::Index>(),
    ) {
        static REPO: std::sync::OnceLock<BuiltPack> = std::sync::OnceLock::new();
        let pack = REPO.get_or_init(|| {
            let mut repo = fifty_commits();
            repo.packs.truncate(6);
            repo.concat()
        });
        let mut bytes = pack.bytes.to_vec();
        for (index, byte) in &edits {
            let at = index.index(bytes.len());
            bytes[at] = *byte;
        }
        let mut records = pack.toc.encode().to_vec();
        for (index, byte) in &toc_edits {
            let at = index.index(records.len());
            records[at] = *byte;
        }
        let toc = Toc::decode(records.into()).unwrap_or_else(|_| pack.toc.clone());
        let shorter = bytes[..cut.index(bytes.len())].to_vec();
        exercise(bytes, &toc);
        exercise(shorter, &toc);
    }

    #[test]
    fn random_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400), count in 0..9u8) {
        for (at, byte) in b"PACK\0\0\0\x02\0\0\0".iter().chain([&count]).enumerate() {
            if let Some(place) = bytes.get_mut(at) {
                *place = *byte;
            }
        }
        let records = (0..count).map(|n| TocEntry { oid: Oid::new([n; 20]), crc32: 0, offset: 12 + u32::from(n) });
        exercise(bytes.clone(), &Toc::new(records.collect()).unwrap());
        let _ = Toc::decode(bytes.clone().into());
        let _ = Toc::from_idx_v2(&bytes);
        let _ = crate::Tree::parse(bytes.clone().into());
        let _ = crate::Commit::parse(&bytes.clone().into());
        let _ = crate::Tag::parse(&bytes.into());
    }
}
