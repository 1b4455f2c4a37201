//! Pushes that are accepted, wholly or in part.

use steelyard_core::Visibility;

use crate::world::{EMPTY_PACK, MODEL, World, commit, noise, ref_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn branches_and_tags_come_move_and_go() {
    let world = World::start().await;
    let hub = &world.test.hub;
    let work = world.clone(MODEL, "work", &[]);
    let id = world.row(MODEL).await.id;
    let before = world.row(MODEL).await.last_modified;
    world.test.clock.advance(std::time::Duration::from_secs(60));

    // New, then fast-forward; the hub's own reads see both at once.
    let card = b"---\nlicense: mit\ntags:\n- tiny\n---\n# M\n";
    commit(&world, &work, &[("README.md", card)]);
    world.run(&work, &["push", "-q", "origin", "main", "main:dev/one"]);
    let row = world.row(MODEL).await;
    assert!(row.last_modified > before);
    assert!(row.facts.to_string().contains("tiny"), "{}", row.facts);
    let second = commit(&world, &work, &[("b.txt", b"b\n")]);
    world.run(&work, &["push", "-q", "origin", "main"]);
    assert_eq!(ref_of(hub, id, "refs/heads/main").await.unwrap().oid.to_string(), second);

    // Forced back, which must be said; what was cut off waits for the clean-up.
    world.run(&work, &["reset", "-q", "--hard", "HEAD~1"]);
    let third = commit(&world, &work, &[("c.txt", b"c\n")]);
    let refused = world.fail(&work, &["push", "origin", "main"]);
    assert!(refused.contains("non-fast-forward") || refused.contains("fetch first"), "{refused}");
    world.run(&work, &["push", "-q", "--force", "origin", "main"]);
    assert_eq!(ref_of(hub, id, "refs/heads/main").await.unwrap().oid.to_string(), third);
    let mut conn = hub.db().read().await.unwrap();
    assert!(steelyard_db::refs::find_git(&mut conn, id).await.unwrap().unwrap().drop_wanted);
    drop(conn);

    // Tags: light, annotated, moved, deleted. No new objects for some of them.
    world.run(&work, &["tag", "light"]);
    world.run(&work, &["tag", "-a", "-m", "first", "v1"]);
    world.run(&work, &["push", "-q", "origin", "--tags"]);
    let row = ref_of(hub, id, "refs/tags/v1").await.unwrap();
    assert_eq!(row.peeled.unwrap().to_string(), third);
    assert_eq!(ref_of(hub, id, "refs/tags/light").await.unwrap().peeled, None);
    let listed = world.ls_remote(MODEL);
    assert!(listed.contains(&format!("{third}\trefs/tags/v1^{{}}")), "{listed}");
    world.run(&work, &["push", "-q", "origin", ":refs/tags/light", ":dev/one"]);
    let listed = world.ls_remote(MODEL);
    assert!(!listed.contains("light") && !listed.contains("dev/one"), "{listed}");

    // The default branch stays.
    let refused = world.fail(&work, &["push", "origin", ":main"]);
    assert!(refused.contains("the default branch cannot be deleted"), "{refused}");
    let refused =
        world.fail(&work, &["push", "origin", "main:refs/heads/dev/a/b", "main:refs/heads/dev/a"]);
    assert!(refused.contains("cannot stand beside"), "{refused}");
    assert_eq!(world.run(&work, &["push", "--porcelain", "origin", "main"]).lines().count(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_pushes_are_streamed_and_stored() {
    let world = World::start().await;
    let work = world.clone(MODEL, "work", &[]);
    // Above http.postBuffer git tries its credentials first, then sends in chunks.
    let files: Vec<(String, Vec<u8>)> =
        (0..5).map(|n| (format!("big{n}.bin"), noise(700_000, n))).collect();
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, data)| (name.as_str(), data.as_slice())).collect();
    let head = commit(&world, &work, &files);
    world.run(&work, &["push", "-q", "origin", "main"]);
    let copy = world.clone(MODEL, "copy", &[]);
    assert_eq!(world.run(&copy, &["rev-parse", "HEAD"]), head);
    world.run(&copy, &["fsck", "--full", "--strict"]);
    assert!(!world.test.hub.settings().cache_dir.join("push").join("x").exists());
    // Quarantines are gone.
    let left = std::fs::read_dir(world.test.hub.settings().cache_dir.join("push"))
        .map_or(0, Iterator::count);
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_ref_has_its_own_fate_unless_the_push_is_atomic() {
    let world = World::start().await;
    let hub = &world.test.hub;
    let id = world.row(MODEL).await.id;
    let work = world.clone(MODEL, "work", &[]);
    let stale = world.clone(MODEL, "stale", &[]);
    commit(&world, &work, &[("a.txt", b"a\n")]);
    world.run(&work, &["push", "-q", "origin", "main"]);
    world.protect(MODEL, &["main"]).await;

    commit(&world, &stale, &[("b.txt", b"b\n")]);
    let force = ["push", "--force", "origin", "main", "main:side"];
    let refused = world.fail(&stale, &[&force[..], &["--atomic"]].concat());
    assert!(refused.contains("the branch is protected: only fast-forwards"), "{refused}");
    assert!(refused.contains("atomic push failed"), "{refused}");
    assert!(ref_of(hub, id, "refs/heads/side").await.is_none());

    let refused = world.fail(&stale, &force);
    assert!(
        refused.contains("[remote rejected] main -> main (the branch is protected"),
        "{refused}"
    );
    assert!(refused.contains("[new branch]      main -> side"), "{refused}");
    assert!(ref_of(hub, id, "refs/heads/side").await.is_some());

    world.run(&stale, &["push", "-q", "--atomic", "origin", "main:one", "main:two"]);
    world.protect(MODEL, &["one"]).await;
    let refused = world.fail(&stale, &["push", "origin", ":one", ":two"]);
    assert!(
        refused.contains("is protected: it cannot be deleted")
            && refused.contains("[deleted]         two")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_without_a_commit_takes_its_first_push() {
    let world = World::start().await;
    let hub = &world.test.hub;
    let id = world.row(MODEL).await.id;
    // As after an import that failed: the history is there, the branch is not.
    let mut tx = hub.db().write().await.unwrap();
    let seq = steelyard_db::refs::advance(&mut tx, id, 0).await.unwrap().unwrap();
    let main = steelyard_core::RefName::branch("main").unwrap();
    let old = steelyard_db::refs::find_ref(&mut tx, id, &main).await.unwrap().unwrap().oid;
    let change =
        steelyard_db::refs::RefChange { name: &main, old: Some(old), new: None, peeled: None };
    assert!(steelyard_db::refs::change_ref(&mut tx, id, seq, &change).await.unwrap());
    tx.commit().await.unwrap();

    for version in ["protocol.version=0", "protocol.version=2"] {
        let empty = world.clone(MODEL, &format!("empty-{version}"), &["-c", version]);
        assert!(world.git(&empty, &["rev-parse", "HEAD"]).err.contains("HEAD"));
    }
    let work = world.dir.path().join("empty-protocol.version=2");
    let side = commit(&world, &work, &[("a.txt", b"a\n")]);
    world.run(&work, &["push", "-q", "origin", "HEAD:refs/heads/side"]);
    assert_eq!(ref_of(hub, id, "refs/heads/side").await.unwrap().oid.to_string(), side);
    let mut conn = hub.db().read().await.unwrap();
    let state = steelyard_db::refs::find_git(&mut conn, id).await.unwrap().unwrap();
    assert_eq!(state.head_ref, "refs/heads/main");
    drop(conn);
    world.run(&work, &["push", "-q", "origin", "HEAD:refs/heads/main"]);
    assert!(world.ls_remote(MODEL).contains(&format!("{side}\tHEAD")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_push_hears_that_it_goes_on() {
    let world = World::start().await;
    let head = world.run(&world.clone(MODEL, "work", &[]), &["rev-parse", "HEAD"]);
    // SQLite has one writer: the push waits for this one.
    let other = world.test.hub.db().write().await.unwrap();
    let release = tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(12)).await;
        drop(other);
    });
    let capabilities = "report-status side-band-64k";
    let answer = world.post_push_as(capabilities, MODEL, &head, "refs/heads/new", EMPTY_PACK);
    release.await.unwrap();
    assert!(answer.starts_with("0005\u{1}"), "{answer}");
    assert!(answer.contains("unpack ok") && answer.contains("ok refs/heads/new"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn warnings_about_a_card_are_shown_and_keep_nothing_out() {
    let world = World::start().await;
    world.create("root", Visibility::Public).await;
    let root = world.clone("alice/root", "root", &[]);
    commit(&world, &root, &[("README.md", b"---\nlicense: cc-by-nc-4.0\n---\n")]);
    world.run(&root, &["push", "-q", "origin", "main"]);
    let work = world.clone(MODEL, "work", &[]);
    let said = |files: &[(&str, &[u8])]| {
        let oid = commit(&world, &work, files);
        let said = world.git(&work, &["push", "origin", "main"]);
        assert!(said.ok, "{}", said.err);
        assert!(world.ls_remote(MODEL).contains(&oid));
        said.err.lines().filter(|line| line.starts_with("remote:")).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(said(&[("README.md", b"---\nlicense: mit\n---\n")]), "");
    let misspelt = said(&[("README.md", b"---\nlicence: mit\n---\n# Caf\xe9\n")]);
    assert!(misspelt.contains("remote: README.md line 2: warning: "), "{misspelt}");
    assert!(misspelt.contains("line 4: warning: README.md is not UTF-8"), "{misspelt}");
    let unfit = said(&[("README.md", b"---\nlicense: mit\nbase_model: alice/root\n---\n")]);
    assert!(unfit.contains("warning: ") && unfit.contains("alice/root"), "{unfit}");
    assert!(unfit.contains("\"license: cc-by-nc-4.0\" would fit"), "{unfit}");
    assert_eq!(said(&[("b.txt", b"the card is as it was")]), "");
}
