//! Histories that were cut off, because a large file in them was deleted for good: nobody can bring them back by name.

use std::time::Duration;

use steelyard_core::{Oid, RepoKind, Revision, Sha256};
use steelyard_db::{lfs, refs};
use steelyard_service::Error;

use crate::world::{EMPTY_PACK, MODEL, World, commit, git, repo_id};

const BAD: [u8; 32] = [0xba; 32];
const GOOD: [u8; 32] = [0x60; 32];

fn pointer(content: [u8; 32]) -> Vec<u8> {
    let oid = Sha256::new(content);
    format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 7\n").into_bytes()
}

/// As if the content had been uploaded; says the id of its link.
async fn link(world: &World, content: [u8; 32]) -> String {
    let hub = &world.test.hub;
    let (id, oid) = (world.row(MODEL).await.id, Sha256::new(content));
    let file_id = format!("{:02x}", content[0]).repeat(12);
    let mut tx = hub.db().write().await.unwrap();
    lfs::ensure_object(&mut tx, oid, 7, hub.now()).await.unwrap();
    lfs::ensure_link(&mut tx, id, oid, &file_id, hub.now()).await.unwrap();
    tx.commit().await.unwrap();
    file_id
}

async fn purge(world: &World, file_id: String) {
    let alice = world.actor(&world.alice).await;
    let (id, files) = (repo_id(MODEL), [file_id]);
    let deleted = world.test.hub.purge_lfs_files(&alice, RepoKind::Model, &id, &files).await;
    assert_eq!(deleted.unwrap(), 1);
}

async fn branch(world: &World, name: &str, start: &str) -> Result<(), Error> {
    let alice = world.actor(&world.alice).await;
    let start = Revision::parse(start).unwrap();
    let (hub, id) = (&world.test.hub, repo_id(MODEL));
    hub.create_branch(&alice, RepoKind::Model, &id, name, Some(&start)).await
}

