use proptest::prelude::*;

use super::*;

#[test]
fn every_query_of_the_table_is_read() {
    let rows: Vec<_> = crate::vocab::rows(include_str!("../../data/count_downloads.csv")).collect();
    assert_eq!(rows.len(), 179);
    for row in &rows {
        let query = Query::parse(&row.text(1));
        assert!(query.is_ok(), "{}: {query:?}", row.raw(0));
        assert!(crate::vocab::find_library(row.raw(0)).is_some(), "{}", row.raw(0));
    }
    assert_eq!(QUERIES.len(), 179);
}

/// Libraries with files that count and files that do not, read off the Hub's documentation by hand.
const OUTCOMES: [(Option<&str>, &[&str], &[&str]); 22] = [
    (None, &["config.json", "params.json", "meta.yaml"], &["a/config.json", "model.safetensors"]),
    (
        Some("transformers"),
        &["config.json", "config.yaml"],
        &["tokenizer.json", "pytorch_model.bin"],
    ),
    (Some("nobody-knows-it"), &["hyperparams.yaml"], &["README.md"]),
    (
        Some("diffusers"),
        &["model_index.json", "modular_model_index.json", "lora.safetensors", "v1.ckpt", "a.bin"],
        &["unet/model.safetensors", "config.json", "a/model_index.json"],
    ),
    (Some("peft"), &["adapter_config.json"], &["config.json", "x/adapter_config.json"]),
    (Some("timm"), &["pytorch_model.bin", "model.safetensors"], &["config.json"]),
    (Some("keras"), &["config.json", "model.keras", "a/b.keras"], &["model.weights.h5"]),
    (Some("spacy"), &["en-any-py3-none-any.whl"], &["config.cfg", "meta.json"]),
    (Some("sklearn"), &["sklearn_model.joblib"], &["model.skops"]),
    (Some("nemo"), &["a.nemo", "model_config.yaml", "x.json"], &["x/model_config.yaml"]),
    (Some("edsnlp"), &["config.cfg", "a/config.cfg"], &["config.json", "other.cfg"]),
    (Some("whisperkit"), &["tiny/model.mil"], &["model.mil", "tiny/other.mil"]),
    (
        Some("tic-clip"),
        &["checkpoints/a.pt", "checkpoints/a/b.pt"],
        &["a.pt", "other/checkpoints/a.pt"],
    ),
    (Some("ssr-speech"), &["model.pth"], &["model.pt"]),
    (Some("hunyuan3d-2"), &["a/model_index.json", "config.yaml"], &["model.json"]),
    (Some("openpeerllm"), &[".meta-huggingface.json"], &["meta-huggingface.json"]),
    (Some("adapter-transformers"), &["adapter_config.json"], &["config.json"]),
    (Some("stable-baselines3"), &["ppo.zip"], &["config.json"]),
    (Some("mlc-llm"), &["mlc-chat-config.json"], &["config.json"]),
    (Some("ultralytics"), &["yolo.pt", "weights/best.pt"], &["yolo.yaml"]),
    (Some("speechbrain"), &["hyperparams.yaml"], &["a/hyperparams.yaml"]),
    (Some("grok"), &["ckpt/tensor00000_000", "ckpt-0/tensor00000_000"], &["ckpt/tensor00000_001"]),
];

#[test]
fn outcomes_by_library() {
    for (library, yes, no) in OUTCOMES {
        for path in yes {
            assert!(counts(library, path), "{library:?} {path}");
        }
        for path in no {
            assert!(!counts(library, path), "{library:?} {path}");
        }
        assert!(counts(library, "a/model-Q4_K_M.gguf") && counts(library, "X.GGUF"), "{library:?}");
        assert!(!counts(library, "gguf") && !counts(library, ".gguf"), "{library:?}");
    }
}

#[test]
fn and_binds_tighter_than_or() {
    let query = Query::parse(r#"path:"a" OR path_extension:b AND path_filename:"c*""#).unwrap();
    assert!(query.matches("a") && query.matches("x/cd.b"));
    assert!(!query.matches("d.b") && !query.matches("c"));
    let query = Query::parse(r#"(path:"a.b" OR path:c.b ) AND(path_extension:"b")"#).unwrap();
    assert!(query.matches("a.b") && query.matches("c.b") && !query.matches("d.b"));
    let query = Query::parse(r#"path:"*/m?del-*.pt""#).unwrap();
    assert!(query.matches("x/y/model-1.pt") && !query.matches("model-1.pt"));
}

#[test]
fn mistakes_are_named_with_their_place() {
    let cases = [
        ("", 0, "a field and its value must stand here"),
        ("size:\"3\"", 0, "there is no such field"),
        ("path:", 5, "a value is missing"),
        ("path:\"a", 5, "a quote is never closed"),
        ("(path:a", 7, "a closing parenthesis is missing"),
        ("path:a path:b", 7, "AND, OR or the end must follow"),
        ("_exists_:\"size\"", 9, "there is no such field"),
        ("path:a OR ", 10, "a field and its value must stand here"),
    ];
    for (text, at, message) in cases {
        assert_eq!(Query::parse(text), Err(QueryError { at, message }), "{text}");
    }
    let deep = format!("{}path:a{}", "(".repeat(17), ")".repeat(17));
    assert_eq!(Query::parse(&deep).unwrap_err().message, "is nested too deeply");
    assert_eq!(Query::parse(&" ".repeat(5000)).unwrap_err().message, "is too long");
}

#[test]
fn machines_that_build() {
    let ci = [
        "unknown/None; hf_hub/1.33.0; python/3.12.3; torch/2.8; is_ci/true",
        "transformers/5.23.0; python/3.11; session_id/4e0; is_ci/True; file_type/config",
        "git/2.43.0 (GitHub-Actions)",
        "Jenkins/2.4",
    ];
    for agent in ci {
        assert!(is_ci(agent), "{agent}");
    }
    let people = ["", "hf_hub/2.4.0; python/3.12; is_ci/false", "git/2.39.2", "Mozilla/5.0 circle"];
    for agent in people {
        assert!(!is_ci(agent), "{agent}");
    }
    assert!(!is_ci(&format!("{} is_ci/true", "x".repeat(USER_AGENT_BYTES_MAX))));
}

proptest! {
    #[test]
    fn wildcards_as_a_naive_reading_has_them(form in "[ab*?]{0,8}", text in "[ab]{0,8}") {
        fn naive(form: &[u8], text: &[u8]) -> bool {
            match form.split_first() {
                None => text.is_empty(),
                Some((b'*', rest)) => (0..=text.len()).any(|cut| naive(rest, &text[cut..])),
                Some((byte, rest)) => text
                    .split_first()
                    .is_some_and(|(first, text)| (*byte == b'?' || byte == first) && naive(rest, text)),
            }
        }
        if !form.is_empty() && !text.is_empty() {
            let query = Query::parse(&format!("path:\"{form}\"")).unwrap();
            prop_assert_eq!(query.matches(&text), naive(form.as_bytes(), text.as_bytes()), "{} {}", form, text);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a-z_:\"()* ]{0,60}|((path|path_extension):\"a\"( AND | OR |\\()?){0,5}") {
        if let Ok(query) = Query::parse(&text) {
            query.matches("a/b.c");
        }
    }
}
