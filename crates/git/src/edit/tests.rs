use std::fmt::Write as _;

use proptest::prelude::*;
use steelyard_core::RepoPath;

use super::*;
use crate::oracle::{Oracle, Repo, blob, blob_oid, path, put};
use crate::read::lookup_path;
use crate::store::{CachedSource, ObjectCache};

/// Operations by number; deletions that find nothing are left out.
fn valid_ops(repo: &Repo, base: Option<Oid>, choices: &[(u8, usize)]) -> Vec<TreeOp> {
    let mut ops: Vec<TreeOp> = Vec::new();
    for (choice, number) in choices {
        let target = RepoPath::parse(&path(*number)).unwrap();
        let mode = if choice % 5 == 0 { EntryMode::Executable } else { EntryMode::File };
        ops.push(match choice {
            0..=11 => TreeOp::Put { path: target, mode, oid: blob_oid(choice % 4) },
            12..=15 => TreeOp::DeleteFile(target),
            _ => TreeOp::DeleteFolder(target),
        });
        match apply_ops(&repo.set, base, &ops, &mut PackBuilder::new()) {
            Ok(_) => {}
            Err(EditError::Missing(_)) => _ = ops.pop(),
            Err(error) => panic!("{error}"),
        }
    }
    ops
}

fn fast_import(stream: &mut String, name: &str, from: Option<&str>, ops: &[TreeOp]) {
    writeln!(stream, "commit refs/heads/{name}\ncommitter A <a@b> 1 +0000\ndata 0").unwrap();
    if let Some(from) = from {
        writeln!(stream, "from refs/heads/{from}").unwrap();
    }
    for op in ops {
        match op {
            TreeOp::Put { path, mode, oid } => writeln!(stream, "M {mode} {oid} {path}").unwrap(),
            TreeOp::DeleteFile(path) | TreeOp::DeleteFolder(path) => {
                writeln!(stream, "D {path}").unwrap();
            }
        }
    }
    stream.push('\n');
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn trees_are_those_of_fast_import(
        first in prop::collection::vec((0..11u8, any::<u16>()), 1..40),
        second in prop::collection::vec((0..20u8, any::<u16>()), 0..30),
    ) {
        let widen = |choices: Vec<(u8, u16)>| -> Vec<(u8, usize)> {
            choices.into_iter().map(|(choice, number)| (choice, number.into())).collect()
        };
        let mut repo = Repo::default();
        let ops = valid_ops(&repo, None, &widen(first));
        let base = repo.commit(&[], &ops, 1);
        let base_tree = repo.tree_of(&base);
        let more = valid_ops(&repo, Some(base_tree), &widen(second));
        let next = repo.commit(&[base], &more, 2);
        let next_tree = repo.tree_of(&next);

        let mut stream = String::new();
        for content in 0..4 {
            let data = String::from_utf8(blob(content)).unwrap();
            writeln!(stream, "blob\ndata {}\n{data}", data.len()).unwrap();
        }
        fast_import(&mut stream, "one", None, &ops);
        fast_import(&mut stream, "two", Some("one"), &more);
        let oracle = Oracle::new();
        oracle.git(&["fast-import", "--quiet"], stream.as_bytes());
        prop_assert_eq!(oracle.text(&["rev-parse", "one^{tree}"]), base_tree.to_string());
        prop_assert_eq!(oracle.text(&["rev-parse", "two^{tree}"]), next_tree.to_string());

        // The same operations one by one, each on the tree before, end in the same tree.
        let mut steps = Repo::default();
        let mut tree = None;
        for op in ops.iter().chain(&more) {
            let mut builder = PackBuilder::new();
            let next = apply_ops(&steps.set, tree, std::slice::from_ref(op), &mut builder).unwrap();
            steps.push(builder.finish().unwrap());
            tree = Some(next);
        }
        prop_assert_eq!(tree.unwrap(), next_tree);
    }
}

