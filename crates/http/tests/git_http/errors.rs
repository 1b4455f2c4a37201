//! What git's users see when something is not as they think.

use std::process::Command;

use steelyard_core::{RepoKind, Visibility};
use steelyard_service::{Hub, HubParts};

use crate::world::{MODEL, World, commit, repo_id, url};

/// The head and body of an answer, as curl prints them.
fn curl(args: &[&str]) -> String {
    let output = Command::new("curl").args(["-s", "-i"]).args(args).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_repositories_are_like_missing_ones() {
    let world = World::start().await;
    world.create("secret", Visibility::Private).await;
    let cwd = world.dir.path();
    for repo in ["alice/secret", "alice/nothing"] {
        let anonymous = format!("{}/{repo}", world.base);
        let refused = world.fail(cwd, &["clone", &anonymous, "x"]);
        assert!(refused.contains("could not read Username"), "{refused}");
        let as_bob = url(&world.base, &world.bob, repo);
        let refused = world.fail(cwd, &["clone", &as_bob, "x"]);
        assert!(
            refused.contains("remote: Repository not found") && refused.contains("not found"),
            "{refused}"
        );
        let wrong = url(&world.base, "hf_wrong", repo);
        let refused = world.fail(cwd, &["clone", &wrong, "x"]);
        assert!(
            refused.contains("remote: Invalid credentials")
                && refused.contains("Authentication failed"),
            "{refused}"
        );
        let answer =
            curl(&[&format!("{anonymous}/info/refs?service=git-upload-pack")]).to_ascii_lowercase();
        assert!(answer.contains("www-authenticate: basic realm=\"steelyard\""), "{answer}");
        assert!(answer.contains("content-type: text/plain"), "{answer}");
    }
    world.clone("alice/secret", "mine", &[]);

    // Reading a public repository needs nobody; pushing to it does.
    let public = format!("{}/{MODEL}", world.base);
    world.run(cwd, &["clone", "-q", &public, "public"]);
    let work = cwd.join("public");
    commit(&world, &work, &[("a.txt", b"a")]);
    assert!(world.fail(&work, &["push", "origin", "main"]).contains("could not read Username"));
    let as_bob = url(&world.base, &world.bob, MODEL);
    let refused = world.fail(&work, &["push", &as_bob, "main"]);
    assert!(
        refused.contains("remote: bob has no permission to write to model alice/m"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moved_repositories_are_followed() {
    let world = World::start().await;
    let alice = world.actor(&world.alice).await;
    let work = world.clone(MODEL, "work", &[]);
    let hub = &world.test.hub;
    hub.move_repo(&alice, RepoKind::Model, &repo_id(MODEL), &repo_id("alice/renamed"))
        .await
        .unwrap();
    let head = commit(&world, &work, &[("a.txt", b"a")]);
    world.run(&work, &["push", "-q", "origin", "main"]);
    for old in [MODEL.to_owned(), format!("{MODEL}.git")] {
        let copy = world.clone(&old, &old.replace('/', "-"), &[]);
        assert_eq!(world.run(&copy, &["rev-parse", "HEAD"]), head);
    }
    for version in ["protocol.version=0", "protocol.version=2"] {
        world.run(&work, &["-c", version, "fetch", "-q", "origin"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_without_git_says_so() {
    let mut world = World::start().await;
    let hub = world.test.hub.clone();
    let parts = HubParts {
        db: hub.db().clone(),
        blobs: hub.blobs().clone(),
        git: None,
        clock: world.test.clock.clone(),
        rng: std::sync::Arc::new(steelyard_testkit::TestRng::seeded(99)),
        settings: hub.settings().clone(),
    };
    let bare = Hub::open(parts).await.unwrap();
    let base = world.test.serve(&bare).await.unwrap();
    let repo = format!("{base}/{MODEL}");
    for version in ["protocol.version=0", "protocol.version=2"] {
        let refused = world.fail(world.dir.path(), &["-c", version, "clone", &repo, "x"]);
        assert!(refused.contains("remote: git clone, fetch and push are disabled"), "{refused}");
    }
    let answer = curl(&[&format!("{repo}/info/refs?service=git-upload-pack")]);
    assert!(answer.starts_with("HTTP/1.1 501"), "{answer}");
    assert!(
        answer
            .to_ascii_lowercase()
            .contains("x-error-message: git clone, fetch and push are disabled")
    );
    let answer = curl(&["-X", "POST", &format!("{repo}/git-upload-pack"), "--data-binary", "0000"]);
    assert!(answer.contains("ERR git clone, fetch and push are disabled"), "{answer}");
    // Everything else works.
    let answer = curl(&[&format!("{base}/api/models/{MODEL}")]);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_git_is_told_so() {
    let world = World::start().await;
    let repo = format!("{}/{MODEL}", world.base);
    let answer = curl(&[&format!("{repo}/info/refs")]);
    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.contains("smart HTTP protocol only"),
        "{answer}"
    );
    let answer = curl(&[&format!("{repo}/info/refs?service=git-archive")]);
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let post = |service: &str, data: &str, headers: &[&str]| {
        let path =
            format!("{}/{service}", repo.replace("http://", &format!("http://u:{}@", world.alice)));
        let mut args = vec!["-X", "POST", path.as_str(), "--data-binary", data];
        for header in headers {
            args.extend(["-H", header]);
        }
        curl(&args)
    };
    let v2 = "Git-Protocol: version=2";
    assert!(post("git-upload-pack", "zzzz", &[v2]).contains("ERR bad pkt-line length"));
    assert!(
        post("git-upload-pack", "0012command=bogus\n0000", &[v2]).contains("ERR unknown command")
    );
    assert!(post("git-upload-pack", "0000", &[v2]).starts_with("HTTP/1.1 200"));
    assert!(post("git-upload-pack", "junk", &["Content-Encoding: gzip", v2]).contains("ERR"));
    assert!(post("git-upload-pack", "0009junk\n0000", &[]).contains("ERR"));
    assert!(post("git-upload-pack", "0000", &["Content-Encoding: br"]).starts_with("HTTP/1.1 400"));
    assert!(post("git-receive-pack", "0000", &[]).starts_with("HTTP/1.1 200"));
    assert!(post("git-receive-pack", "0009junk\n0000", &[]).starts_with("HTTP/1.1 400"));
    let report = world.post_push(MODEL, &"1".repeat(40), "refs/heads/x", b"PACKjunk");
    assert!(
        report.contains("unpack ") && report.contains("ng refs/heads/x unpacker error"),
        "{report}"
    );
    let report = world.post_push(MODEL, &"1".repeat(40), "refs/heads/x y", b"");
    assert!(report.contains("unpack ok") && report.contains("invalid ref name"), "{report}");
    // HEAD is answered as GET is.
    let answer = curl(&["-I", &format!("{repo}/info/refs?service=git-upload-pack"), "-H", v2])
        .to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    assert!(
        answer.contains("content-type: application/x-git-upload-pack-advertisement"),
        "{answer}"
    );
    assert!(answer.contains("cache-control: no-cache"), "{answer}");
}
