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
