#![no_main]

#[path = "../../crates/xet/tests/fuzz/targets.rs"]
#[expect(dead_code, reason = "one target for each program")]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::chunk_header(data));
