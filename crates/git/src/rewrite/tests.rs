use proptest::prelude::*;
use steelyard_core::{RepoPath, Timestamp};

use super::*;
use crate::commit::Signature;
use crate::edit::{TreeOp, apply_ops};
use crate::oracle::{Oracle, Repo, path};
use crate::walk::reachable;

/// Files by number: two pointers to what is deleted, one to what is not, and plain files.
fn content(number: u8) -> Vec<u8> {
    let pointer = |byte: u8| lfs_pointer::format(&Sha256::new([byte; 32]), 12345).into_bytes();
    match number {
        0 => pointer(0xaa),
        1 => String::from_utf8(pointer(0xbb)).unwrap().replace('\n', "\r\n").into_bytes(),
        2 => pointer(0xcc),
        _ => format!("plain {number}\n").into_bytes(),
    }
}

fn content_oid(number: u8) -> Oid {
    hash_object(ObjectKind::Blob, &content(number)).unwrap()
}

fn rewriter() -> Rewriter {
    Rewriter::new([Sha256::new([0xaa; 32]), Sha256::new([0xbb; 32])])
}

fn put(path: &str, number: u8) -> TreeOp {
    TreeOp::Put {
        path: RepoPath::parse(path).unwrap(),
        mode: EntryMode::File,
        oid: content_oid(number),
    }
}

fn commit(repo: &mut Repo, parents: &[Oid], ops: &[TreeOp], seconds: i64) -> Oid {
    let base = parents.first().map(|parent| repo.tree_of(parent));
    let mut builder = PackBuilder::new();
    for number in 0..6 {
        builder.add(ObjectKind::Blob, &content(number)).unwrap();
    }
    let tree = apply_ops(&repo.set, base, ops, &mut builder).unwrap();
    repo.finish_commit(builder, tree, parents, seconds)
}

fn tag(repo: &mut Repo, target: Oid, target_kind: ObjectKind, message: &'static str) -> Oid {
    let tag = Tag {
        target,
        target_kind,
        name: "annotated".into(),
        tagger: Some(Signature::new("T", "t@example.org", Timestamp::from_secs(7))),
        extra: vec![],
        message: message.into(),
    };
    add(repo, ObjectKind::Tag, &tag.encode())
}

fn add(repo: &mut Repo, kind: ObjectKind, data: &[u8]) -> Oid {
    let mut builder = PackBuilder::new();
    let oid = builder.add(kind, data).unwrap();
    repo.push(builder.finish().unwrap());
    oid
}

/// Rewrites the tips; the repository has the new objects afterwards.
fn rewrite(repo: &mut Repo, tips: &[Oid]) -> Vec<Rewritten> {
    let mut rewriter = rewriter();
    let set = repo.set.clone();
    let done = tips.iter().map(|tip| rewriter.rewrite(&set, tip).unwrap()).collect();
    if let Some(pack) = rewriter.take_pack().unwrap() {
        repo.push(pack);
    }
    assert!(rewriter.take_pack().unwrap().is_none());
    done
}

/// What git makes of the same history and the same wish.
fn filter_branch(repo: &Repo, refs: &[(&str, Oid)]) -> Vec<Oid> {
    let oracle = Oracle::new();
    oracle.install(&repo.concat());
    for (name, oid) in refs {
        oracle.git(&["update-ref", name, &oid.to_string()], b"");
    }
    oracle.git(&["symbolic-ref", "HEAD", refs[0].0], b"");
    oracle.git(&["reset", "-q", "--hard"], b"");
    let list = oracle.path().join(".git/entries");
    let filter = format!(
        "git ls-files -s | {{ grep -v -e {} -e {} || true; }} > {list} && git read-tree --empty && \
         git update-index --index-info < {list}",
        content_oid(0),
        content_oid(1),
        list = list.to_str().unwrap(),
    );
    // It warns of itself and waits for five seconds unless told not to.
    let alias = "alias.fb=!FILTER_BRANCH_SQUELCH_WARNING=1 git filter-branch";
    let wanted = ["-c", alias, "fb", "-f", "--index-filter", &filter, "--tag-name-filter", "cat"];
    let wanted: Vec<&str> = wanted.into_iter().chain(["--", "--all"]).collect();
    oracle.git(&wanted, b"");
    refs.iter().map(|(name, _)| Oid::parse(&oracle.text(&["rev-parse", name])).unwrap()).collect()
}

