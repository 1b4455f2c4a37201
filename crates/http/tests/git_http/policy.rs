//! Pushes that break a rule, and what their authors are told.

use std::path::Path;
use std::process::{Command, Stdio};

use steelyard_core::{Sha256, Visibility};
use steelyard_db::lfs;
use steelyard_testkit::tools;

use crate::world::{MODEL, World, commit, noise, ref_of};

const SHA: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn pointer(size: u64) -> String {
    format!("version https://git-lfs.github.com/spec/v1\noid sha256:{SHA}\nsize {size}\n")
}

/// Writes an object without any check; says its id.
fn write_object(work: &Path, kind: &str, content: &[u8]) -> String {
    use std::io::Write as _;
    let mut child = Command::new(tools::git().unwrap())
        .args(["hash-object", "-w", "--literally", "--stdin", "-t", kind])
        .current_dir(work)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(content).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}

/// Nothing of a refused push may be left: not the ref, not its objects.
async fn assert_unchanged(world: &World, head: &str) {
    let id = world.row(MODEL).await.id;
    assert_eq!(ref_of(&world.test.hub, id, "refs/heads/main").await.unwrap().oid.to_string(), head);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_too_large_for_git_are_named() {
    let world = World::start().await;
    let work = world.clone(MODEL, "work", &[]);
    let head = world.run(&work, &["rev-parse", "HEAD"]);
    commit(&world, &work, &[("sub/weights.bin", &noise(10 * 1024 * 1024 + 1, 1))]);
    commit(&world, &work, &[("later.txt", b"x")]);
    let refused = world.fail(&work, &["push", "origin", "main"]);
    assert!(
        refused
            .contains("file \"sub/weights.bin\" has 10.0 MiB, more than 10 MiB; use git lfs track"),
        "{refused}"
    );
    assert!(refused.contains("remote: rewrite the commits: git lfs migrate import"), "{refused}");
    assert_unchanged(&world, &head).await;
    // Ten MiB exactly may pass.
    world.run(&work, &["reset", "-q", "--hard", &head]);
    commit(&world, &work, &[("weights.bin", &noise(10 * 1024 * 1024, 2))]);
    world.run(&work, &["push", "-q", "origin", "main"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pointers_must_name_what_the_repository_has() {
    let world = World::start().await;
    let hub = &world.test.hub;
    let id = world.row(MODEL).await.id;
    let work = world.clone(MODEL, "work", &[]);
    let head = world.run(&work, &["rev-parse", "HEAD"]);
    world.run(&work, &["config", "filter.lfs.process", ""]);
    std::fs::remove_file(work.join(".gitattributes")).unwrap();
    commit(&world, &work, &[("m/model.bin", pointer(7).as_bytes())]);
    let refused = world.fail(&work, &["push", "origin", "main"]);
    let expected = format!(
        "file \"m/model.bin\" points to LFS object {SHA}, which was not uploaded; run git lfs push --all"
    );
    assert!(refused.contains(&expected), "{refused}");
    assert_unchanged(&world, &head).await;

    // Somebody else's link helps nobody.
    world.create("other", Visibility::Public).await;
    let sha256 = Sha256::parse(SHA).unwrap();
    let link = async |repo_id: i64| {
        let mut tx = hub.db().write().await.unwrap();
        lfs::ensure_object(&mut tx, sha256, 9, hub.now()).await.unwrap();
        lfs::ensure_link(&mut tx, repo_id, sha256, &format!("{repo_id:024}"), hub.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    };
    link(world.row("alice/other").await.id).await;
    assert!(world.fail(&work, &["push", "origin", "main"]).contains("was not uploaded"));
    link(id).await;
    let refused = world.fail(&work, &["push", "origin", "main"]);
    assert!(refused.contains("has 7 bytes, but it has 9"), "{refused}");

    commit(&world, &work, &[("m/model.bin", pointer(9).as_bytes())]);
    world.run(&work, &["reset", "-q", "--soft", &head]);
    world.run(&work, &["commit", "-q", "-m", "right size"]);
    world.run(&work, &["push", "-q", "origin", "main"]);
    let mut conn = hub.db().read().await.unwrap();
    let row = lfs::find_link(&mut conn, id, sha256).await.unwrap().unwrap();
    assert_eq!(row.filename.as_deref(), Some("m/model.bin"));
    assert_eq!(row.ref_name.as_deref(), Some("refs/heads/main"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cards_with_errors_are_refused_with_their_line() {
    let world = World::start().await;
    let work = world.clone(MODEL, "work", &[]);
    let head = world.run(&work, &["rev-parse", "HEAD"]);
    commit(&world, &work, &[("README.md", b"---\ntags: [a\nlicense: mit\n---\n# M\n")]);
    let refused = world.fail(&work, &["push", "origin", "main", "main:refs/tags/kept"]);
    assert!(refused.contains("[remote rejected] main -> main (README.md line "), "{refused}");
    assert!(refused.contains("remote: The metadata of the card is not valid:"), "{refused}");
    assert_unchanged(&world, &head).await;
    // A tag is not a branch; and once a card is in, pushing on top of it works.
    assert!(world.ls_remote(MODEL).contains("refs/tags/kept"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_and_incomplete_histories_are_refused() {
    let world = World::start().await;
    let work = world.clone(MODEL, "work", &[]);
    let head = world.run(&work, &["rev-parse", "HEAD"]);
    let blob = write_object(&work, "blob", b"x");
    let raw: Vec<u8> =
        (0..20).map(|at| u8::from_str_radix(&blob[2 * at..2 * at + 2], 16).unwrap()).collect();
    let commit_of = |tree: &str, parent: &str| {
        let text = format!(
            "tree {tree}\nparent {parent}\nauthor A <a@b> 1700000000 +0000\ncommitter A <a@b> 1700000000 +0000\n\nbad\n"
        );
        write_object(&work, "commit", text.as_bytes())
    };
    for (name, rule) in [(".git", "hasDotgit"), ("a/b", "fullPathname"), ("..", "hasDotdot")] {
        let tree =
            write_object(&work, "tree", &[format!("100644 {name}\0").as_bytes(), &raw].concat());
        let bad = commit_of(&tree, &head);
        // git itself would not send such a thing.
        let pack = pack_of(&work, &[&bad, &tree, &blob]);
        let report = world.post_push(MODEL, &bad, "refs/heads/bad", &pack);
        assert!(
            report.contains(rule) && report.contains("ng refs/heads/bad unpacker error"),
            "{report}"
        );
    }
    // A shallow clone pushed to a repository that lacks the rest.
    for n in 0..3 {
        commit(&world, &work, &[("n.txt", format!("{n}").as_bytes())]);
    }
    world.run(&work, &["push", "-q", "origin", "main"]);
    let shallow = world.clone(MODEL, "shallow", &["--depth=1"]);
    world.create("other", Visibility::Public).await;
    let refused = world.fail(&shallow, &["push", &world.url("alice/other"), "main:copy"]);
    assert!(refused.contains("remote rejected") || refused.contains("unpack"), "{refused}");
    assert!(!world.ls_remote("alice/other").contains("copy"));
    // To where the rest is, it works.
    commit(&world, &shallow, &[("s.txt", b"s")]);
    world.run(&shallow, &["push", "-q", "origin", "main"]);
    // A branch is a commit, and so is what a tag stands for.
    let refused = world.fail(&shallow, &["push", "origin", "HEAD:s.txt:refs/tags/blob"]);
    assert!(refused.contains("must point to a commit, not to a blob"), "{refused}");
    world.run(&shallow, &["tag", "-a", "-m", "t", "t"]);
    let tag = world.run(&shallow, &["rev-parse", "refs/tags/t"]);
    let report = world.post_push(MODEL, &tag, "refs/heads/t", &pack_of(&shallow, &[&tag]));
    assert!(report.contains("ng refs/heads/t must point to a commit, not to a tag"), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_of_others_and_of_refused_pushes_are_not_given_out() {
    let world = World::start().await;
    world.create("secret", Visibility::Private).await;
    let secret = world.clone("alice/secret", "secret", &[]);
    let hidden = commit(&world, &secret, &[("key.txt", b"the key\n")]);
    world.run(&secret, &["push", "-q", "origin", "main"]);

    let work = world.clone(MODEL, "work", &[]);
    let bad = commit(&world, &work, &[("README.md", b"---\ntags: [a\n---\n")]);
    world.fail(&work, &["push", "origin", "main"]);
    let blob = world.run(&secret, &["rev-parse", "HEAD:key.txt"]);

    let anyone = world.clone(MODEL, "anyone", &[]);
    for oid in [&hidden, &bad, &blob] {
        for version in ["protocol.version=0", "protocol.version=2"] {
            let refused = world.fail(&anyone, &["-c", version, "fetch", "origin", oid]);
            assert!(
                refused.contains("not our ref") || refused.contains("couldn't find remote ref"),
                "{refused}"
            );
        }
    }
    // Nor can one make them one's own by naming them.
    let text = format!(
        "tree {}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nsteal\n",
        world.run(&secret, &["rev-parse", "HEAD^{tree}"])
    );
    let stolen = write_object(&secret, "commit", text.as_bytes());
    let pack = pack_of(&secret, &[&stolen]);
    let report = world.post_push(MODEL, &stolen, "refs/heads/stolen", &pack);
    assert!(report.contains("unpack ") && report.contains("ng refs/heads/stolen"), "{report}");
    let nothing = pack_of(&secret, &[]);
    let report = world.post_push(MODEL, &hidden, "refs/heads/stolen", &nothing);
    assert!(report.contains("ng refs/heads/stolen missing necessary objects"), "{report}");
    assert!(!world.ls_remote(MODEL).contains("stolen"));
}

/// A pack of these objects and no others.
fn pack_of(work: &Path, oids: &[&str]) -> Vec<u8> {
    use std::io::Write as _;
    let mut child = Command::new(tools::git().unwrap())
        .args(["pack-objects", "--stdout", "-q"])
        .current_dir(work)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(oids.join("\n").as_bytes()).unwrap();
    child.wait_with_output().unwrap().stdout
}
