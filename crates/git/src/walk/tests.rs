use std::collections::HashSet;
use std::fmt::Write as _;

use proptest::prelude::*;
use steelyard_core::{Oid, RepoPath};

use super::*;
use crate::GitError;
use crate::edit::TreeOp;
use crate::oracle::{Oracle, Repo, path, put};
use crate::pack::PackBuilder;
use crate::read::{ListOptions, get_commit, list_tree};
use crate::store::{CachedSource, ObjectCache, ObjectSource};

/// A random commit: which earlier commits are its parents, when, and what it changes.
type Choice = (Vec<prop::sample::Index>, i64, Vec<(u8, u16)>);

fn choices() -> impl Strategy<Value = Vec<Choice>> {
    let parents = prop::collection::vec(any::<prop::sample::Index>(), 0..4);
    let ops = prop::collection::vec((0..5u8, 0..60u16), 0..4);
    prop::collection::vec((parents, 0..40i64, ops), 2..25)
}

/// Builds the history; a last commit joins all that is left.
fn history(choices: &[Choice]) -> (Repo, Vec<Oid>) {
    let mut repo = Repo::default();
    let mut commits: Vec<Oid> = vec![repo.commit(&[], &[put("a/a", 0), put("b", 1)], 20)];
    let mut childless: HashSet<Oid> = commits.iter().copied().collect();
    for (parents, time, ops) in choices {
        let mut chosen: Vec<Oid> = Vec::new();
        // Mostly one goes on from the newest commit, so that histories have some depth.
        let newest = commits[commits.len() - 1];
        let parents = parents.iter().map(|index| commits[index.index(commits.len())]);
        for parent in parents.chain([newest]).take(3) {
            if !chosen.contains(&parent) {
                chosen.push(parent);
            }
        }
        let base = repo.tree_of(&chosen[0]);
        let mut builder = PackBuilder::new();
        let ops: Vec<_> = ops
            .iter()
            .map(|(content, number)| match content {
                4 => TreeOp::DeleteFile(RepoPath::parse(&path((*number).into())).unwrap()),
                _ => put(&path((*number).into()), *content),
            })
            .filter(|op| {
                crate::edit::apply_ops(
                    &repo.set,
                    Some(base),
                    std::slice::from_ref(op),
                    &mut PackBuilder::new(),
                )
                .is_ok()
            })
            .collect();
        // Two deletions may meet; then the commit changes nothing.
        let tree =
            crate::edit::apply_ops(&repo.set, Some(base), &ops, &mut builder).unwrap_or(base);
        for content in 0..4 {
            builder.add(crate::ObjectKind::Blob, &crate::oracle::blob(content)).unwrap();
        }
        for parent in &chosen {
            childless.remove(parent);
        }
        let commit = repo.finish_commit(builder, tree, &chosen, 100 + time);
        if !commits.contains(&commit) {
            childless.insert(commit);
            commits.push(commit);
        }
    }
    let mut tips: Vec<Oid> = childless.into_iter().collect();
    tips.sort_unstable();
    let last = repo.commit(&tips, &[], 150);
    commits.push(last);
    (repo, commits)
}

fn oids(text: &str) -> Vec<Oid> {
    text.lines().map(|line| Oid::parse(&line[..40]).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(25))]
    #[test]
    fn walks_are_those_of_git(choices in choices()) {
        let (repo, commits) = history(&choices);
        let tip = commits[commits.len() - 1];
        let oracle = Oracle::new();
        oracle.install(&repo.concat());
        let name = tip.to_string();
        let source = CachedSource::new(repo.set.clone(), ObjectCache::new(1 << 20), 1);

        let expected = oids(&oracle.text(&["log", "--format=%H", &name]));
        let walked: Vec<Oid> = log(&source, &tip, None, 0, 1000).unwrap().into_iter().map(|(oid, _)| oid).collect();
        prop_assert_eq!(&walked, &expected);
        let page = log(&source, &tip, Some(&expected[1]), 1, 3).unwrap();
        prop_assert_eq!(page.iter().map(|(oid, _)| *oid).collect::<Vec<_>>(),
                        expected.iter().skip(3).take(3).copied().collect::<Vec<_>>());

        for pair in commits.windows(2) {
            let args = ["merge-base", "--is-ancestor", &pair[0].to_string(), &pair[1].to_string()];
            prop_assert_eq!(is_ancestor(&source, &pair[0], &pair[1]).unwrap(), oracle.try_git(&args, b"").0);
            prop_assert_eq!(is_ancestor(&source, &pair[1], &pair[0]).unwrap(), pair[0] == pair[1]);
        }

        let objects = oracle.text(&["rev-list", "--objects", &name]);
        let found = reachable(&source, &[tip], &|_| false, &mut |oid| Err(GitError::Missing(*oid))).unwrap();
        prop_assert_eq!(found, oids(&objects).into_iter().collect::<HashSet<_>>());

        last_commits_are_those_of_git(&repo, &source, &oracle, &tip)?;
        for (tip, known) in commits.iter().zip(commits.iter().rev()) {
            what_is_fresh_is_what_git_lists(&source, &oracle, &[*tip], &[*known, commits[0]])?;
        }
        for pair in commits.windows(2) {
            diffs_are_those_of_git(&repo, &oracle, &pair[0], &pair[1])?;
        }
    }
}

