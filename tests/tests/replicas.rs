//! Many writers on one branch, through one server or alternating between two: every acknowledged commit is in one linear
//! history, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::{self, sleep};
use std::time::Duration;

use steelyard_tests::{Client, Http, Hub, Stores};

const REPO: &str = "alice/m";
const WRITERS: usize = 64;

struct Scene {
    hub: Hub,
    token: String,
    alice: Client,
}

impl Scene {
    fn start(stores: Stores, replicas: usize) -> Option<Self> {
        let hub = Hub::on(stores).replicas(replicas).start()?;
        let token = hub.user("alice");
        let alice = Client::new(&hub, "alice", &token);
        let scene = Self { hub, token, alice };
        Http::new(&scene.hub.url_of(0), &scene.token).create_model("m", false);
        Some(scene)
    }

    /// A client of one replica.
    fn http(&self, replica: usize) -> Http {
        Http::new(&self.hub.url_of(replica), &self.token)
    }

    /// A fresh clone through git, which has checked every object.
    fn clone(&self, name: &str, replica: usize) -> PathBuf {
        let dir = self.hub.scratch(name);
        self.alice.git(&dir, &["clone", "--quiet", &self.git_url(replica), "."]).success();
        self.alice.git(&dir, &["fsck", "--full", "--strict"]).success();
        dir
    }

    fn git_url(&self, replica: usize) -> String {
        let host = self.hub.url_of(replica);
        format!("http://user:{}@{}/{REPO}", self.token, host.trim_start_matches("http://"))
    }

    /// The history of main, newest first, through one replica: ids and parents.
    fn history(&self, replica: usize) -> Vec<(String, Vec<String>)> {
        let dir = self.clone(&format!("history-{replica}"), replica);
        let log = self.alice.git(&dir, &["log", "--format=%H %P", "main"]).success();
        log.lines()
            .map(|line| {
                let mut ids = line.split(' ').map(str::to_owned);
                (ids.next().unwrap(), ids.filter(|id| !id.is_empty()).collect())
            })
            .collect()
    }

    /// Checks that main is one line of commits in which every acknowledged one stands exactly once; returns its length.
    fn assert_linear(&self, replica: usize, acknowledged: &BTreeSet<String>) -> usize {
        let history = self.history(replica);
        for ((_, parents), next) in
            history.iter().zip(history.iter().skip(1).map(Some).chain([None]))
        {
            let expected: Vec<_> = next.map(|(id, _)| id.clone()).into_iter().collect();
            assert_eq!(*parents, expected, "the history is one line");
        }
        let found: BTreeSet<_> = history.iter().map(|(id, _)| id.clone()).collect();
        let lost: Vec<_> = acknowledged.difference(&found).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        history.len()
    }
}

