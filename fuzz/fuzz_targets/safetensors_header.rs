#![no_main]

#[path = "../../crates/card/tests/fuzz/targets.rs"]
#[expect(dead_code, reason = "one target for each program")]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::safetensors_header(data));