fn last_commits_are_those_of_git(
    repo: &Repo,
    source: &dyn ObjectSource,
    oracle: &Oracle,
    tip: &Oid,
) -> Result<(), TestCaseError> {
    let tree = repo.tree_of(tip);
    for dir in ["", "a", "a/a.b", "missing"] {
        let options = ListOptions { prefix: dir, limit: 1000, ..Default::default() };
        let listing = list_tree(source, &tree, options).unwrap();
        let listed = listing.map(|listing| listing.entries).unwrap_or_default();
        let mut names: Vec<Vec<u8>> = listed
            .iter()
            .map(|entry| entry.path.rsplit(|b| *b == b'/').next().unwrap().to_vec())
            .collect();
        names.push(b"never".to_vec());
        let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
        let answers = last_commits(source, tip, dir, &names, 1000).unwrap();
        for (name, answer) in names.iter().zip(answers) {
            let name = std::str::from_utf8(name).unwrap();
            let path = if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") };
            let printed = oracle.text(&["rev-list", "-1", &tip.to_string(), "--", &path]);
            let answer = answer.map(|oid| oid.to_string()).unwrap_or_default();
            prop_assert_eq!(answer, printed, "{}", path);
        }
        let none = last_commits(source, tip, dir, &names, 0).unwrap();
        prop_assert!(none.iter().all(Option::is_none));
    }
    Ok(())
}

fn diffs_are_those_of_git(
    repo: &Repo,
    oracle: &Oracle,
    a: &Oid,
    b: &Oid,
) -> Result<(), TestCaseError> {
    let (a, b) = (repo.tree_of(a), repo.tree_of(b));
    let diff = diff_trees(&repo.set, Some(&a), Some(&b), 1000).unwrap();
    prop_assert!(!diff.truncated);
    let mut text = String::new();
    for change in &diff.changes {
        let mode = |side: Option<(crate::EntryMode, Oid)>| {
            side.map_or("000000", |(mode, _)| mode.as_str())
        };
        let oid = |side: Option<(crate::EntryMode, Oid)>| side.map_or(Oid::ZERO, |(_, oid)| oid);
        let letter = match (change.old, change.new) {
            (None, _) => 'A',
            (_, None) => 'D',
            _ => 'M',
        };
        let (old, new) = (change.old, change.new);
        let path = change.path_text();
        writeln!(text, ":{} {} {} {} {letter}\t{path}", mode(old), mode(new), oid(old), oid(new))
            .unwrap();
    }
    let printed = oracle.text(&["diff-tree", "-r", "--no-renames", &a.to_string(), &b.to_string()]);
    prop_assert_eq!(text.trim(), printed);
    if diff.changes.len() > 1 {
        let cut = diff_trees(&repo.set, Some(&a), Some(&b), 1).unwrap();
        prop_assert!(cut.truncated);
        prop_assert_eq!(&cut.changes[..], &diff.changes[..1]);
    }
    Ok(())
}

/// Git itself lists too much where clocks were wrong, unless it walks the known history to its end before.
fn what_is_fresh_is_what_git_lists(
    source: &dyn ObjectSource,
    oracle: &Oracle,
    tips: &[Oid],
    known: &[Oid],
) -> Result<(), TestCaseError> {
    let behind = |tips: &[Oid]| {
        let mut args = vec!["rev-list".to_owned(), "--objects".to_owned()];
        args.extend(tips.iter().map(Oid::to_string));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        oids(&oracle.text(&args)).into_iter().collect::<HashSet<Oid>>()
    };
    let (new, old) = (behind(tips), behind(known));
    let fresh = fresh_commits(source, tips, known).unwrap();
    let listed: HashSet<Oid> = fresh.iter().map(|commit| commit.oid).collect();
    prop_assert_eq!(listed.len(), fresh.len());
    let (mut done, mut exact) = (HashSet::new(), true);
    for commit in &fresh {
        prop_assert!(new.contains(&commit.oid));
        exact &= !old.contains(&commit.oid);
        let waits = |parent: &&Oid| listed.contains(parent) && !done.contains(*parent);
        prop_assert!(!commit.parents.iter().any(|parent| waits(&parent)), "parents come first");
        done.insert(commit.oid);
    }
    let mut files = HashSet::new();
    fresh_files(source, &fresh, &mut |_, oid| {
        assert!(files.insert(*oid), "each content once");
        Ok(())
    })
    .unwrap();
    for oid in new.difference(&old) {
        match source.header(oid).unwrap().unwrap().0 {
            crate::ObjectKind::Commit => prop_assert!(listed.contains(oid)),
            crate::ObjectKind::Blob => prop_assert!(files.contains(oid)),
            _ => {}
        }
    }
    prop_assert!(files.iter().all(|oid| new.contains(oid)));
    // Rarely more than what is fresh, and never when nothing is.
    prop_assert!(!new.is_subset(&old) || !exact || files.is_empty());
    Ok(())
}

