use super::*;
use crate::oracle::{Repo, put};
use crate::pack::PackBuilder;

#[test]
fn a_thousand_small_packs_are_searched_in_few_runs() {
    let mut set = PackSet::empty();
    let mut oids = Vec::new();
    for number in 0..1000u32 {
        let mut builder = PackBuilder::new();
        for part in 0..6u32 {
            oids.push(
                builder.add(ObjectKind::Blob, format!("{number} {part}").as_bytes()).unwrap(),
            );
        }
        // This one is in every pack.
        builder.add(ObjectKind::Blob, b"shared").unwrap();
        let before = set.clone();
        set = set.with_pack(Arc::new(builder.finish().unwrap().into_pack()));
        assert!(!before.contains(oids.last().unwrap()).unwrap());
    }
    assert_eq!(set.len(), 1000);
    assert_eq!(set.packs().count(), 1000);
    assert!(set.bytes() > 1000 * 32);
    for (index, oid) in oids.iter().enumerate() {
        let expected = format!("{} {}", index / 6, index % 6);
        assert_eq!(set.read(oid).unwrap().unwrap().data, expected.as_bytes());
    }
    let text = oids[17].to_string();
    assert_eq!(set.lookup_prefix(&text[..12]), [oids[17]]);
    assert_eq!(set.read(&Oid::new([1; 20])).unwrap(), None);
    assert_eq!(set.header(&Oid::new([1; 20])).unwrap(), None);
}

#[test]
fn a_cached_folder_is_seen_only_where_it_exists() {
    let mut repo = Repo::default();
    let files: Vec<_> = (0..100).map(|n| put(&format!("f{n}"), 0)).collect();
    let commit = repo.commit(&[], &files, 1);
    let tree = repo.tree_of(&commit);
    let cache = ObjectCache::new(1 << 20);
    let full = CachedSource::new(repo.set.clone(), cache.clone(), 1);
    let empty = CachedSource::new(PackSet::empty(), cache.clone(), 1);
    let other = CachedSource::new(PackSet::empty(), cache, 2);
    assert_eq!(full.find_tree(&tree).unwrap().unwrap().len(), 100);
    assert!(empty.find_tree(&tree).unwrap().is_none());
    assert!(other.find_tree(&tree).unwrap().is_none());
    assert!(empty.find_tree(&EMPTY_TREE).unwrap().unwrap().is_empty());
    assert!(matches!(full.find_tree(&commit), Err(GitError::WrongKind { .. })));
    for _ in 0..2 {
        assert_eq!(full.read(&commit).unwrap(), repo.set.read(&commit).unwrap());
        assert!(full.read(&commit).unwrap().is_some());
        assert!(empty.read(&commit).unwrap().is_none());
        assert!(other.read(&commit).unwrap().is_none());
    }
}

#[test]
fn deltas_are_applied_to_cached_bases() {
    let mut repo = Repo::default();
    let files: Vec<_> = (0..100).map(|n| put(&format!("f{n}"), 0)).collect();
    let mut commit = repo.commit(&[], &files, 1);
    let cache = ObjectCache::new(1 << 20);
    for step in 0..30 {
        commit = repo.commit(&[commit], &[put(&format!("f{step}"), 1)], step + 2);
        let tree = repo.tree_of(&commit);
        assert!(repo.set.delta_depth(&tree).unwrap().unwrap() <= 20);
        let cached = CachedSource::new(repo.set.clone(), cache.clone(), 1);
        let plain = repo.set.find_tree(&tree).unwrap().unwrap();
        assert_eq!(cached.find_tree(&tree).unwrap().unwrap().data(), plain.data());
        assert_eq!(cached.find_tree(&tree).unwrap().unwrap().data(), plain.data());
    }
    assert!(repo.set.delta_depth(&repo.tree_of(&commit)).unwrap().unwrap() > 0);
}