/// Every writer commits files of its own; all are there in the end.
fn many_writers(stores: Stores, replicas: usize) {
    const COMMITS: usize = 4;
    let Some(scene) = Scene::start(stores, replicas) else { return };
    let acknowledged: Vec<String> = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let scene = &scene;
                scope.spawn(move || {
                    (0..COMMITS)
                        .map(|n| {
                            let http = scene.http((writer + n) % replicas);
                            let (path, text) =
                                (format!("w{writer}/f{n}.txt"), format!("{writer} {n}"));
                            let made = http.commit(REPO, "main", None, &[(&path, &text)]).unwrap();
                            assert_eq!(made.status, 200, "{}", made.text());
                            made.json()["commitOid"].as_str().unwrap().to_owned()
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    let distinct: BTreeSet<String> = acknowledged.iter().cloned().collect();
    assert_eq!(distinct.len(), WRITERS * COMMITS, "every answer names a commit of its own");
    for replica in 0..replicas {
        assert_eq!(scene.assert_linear(replica, &distinct), WRITERS * COMMITS + 1);
        let dir = scene.hub.scratch(&format!("history-{replica}"));
        for (writer, n) in (0..WRITERS).flat_map(|writer| (0..COMMITS).map(move |n| (writer, n))) {
            let text = std::fs::read_to_string(dir.join(format!("w{writer}/f{n}.txt"))).unwrap();
            assert_eq!(text, format!("{writer} {n}"));
        }
    }
    scene.hub.fsck().unwrap();
}

#[test]
fn sixty_four_writers_on_one_server() {
    many_writers(Stores::Embedded, 1);
}

#[test]
fn sixty_four_writers_through_two_replicas() {
    many_writers(Stores::ScaledOut, 2);
}

/// Writers that name the parent they saw add up a number in one file: a lost update would show.
fn compare_and_swap(stores: Stores, replicas: usize) {
    const EACH: usize = 5;
    let Some(scene) = Scene::start(stores, replicas) else { return };
    scene.http(0).commit(REPO, "main", None, &[("count.txt", "0")]).unwrap();
    let acknowledged: Vec<String> = thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let scene = &scene;
                scope.spawn(move || {
                    (0..EACH).map(|n| add_one(scene, writer + n, replicas)).collect::<Vec<_>>()
                })
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    let distinct: BTreeSet<String> = acknowledged.into_iter().collect();
    assert_eq!(distinct.len(), 8 * EACH);
    for replica in 0..replicas {
        let count = scene.http(replica).get(&format!("/{REPO}/raw/main/count.txt"));
        assert_eq!(count.text(), (8 * EACH).to_string());
        assert_eq!(scene.assert_linear(replica, &distinct), 8 * EACH + 2);
    }
}

/// Adds one to the count, however often somebody else is faster; returns the commit.
fn add_one(scene: &Scene, first: usize, replicas: usize) -> String {
    for attempt in 0..500 {
        let http = scene.http((first + attempt) % replicas);
        let head = http.head(REPO, "main");
        let count: usize =
            http.get(&format!("/{REPO}/raw/{head}/count.txt")).text().parse().unwrap();
        let made = http
            .commit(REPO, "main", Some(&head), &[("count.txt", &(count + 1).to_string())])
            .unwrap();
        match made.status {
            200 => return made.json()["commitOid"].as_str().unwrap().to_owned(),
            412 => sleep(Duration::from_millis(5 * (first as u64 % 8))),
            _ => panic!("{} {}", made.status, made.text()),
        }
    }
    panic!("never won");
}

#[test]
fn no_update_is_lost_on_one_server() {
    compare_and_swap(Stores::Embedded, 1);
}

#[test]
fn no_update_is_lost_between_two_replicas() {
    compare_and_swap(Stores::ScaledOut, 2);
}

/// Three people push with git while others commit over HTTP; who loses a race rebases and pushes again.
fn pushes_among_commits(stores: Stores, replicas: usize) {
    const PUSHERS: usize = 3;
    const PUSHES: usize = 3;
    let Some(scene) = Scene::start(stores, replicas) else { return };
    let left = AtomicUsize::new(PUSHERS);
    let (committed, pushed) = thread::scope(|scope| {
        let (scene, left) = (&scene, &left);
        let committers: Vec<_> = (0..2)
            .map(|writer| {
                scope.spawn(move || {
                    let mut made = Vec::new();
                    // A few, and then as long as somebody pushes; not so fast that no push ever wins.
                    while made.len() < 3 || (left.load(SeqCst) > 0 && made.len() < 60) {
                        let http = scene.http(made.len() % replicas);
                        let (path, text) = (format!("http-{writer}-{}.txt", made.len()), "text");
                        let answer = http.commit(REPO, "main", None, &[(&path, text)]).unwrap();
                        assert_eq!(answer.status, 200, "{}", answer.text());
                        made.push(answer.json()["commitOid"].as_str().unwrap().to_owned());
                        sleep(Duration::from_millis(1500));
                    }
                    made
                })
            })
            .collect();
        let pushers: Vec<_> = (0..PUSHERS)
            .map(|pusher| {
                scope.spawn(move || {
                    let pushed = (0..PUSHES)
                        .map(|n| push_one(scene, pusher, n, replicas))
                        .collect::<Vec<_>>();
                    left.fetch_sub(1, SeqCst);
                    pushed
                })
            })
            .collect();
        let committed: Vec<_> =
            committers.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        let pushed: Vec<_> =
            pushers.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        (committed, pushed)
    });
    let all: BTreeSet<String> = committed.iter().chain(&pushed).cloned().collect();
    assert_eq!(all.len(), committed.len() + PUSHERS * PUSHES);
    for replica in 0..replicas {
        assert_eq!(scene.assert_linear(replica, &all), all.len() + 1);
    }
    scene.hub.fsck().unwrap();
}

/// Commits a file in a clone of the pusher's own and pushes until it is in; returns the commit.
fn push_one(scene: &Scene, pusher: usize, n: usize, replicas: usize) -> String {
    let dir = scene.hub.scratch(&format!("pusher-{pusher}"));
    if n == 0 {
        scene
            .alice
            .git(&dir, &["clone", "--quiet", &scene.git_url(pusher % replicas), "."])
            .success();
    }
    std::fs::write(dir.join(format!("pushed-{pusher}-{n}.txt")), "pushed").unwrap();
    scene.alice.git(&dir, &["add", "-A"]).success();
    scene.alice.git(&dir, &["commit", "--quiet", "-m", "pushed"]).success();
    for attempt in 0..100 {
        let url = scene.git_url((pusher + attempt) % replicas);
        let push = scene.alice.git(&dir, &["push", "--quiet", &url, "HEAD:refs/heads/main"]);
        if push.ok {
            return scene.alice.git(&dir, &["rev-parse", "HEAD"]).success().trim().to_owned();
        }
        // The other replica knows what was acknowledged here.
        let url = scene.git_url((pusher + attempt + 1) % replicas);
        scene.alice.git(&dir, &["pull", "--quiet", "--rebase", &url, "main"]).success();
    }
    panic!("never won");
}

#[test]
fn pushes_among_commits_on_one_server() {
    pushes_among_commits(Stores::Embedded, 1);
}

#[test]
fn pushes_among_commits_through_two_replicas() {
    pushes_among_commits(Stores::ScaledOut, 2);
}

/// One of two replicas dies without warning, again and again: the other goes on, and nothing acknowledged is lost.
#[test]
fn a_replica_may_die_among_its_writers() {
    let Some(mut scene) = Scene::start(Stores::ScaledOut, 2) else { return };
    let (steady, token) = (scene.hub.url_of(1), scene.token.clone());
    let mut acknowledged = BTreeMap::new();
    for round in 0..3 {
        let (dying, stop) = (scene.hub.url_of(0), AtomicBool::new(false));
        let urls = [dying, steady.clone()];
        thread::scope(|scope| {
            let (urls, token, stop) = (&urls, &token, &stop);
            let writers: Vec<_> = (0..16)
                .map(|writer| {
                    scope.spawn(move || {
                        let mut made = Vec::new();
                        for n in 0.. {
                            if stop.load(SeqCst) {
                                break;
                            }
                            let http = Http::new(&urls[(writer + n) % 2], token);
                            let path = format!("r{round}-w{writer}-{n}.txt");
                            // No answer is no promise.
                            let Ok(answer) = http.commit(REPO, "main", None, &[(&path, &path)])
                            else {
                                continue;
                            };
                            assert_eq!(answer.status, 200, "{}", answer.text());
                            made.push((
                                answer.json()["commitOid"].as_str().unwrap().to_owned(),
                                path,
                            ));
                        }
                        made
                    })
                })
                .collect();
            sleep(Duration::from_millis(700));
            scene.hub.kill_and_restart(0);
            sleep(Duration::from_millis(300));
            stop.store(true, SeqCst);
            for writer in writers {
                acknowledged.extend(writer.join().unwrap());
            }
        });
        assert!(!acknowledged.is_empty());
    }
    let ids: BTreeSet<String> = acknowledged.keys().cloned().collect();
    for replica in 0..2 {
        scene.assert_linear(replica, &ids);
        let dir = scene.hub.scratch(&format!("history-{replica}"));
        for path in acknowledged.values() {
            assert_eq!(std::fs::read_to_string(dir.join(path)).unwrap(), *path);
        }
    }
    scene.hub.fsck().unwrap();
}

/// Pull requests are numbered without gaps or twins, whoever opens them where.
#[test]
fn pull_requests_are_numbered_once() {
    let Some(scene) = Scene::start(Stores::ScaledOut, 2) else { return };
    let mut numbers: Vec<u64> = thread::scope(|scope| {
        let scene = &scene;
        let opened: Vec<_> = (0..16)
            .map(|n| {
                scope.spawn(move || {
                    let http = scene.http(n % 2);
                    let answer = http
                        .commit(REPO, "main?create_pr=1", None, &[("a.txt", &n.to_string())])
                        .unwrap();
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    let url = answer.json()["pullRequestUrl"].as_str().unwrap().to_owned();
                    url.rsplit('/').next().unwrap().parse().unwrap()
                })
            })
            .collect();
        opened.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=16).collect::<Vec<_>>());
    scene.hub.fsck().unwrap();
}
