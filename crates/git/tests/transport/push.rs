//! Pushes by real clients.

use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use crate::fixture::{Fixture, gits};
use crate::hub::Hub;

async fn push(fixture: &Arc<Fixture>, work: &Path, args: &[&str]) -> Output {
    let (fixture, work) = (fixture.clone(), work.to_owned());
    let args: Vec<String> = ["push"].iter().chain(args).map(|arg| (*arg).to_owned()).collect();
    let run = move || fixture.run(&work, &args.iter().map(String::as_str).collect::<Vec<_>>(), b"");
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn names(hub: &Hub) -> Vec<String> {
    hub.refs.lock().unwrap().iter().map(|record| record.name.clone()).collect()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_push_new_thin_and_deleted_refs() {
    for git in gits() {
        let fixture = Arc::new(Fixture::new(&git));
        let work = fixture.repository("repo");
        let hub = Arc::new(Hub::new(git.clone(), &fixture.path("cache"), Vec::new()));
        let url = format!("http://{}/repo", hub.clone().serve().await);

        let output = push(&fixture, &work, &[&url, "--all"]).await;
        assert!(output.status.success(), "{}", stderr(&output));
        let output = push(&fixture, &work, &[&url, "--tags"]).await;
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(
            names(&hub),
            ["refs/heads/dev/one", "refs/heads/main", "refs/tags/light", "refs/tags/v1.0"]
        );

        // A small change of a big file comes as a delta whose base is not in the pack.
        let lines: String = (0..400).map(|n| format!("line {n} of the first file\n")).collect();
        let tip = fixture.commit(&work, "big.txt", &format!("{lines}one more\n"));
        let output = push(&fixture, &work, &["--thin", &url, "main", ":dev/one"]).await;
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(names(&hub), ["refs/heads/main", "refs/tags/light", "refs/tags/v1.0"]);
        assert_eq!(hub.refs.lock().unwrap()[0].oid, tip);

        // Nothing new: the pack is empty.
        let output = push(&fixture, &work, &[&url, "main:refs/pr/3"]).await;
        assert!(output.status.success(), "{}", stderr(&output));
        let output = push(&fixture, &work, &[&url, ":refs/tags/light"]).await;
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(names(&hub), ["refs/heads/main", "refs/pr/3", "refs/tags/v1.0"]);

        let report = hub.git.fsck(&hub.dir, crate::fixture::IDLE).await.unwrap();
        assert!(report.is_clean, "{:?}", report.lines);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_show_why_a_push_failed() {
    for git in gits() {
        let fixture = Arc::new(Fixture::new(&git));
        let work = fixture.repository("repo");
        let mut hub = Hub::new(git.clone(), &fixture.path("cache"), Vec::new());
        hub.max_input_bytes = 10_000;
        let hub = Arc::new(hub);
        let url = format!("http://{}/repo", hub.clone().serve().await);

        let refs = ["main", "main:refs/heads/protected"];
        let output = push(&fixture, &work, &[&url, refs[0], refs[1]]).await;
        assert!(!output.status.success());
        let text = stderr(&output);
        assert!(text.contains("main -> protected (the branch is protected)"), "{text}");
        assert!(text.contains("[new branch]      main -> main"), "{text}");

        // Too little repetition to compress below the limit.
        let noise: String = (0_u64..20_000)
            .map(|n| format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
            .collect();
        fixture.commit(&work, "noise.txt", &noise);
        let output = push(&fixture, &work, &[&url, "main"]).await;
        let text = stderr(&output);
        assert!(text.contains("the pack is larger than 10000 bytes"), "{text}");
        assert!(text.contains("main -> main (unpacker error)"), "{text}");

        fixture.git(&work, &["reset", "-q", "--hard", "HEAD~1"]);
        let blob = fixture.write_object(&work, "blob", b"x");
        let mut tree = b"100644 .GIT\0".to_vec();
        tree.extend_from_slice(blob.as_bytes());
        let tree = fixture.write_object(&work, "tree", &tree).to_string();
        let commit = fixture.git(&work, &["commit-tree", "-m", "bad", "-p", "HEAD", &tree]);
        let output = push(&fixture, &work, &[&url, &format!("{commit}:refs/heads/bad")]).await;
        let text = stderr(&output);
        assert!(text.contains("hasDotgit"), "{text}");
        assert!(!text.contains("/tmp/"), "no local paths: {text}");
        assert_eq!(names(&hub), ["refs/heads/main"]);
    }
}