/// Git must find everything behind the new tips, and nothing wrong with it.
fn check_with_git(repo: &Repo, tips: &[Rewritten]) {
    let oracle = Oracle::new();
    oracle.install(&repo.concat());
    for (number, tip) in tips.iter().enumerate() {
        oracle.git(&["update-ref", &format!("refs/new/{number}"), &tip.oid.to_string()], b"");
    }
    oracle.git(&["fsck", "--strict"], b"");
    let tips: Vec<Oid> = tips.iter().map(|tip| tip.oid).collect();
    let found = reachable(&repo.set, &tips, &|_| false, &mut |oid| Err(GitError::Missing(*oid)));
    let found = found.unwrap();
    assert!(!found.contains(&content_oid(0)) && !found.contains(&content_oid(1)));
}

#[test]
fn a_history_without_the_files_stays_as_it_is() {
    let mut repo = Repo::default();
    let first = commit(&mut repo, &[], &[put("a", 2), put("d/b", 3)], 10);
    let second = commit(&mut repo, &[first], &[put("a", 4)], 20);
    let packs = repo.packs.len();
    let done = rewrite(&mut repo, &[second, first]);
    assert_eq!(done, [second, first].map(|oid| Rewritten { oid, peeled: None }));
    assert_eq!(repo.packs.len(), packs);
}

#[test]
fn files_go_with_their_folders_and_commits_stay() {
    let mut repo = Repo::default();
    let plain = commit(&mut repo, &[], &[put("a", 3)], 10);
    let adds = commit(&mut repo, &[plain], &[put("deep/er/w.bin", 0)], 20);
    let moves = commit(&mut repo, &[adds], &[put("x/w", 1), put("x/keep", 2)], 30);
    let only = commit(&mut repo, &[], &[put("w", 0)], 40);
    let done = rewrite(&mut repo, &[moves, adds, plain, only]);
    let [new, empty, same, bare] = done.iter().map(|tip| tip.oid).collect::<Vec<_>>()[..] else {
        panic!()
    };
    assert_eq!(same, plain);
    let (empty, new) =
        (get_commit(&repo.set, &empty).unwrap(), get_commit(&repo.set, &new).unwrap());
    assert_eq!((empty.tree, &empty.parents[..]), (repo.tree_of(&plain), &[plain][..]));
    assert_eq!(empty.message, "message\n");
    let root = get_tree(&repo.set, &new.tree).unwrap();
    assert_eq!(root.iter().map(|entry| entry.name).collect::<Vec<_>>(), [&b"a"[..], b"x"]);
    let x = get_tree(&repo.set, &root.find("x").unwrap().oid).unwrap();
    assert_eq!(x.iter().map(|entry| entry.name).collect::<Vec<_>>(), [b"keep"]);
    assert_eq!(repo.tree_of(&bare), EMPTY_TREE);
    check_with_git(&repo, &done);
}

#[test]
fn tags_follow_and_signatures_go() {
    let mut repo = Repo::default();
    let commit = commit(&mut repo, &[], &[put("w", 0), put("a", 3)], 10);
    let data = repo.set.read(&commit).unwrap().unwrap().data;
    let text = String::from_utf8(data.to_vec()).unwrap();
    let signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----";
    let signed = text.replace("\n\n", &format!("\nencoding UTF-8\n{signature}\nmore x\n\n"));
    let signed = add(&mut repo, ObjectKind::Commit, signed.as_bytes());
    let message = "v1\n-----BEGIN SSH SIGNATURE-----\nabc\n-----END SSH SIGNATURE-----\n";
    let inner = tag(&mut repo, signed, ObjectKind::Commit, message);
    let outer = tag(&mut repo, inner, ObjectKind::Tag, "of a tag\n");
    let done = rewrite(&mut repo, &[outer, signed]);
    assert_eq!(done[0].peeled, Some(done[1].oid));
    let read = |oid: &Oid| repo.set.read(oid).unwrap().unwrap();
    let new = String::from_utf8(read(&done[1].oid).data.to_vec()).unwrap();
    let expected = text.replace("\n\n", "\nencoding UTF-8\nmore x\n\n");
    assert_eq!(new.split_once('\n').unwrap().1, expected.split_once('\n').unwrap().1);
    let outer = Tag::parse(&read(&done[0].oid).data).unwrap();
    assert_eq!((outer.target_kind, &outer.message[..]), (ObjectKind::Tag, &b"of a tag\n"[..]));
    let inner = Tag::parse(&read(&outer.target).data).unwrap();
    assert_eq!((inner.target, &inner.message[..]), (done[1].oid, &b"v1\n"[..]));
    check_with_git(&repo, &done);
}

