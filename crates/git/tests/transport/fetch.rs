//! Clones and fetches by real clients, and what becomes of the processes behind them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use steelyard_core::Oid;
use steelyard_git::cache_dir;
use steelyard_git::pktline::{self, DELIM, FLUSH};
use steelyard_git::tool::{GitBinary, Quarantine, ToolError, ToolLimits};

use crate::fixture::{Fixture, IDLE, gits, since};
use crate::hub::Hub;

/// A hub with the content of `repo`, and its address.
async fn hub(fixture: &Fixture, git: &GitBinary, repo: &Path) -> (Arc<Hub>, String) {
    let hub = Hub::new(git.clone(), &fixture.path("cache"), fixture.refs(repo));
    hub.add_pack(&fixture.pack_all(repo)).await;
    let hub = Arc::new(hub);
    let address = hub.clone().serve().await;
    (hub, format!("http://{address}/repo"))
}

/// Runs a client off the runtime's threads, which have to serve it.
async fn client(fixture: &Arc<Fixture>, cwd: &Path, args: &[&str]) -> String {
    let (fixture, cwd) = (fixture.clone(), cwd.to_owned());
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let run = move || fixture.git(&cwd, &args.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_clone_and_fetch() {
    for git in gits() {
        for version in ["0", "1", "2"] {
            let fixture = Arc::new(Fixture::new(&git));
            let repo = fixture.repository("repo");
            let pull_request = fixture.git(&repo, &["rev-parse", "HEAD~1"]);
            fixture.git(&repo, &["update-ref", "refs/pr/7", &pull_request]);
            let (hub, url) = hub(&fixture, &git, &repo).await;
            let root = fixture.dir.path();
            let protocol = format!("protocol.version={version}");

            client(&fixture, root, &["-c", &protocol, "clone", "-q", &url, "copy"]).await;
            let copy = fixture.path("copy");
            assert_eq!(fixture.git(&copy, &["log", "--oneline"]).lines().count(), 2);
            assert_eq!(fixture.git(&copy, &["tag"]), "light\nv1.0");
            assert_eq!(fixture.git(&copy, &["symbolic-ref", "HEAD"]), "refs/heads/main");
            let fsck = fixture.git(&copy, &["fsck", "--full", "--strict"]);
            assert_eq!(fsck, "");

            let fetch = ["-c", &protocol, "fetch", "-q", "origin", "refs/pr/7:pr7"];
            client(&fixture, &copy, &fetch).await;
            assert_eq!(fixture.git(&copy, &["rev-parse", "pr7"]), pull_request);

            let shallow = ["-c", &protocol, "clone", "-q", "--depth=1", &url, "shallow"];
            client(&fixture, root, &shallow).await;
            let shallow = fixture.path("shallow");
            assert_eq!(fixture.git(&shallow, &["log", "--oneline"]).lines().count(), 1);
            let deepen = ["-c", &protocol, "fetch", "-q", "--unshallow"];
            client(&fixture, &shallow, &deepen).await;
            assert_eq!(fixture.git(&shallow, &["log", "--oneline"]).lines().count(), 2);

            let partial = ["-c", &protocol, "clone", "-q", "--filter=blob:none", &url, "partial"];
            client(&fixture, root, &partial).await;
            let file = std::fs::read_to_string(fixture.path("partial/dir/README.md")).unwrap();
            assert_eq!(file, "# Model\n");

            let listed = client(&fixture, root, &["-c", &protocol, "ls-remote", &url]).await;
            assert_eq!(listed.contains("refs/pr/7"), version != "2", "{listed}");
            assert!(listed.contains("refs/tags/v1.0^{}"), "{listed}");
            let asked_v2 = hub.log.lock().unwrap().iter().any(|line| line.contains("Fetch"));
            assert_eq!(asked_v2, version == "2");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_repository_is_cloned_with_its_branch_name() {
    for git in gits() {
        let fixture = Arc::new(Fixture::new(&git));
        let hub = Arc::new(Hub::new(git.clone(), &fixture.path("cache"), Vec::new()));
        let url = format!("http://{}/repo", hub.clone().serve().await);
        let root = fixture.dir.path();
        let clone = ["-c", "init.defaultBranch=trunk", "clone", "-q", &url, "copy"];
        client(&fixture, root, &clone).await;
        let head = fixture.git(&fixture.path("copy"), &["symbolic-ref", "HEAD"]);
        // Before 2.31 clients did not ask.
        let expected = if git.version() >= since(2, 31) { "main" } else { "trunk" };
        assert_eq!(head, format!("refs/heads/{expected}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_object_is_refused_in_words() {
    for git in gits() {
        let fixture = Fixture::new(&git);
        let repo = fixture.repository("repo");
        let (hub, _) = hub(&fixture, &git, &repo).await;
        cache_dir::write_packed_refs(&hub.dir, &[], "refs/heads/main").unwrap();
        let mut request = Vec::new();
        pktline::write_text(&mut request, "command=fetch");
        request.extend_from_slice(DELIM);
        pktline::write_text(&mut request, &format!("want {}", Oid::new([9; 20])));
        pktline::write_text(&mut request, "done");
        request.extend_from_slice(FLUSH);
        let stdin = std::io::Cursor::new(request);
        let output = git.upload_pack(&hub.dir, Some("version=2"), stdin, IDLE).await.unwrap();
        let mut items: Vec<_> = output.collect().await;
        let last = items.pop().unwrap().unwrap_err();
        assert!(
            matches!(&last, ToolError::Exit { text, .. } if text.contains("not our ref")),
            "{last}"
        );
        let said: Vec<u8> = items.into_iter().flat_map(Result::unwrap).collect();
        assert!(String::from_utf8_lossy(&said).contains("ERR upload-pack: not our ref"));
    }
}

fn processes_in(dir: &Path) -> usize {
    let wanted = dir.to_str().unwrap();
    let is_ours = |entry: std::io::Result<std::fs::DirEntry>| {
        let line = std::fs::read(entry.unwrap().path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(wanted)
    };
    std::fs::read_dir("/proc").unwrap().map(is_ours).filter(|ours| *ours).count()
}

/// A new process has no command line for a moment, and a killed one is not gone at once.
async fn wait_until(dir: &Path, running: bool) {
    for _ in 0..200 {
        if (processes_in(dir) > 0) == running {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{} git processes are there", processes_in(dir));
}

#[tokio::test]
async fn dropping_the_output_kills_git() {
    for git in gits() {
        let fixture = Fixture::new(&git);
        let dir = fixture.path("cache");
        cache_dir::write_skeleton(&dir).unwrap();
        let (_open, never) = tokio::io::duplex(64);
        let output = git.upload_pack(&dir, Some("version=2"), never, IDLE).await.unwrap();
        wait_until(&dir, true).await;
        drop(output);
        wait_until(&dir, false).await;
    }
}

#[tokio::test]
async fn silence_and_broken_input_end_a_fetch() {
    for git in gits() {
        let fixture = Fixture::new(&git);
        let dir = fixture.path("cache");
        cache_dir::write_skeleton(&dir).unwrap();
        let (_open, never) = tokio::io::duplex(64);
        let idle = Duration::from_millis(100);
        let mut output = git.upload_pack(&dir, Some("version=2"), never, idle).await.unwrap();
        let error = output.next().await.unwrap().unwrap_err();
        assert!(matches!(error, ToolError::Timeout { .. }), "{error}");
        assert!(output.next().await.is_none());

        let mut output = git.upload_pack(&dir, Some("version=2"), Broken, IDLE).await.unwrap();
        let error = output.next().await.unwrap().unwrap_err();
        assert!(matches!(error, ToolError::Input { .. }), "{error}");
        wait_until(&dir, false).await;
    }
}

/// A reader that fails, as the body of an aborted request does.
struct Broken;

impl tokio::io::AsyncRead for Broken {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        _: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Err(std::io::ErrorKind::ConnectionReset.into()))
    }
}

#[tokio::test]
async fn fetches_wait_for_their_turn_and_do_not_hold_up_pushes() {
    let git = gits().remove(0).with_limits(ToolLimits { fetches_max: 1, ..ToolLimits::default() });
    let fixture = Fixture::new(&git);
    let repo = fixture.repository("repo");
    let dir = fixture.path("cache");
    cache_dir::write_skeleton(&dir).unwrap();
    let (_open, never) = tokio::io::duplex(64);
    let first = git.upload_pack(&dir, Some("version=2"), never, IDLE).await.unwrap();

    let request = std::io::Cursor::new(b"0000".to_vec());
    let second = git.upload_pack(&dir, Some("version=2"), request.clone(), IDLE);
    let mut second = Box::pin(second);
    let early = tokio::time::timeout(Duration::from_millis(200), &mut second).await;
    assert!(early.is_err(), "there is only one place");

    let quarantine = Quarantine { objects: &fixture.path("quarantine"), git_dir: &dir };
    let pack = fixture.pack_all(&repo);
    git.index_pack(quarantine, pack.as_slice(), 1 << 20, IDLE).await.unwrap();

    drop(first);
    let output = second.await.unwrap();
    let items: Vec<_> = output.collect().await;
    assert!(items.iter().all(Result::is_ok), "{items:?}");
}
