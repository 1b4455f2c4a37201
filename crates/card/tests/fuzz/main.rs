//! Hostile input: random bytes, and sound input with a few bytes changed. No panic, and no more memory than the limits
//! and the input can justify.

#[path = "../../../git/tests/fuzz/memory.rs"]
mod memory;
mod targets;

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;

/// What a target may hold: a document of aliases may grow to what the limits of YAML allow, several times over.
fn memory_allowed(input: usize) -> usize {
    (400 << 20) + 256 * input
}

/// 256 cases of each property, or as many as `STEELYARD_FUZZ_CASES` says.
fn config() -> ProptestConfig {
    let cases = std::env::var("STEELYARD_FUZZ_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(256);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Runs a target on hostile bytes and looks at its memory.
fn run(target: fn(&[u8]), data: &[u8]) {
    let peak = memory::peak_of(|| target(data));
    assert!(peak <= memory_allowed(data.len()), "{} bytes of input took {peak} bytes", data.len());
}

/// The parts of the corpus by their names, as [`targets::card`] and [`targets::evals`] take them.
static CORPUS: LazyLock<Vec<(Vec<u8>, Vec<u8>)>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/repos");
    let files = std::fs::read_dir(folder).expect("the corpus is there");
    let mut paths: Vec<_> = files.map(|entry| entry.expect("a file of it").path()).collect();
    paths.sort();
    let texts = paths.iter().map(|path| std::fs::read_to_string(path).expect("it is text"));
    texts.filter(|text| !text.contains("a billion times")).map(|text| inputs(&text)).collect()
});

fn inputs(text: &str) -> (Vec<u8>, Vec<u8>) {
    let part = |name: &str| {
        let (_, rest) = text.split_once(&format!("%%% {name}\n"))?;
        Some(rest.split("%%% ").next().unwrap_or(rest))
    };
    let names = [
        "README.md",
        "config.json",
        "tokenizer_config.json",
        "adapter_config.json",
        "eval.yaml",
        "code app.py",
        "files",
    ];
    let parts: Vec<&str> = names.into_iter().map(|name| part(name).unwrap_or_default()).collect();
    let results = part(".eval_results/gpqa.yaml").unwrap_or_default();
    (parts.join("\0").into_bytes(), [parts[0], results].join("\0").into_bytes())
}

/// A safetensors header of three tensors.
const TENSORS: &str = r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},"c":{"dtype":"I64","shape":[],"data_offsets":[32,40]}}"#;

fn sound_safetensors() -> Vec<u8> {
    let mut bytes = (TENSORS.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(TENSORS.as_bytes());
    bytes
}

fn sound_gguf() -> Vec<u8> {
    let text = |text: &str| [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend([1_u64.to_le_bytes(), 4_u64.to_le_bytes()].concat());
    let pair = |key: &str, kind: u32, value: Vec<u8>| {
        [text(key), kind.to_le_bytes().to_vec(), value].concat()
    };
    bytes.extend(pair("general.architecture", 8, text("llama")));
    bytes.extend(pair("llama.context_length", 4, 4096_u32.to_le_bytes().to_vec()));
    bytes.extend(pair("general.file_type", 4, 15_u32.to_le_bytes().to_vec()));
    let tokens =
        [8_u32.to_le_bytes().to_vec(), 2_u64.to_le_bytes().to_vec(), text("<s>"), text("</s>")];
    bytes.extend(pair("tokenizer.ggml.tokens", 9, tokens.concat()));
    bytes.extend(text("output.weight"));
    bytes.extend(2_u32.to_le_bytes());
    bytes.extend([64_u64.to_le_bytes(), 32_u64.to_le_bytes()].concat());
    bytes.extend([0_u32.to_le_bytes().to_vec(), 0_u64.to_le_bytes().to_vec()].concat());
    bytes
}

/// Changes a few places: a byte is replaced, a range is cut out or repeated.
fn changed(sound: &[u8], changes: &[(Index, u8, u8)]) -> Vec<u8> {
    let mut data = sound.to_vec();
    for (at, byte, how) in changes {
        if data.is_empty() {
            break;
        }
        let at = at.index(data.len());
        let end = (at + usize::from(*byte)).min(data.len());
        match how % 4 {
            0 => drop(data.drain(at..end)),
            1 => {
                let piece = data[at..end].to_vec();
                drop(data.splice(at..at, piece));
            }
            _ => data[at] = *byte,
        }
    }
    data
}

fn changes() -> impl Strategy<Value = Vec<(Index, u8, u8)>> {
    prop::collection::vec((any::<Index>(), any::<u8>(), any::<u8>()), 0..6)
}

#[test]
fn sound_input_passes() {
    for (card, evals) in CORPUS.iter() {
        run(targets::card, card);
        run(targets::evals, evals);
    }
    assert!(CORPUS.iter().any(|(_, evals)| evals.windows(7).any(|bytes| bytes == b"task_id")));
    run(targets::safetensors_header, &sound_safetensors());
    run(targets::gguf_header, &sound_gguf());
}

/// The worst that small input can do: aliases of aliases, and a great many issues far down.
#[test]
fn bombs_stay_within_the_limits() {
    let mut bomb = "---\na0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let below = format!("*a{}, ", level - 1).repeat(9);
        bomb.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    run(targets::evals, format!("{bomb}---\n").as_bytes());
    let deep =
        format!("---\nmodel-index: [{}]\n---\n", "{results: [{metrics: [{}]}]}, ".repeat(9000));
    run(targets::card, deep.as_bytes());
    let keys: String = (0..50_000).map(|n| format!("k{n}: x\n")).collect();
    run(targets::card, format!("---\n{keys}---\n").as_bytes());
    let quotes = format!("\0\0\0\0\0{}", "\"'".repeat(200_000));
    run(targets::card, quotes.as_bytes());
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn random_bytes(data in prop::collection::vec(any::<u8>(), 0..400)) {
        run(targets::card, &data);
        run(targets::evals, &data);
        run(targets::safetensors_header, &data);
        run(targets::gguf_header, &data);
        let mut framed = (data.len() as u64).to_le_bytes().to_vec();
        framed.extend_from_slice(&data);
        run(targets::safetensors_header, &framed);
    }

    #[test]
    fn changed_cards(at in any::<Index>(), changes in changes()) {
        let (card, evals) = &CORPUS[at.index(CORPUS.len())];
        run(targets::card, &changed(card, &changes));
        run(targets::evals, &changed(evals, &changes));
    }

    #[test]
    fn changed_headers(changes in changes()) {
        run(targets::safetensors_header, &changed(&sound_safetensors(), &changes));
        run(targets::gguf_header, &changed(&sound_gguf(), &changes));
    }
}
