//! The database or the object store goes away under a running hub: clients are told so and may try again, the hub
//! recovers by itself, and nothing acknowledged is lost.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use steelyard_testkit::{Durability, FaultProxy, Garage, Postgres, TestDatabase, TestRng};
use steelyard_tests::{Answer, Client, Http, Hub, Stores};

const REPO: &str = "alice/m";

struct Scene {
    hub: Hub,
    token: String,
}

impl Scene {
    fn start(env: &[(&str, &str)]) -> Self {
        let builder = env
            .iter()
            .fold(Hub::on(Stores::Embedded), |builder, (key, value)| builder.env(key, value));
        let hub = builder.start().unwrap();
        let token = hub.user("alice");
        let scene = Self { hub, token };
        scene.http().create_model("m", false);
        scene
    }

    fn http(&self) -> Http {
        Http::new(&self.hub.url(), &self.token)
    }

    /// Tries until it works; not for long.
    fn commit_in_the_end(&self, path: &str) -> Answer {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let answer = self.http().commit(REPO, "main", None, &[(path, path)]).unwrap();
            if answer.status == 200 {
                return answer;
            }
            assert_told(&answer);
            assert!(
                Instant::now() < end,
                "the hub does not recover: {} {}",
                answer.status,
                answer.text()
            );
            sleep(Duration::from_millis(100));
        }
    }

    /// Every commit of main, from a fresh clone.
    fn history(&self) -> BTreeSet<String> {
        let alice = Client::new(&self.hub, "alice", &self.token);
        let dir = self.hub.scratch("history");
        alice.git(&dir, &["clone", "--quiet", &alice.git_url(REPO), "."]).success();
        let log = alice.git(&dir, &["log", "--format=%H"]).success();
        log.lines().map(str::to_owned).collect()
    }
}

/// A store that is away is no fault of the client's and none that lasts.
fn assert_told(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(
        answer.header("x-error-message").is_some_and(|text| !text.is_empty()),
        "{}",
        answer.head
    );
}

fn oid_of(answer: &Answer) -> String {
    answer.json()["commitOid"].as_str().unwrap().to_owned()
}

fn address_of(url: &str) -> SocketAddr {
    let rest = url.split_once("://").unwrap().1;
    rest.rsplit('@').next().unwrap().split('/').next().unwrap().parse().unwrap()
}

/// A database of this suite's server, behind a proxy.
fn proxied_database() -> Option<(TestDatabase, FaultProxy)> {
    let Some(postgres) = Postgres::from_env() else {
        eprintln!("skipped: no PostgreSQL server (cargo xtask test starts one)");
        assert!(std::env::var_os("CI").is_none(), "CI must run this suite on real servers");
        return None;
    };
    let database = postgres.fresh_database().unwrap();
    let proxy = FaultProxy::new(address_of(database.url())).unwrap();
    Some((database, proxy))
}

#[test]
fn every_broken_connection_to_the_database_is_overcome() {
    let Some((database, proxy)) = proxied_database() else { return };
    let url = database.url_through(proxy.address());
    let scene = Scene::start(&[("STEELYARD_DATABASE__URL", &url)]);
    let mut acknowledged = BTreeSet::new();
    let (mut bytes, mut failures) = (1, 0);
    // The connection breaks after so many bytes, until a commit gets through undisturbed.
    loop {
        proxy.cut_after_bytes(bytes);
        let before = proxy.bytes();
        let path = format!("file-{bytes}.txt");
        let answer = scene.http().commit(REPO, "main", None, &[(&path, &path)]).unwrap();
        let was_cut = proxy.bytes() - before >= bytes;
        proxy.heal();
        if answer.status == 200 {
            acknowledged.insert(oid_of(&answer));
            if !was_cut {
                break;
            }
        } else {
            failures += 1;
            assert_told(&answer);
        }
        acknowledged.insert(oid_of(&scene.commit_in_the_end(&path)));
        let found = scene.http().get(&format!("/{REPO}/raw/main/{path}"));
        assert_eq!(found.text(), path);
        bytes += 200;
    }
    assert!(failures > 3, "{failures} failures");
    let history = scene.history();
    assert!(acknowledged.is_subset(&history));
    scene.hub.fsck().unwrap();
}

#[test]
fn a_database_that_is_away_is_told_and_overcome() {
    let Some((database, proxy)) = proxied_database() else { return };
    let url = database.url_through(proxy.address());
    let scene = Scene::start(&[("STEELYARD_DATABASE__URL", &url)]);
    let first = oid_of(&scene.commit_in_the_end("first.txt"));
    proxy.refuse();
    let start = Instant::now();
    for path in ["/api/models/alice/m", "/alice/m/resolve/main/first.txt", "/api/whoami-v2"] {
        assert_told(&scene.http().get(path));
    }
    assert_told(&scene.http().commit(REPO, "main", None, &[("lost.txt", "lost")]).unwrap());
    assert!(
        start.elapsed() < Duration::from_secs(45),
        "nobody waits for long: {:?}",
        start.elapsed()
    );
    proxy.heal();
    let second = oid_of(&scene.commit_in_the_end("second.txt"));
    let history = scene.history();
    assert!(history.contains(&first) && history.contains(&second));
    assert_eq!(scene.http().get("/alice/m/resolve/main/lost.txt").status, 404);
    scene.hub.fsck().unwrap();
}

