//! Repacking, checking, bundling, and finding the program.

use std::path::Path;

use futures_util::StreamExt as _;
use steelyard_git::cache_dir;
use steelyard_git::tool::{GitBinary, GitVersion, ToolError, ToolLimits, Unreachable};

use crate::fixture::{Fixture, IDLE, gits};
use crate::hub::Hub;

#[tokio::test]
async fn a_repack_keeps_or_drops_what_no_ref_reaches() {
    for git in gits() {
        let fixture = Fixture::new(&git);
        let work = fixture.repository("repo");
        let hub = Hub::new(git.clone(), &fixture.path("cache"), fixture.refs(&work));
        hub.add_pack(&fixture.pack_all(&work)).await;
        let lost = fixture.write_object(&work, "blob", b"lost");
        hub.add_pack(&fixture.pack_of(&work, &[lost])).await;
        let refs = fixture.refs(&work);
        cache_dir::write_packed_refs(&hub.dir, &refs, "refs/heads/main").unwrap();
        let has_lost = || {
            let lost = lost.to_string();
            fixture.run(&hub.dir, &["cat-file", "-e", &lost], b"").status.success()
        };

        let packs = git.repack(&hub.dir, Unreachable::Keep, IDLE).await.unwrap();
        assert!(packs.len() == 1 && has_lost(), "{packs:?}");
        let packs = git.repack(&hub.dir, Unreachable::Drop, IDLE).await.unwrap();
        assert!(packs.len() == 1 && !has_lost(), "{packs:?}");

        let report = git.fsck(&hub.dir, IDLE).await.unwrap();
        assert!(report.is_clean, "{:?}", report.lines);
        std::fs::remove_file(&packs[0]).unwrap();
        let report = git.fsck(&hub.dir, IDLE).await.unwrap();
        assert!(!report.is_clean);
        assert!(report.lines.iter().any(|line| line.contains("refs/heads/main")), "{report:?}");
    }
}

#[tokio::test]
async fn a_bundle_can_be_cloned() {
    for git in gits() {
        let fixture = Fixture::new(&git);
        let work = fixture.repository("repo");
        let hub = Hub::new(git.clone(), &fixture.path("cache"), fixture.refs(&work));
        hub.add_pack(&fixture.pack_all(&work)).await;
        cache_dir::write_packed_refs(&hub.dir, &fixture.refs(&work), "refs/heads/main").unwrap();
        let mut output = git.bundle(&hub.dir, IDLE).await.unwrap();
        let mut bundle = Vec::new();
        while let Some(chunk) = output.next().await {
            bundle.extend_from_slice(&chunk.unwrap());
        }
        std::fs::write(fixture.path("x.bundle"), bundle).unwrap();
        fixture.git(fixture.dir.path(), &["clone", "-q", "x.bundle", "copy"]);
        let copy = fixture.path("copy");
        assert_eq!(
            fixture.git(&copy, &["rev-parse", "origin/main"]),
            fixture.git(&work, &["rev-parse", "main"])
        );
        assert_eq!(fixture.git(&copy, &["symbolic-ref", "HEAD"]), "refs/heads/main");
    }
}

#[test]
fn only_a_git_that_is_recent_enough_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let script = |name: &str, text: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        let path = dir.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\necho {text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let old = script("old", "git version 2.29.3");
    let error = GitBinary::probe(&old, ToolLimits::default()).unwrap_err();
    assert_eq!(error.to_string(), "git 2.30.0 or later is needed, found git version 2.29.3");
    let other = script("other", "hello");
    assert!(matches!(
        GitBinary::probe(&other, ToolLimits::default()),
        Err(ToolError::Version { .. })
    ));
    assert!(GitBinary::discover(Some(Path::new("/nonexistent/git"))).is_none());
    let new = script("new", "git version 2.30.1");
    let found = GitBinary::discover(Some(&new)).unwrap();
    assert_eq!(found.version(), GitVersion { major: 2, minor: 30, patch: 1 });
    assert_eq!(found.program(), new);
    assert!(GitBinary::discover(None).unwrap().version() >= GitVersion::OLDEST);
}
