//! One function for each kind of input from outside: it must not panic whatever the bytes are, and must keep what it
//! promises about them. Driven by `main.rs` here and by libFuzzer in `fuzz/`.

use std::collections::HashSet;

use steelyard_card::eval::{EvalInput, HubEntry, collect, hub_entries};
use steelyard_card::safetensors::{self, SafetensorsHeader};
use steelyard_card::{Card, CardInput, Facts, derive, front_matter, gguf, validate_bytes};
use steelyard_core::RepoKind;

/// A README, then behind zero bytes `config.json`, `tokenizer_config.json`, `adapter_config.json`, `eval.yaml`, code,
/// and lines of paths with sizes.
pub fn card(data: &[u8]) {
    let mut parts = data.splitn(7, |byte| *byte == 0);
    let readme = parts.next().unwrap_or_default();
    let [config, tokenizer, adapter, eval, code, files] = [(); 6].map(|()| parts.next());
    let text = std::str::from_utf8(readme).ok();
    let files = String::from_utf8_lossy(files.unwrap_or_default());
    let listed = files.lines().map(|line| line.rsplit_once(' ').unwrap_or((line, "7")));
    let (files, sizes): (Vec<&str>, Vec<u64>) =
        listed.map(|(path, size)| (path, size.parse::<u64>().unwrap_or(0))).unzip();
    let code = [("app.py", code.unwrap_or_default())];
    let input = CardInput {
        readme: text,
        files: &files,
        sizes: &sizes,
        config_json: config,
        tokenizer_config_json: tokenizer,
        adapter_config_json: adapter,
        eval_yaml: eval,
        code: &code,
        ..CardInput::default()
    };
    let lines = readme.split(|byte| *byte == b'\n' || *byte == b'\r').count();
    for kind in RepoKind::ALL {
        let report = validate_bytes(kind, Some("acme/x"), readme);
        assert_eq!(report.is_valid(), report.errors.is_empty());
        let issues = report.errors.iter().chain(&report.warnings);
        assert!(
            issues.clone().all(|issue| issue.line.is_none_or(|line| (1..=lines).contains(&line)))
        );
        assert!(report.errors.len() <= 51 && report.warnings.len() <= 51);
        let facts = derive(kind, input);
        let tags: HashSet<&String> = facts.tags.iter().collect();
        assert_eq!(tags.len(), facts.tags.len(), "a tag comes twice");
        assert!(facts.co2_grams.is_none_or(f64::is_finite));
        let stored = serde_json::to_string(&facts).expect("facts are JSON");
        let read: Facts = serde_json::from_str(&stored).expect("facts are read back");
        // Numbers with a fraction may come back in another last digit.
        assert_eq!((read.tags, read.weight_files), (facts.tags, facts.weight_files));
    }
    if let Some(text) = text {
        assert!(text.ends_with(front_matter::body(text)));
    }
}

/// A card, then behind a zero byte a file of results.
pub fn evals(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let readme = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let card = Card::parse(&readme).ok().map(|card| serde_json::Value::Object(card.data));
    let files = [(".eval_results/x.yaml", parts.next().unwrap_or_default())];
    let found = collect(EvalInput { card_data: card.as_ref(), files: &files, owner: Some("acme") });
    for result in &found.results {
        assert!(result.value.is_finite());
        assert!(result.key().to_string().contains(&result.key().dataset));
        assert!(result.dataset_words().iter().all(|word| *word == word.to_lowercase()));
        let _ = result.metric_words();
    }
    let of_files = found.results.iter().filter(|result| result.filename == files[0].0).count();
    let entries = hub_entries(&files, |_| false);
    let results = entries.iter().filter(|entry| matches!(entry, HubEntry::Result { .. })).count();
    assert_eq!(results, of_files);
}

/// The header of a safetensors file: what is believed adds up.
pub fn safetensors_header(data: &[u8]) {
    let _ = safetensors::parse_index(data);
    match safetensors::parse_header(data) {
        Ok(safetensors::HeaderNeed::More(bytes)) => assert!(bytes > data.len() as u64),
        Ok(safetensors::HeaderNeed::Done(header)) => adds_up(&header, data.len() as u64),
        Err(error) => drop(error.to_string()),
    }
}

fn adds_up(header: &SafetensorsHeader, size: u64) {
    assert!(header.data_start <= size);
    let total: u64 = header.tensors.iter().map(|tensor| tensor.parameters).sum();
    assert_eq!(header.parameters.total, total);
    for (at, a) in header.tensors.iter().enumerate() {
        let ((begin, end), rest) = (a.data_offsets, &header.tensors[at + 1..]);
        let apart = |b: &safetensors::Tensor| b.data_offsets.1 <= begin || end <= b.data_offsets.0;
        let empty = |b: &safetensors::Tensor| b.data_offsets.0 == b.data_offsets.1;
        assert!(begin == end || rest.iter().all(|b| empty(b) || apart(b)), "tensors overlap");
    }
}

/// The header of a GGUF file: it is read from the whole as from the shortest head that suffices.
pub fn gguf_header(data: &[u8]) {
    match gguf::parse_header(data) {
        Ok(gguf::HeaderNeed::More(bytes)) => assert!(bytes > data.len() as u64),
        Ok(gguf::HeaderNeed::Done(header)) => {
            let _ = (header.quantization(), header.bits());
            let mut longer = data.to_vec();
            longer.extend_from_slice(b"data");
            assert_eq!(gguf::parse_header(&longer), Ok(gguf::HeaderNeed::Done(header)));
        }
        Err(error) => drop(error.to_string()),
    }
}
