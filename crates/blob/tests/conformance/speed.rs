//! Memory and speed: the first always, the second on demand (`cargo nextest run --run-ignored only`), because it needs a
//! quiet machine.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use steelyard_blob::{Key, UploadPlan};
use steelyard_testkit::{Launch, tools};

use crate::places::{Place, fresh_id, random};

const MIB: u64 = 1024 * 1024;

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_slow_downloads_take_little_memory() {
    let place = Place::local().await;
    let key = Key::pack(fresh_id());
    place.store.put(&key, random(1, 3_000_000)).await.unwrap();
    let before = resident_bytes();
    let mut streams = Vec::new();
    for _ in 0..400 {
        let mut stream = place.store.open(&key, 0..3_000_000).await.unwrap().unwrap();
        // The receiver has taken one chunk and asks for no more.
        let chunk = stream.next().await.unwrap().unwrap();
        streams.push((stream, chunk));
    }
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 64 * MIB, "{} MiB", grown / MIB);
    // They all go on to the end, and then there is room again.
    for (mut stream, chunk) in streams {
        let mut bytes = chunk.len();
        drop(chunk);
        while let Some(chunk) = stream.next().await {
            bytes += chunk.unwrap().len();
        }
        assert_eq!(bytes, 3_000_000);
    }
    let mut stream = place.store.open(&key, 0..3_000_000).await.unwrap().unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().len(), 512 * 1024);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_uploads_take_little_memory() {
    for place in [Some(Place::local().await), Place::s3()].into_iter().flatten() {
        let data = random(2, 4 << 20);
        let before = resident_bytes();
        let mut highest = before;
        let mut upload = place.store.begin_upload(UploadPlan::new(fresh_id())).await.unwrap();
        for _ in 0..60 {
            upload.write(Bytes::copy_from_slice(&data)).await.unwrap();
            highest = highest.max(resident_bytes());
        }
        assert_eq!(upload.finish().await.unwrap().size, 240 * MIB);
        let grown = highest - before;
        assert!(grown < 64 * MIB, "{} MiB", grown / MIB);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures the machine as much as the code"]
async fn uploads_and_downloads_keep_up_with_the_plain_tools() {
    let place = Place::local().await;
    let data = random(3, 64 << 20);
    let size = 16 * data.len() as u64;
    let plain_path = place.store.local_path(&Key::upload(fresh_id())).unwrap();
    let plain_write = timed(|| {
        let mut file = std::fs::File::create(&plain_path).unwrap();
        (0..16).for_each(|_| std::io::Write::write_all(&mut file, &data).unwrap());
    });
    std::fs::remove_file(&plain_path).unwrap();
    let started = Instant::now();
    let mut upload = place.store.begin_upload(UploadPlan::new(fresh_id())).await.unwrap();
    for chunk in (0..16).flat_map(|_| data.chunks(64 * 1024)) {
        upload.write(data.slice_ref(chunk)).await.unwrap();
    }
    let written = started.elapsed();
    let content = upload.finish().await.unwrap();
    let uploaded = started.elapsed();

    let key = Key::lfs(&content.sha256);
    let path = place.store.local_path(&key).unwrap();
    let openssl = timed(|| {
        let openssl = tools::on_path("openssl").unwrap();
        Launch::new("openssl", openssl).args(["dgst", "-sha256"]).arg(&path).run().unwrap();
    });
    let cat = timed(|| {
        let mut file = std::fs::File::open(&path).unwrap();
        let mut buffer = vec![0; 1 << 20];
        while std::io::Read::read(&mut file, &mut buffer).unwrap() > 0 {}
    });
    let started = Instant::now();
    let mut stream = place.store.open(&key, 0..size).await.unwrap().unwrap();
    while let Some(chunk) = stream.next().await {
        chunk.unwrap();
    }
    let streamed = started.elapsed();
    let rate = |time: Duration| size as f64 / time.as_secs_f64() / 1e9;
    println!(
        "GB/s: upload {:.2} (with fsync {:.2}), openssl {:.2}, plain writes {:.2}; download {:.2}, plain reads {:.2}",
        rate(written),
        rate(uploaded),
        rate(openssl),
        rate(plain_write),
        rate(streamed),
        rate(cat),
    );
    assert!(written < 2 * openssl.max(plain_write), "hashing and writing must overlap");
    assert!(streamed < cat * 3);
}

fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}
