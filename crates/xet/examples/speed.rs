//! Measures the ways of bytes through this crate: millions of raw bytes for each second of one core.
//!
//! ```sh
//! cargo run --release -p steelyard-xet --example speed           # 64 MiB, five times each, medians
//! cargo run --release -p steelyard-xet --example speed -- 256 9  # 256 MiB, nine times
//! ```

#![expect(clippy::print_stdout, reason = "the table is what the program is for")]

use std::hint::black_box;
use std::time::Instant;

use steelyard_xet::{
    BuiltXorb, Chunker, Compression, FileHasher, StreamDecoder, XorbBuilder, check_xorb, chunk_hash,
};

#[path = "../tests/suite/data.rs"]
mod data;

fn main() {
    let mut arguments =
        std::env::args().skip(1).map(|number| number.parse().expect("a number is expected"));
    let len = arguments.next().unwrap_or(64) << 20;
    let times = arguments.next().unwrap_or(5);
    let kinds = [
        ("noise", data::noise(1, len)),
        ("bf16 weights", data::weights(2, len)),
        ("text", data::text(3, len)),
        ("zeros", vec![0; len]),
    ];
    println!("{:30} {}", "MB/s", kinds.each_ref().map(|(name, _)| format!("{name:>13}")).concat());
    let row = |name: &str, work: &dyn Fn(&[u8]) -> f64| {
        let medians = kinds.each_ref().map(|(_, data)| {
            let mut found: Vec<f64> = (0..times).map(|_| work(data)).collect();
            found.sort_by(f64::total_cmp);
            format!("{:>13.0}", found[found.len() / 2])
        });
        println!("{name:30} {}", medians.concat());
    };
    row("cut", &|data| {
        speed(data, || {
            let mut count = 0;
            chunks(data, &mut |_| count += 1);
            count
        })
    });
    row("cut, hash chunks and file", &|data| {
        speed(data, || {
            let mut file = FileHasher::new();
            chunks(data, &mut |chunk| file.push(chunk_hash(chunk), chunk.len() as u64));
            file.finish()
        })
    });
    for (name, compression) in [("off", Compression::Off), ("sampled", Compression::Sampled)] {
        let pack = |data: &[u8]| pack(data, compression);
        row(&format!("cut, hash, pack: {name}"), &|data| speed(data, || pack(data)));
        row(&format!("check: {name}"), &|data| {
            let xorbs = pack(data);
            speed(data, || {
                xorbs.iter().for_each(|xorb| {
                    black_box(check_xorb(&xorb.bytes, &xorb.hash).expect("the xorb is sound"));
                });
            })
        });
        row(&format!("decode by 64 KiB: {name}"), &|data| {
            let xorbs = pack(data);
            speed(data, || xorbs.iter().for_each(decode))
        });
        row(&format!("stored, percent: {name}"), &|data| {
            let stored: usize = pack(data).iter().map(|xorb| xorb.bytes.len()).sum();
            100.0 * stored as f64 / data.len() as f64
        });
    }
}

fn chunks(data: &[u8], each: &mut impl FnMut(&[u8])) {
    let mut chunker = Chunker::new();
    data.chunks(8 << 20).for_each(|piece| chunker.push(piece, each));
    chunker.finish(each);
}

fn pack(data: &[u8], compression: Compression) -> Vec<BuiltXorb> {
    let mut builder = XorbBuilder::new(compression);
    let mut done = Vec::new();
    chunks(data, &mut |chunk| {
        if builder.is_full_for(chunk.len()) {
            done.extend(builder.finish());
        }
        builder.push(chunk_hash(chunk), chunk).expect("the xorb has room");
    });
    done.extend(builder.finish());
    done
}

fn decode(xorb: &BuiltXorb) {
    let mut decoder = StreamDecoder::new();
    let mut out = Vec::new();
    for piece in xorb.bytes.chunks(64 << 10) {
        decoder.push(piece, &mut out).expect("the xorb is sound");
        black_box(&out);
        out.clear();
    }
}

fn speed<T>(data: &[u8], work: impl FnOnce() -> T) -> f64 {
    let start = (Instant::now(), cpu_nanos());
    black_box(work());
    let nanos = match (start.1, cpu_nanos()) {
        (Some(start), Some(end)) => (end - start) as f64,
        _ => start.0.elapsed().as_nanos() as f64,
    };
    data.len() as f64 * 1e3 / nanos
}

/// Time this thread was on a processor, which a busy machine does not distort as much as time on the wall.
fn cpu_nanos() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split(' ').next()?.parse().ok()
}