fn names(repo: &Repo, tree: Oid) -> Vec<String> {
    let options = crate::read::ListOptions { recursive: true, limit: 1000, ..Default::default() };
    let listing = crate::read::list_tree(&repo.set, &tree, options).unwrap().unwrap();
    listing.entries.iter().map(|entry| entry.path_text().into_owned()).collect()
}

#[test]
fn conflicts_of_files_and_folders_are_resolved_for_the_later_operation() {
    let mut repo = Repo::default();
    let commit = repo.commit(&[], &[put("a/b/c", 0), put("a/b", 1), put("a/b/d/e", 2)], 1);
    assert_eq!(names(&repo, repo.tree_of(&commit)), ["a", "a/b", "a/b/d", "a/b/d/e"]);
    let commit = repo.commit(&[commit], &[put("a", 3)], 2);
    assert_eq!(names(&repo, repo.tree_of(&commit)), ["a"]);
}

#[test]
fn what_is_not_there_cannot_be_deleted() {
    let mut repo = Repo::default();
    let commit = repo.commit(&[], &[put("a/b", 0), put("c", 0)], 1);
    let tree = repo.tree_of(&commit);
    let path = |text: &str| RepoPath::parse(text).unwrap();
    for ops in [
        vec![TreeOp::DeleteFile(path("x"))],
        vec![TreeOp::DeleteFile(path("a"))],
        vec![TreeOp::DeleteFolder(path("c"))],
        vec![TreeOp::DeleteFile(path("c/d"))],
        vec![TreeOp::DeleteFile(path("c")), TreeOp::DeleteFile(path("c"))],
        vec![TreeOp::DeleteFile(path("a/b")), TreeOp::DeleteFolder(path("a"))],
        vec![TreeOp::DeleteFolder(path("a")), TreeOp::DeleteFile(path("a/b"))],
    ] {
        let result = apply_ops(&repo.set, Some(tree), &ops, &mut PackBuilder::new());
        assert!(matches!(result, Err(EditError::Missing(_))), "{ops:?}");
    }
}

#[test]
fn an_emptied_tree_is_the_empty_tree_and_an_idle_one_is_the_base() {
    let mut repo = Repo::default();
    let commit = repo.commit(&[], &[put("a/b", 0)], 1);
    let tree = repo.tree_of(&commit);
    let path = |text: &str| RepoPath::parse(text).unwrap();
    let apply = |ops: &[TreeOp]| {
        let mut builder = PackBuilder::new();
        (apply_ops(&repo.set, Some(tree), ops, &mut builder).unwrap(), builder.len())
    };
    assert_eq!(apply(&[TreeOp::DeleteFile(path("a/b"))]), (EMPTY_TREE, 1));
    assert_eq!(apply(&[put("a/b", 0)]), (tree, 0));
    assert_eq!(apply(&[put("a/c", 0), TreeOp::DeleteFile(path("a/c"))]), (tree, 0));
    let none = apply_ops(&repo.set, None, &[], &mut PackBuilder::new()).unwrap();
    assert_eq!(none, EMPTY_TREE);
    // A whole folder can be put elsewhere.
    let folder = lookup_path(&repo.set, &tree, "a").unwrap().unwrap().oid;
    let copy = TreeOp::Put { path: path("x/y"), mode: EntryMode::Tree, oid: folder };
    let commit = repo.commit(&[commit], &[copy, put("x/y/z", 1)], 2);
    let listed = names(&repo, repo.tree_of(&commit));
    assert_eq!(listed, ["a", "a/b", "x", "x/y", "x/y/b", "x/y/z"]);
}

#[test]
fn the_deepest_path_is_written_and_removed() {
    let mut repo = Repo::default();
    let deepest = vec!["d"; 128].join("/");
    let commit = repo.commit(&[], &[put(&deepest, 0)], 1);
    assert_eq!(names(&repo, repo.tree_of(&commit)).len(), 128);
    let delete = TreeOp::DeleteFile(RepoPath::parse(&deepest).unwrap());
    let commit = repo.commit(&[commit], &[delete], 2);
    assert_eq!(repo.tree_of(&commit), EMPTY_TREE);
}

