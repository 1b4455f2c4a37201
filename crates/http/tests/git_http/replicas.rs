//! Several servers on the same stores.

use steelyard_testkit::Stores;

use crate::world::{MODEL, World, commit, git, noise, url};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_take_turns() {
    for stores in Stores::available() {
        take_turns(World::start_on(stores).await).await;
    }
}

async fn take_turns(mut world: World) {
    let second = world.test.replica().await.unwrap();
    let other = world.test.serve(&second).await.unwrap();
    let urls = [world.url(MODEL), url(&other, &world.alice, MODEL)];
    let work = world.clone(MODEL, "work", &[]);
    for n in 0..6 {
        // Every other pack is too large for a row.
        let size = if n % 2 == 0 { 100 } else { 400_000 };
        let seed = u64::try_from(n).unwrap();
        let head = commit(&world, &work, &[("n.bin", &noise(size, seed))]);
        world.run(&work, &["push", "-q", &urls[n % 2], "main"]);
        for url in &urls {
            let listed = world.run(&work, &["ls-remote", url, "refs/heads/main"]);
            assert!(listed.starts_with(&head), "{listed}");
        }
        let name = format!("copy{n}");
        world.run(world.dir.path(), &["clone", "-q", &urls[(n + 1) % 2], &name]);
        assert_eq!(world.run(&world.dir.path().join(name), &["rev-parse", "HEAD"]), head);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pushers_at_the_same_time_lose_nothing() {
    for stores in Stores::available() {
        push_at_once(World::start_on(stores).await).await;
    }
}

async fn push_at_once(mut world: World) {
    const PUSHERS: usize = 6;
    let second = world.test.replica().await.unwrap();
    let other = world.test.serve(&second).await.unwrap();
    let urls = [world.url(MODEL), url(&other, &world.alice, MODEL)];
    let works: Vec<_> = (0..PUSHERS).map(|n| world.clone(MODEL, &format!("w{n}"), &[])).collect();
    let home = world.dir.path().to_owned();
    let push = |n: usize| {
        let (work, url, home) = (works[n].clone(), urls[n % 2].clone(), home.clone());
        std::thread::spawn(move || {
            for round in 0..3 {
                std::fs::write(work.join(format!("{n}-{round}.txt")), format!("{n} {round}"))
                    .unwrap();
                assert!(git(&home, &work, &["add", "-A"]).ok);
                assert!(git(&home, &work, &["commit", "-q", "-m", "x"]).ok);
                // Both branches of its own and the one everybody wants.
                assert!(git(&home, &work, &["push", "-q", &url, &format!("HEAD:own{n}")]).ok);
                let landed = (0..50).any(|_| {
                    let said = git(&home, &work, &["push", "-q", &url, "HEAD:main"]);
                    let pulled =
                        said.ok || git(&home, &work, &["pull", "-q", "--rebase", &url, "main"]).ok;
                    assert!(pulled, "{}", said.err);
                    said.ok
                });
                assert!(landed);
                // The rebase has left the branch of one's own behind.
                assert!(
                    git(&home, &work, &["push", "-q", "--force", &url, &format!("HEAD:own{n}")]).ok
                );
            }
        })
    };
    let threads: Vec<_> = (0..PUSHERS).map(push).collect();
    let outcomes: Vec<_> = threads.into_iter().map(std::thread::JoinHandle::join).collect();
    assert!(outcomes.iter().all(Result::is_ok));
    let copy = world.clone(MODEL, "copy", &[]);
    for n in 0..PUSHERS {
        for round in 0..3 {
            assert!(copy.join(format!("{n}-{round}.txt")).is_file(), "{n}-{round}");
        }
    }
    world.run(&copy, &["fsck", "--full", "--strict"]);
    let merges = world.run(&copy, &["rev-list", "--min-parents=2", "HEAD"]);
    assert_eq!(merges, "", "one linear history");
}
