#![no_main]

#[path = "../../crates/xet/tests/shard/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::shard(data));
