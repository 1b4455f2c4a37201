use std::time::Duration;

use steelyard_core::RepoPath;

use super::*;
use crate::edit::{TreeOp, apply_ops};
use crate::object::ObjectKind;
use crate::oracle::{Oracle, Repo};
use crate::pack::PackBuilder;
use crate::tree::EntryMode;

fn within(commits: usize, compared_bytes: usize) -> BlameLimits {
    let deadline = Instant::now() + Duration::from_secs(60);
    BlameLimits { commits, compared_bytes, deadline }
}

/// Every line is another text, so that there is one way to compare two versions.
fn text(lines: &[u32]) -> String {
    lines.iter().map(|line| format!("line {line}\n")).collect()
}

fn commit(repo: &mut Repo, parents: &[Oid], content: &str, seconds: i64) -> Oid {
    let base = parents.first().map(|parent| repo.tree_of(parent));
    let mut builder = PackBuilder::new();
    let oid = builder.add(ObjectKind::Blob, content.as_bytes()).unwrap();
    let path = RepoPath::parse("src/file.txt").unwrap();
    let ops = [TreeOp::Put { path, mode: EntryMode::File, oid }];
    let tree = apply_ops(&repo.set, base, &ops, &mut builder).unwrap();
    repo.finish_commit(builder, tree, parents, seconds)
}

/// What the real git says.
fn of_git(repo: &Repo, head: &Oid) -> Vec<Option<Oid>> {
    let oracle = Oracle::new();
    oracle.install(&repo.concat());
    let head = head.to_string();
    let said = oracle.text(&["blame", "-l", "-s", "--root", &head, "--", "src/file.txt"]);
    said.lines().map(|line| Oid::parse(&line[..40]).ok()).collect()
}

fn ours(repo: &Repo, head: &Oid, limits: BlameLimits) -> Blame {
    blame(&repo.set, head, "src/file.txt", limits).unwrap().unwrap()
}

/// A trunk in which lines come and go, a branch that appends, and the merge of both.
fn history() -> (Repo, Oid) {
    let mut repo = Repo::default();
    let mut lines: Vec<u32> = (0..30).collect();
    let (mut head, mut fresh, mut seed) = (None, 1000, 7_u32);
    let mut step = |bound: usize| {
        seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        (seed >> 16) as usize % bound
    };
    for seconds in 0..25 {
        for _ in 0..3 {
            lines.insert(step(lines.len()), fresh);
            fresh += 1;
        }
        lines.remove(step(lines.len()));
        let parents: Vec<Oid> = head.into_iter().collect();
        head = Some(commit(&mut repo, &parents, &text(&lines), seconds));
    }
    let fork = head.unwrap();
    let mut branch = lines.clone();
    branch.extend([5000, 5001]);
    let one = commit(&mut repo, &[fork], &text(&branch), 30);
    branch.push(5002);
    let one = commit(&mut repo, &[one], &text(&branch), 31);
    let mut trunk = vec![6000];
    trunk.extend(&lines);
    let other = commit(&mut repo, &[fork], &text(&trunk), 32);
    trunk.extend([5000, 5001, 5002, 7000]);
    let merge = commit(&mut repo, &[other, one], &text(&trunk), 40);
    (repo, merge)
}

#[test]
fn lines_come_from_where_git_says() {
    let (repo, head) = history();
    let found = ours(&repo, &head, within(1000, 1 << 20));
    assert!(found.is_complete);
    assert_eq!(found.lines, of_git(&repo, &head));
}

#[test]
fn a_limit_leaves_the_oldest_lines_open_and_is_told() {
    let (repo, head) = history();
    let whole = ours(&repo, &head, within(1000, 1 << 20));
    for limits in [within(5, 1 << 20), within(1000, 8000)] {
        let cut = ours(&repo, &head, limits);
        assert!(!cut.is_complete);
        let mut open = 0;
        for (cut, whole) in cut.lines.iter().zip(&whole.lines) {
            assert!(cut.is_none() || cut == whole);
            open += usize::from(cut.is_none());
        }
        assert!(open > 0 && open < whole.lines.len(), "{open}");
    }
    let past = BlameLimits { deadline: Instant::now(), ..within(1000, 1 << 20) };
    assert!(ours(&repo, &head, past).lines.iter().all(Option::is_none));
}

#[test]
fn odd_files_have_answers_too() {
    let mut repo = Repo::default();
    let first = commit(&mut repo, &[], "", 1);
    assert_eq!(ours(&repo, &first, within(9, 1 << 20)).lines, []);
    let second = commit(&mut repo, &[first], "a\n\nb", 2);
    assert_eq!(ours(&repo, &second, within(9, 1 << 20)).lines, [Some(second); 3]);
    let third = commit(&mut repo, &[second], "a\n\nb\n", 3);
    let last = ours(&repo, &third, within(9, 1 << 20)).lines;
    assert_eq!(last, [Some(second), Some(second), Some(second)]);
    assert_eq!(blame(&repo.set, &third, "src", within(9, 9)).unwrap(), None);
    assert_eq!(blame(&repo.set, &third, "none", within(9, 9)).unwrap(), None);
}