#[test]
fn a_folder_that_was_entered_elsewhere_hides_nothing() {
    // Two histories of their own in which one folder comes after the other, the one forwards, the other backwards.
    let mut repo = Repo::default();
    let alone = repo.commit(&[], &[put("f/a", 0)], 10);
    let forwards = repo.commit(&[alone], &[put("f/b", 1)], 20);
    let both = repo.commit(&[], &[put("f/a", 0), put("f/b", 1)], 11);
    let delete = TreeOp::DeleteFile(RepoPath::parse("f/b").unwrap());
    let backwards = repo.commit(&[both], &[delete], 21);
    assert_eq!(repo.tree_of(&alone), repo.tree_of(&backwards));
    for tips in [[forwards, backwards], [backwards, forwards]] {
        let fresh = fresh_commits(&repo.set, &tips, &[]).unwrap();
        assert_eq!(fresh.len(), 4);
        let mut found = Vec::new();
        let mut note = |path: &[u8], oid: &Oid| {
            found.push((String::from_utf8(path.to_vec()).unwrap(), *oid));
            Ok(())
        };
        fresh_files(&repo.set, &fresh, &mut note).unwrap();
        found.sort_unstable();
        let file = |path: &str, content| (path.to_owned(), crate::oracle::blob_oid(content));
        assert_eq!(found, [file("f/a", 0), file("f/b", 1)]);
    }
    // What a ref has is not fresh, under whatever name it comes back.
    let moved = repo.commit(&[alone], &[put("g/b", 1), put("g/c", 2)], 30);
    let fresh = fresh_commits(&repo.set, &[moved], &[forwards]).unwrap();
    assert_eq!(fresh.iter().map(|commit| commit.oid).collect::<Vec<_>>(), [moved]);
    let mut paths = Vec::new();
    let mut note = |path: &[u8], _: &Oid| {
        paths.push(String::from_utf8(path.to_vec()).unwrap());
        Ok(())
    };
    fresh_files(&repo.set, &fresh, &mut note).unwrap();
    assert_eq!(paths, ["g/b", "g/c"], "only trees of parents are compared");
    assert!(fresh_commits(&repo.set, &[alone, both], &[both, alone]).unwrap().is_empty());
    assert!(fresh_commits(&repo.set, &[alone], &[forwards]).unwrap().is_empty());
}

#[test]
fn what_is_missing_is_told() {
    let mut repo = Repo::default();
    let first = repo.commit(&[], &[put("a/b", 0), put("c", 1)], 1);
    let second = repo.commit(&[first], &[put("a/b", 2)], 2);
    let mut missing = Vec::new();
    let all = reachable(&repo.set, &[second], &|_| false, &mut |_| Ok(())).unwrap();
    // Without the first pack, the base of the deltas and the first commit are not there.
    let mut tail = Repo::default();
    let mut builder = PackBuilder::new();
    let commit = get_commit(&repo.set, &second).unwrap();
    builder.add(crate::ObjectKind::Commit, &commit.encode()).unwrap();
    tail.push(builder.finish().unwrap());
    let found = reachable(&tail.set, &[second], &|_| false, &mut |oid| {
        missing.push(*oid);
        Ok(())
    });
    assert_eq!(found.unwrap(), HashSet::from([second]));
    missing.sort_unstable();
    let mut expected = vec![first, commit.tree];
    expected.sort_unstable();
    assert_eq!(missing, expected);
    // What is known is not entered.
    let known = reachable(&repo.set, &[second], &|oid| *oid == first, &mut |_| Ok(())).unwrap();
    assert!(known.len() < all.len() && known.contains(&second) && !known.contains(&first));
    let error =
        reachable(&tail.set, &[second], &|_| false, &mut |oid| Err(GitError::Missing(*oid)));
    assert!(matches!(error, Err(GitError::Missing(_))));
}