/// The database server is killed without warning, again and again, while people commit: PostgreSQL keeps what it
/// acknowledged, and so do we.
#[test]
fn a_database_that_is_killed_loses_nothing() {
    if Postgres::from_env().is_none() {
        eprintln!("skipped: this machine runs no PostgreSQL suites");
        return;
    }
    let mut postgres = Postgres::start(Durability::Full).unwrap();
    let database = postgres.fresh_database().unwrap();
    let scene = Scene::start(&[("STEELYARD_DATABASE__URL", database.url())]);
    let (stop, acknowledged, told) =
        (AtomicBool::new(false), Mutex::new(Vec::new()), AtomicUsize::new(0));
    thread::scope(|scope| {
        let (scene, stop, acknowledged, told) = (&scene, &stop, &acknowledged, &told);
        for writer in 0..8 {
            scope.spawn(move || {
                for n in 0.. {
                    if stop.load(SeqCst) {
                        break;
                    }
                    let path = format!("w{writer}-{n}.txt");
                    let answer =
                        scene.http().commit(REPO, "main", None, &[(&path, &path)]).unwrap();
                    if answer.status == 200 {
                        acknowledged.lock().unwrap().push((oid_of(&answer), path));
                    } else {
                        assert_told(&answer);
                        told.fetch_add(1, SeqCst);
                        sleep(Duration::from_millis(50));
                    }
                }
            });
        }
        for _ in 0..3 {
            sleep(Duration::from_millis(600));
            postgres.crash_and_restart().unwrap();
        }
        sleep(Duration::from_millis(300));
        stop.store(true, SeqCst);
    });
    let last = oid_of(&scene.commit_in_the_end("last.txt"));
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() > 10 && told.into_inner() > 0, "{} commits", acknowledged.len());
    let history = scene.history();
    assert!(history.contains(&last));
    let lost: Vec<_> = acknowledged.iter().filter(|(oid, _)| !history.contains(oid)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    for (_, path) in &acknowledged {
        let text = std::fs::read_to_string(scene.hub.scratch("history").join(path)).unwrap();
        assert_eq!(text, *path);
    }
    scene.hub.fsck().unwrap();
}

/// What small commits need is in the database; the store is missed only by those who need it.
#[test]
fn an_object_store_that_is_away_is_told_and_overcome() {
    let Some(garage) = Garage::from_env() else {
        eprintln!("skipped: no S3 server (cargo xtask test starts one)");
        assert!(std::env::var_os("CI").is_none(), "CI must run this suite on real servers");
        return;
    };
    let proxy = FaultProxy::new(address_of(garage.endpoint())).unwrap();
    let bucket = garage.bucket().unwrap();
    let url =
        format!("s3://{bucket}?endpoint=http://{}&region={}", proxy.address(), garage.region());
    let scene = Scene::start(&[
        ("STEELYARD_STORAGE__URL", &url),
        ("STEELYARD_STORAGE__ACCESS_KEY", garage.access_key()),
        ("STEELYARD_STORAGE__SECRET_KEY", garage.secret_key()),
    ]);
    let large: String =
        TestRng::seeded(1).bytes(150_000).iter().map(|byte| format!("{byte:02x}")).collect();
    proxy.refuse();
    let small = oid_of(&scene.commit_in_the_end("small.txt"));
    let start = Instant::now();
    assert_told(&scene.http().commit(REPO, "main", None, &[("large.txt", &large)]).unwrap());
    assert!(
        start.elapsed() < Duration::from_secs(75),
        "nobody waits for long: {:?}",
        start.elapsed()
    );
    assert_eq!(scene.http().head(REPO, "main"), small);
    proxy.heal();
    let mut bytes = 1;
    loop {
        proxy.cut_after_bytes(bytes);
        let before = proxy.bytes();
        let answer = scene
            .http()
            .commit(REPO, "main", None, &[(&format!("large-{bytes}.txt"), &large)])
            .unwrap();
        let was_cut = proxy.bytes() - before >= bytes;
        proxy.heal();
        if answer.status != 200 {
            assert_told(&answer);
        }
        if !was_cut {
            assert_eq!(answer.status, 200, "{}", answer.text());
            break;
        }
        bytes += 40_000;
    }
    assert_eq!(scene.http().get("/alice/m/raw/main/large-1.txt").text(), large);
    scene.history();
    scene.hub.fsck().unwrap();
}
