//! Clone and fetch.

use crate::world::{MODEL, World, commit, noise};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clones_and_fetches_of_every_kind() {
    let world = World::start().await;
    let work = world.clone(MODEL, "work", &[]);
    let first = commit(&world, &work, &[("README.md", b"# M\n"), ("a/b/c.txt", b"one\n")]);
    world.run(&work, &["push", "-q", "origin", "main"]);
    for n in 0..5 {
        let text = format!("{n}\n").repeat(400);
        commit(
            &world,
            &work,
            &[("a/b/c.txt", text.as_bytes()), (&format!("f{n}.bin"), &noise(3000, n))],
        );
        world.run(&work, &["push", "-q", "origin", "main"]);
    }
    let head = world.run(&work, &["rev-parse", "HEAD"]);

    for version in ["0", "1", "2"] {
        let protocol = format!("protocol.version={version}");
        let name = |what: &str| format!("{what}{version}");
        let options = ["-c", protocol.as_str()];
        let full = world.clone(MODEL, &name("full"), &options);
        assert_eq!(world.run(&full, &["rev-parse", "HEAD"]), head, "v{version}");
        world.run(&full, &["fsck", "--full", "--strict"]);
        assert_eq!(std::fs::read(full.join("f3.bin")).unwrap(), noise(3000, 3));

        let shallow =
            world.clone(MODEL, &name("shallow"), &[&options[..], &["--depth=1"]].concat());
        assert_eq!(world.run(&shallow, &["rev-list", "--count", "HEAD"]), "1");
        world.run(&shallow, &["-c", &protocol, "fetch", "-q", "--deepen=2"]);
        assert_eq!(world.run(&shallow, &["rev-list", "--count", "HEAD"]), "3");
        world.run(&shallow, &["-c", &protocol, "fetch", "-q", "--unshallow"]);
        assert_eq!(world.run(&shallow, &["rev-list", "--count", "HEAD"]), "7");

        let partial = world.clone(
            MODEL,
            &name("partial"),
            &[&options[..], &["--filter=blob:none", "--no-checkout"]].concat(),
        );
        let missing = world.run(&partial, &["rev-list", "--objects", "--missing=print", "HEAD"]);
        assert!(missing.lines().any(|line| line.starts_with('?')), "{missing}");
        // Checking out fetches the blobs one needs, by their ids.
        world.run(&partial, &["checkout", "-q", "main"]);
        assert_eq!(std::fs::read(partial.join("f4.bin")).unwrap(), noise(3000, 4));

        // A commit that no ref names can be fetched while it is reachable.
        world.run(&full, &["-c", &protocol, "fetch", "-q", "origin", &first]);
    }
    // Incremental, after more came, into a repository that has much to tell about itself: such requests are packed.
    let behind = world.dir.path().join("full2");
    for n in 0..60 {
        commit(&world, &behind, &[("local.txt", format!("{n}").as_bytes())]);
    }
    commit(&world, &work, &[("late.txt", b"late\n")]);
    world.run(&work, &["push", "-q", "origin", "main"]);
    for version in ["protocol.version=0", "protocol.version=2"] {
        world.run(&behind, &["-c", version, "fetch", "-q", "origin"]);
    }
    let late = world.run(&work, &["rev-parse", "HEAD"]);
    assert_eq!(world.run(&behind, &["rev-parse", "origin/main"]), late);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_follows_many_small_changes() {
    let world = World::start().await;
    let work = world.clone(MODEL, "work", &[]);
    let other = world.clone(MODEL, "other", &[]);
    // More than fit into one directory's pack files, so that it is built anew on the way.
    for n in 0..40 {
        commit(&world, &work, &[("n.txt", format!("{n}\n").as_bytes())]);
        world.run(&work, &["push", "-q", "origin", "main"]);
        world.run(&other, &["pull", "-q"]);
    }
    assert_eq!(world.run(&other, &["rev-parse", "HEAD"]), world.run(&work, &["rev-parse", "HEAD"]));
    world.run(&other, &["fsck", "--full", "--strict"]);
    let hub = &world.test.hub;
    let caches = hub.settings().cache_dir.join("git").join(world.row(MODEL).await.id.to_string());
    let live: Vec<_> = std::fs::read_dir(&caches).unwrap().collect();
    assert_eq!(live.len(), 1, "old directories are removed: {live:?}");
    hub.prepare_cache().await.unwrap();
    assert!(!caches.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pull_requests_are_listed_on_request_only() {
    let world = World::start().await;
    let hub = &world.test.hub;
    let bob = world.actor(&world.bob).await;
    let request = steelyard_service::commits::CommitRequest {
        summary: "propose".to_owned(),
        description: String::new(),
        parent: None,
        operations: vec![steelyard_service::commits::Operation::File {
            path: steelyard_core::RepoPath::parse("new.txt").unwrap(),
            content: "new\n".into(),
        }],
        create_pr: true,
    };
    let id = crate::world::repo_id(MODEL);
    let made =
        hub.commit(&bob, steelyard_core::RepoKind::Model, &id, "main", request).await.unwrap();
    assert_eq!(made.pull_request, Some(1));
    let work = world.clone(MODEL, "work", &[]);
    let mirror = world.run(&work, &["ls-remote", "origin", "refs/heads/*"]);
    assert!(!mirror.contains("refs/pr/"), "{mirror}");
    world.run(&work, &["fetch", "-q", "origin", "refs/pr/1:pr/1"]);
    assert_eq!(world.run(&work, &["rev-parse", "pr/1"]), made.oid.to_string());

    // Its author may push to it, and to nothing else.
    world.run(&work, &["checkout", "-q", "pr/1"]);
    let more = commit(&world, &work, &[("more.txt", b"more\n")]);
    let as_bob = crate::world::url(&world.base, &world.bob, MODEL);
    let refused = world.fail(&work, &["push", &as_bob, "pr/1:main"]);
    assert!(refused.contains("no permission to write; open a pull request instead"), "{refused}");
    world.run(&work, &["push", "-q", &as_bob, "pr/1:refs/pr/1"]);
    let row = crate::world::ref_of(hub, world.row(MODEL).await.id, "refs/pr/1").await.unwrap();
    assert_eq!(row.oid.to_string(), more);
    // What it says of evaluations is a proposal until the default branch has it.
    let results = async || {
        let found = hub.results_of(&world.row(MODEL).await).await.unwrap();
        let shown = |one: steelyard_service::discovery::Reported| {
            (one.result.value, one.result.origin.as_str(), one.pull_request)
        };
        found.into_iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(results().await, []);
    let own = b"- {dataset: {id: a/b, task_id: c}, value: 0.5, source: {url: https://example.org, user: alice}}\n";
    commit(&world, &work, &[(".eval_results/a.yaml", own)]);
    world.run(&work, &["push", "-q", &as_bob, "pr/1:refs/pr/1"]);
    assert_eq!(results().await, [(0.5, "third-party", Some(1))]);
    let better = b"- {dataset: {id: a/b, task_id: c}, value: 0.75, source: {url: https://example.org, user: alice}}\n";
    commit(&world, &work, &[(".eval_results/a.yaml", better)]);
    world.run(&work, &["push", "-q", &as_bob, "pr/1:refs/pr/1"]);
    assert_eq!(results().await, [(0.75, "third-party", Some(1))]);
    world.run(&work, &["push", "-q", "origin", "pr/1:main"]);
    assert_eq!(results().await, [(0.75, "self", None)]);
    let refused = world.fail(&work, &["push", &as_bob, "pr/1:refs/pr/2"]);
    assert!(refused.contains("there is no pull request 2"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_over_http_are_cloned_whole() {
    let world = World::start().await;
    let hub = &world.test.hub;
    let alice = world.actor(&world.alice).await;
    let id = crate::world::repo_id(MODEL);
    let commit = async |files: Vec<(String, Vec<u8>)>| {
        let file =
            |(path, content): (String, Vec<u8>)| steelyard_service::commits::Operation::File {
                path: steelyard_core::RepoPath::parse(&path).unwrap(),
                content: content.into(),
            };
        let request = steelyard_service::commits::CommitRequest {
            summary: "files".to_owned(),
            description: String::new(),
            parent: None,
            operations: files.into_iter().map(file).collect(),
            create_pr: false,
        };
        hub.commit(&alice, steelyard_core::RepoKind::Model, &id, "main", request).await.unwrap().oid
    };
    commit((0..500).map(|n| (format!("dir/file-{n:03}.txt"), vec![b'x'; n])).collect()).await;
    // Too large to be joined with others, and its folder is a delta against that of the commit before.
    let head = commit(vec![("dir/large.bin".to_owned(), noise(600_000, 1))]).await;
    let copy = world.clone(MODEL, "copy", &[]);
    assert_eq!(world.run(&copy, &["rev-parse", "HEAD"]), head.to_string());
    assert_eq!(std::fs::read(copy.join("dir/large.bin")).unwrap(), noise(600_000, 1));
    world.run(&copy, &["fsck", "--full", "--strict"]);
}