async fn tag(world: &World, start: &str, message: Option<&str>) -> Result<(), Error> {
    let alice = world.actor(&world.alice).await;
    let start = Revision::parse(start).unwrap();
    let (hub, id) = (&world.test.hub, repo_id(MODEL));
    hub.create_tag(&alice, RepoKind::Model, &id, &start, "back", message).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_deletion_cut_off_cannot_be_pushed_again() {
    let world = World::start().await;
    let bad = link(&world, BAD).await;
    link(&world, GOOD).await;
    let work = world.clone(MODEL, "work", &[]);
    let before = commit(&world, &work, &[("a.txt", b"a")]);
    let with = commit(&world, &work, &[("sub/bad.bin", &pointer(BAD)), ("b.txt", b"b")]);
    let last = commit(&world, &work, &[("c.txt", b"c")]);
    world.run(&work, &["push", "-q", "origin", "main"]);
    world.run(&work, &["checkout", "-q", "-b", "side", &before]);
    commit(&world, &work, &[("good.bin", &pointer(GOOD))]);
    world.run(&work, &["push", "-q", "origin", "side"]);
    world.run(&work, &["checkout", "-q", "main"]);
    purge(&world, bad.clone()).await;
    let refs = world.ls_remote(MODEL);
    assert!(!refs.contains(&last) && refs.contains("refs/heads/side"), "{refs}");

    let content = Sha256::new(BAD);
    let why = format!(
        "file \"sub/bad.bin\" points to LFS object {content}, which this repository no longer has)"
    );
    world.run(&work, &["tag", "-a", "-m", "old", "old", &with]);
    let tagged = "refs/tags/old:refs/tags/old";
    for refspec in ["main:back", &format!("{with}:refs/heads/back"), tagged, "+main:main"] {
        let refused = world.fail(&work, &["push", "origin", refspec]);
        assert!(refused.contains(&why), "{refspec}: {refused}");
    }
    // Not even a byte has to be sent for it.
    let report = world.post_push(MODEL, &last, "refs/heads/back", EMPTY_PACK);
    assert!(report.contains("ng refs/heads/back file \"sub/bad.bin\" points to"), "{report}");
    // New commits do not hide it: on top of the old ones, or on top of the new history with the same file.
    commit(&world, &work, &[("d.txt", b"d")]);
    assert!(world.fail(&work, &["push", "origin", "main:back"]).contains(&why));
    world.run(&work, &["fetch", "-q", "origin"]);
    world.run(&work, &["checkout", "-q", "-B", "fresh", "origin/main"]);
    commit(&world, &work, &[("elsewhere.bin", &pointer(BAD))]);
    let refused = world.fail(&work, &["push", "origin", "fresh:main"]);
    assert!(refused.contains("file \"elsewhere.bin\" points to LFS object"), "{refused}");

    for refused in [
        branch(&world, "back", &last).await,
        branch(&world, "back", &with[..10]).await,
        tag(&world, &with, None).await,
        tag(&world, &with, Some("annotated")).await,
    ] {
        let Err(Error::Invalid(invalid)) = refused else { panic!("{refused:?}") };
        let told = invalid.to_string();
        assert!(told.contains("has the file \"sub/bad.bin\", which points to"), "{told}");
    }
    assert_eq!(world.ls_remote(MODEL), refs, "nothing changed");

    // Everything else goes on as before.
    branch(&world, "early", &before).await.unwrap();
    branch(&world, "copy", "side").await.unwrap();
    tag(&world, "main", Some("annotated")).await.unwrap();
    world.run(&work, &["checkout", "-q", "side"]);
    commit(&world, &work, &[("again.bin", &pointer(GOOD))]);
    world.run(&work, &["push", "-q", "origin", "side", "side:more"]);
    world.run(&work, &["push", "-q", "origin", &format!("{before}:refs/heads/earlier")]);
    // Who uploads the file anew may have it.
    link(&world, BAD).await;
    world.run(&work, &["push", "-q", "origin", "main:refs/heads/back"]);
    branch(&world, "back-too", &last).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn branches_that_keep_a_deleted_file_can_be_copied_and_moved_on() {
    let world = World::start().await;
    let bad = link(&world, BAD).await;
    let work = world.clone(MODEL, "work", &[]);
    commit(&world, &work, &[("bad.bin", &pointer(BAD))]);
    let head = commit(&world, &work, &[("a.txt", b"a")]);
    world.run(&work, &["push", "-q", "origin", "main"]);
    let alice = world.actor(&world.alice).await;
    let (id, files) = (repo_id(MODEL), [bad]);
    let deleted = world.test.hub.delete_lfs_files(&alice, RepoKind::Model, &id, &files).await;
    assert_eq!(deleted.unwrap(), 1);

    branch(&world, "copy", &head).await.unwrap();
    branch(&world, "older", &world.run(&work, &["rev-parse", "HEAD~1"])).await.unwrap();
    world.run(&work, &["rm", "-q", "bad.bin"]);
    world.run(&work, &["commit", "-q", "-m", "away"]);
    world.run(&work, &["push", "-q", "origin", "main"]);
    // It is behind the branch, so it may come back, under another name, and in a history of its own.
    world.run(&work, &["revert", "--no-edit", "HEAD"]);
    commit(&world, &work, &[("sub/other.bin", &pointer(BAD))]);
    world.run(&work, &["push", "-q", "origin", "main", "main:side"]);
    world.run(&work, &["checkout", "-q", "--orphan", "alone"]);
    world.run(&work, &["commit", "-q", "-m", "alone"]);
    world.run(&work, &["push", "-q", "origin", "alone"]);
}

/// A push and a branch are checked while the file is still there, and come to land when it is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_checked_before_the_deletion_does_not_land_after_it() {
    let world = World::start().await;
    let bad = link(&world, BAD).await;
    let work = world.clone(MODEL, "work", &[]);
    let old = commit(&world, &work, &[("bad.bin", &pointer(BAD))]);
    world.run(&work, &["push", "-q", "origin", "main"]);
    let id = world.row(MODEL).await.id;
    let mut held = world.test.hub.db().write().await.unwrap();
    refs::lock_git(&mut held, id).await.unwrap();
    let pause = || tokio::time::sleep(Duration::from_secs(1));
    let release = async {
        for _ in 0..3 {
            pause().await;
        }
        drop(held);
    };
    let branch = async {
        pause().await;
        branch(&world, "by-name", &old).await
    };
    let (home, clone) = (world.dir.path().to_owned(), work.clone());
    let push = async {
        pause().await;
        let push = move || git(&home, &clone, &["push", "origin", "main:by-push"]);
        tokio::task::spawn_blocking(push).await.unwrap()
    };
    let ((), made, pushed, ()) = tokio::join!(purge(&world, bad), branch, push, release);
    assert!(
        !pushed.ok && pushed.err.contains("which this repository no longer has"),
        "{}",
        pushed.err
    );
    assert!(matches!(made, Err(Error::Invalid(_))), "{made:?}");
    let refs = world.ls_remote(MODEL);
    assert!(!refs.contains(&old) && Oid::parse(&refs[..40]).is_ok(), "{refs}");
}