#[test]
fn one_file_in_a_large_folder_makes_a_small_pack() {
    let mut repo = Repo::default();
    let files: Vec<_> = (0..20_000).map(|n| put(&format!("data-{n:06}.parquet"), 0)).collect();
    let mut commit = repo.commit(&[], &files, 1);
    for step in 0..50usize {
        let ops =
            [put(&format!("data-{:06}.parquet", step * 37), 1), put(&format!("new-{step}"), 2)];
        let cached = CachedSource::new(repo.set.clone(), ObjectCache::new(1 << 26), 1);
        let mut builder = PackBuilder::new();
        let tree = apply_ops(&cached, Some(repo.tree_of(&commit)), &ops, &mut builder).unwrap();
        commit = repo.finish_commit(builder, tree, &[commit], step as i64 + 2);
        let bytes = repo.packs.last().unwrap().bytes.len();
        assert!(bytes < if step < 20 { 400 } else { 2500 }, "step {step}: {bytes} bytes");
        assert!(repo.set.delta_depth(&tree).unwrap().unwrap() <= 20);
    }
    let oracle = Oracle::new();
    oracle.install(&repo.concat());
    let head = format!("{commit}^{{tree}}");
    assert_eq!(oracle.text(&["rev-parse", &head]), repo.tree_of(&commit).to_string());
    oracle.git(&["fsck", "--full", "--strict"], b"");
}

#[test]
fn a_folder_that_comes_back_never_rests_on_itself() {
    let mut repo = Repo::default();
    let files: Vec<_> = (0..200).map(|n| put(&format!("f{n}"), 0)).collect();
    let mut commit = repo.commit(&[], &files, 1);
    for step in 0..30 {
        commit = repo.commit(&[commit], &[put("f7", 1 - step % 2)], i64::from(step) + 2);
    }
    let joined = repo.concat();
    let mut backwards = Repo::default();
    for pack in repo.packs.iter().rev() {
        backwards.push(pack.clone());
    }
    let joined_backwards = backwards.concat();
    for pack in [joined, joined_backwards] {
        let oracle = Oracle::new();
        oracle.install(&pack);
        oracle.git(&["fsck", "--full", "--strict"], b"");
        assert_eq!(oracle.text(&["rev-list", "--count", &commit.to_string()]), "31");
    }
}

#[test]
fn a_large_folder_never_takes_the_id_of_something_else() {
    let names = |n: usize| put(&format!("file-{n:05}.txt"), 0);
    let ops: Vec<TreeOp> = (0..2000).map(names).collect();
    let mut repo = Repo::default();
    let commit = repo.commit(&[], &ops, 1);
    let oid = repo.tree_of(&commit);
    // Made again it is what it was, from scratch and as a change of another.
    assert_eq!(apply_ops(&repo.set, None, &ops, &mut PackBuilder::new()).unwrap(), oid);
    let other = repo.commit(&[commit], &[put("z", 1)], 2);
    let delete = TreeOp::DeleteFile(RepoPath::parse("z").unwrap());
    let base = Some(repo.tree_of(&other));
    assert_eq!(apply_ops(&repo.set, base, &[delete], &mut PackBuilder::new()).unwrap(), oid);
    let twice: Vec<TreeOp> = ["a", "b"]
        .iter()
        .flat_map(|folder| (0..2000).map(move |n| put(&format!("{folder}/file-{n:05}.txt"), 0)))
        .collect();
    let root = apply_ops(&repo.set, None, &twice, &mut PackBuilder::new()).unwrap();
    assert_ne!(root, oid);

    let mut builder = PackBuilder::new();
    builder.add_hashed(oid, ObjectKind::Tree, b"as if somebody had found another").unwrap();
    let mut forged = Repo::default();
    forged.push(builder.finish().unwrap());
    let refused = apply_ops(&forged.set, None, &ops, &mut PackBuilder::new());
    assert!(matches!(refused, Err(EditError::Git(GitError::Collision))), "{refused:?}");
}
