use proptest::prelude::*;

use super::*;
use crate::object::{Object, hash_object};
use crate::oracle::{Repo, path, put};
use crate::pack::PackBuilder;

fn list(repo: &Repo, tree: &Oid, options: ListOptions<'_>) -> Vec<String> {
    let listing = list_tree(&repo.set, tree, options).unwrap().unwrap();
    listing.entries.iter().map(|entry| entry.path_text().into_owned()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn pages_join_to_the_sorted_listing(
        numbers in prop::collection::vec(any::<u16>(), 1..60),
        limit in 1..7usize,
    ) {
        let mut repo = Repo::default();
        let ops: Vec<_> = numbers.iter().map(|number| put(&path((*number).into()), 0)).collect();
        let commit = repo.commit(&[], &ops, 1);
        let tree = repo.tree_of(&commit);

        let all = ListOptions { recursive: true, limit: 10_000, ..Default::default() };
        let listed = list(&repo, &tree, all);
        // By hand: all files and the folders above them.
        let mut expected = std::collections::BTreeSet::new();
        for name in &listed {
            for (slash, _) in name.match_indices('/') {
                expected.insert(name[..slash].to_owned());
            }
            expected.insert(name.clone());
        }
        prop_assert_eq!(&listed, &expected.into_iter().collect::<Vec<_>>());
        for number in &numbers {
            let path = path((*number).into());
            let entry = lookup_path(&repo.set, &tree, &path).unwrap();
            prop_assert_eq!(entry.is_some(), listed.contains(&path));
        }

        let mut prefixes = vec![String::new()];
        prefixes.extend(listed.iter().filter(|name| is_folder(&repo, &tree, name)).cloned());
        for prefix in &prefixes {
            for recursive in [false, true] {
                let below: Vec<&String> = listed
                    .iter()
                    .filter(|name| {
                        let rest = if prefix.is_empty() { Some(name.as_str()) }
                            else { name.strip_prefix(prefix.as_str()).and_then(|rest| rest.strip_prefix('/')) };
                        rest.is_some_and(|rest| recursive || !rest.contains('/'))
                    })
                    .collect();
                let mut pages = Vec::new();
                let mut after: Option<String> = None;
                loop {
                    let options = ListOptions {
                        prefix, recursive, limit, after: after.as_deref().map(str::as_bytes),
                    };
                    let page = list_tree(&repo.set, &tree, options).unwrap().unwrap();
                    pages.extend(page.entries.iter().map(|entry| entry.path_text().into_owned()));
                    prop_assert!(page.entries.len() <= limit);
                    if !page.more { break; }
                    after = pages.last().cloned();
                }
                prop_assert_eq!(pages.iter().collect::<Vec<_>>(), below);
            }
        }
    }
}

fn is_folder(repo: &Repo, tree: &Oid, path: &str) -> bool {
    lookup_path(&repo.set, tree, path).unwrap().is_some_and(|entry| entry.mode.is_tree())
}

#[test]
fn paths_lead_to_entries_or_nowhere() {
    let mut repo = Repo::default();
    let commit = repo.commit(&[], &[put("a/b/c", 0), put("d", 1)], 1);
    let tree = repo.tree_of(&commit);
    let look = |path: &str| lookup_path(&repo.set, &tree, path).unwrap();
    assert_eq!(look("").unwrap().oid, tree);
    assert_eq!(look("a/b/c").unwrap().name_text(), "c");
    assert!(look("a/b").unwrap().mode.is_tree());
    for path in ["x", "a/x", "d/x", "a/b/c/d", "a/", "/a"] {
        assert!(look(path).is_none(), "{path}");
    }
    let options = ListOptions { prefix: "d", limit: 9, ..Default::default() };
    assert!(list_tree(&repo.set, &tree, options).unwrap().is_none());
    let options = ListOptions { prefix: "a", limit: 9, after: Some(b"b"), ..Default::default() };
    assert!(list_tree(&repo.set, &tree, options).unwrap().unwrap().entries.is_empty());
    let content = get_blob(&repo.set, &look("d").unwrap().oid).unwrap();
    assert_eq!(content, crate::oracle::blob(1));
    assert!(matches!(get_blob(&repo.set, &tree), Err(GitError::WrongKind { .. })));
}

#[test]
fn tags_are_peeled_but_not_for_ever() {
    let mut repo = Repo::default();
    let commit = repo.commit(&[], &[put("a", 0)], 1);
    let mut target = (commit, ObjectKind::Commit);
    for depth in 1..=20 {
        let mut builder = PackBuilder::new();
        let tag = Tag {
            target: target.0,
            target_kind: target.1,
            name: format!("t{depth}").into(),
            tagger: None,
            extra: vec![],
            message: Bytes::new(),
        };
        let oid = builder.add(ObjectKind::Tag, &tag.encode()).unwrap();
        repo.push(builder.finish().unwrap());
        target = (oid, ObjectKind::Tag);
        let peeled = resolve_commit(&repo.set, &oid);
        assert_eq!(peeled.is_ok_and(|(oid, _)| oid == commit), depth < TAGS_PEELED_MAX);
    }
    let tree = repo.tree_of(&commit);
    assert!(matches!(resolve_commit(&repo.set, &tree), Err(GitError::WrongKind { .. })));
    assert!(matches!(resolve_commit(&repo.set, &Oid::ZERO), Err(GitError::Missing(_))));
}

/// A folder that holds itself cannot exist; a source may claim it all the same.
struct Abyss(Oid, Bytes);

impl ObjectSource for Abyss {
    fn read(&self, _: &Oid) -> Result<Option<Object>, GitError> {
        Ok(Some(Object { kind: ObjectKind::Tree, data: self.1.clone() }))
    }

    fn header(&self, _: &Oid) -> Result<Option<(ObjectKind, u64)>, GitError> {
        Ok(Some((ObjectKind::Tree, self.1.len() as u64)))
    }
}

#[test]
fn endless_folders_end_in_an_error() {
    let oid = hash_object(ObjectKind::Tree, b"x").unwrap();
    let entry = TreeEntry { mode: EntryMode::Tree, name: Bytes::from_static(b"a"), oid };
    let data = Tree::from_entries(vec![entry]).unwrap().data().clone();
    let abyss = Abyss(oid, data);
    let options = ListOptions { recursive: true, limit: usize::MAX, ..Default::default() };
    assert!(matches!(list_tree(&abyss, &abyss.0, options), Err(GitError::TooLarge { .. })));
    let diff = crate::walk::diff_trees(&abyss, None, Some(&abyss.0), 10);
    assert!(matches!(diff, Err(GitError::TooLarge { .. })));
}