#[test]
fn large_folders_become_deltas_of_each_other() {
    let mut repo = Repo::default();
    let names: Vec<String> = (0..400).map(|number| format!("f{number:03}")).collect();
    let mut ops: Vec<TreeOp> = names.iter().map(|name| put(name, 3)).collect();
    ops.push(put("w", 0));
    let mut tip = commit(&mut repo, &[], &ops, 10);
    for name in names.iter().take(60) {
        tip = commit(&mut repo, &[tip], &[put(name, 4)], 20);
    }
    let set = repo.set.clone();
    let mut rewriter = rewriter();
    let done = rewriter.rewrite(&set, &tip).unwrap();
    assert!(rewriter.fits(&set).unwrap());
    let pack = rewriter.take_pack().unwrap().unwrap();
    let folder = get_tree(&set, &repo.tree_of(&tip)).unwrap().data().len();
    assert!(pack.bytes.len() < 8 * folder, "{} for 61 folders of {folder}", pack.bytes.len());
    repo.push(pack);
    check_with_git(&repo, &[done]);
    assert!(!rewriter.fits(&repo.set).unwrap(), "its deltas are there already");
    // Later commits of the same history cost only themselves.
    let more = commit(&mut repo, &[tip], &[put("v", 1)], 30);
    let done = rewriter.rewrite(&repo.set, &more).unwrap();
    let pack = rewriter.take_pack().unwrap().unwrap();
    assert_eq!(pack.toc.len(), 1, "a commit whose folder is the one before");
    repo.push(pack);
    check_with_git(&repo, &[done]);
}

#[test]
fn what_is_missing_is_an_error() {
    let mut repo = Repo::default();
    let lost = commit(&mut repo, &[], &[put("a", 3)], 10);
    let tip = commit(&mut repo, &[lost], &[put("a", 4)], 20);
    let mut broken = Repo::default();
    broken.push(repo.packs[1].clone());
    let error = rewriter().rewrite(&broken.set, &tip).unwrap_err();
    assert!(matches!(error, GitError::Missing(oid) if oid == lost), "{error}");
    let error = rewriter().rewrite(&repo.set, &content_oid(3)).unwrap_err();
    assert!(matches!(error, GitError::WrongKind { .. }), "{error}");
}

/// Which earlier commits are the parents, and what is put where.
type Choice = (Vec<prop::sample::Index>, Vec<(u8, u16)>);

fn choices() -> impl Strategy<Value = Vec<Choice>> {
    let parents = prop::collection::vec(any::<prop::sample::Index>(), 0..3);
    let puts = prop::collection::vec((0..6u8, 0..60u16), 0..4);
    prop::collection::vec((parents, puts), 2..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn the_new_history_is_the_one_git_makes(choices in choices()) {
        let mut repo = Repo::default();
        let mut commits = vec![commit(&mut repo, &[], &[put("a/a", 0), put("b", 3)], 20)];
        for (seconds, (parents, puts)) in (21..).zip(&choices) {
            let mut chosen = vec![commits[commits.len() - 1]];
            for index in parents {
                let parent = commits[index.index(commits.len())];
                if !chosen.contains(&parent) {
                    chosen.push(parent);
                }
            }
            let first = puts.len() % chosen.len();
            chosen.rotate_left(first);
            let ops: Vec<TreeOp> = puts.iter().map(|(number, at)| put(&path((*at).into()), *number)).collect();
            commits.push(commit(&mut repo, &chosen, &ops, seconds));
        }
        let (last, middle) = (commits[commits.len() - 1], commits[commits.len() / 2]);
        let tag = tag(&mut repo, middle, ObjectKind::Commit, "tagged\n");
        let refs = [("refs/heads/main", last), ("refs/heads/side", middle), ("refs/tags/annotated", tag)];
        let expected = filter_branch(&repo, &refs);
        let done = rewrite(&mut repo, &refs.map(|(_, oid)| oid));
        let found: Vec<Oid> = done.iter().map(|tip| tip.oid).collect();
        prop_assert_eq!(found, expected);
        check_with_git(&repo, &done);
    }
}
