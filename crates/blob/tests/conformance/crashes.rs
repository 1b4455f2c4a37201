//! The process dies in the middle: what was acknowledged is there, what was not is whole or absent.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use steelyard_blob::{BlobStore, Key, UploadPlan};
use steelyard_core::fault::arm_crash;

use crate::places::{assert_whole_or_absent, content_of, fresh_id, random};

const DIRECTORY: &str = "STEELYARD_CRASH_DIRECTORY";
const POINT: &str = "STEELYARD_CRASH_POINT";

/// Not a test but the victim of the one below, which runs it in a process of its own.
#[tokio::test]
#[ignore = "run by a_crash_leaves_whole_objects_or_none"]
async fn victim() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    arm_crash(&std::env::var(POINT).unwrap(), 2);
    let store = BlobStore::open_directory(&directory).await.unwrap();
    for seed in 1..=2 {
        let data = random(seed, 3_000_000);
        store.put(&Key::upload(uuid::Uuid::from_u128(seed.into())), data.clone()).await.unwrap();
        let mut upload = store.begin_upload(UploadPlan::new(fresh_id())).await.unwrap();
        upload.write(data).await.unwrap();
        upload.finish().await.unwrap();
    }
}

#[tokio::test]
async fn a_crash_leaves_whole_objects_or_none() {
    for (point, second_is_visible) in
        [("blob.put.synced", false), ("blob.upload.synced", false), ("blob.upload.visible", true)]
    {
        let directory = tempfile::tempdir().unwrap();
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--include-ignored", "crashes::victim"])
            .env(DIRECTORY, directory.path())
            .env(POINT, point)
            .output()
            .unwrap()
            .status;
        assert_eq!(status.signal(), Some(6), "the victim must abort at {point}");
        let unfinished = |path: &Path| std::fs::read_dir(path.join("tmp")).unwrap().count();
        assert_eq!(unfinished(directory.path()), usize::from(!second_is_visible));
        let store = BlobStore::open_directory(directory.path()).await.unwrap();
        assert_eq!(unfinished(directory.path()), 0);
        for (seed, visible) in [(1, true), (2, second_is_visible)] {
            let data = random(seed, 3_000_000);
            let found = assert_whole_or_absent(&store, &content_of(&data), &data).await;
            assert_eq!(found, visible, "upload {seed} after {point}");
        }
    }
}
