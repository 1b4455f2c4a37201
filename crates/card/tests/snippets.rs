//! The snippets of made-up repositories, compared with what was read and approved by people.
//!
//! Each case has a file in `tests/snippets/`. With `STEELYARD_UPDATE_SNIPPETS=1` they are written anew: read the
//! difference before you commit it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use steelyard_card::snippets::{Snippet, SnippetInput, snippets};
use steelyard_card::{CardInput, derive};
use steelyard_core::RepoKind;

/// A repository in the making.
struct Case {
    name: &'static str,
    id: &'static str,
    kind: RepoKind,
    yaml: &'static str,
    files: &'static [&'static str],
    config: Value,
    tokenizer: Value,
    adapter: Value,
    endpoint: &'static str,
    revision: Option<&'static str>,
    private: bool,
    gated: bool,
}

const TRANSFORMERS: &[&str] =
    &["README.md", "config.json", "model.safetensors", "tokenizer_config.json"];

fn model(
    name: &'static str,
    id: &'static str,
    yaml: &'static str,
    files: &'static [&'static str],
) -> Case {
    Case {
        name,
        id,
        kind: RepoKind::Model,
        yaml,
        files,
        config: Value::Null,
        tokenizer: Value::Null,
        adapter: Value::Null,
        endpoint: "https://hub.example.org",
        revision: None,
        private: false,
        gated: false,
    }
}

fn dataset(name: &'static str, yaml: &'static str, files: &'static [&'static str]) -> Case {
    Case { kind: RepoKind::Dataset, ..model(name, "acme/letters", yaml, files) }
}

impl Case {
    fn config(self, config: Value) -> Self {
        Self { config, ..self }
    }

    fn tokenizer(self, tokenizer: Value) -> Self {
        Self { tokenizer, ..self }
    }

    fn at(self, revision: &'static str) -> Self {
        Self { revision: Some(revision), ..self }
    }

    fn snippets(&self) -> Vec<Snippet> {
        let readme = format!("---\n{}\n---\n", self.yaml);
        let bytes = |value: &Value| (!value.is_null()).then(|| value.to_string().into_bytes());
        let (config, tokenizer, adapter) =
            (bytes(&self.config), bytes(&self.tokenizer), bytes(&self.adapter));
        let input = CardInput {
            readme: Some(&readme),
            files: self.files,
            config_json: config.as_deref(),
            tokenizer_config_json: tokenizer.as_deref(),
            adapter_config_json: adapter.as_deref(),
            ..CardInput::default()
        };
        let facts = derive(self.kind, input);
        snippets(&SnippetInput {
            id: self.id,
            kind: self.kind,
            endpoint: self.endpoint,
            revision: self.revision,
            facts: &facts,
            files: self.files,
            private: self.private,
            gated: self.gated,
        })
    }
}

fn text_models() -> Vec<Case> {
    let llama = || json!({"architectures": ["LlamaForCausalLM"], "model_type": "llama"});
    let chat = || json!({"chat_template": "{{ messages }}", "pad_token": "<pad>"});
    let bert = |class: &str| json!({"architectures": [class], "model_type": "bert"});
    let t5 = || json!({"architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "task_specific_params": {"translation_en_to_de": {}}});
    vec![
        model("causal", "acme/story-1b", "license: mit", TRANSFORMERS).config(llama()).tokenizer(json!({"eos_token": "</s>"})),
        model("chat", "acme/chat-1b", "license: mit", TRANSFORMERS).config(llama()).tokenizer(chat()),
        model("chat-pinned", "acme/chat-1b", "license: mit", TRANSFORMERS).config(llama()).tokenizer(chat()).at("0123456789abcdef0123456789abcdef01234567"),
        Case { gated: true, endpoint: "https://huggingface.co", ..model("chat-gated", "acme/chat-1b", "license: llama3.1", TRANSFORMERS).config(llama()).tokenizer(chat()) },
        model("custom-code", "acme/odd-1b", "license: mit", TRANSFORMERS).config(json!({
            "architectures": ["OddForCausalLM"], "auto_map": {"AutoModelForCausalLM": "modeling_odd.OddForCausalLM"},
        })),
        model("fill-mask", "acme/tiny-bert", "license: mit", TRANSFORMERS).config(bert("BertForMaskedLM")).tokenizer(json!({"mask_token": "[MASK]"})),
        model("classifier", "acme/mood", "license: mit", &["config.json", "pytorch_model.bin"]).config(bert("BertForSequenceClassification")),
        model("t5-translation", "acme/t5-small", "license: mit", TRANSFORMERS).config(t5()),
        model("nllb", "acme/nllb", "pipeline_tag: translation", TRANSFORMERS).config(json!({"architectures": ["M2M100ForConditionalGeneration"], "model_type": "m2m_100"})),
        model("gemma-fp", "acme/gemma-2-tuned", "license: gemma", TRANSFORMERS).config(json!({"architectures": ["Gemma2ForCausalLM"], "model_type": "gemma2"})),
        model("awq", "acme/chat-1b-awq", "base_model: acme/chat-1b", TRANSFORMERS).config(json!({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "quantization_config": {"quant_method": "awq", "bits": 4},
        })).tokenizer(chat()),
        model("question-answering", "acme/qa", "license: mit", TRANSFORMERS).config(bert("BertForQuestionAnswering")),
    ]
}

fn media_models() -> Vec<Case> {
    vec![
        model("whisper", "acme/whisper-tiny", "license: mit", TRANSFORMERS).config(
            json!({"architectures": ["WhisperForConditionalGeneration"], "model_type": "whisper"}),
        ),
        model("image-classifier", "acme/vit", "license: mit", TRANSFORMERS)
            .config(json!({"architectures": ["ViTForImageClassification"], "model_type": "vit"})),
        model("vision-language", "acme/see", "license: mit", TRANSFORMERS).config(
            json!({"architectures": ["LlavaForConditionalGeneration"], "model_type": "llava"}),
        ),
        model(
            "diffusers",
            "acme/paint",
            "license: openrail++\npipeline_tag: text-to-image",
            &["model_index.json", "unet/model.safetensors"],
        ),
        model(
            "diffusers-video",
            "acme/film",
            "library_name: diffusers\npipeline_tag: image-to-video",
            &["model_index.json"],
        )
        .at("v1.0"),
        model(
            "diffusers-lora",
            "acme/toy-lora",
            "library_name: diffusers\nbase_model: acme/paint\ninstance_prompt: a photo of TOK \"toy\"",
            &["toy.safetensors"],
        ),
    ]
}

fn text_libraries() -> Vec<Case> {
    let lora = json!({"base_model_name_or_path": "acme/chat-1b", "task_type": "CAUSAL_LM", "peft_type": "LORA"});
    vec![
        model(
            "sentence-transformers",
            "acme/minilm",
            "license: mit",
            &["modules.json", "config.json", "model.safetensors"],
        )
        .config(bert_model()),
        model(
            "e5",
            "acme/multilingual-e5-small",
            "library_name: sentence-transformers",
            &["modules.json", "config.json"],
        )
        .config(bert_model())
        .at("v2"),
        model(
            "reranker",
            "acme/rerank",
            "library_name: sentence-transformers\npipeline_tag: text-ranking",
            &["config.json"],
        )
        .config(json!({"architectures": ["BertForSequenceClassification"], "model_type": "bert"})),
        Case {
            adapter: lora.clone(),
            ..model(
                "peft",
                "acme/chat-lora",
                "base_model: acme/chat-1b",
                &["adapter_config.json", "adapter_model.safetensors"],
            )
        },
        Case {
            adapter: lora,
            private: true,
            ..model(
                "peft-pinned",
                "acme/chat-lora",
                "base_model: acme/chat-1b",
                &["adapter_config.json", "adapter_model.safetensors", "tokenizer_config.json"],
            )
            .at("v1.0")
        },
    ]
}

fn other_libraries() -> Vec<Case> {
    vec![
        model(
            "timm",
            "acme/resnet",
            "library_name: timm\npipeline_tag: image-classification",
            &["config.json", "model.safetensors"],
        )
        .at("v1.0"),
        model("keras", "acme/digits", "license: mit", &["model.keras"]),
        model(
            "keras-hub",
            "acme/gemma-keras",
            "library_name: keras",
            &["config.json", "model.weights.h5"],
        ),
        model(
            "spacy",
            "acme/en_letters",
            "library_name: spacy",
            &["en_letters-any-py3-none-any.whl", "meta.json"],
        ),
        model("skops", "acme/iris", "library_name: sklearn", &["model.skops"]),
        model("joblib", "acme/iris", "license: mit", &["sklearn_model.joblib"]),
        model(
            "mlx",
            "acme/chat-mlx",
            "library_name: mlx\ntags: [mlx, conversational]\npipeline_tag: text-generation",
            &["config.json", "model.safetensors"],
        ),
        model(
            "gguf",
            "acme/chat-gguf",
            "tags: [conversational]\nbase_model: acme/chat-1b",
            &["chat-Q8_0.gguf", "chat-Q4_K_M.gguf", "mmproj-f16.gguf"],
        ),
        model("gguf-pinned", "acme/chat-gguf", "license: mit", &["Chat 7B-Q8_0.gguf"]).at("v1.0"),
        model(
            "gguf-split",
            "acme/big-gguf",
            "license: mit",
            &["big-Q4_K_M-00001-of-00002.gguf", "big-Q4_K_M-00002-of-00002.gguf"],
        ),
        model(
            "gguf-beside",
            "acme/chat-1b",
            "library_name: transformers\npipeline_tag: text-generation\ntags: [conversational]",
            &["config.json", "model.safetensors", "chat-Q8_0.gguf"],
        ),
        model("nothing", "acme/files", "license: mit", &["README.md"]),
    ]
}

fn bert_model() -> Value {
    json!({"architectures": ["BertModel"], "model_type": "bert"})
}

fn others() -> Vec<Case> {
    vec![
        dataset("dataset-parquet", "license: mit", &["data/test-00000-of-00001.parquet", "data/train-00000-of-00001.parquet"]),
        Case { private: true, ..dataset("dataset-csv", "configs:\n- config_name: en\n  data_files: en/*.csv\n- config_name: de\n  data_files: de/*.csv", &["en/my train.csv", "de/train.csv"]).at("refs/convert/parquet") },
        dataset("dataset-jsonl", "license: mit", &["train.jsonl", "dataset_infos.json"]),
        dataset("dataset-images", "license: mit", &["a.png", "b.png"]),
        Case { kind: RepoKind::Space, ..model("space", "acme/demo", "sdk: gradio", &["app.py"]) },
        Case { kind: RepoKind::Kernel, ..model("kernel", "acme/relu", "license: mit", &["build/x.py"]).at("v1") },
    ]
}

fn cases() -> Vec<Case> {
    [text_models(), media_models(), text_libraries(), other_libraries(), others()]
        .into_iter()
        .flatten()
        .collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snippets")
}

fn shown(snippets: &[Snippet]) -> String {
    let mut text = String::new();
    for snippet in snippets {
        let _ = writeln!(text, "== {} | {} | {}", snippet.id, snippet.title, snippet.language);
        text.push_str(&snippet.code);
        for note in &snippet.notes {
            let _ = writeln!(text, "-- note: {note}");
        }
        let _ = writeln!(text, "-- needs: {}\n", snippet.needs.join(", "));
    }
    text
}

#[test]
fn snippets_are_the_approved_ones() {
    let update = std::env::var_os("STEELYARD_UPDATE_SNIPPETS").is_some();
    let mut names = Vec::new();
    for case in cases() {
        let path = folder().join(format!("{}.txt", case.name));
        let text = shown(&case.snippets());
        if update {
            std::fs::write(&path, &text).unwrap();
        }
        let approved = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, approved, "{}", path.display());
        names.push(format!("{}.txt", case.name));
    }
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(names.contains(&name), "{name} belongs to no case");
    }
}

#[test]
fn python_compiles() {
    if Command::new("python3").arg("--version").output().is_err() {
        return;
    }
    let folder = std::env::temp_dir().join(format!("steelyard-snippets-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut files = Vec::new();
    for case in cases() {
        for (at, snippet) in case.snippets().iter().enumerate() {
            if snippet.language == "python" {
                let path = folder.join(format!("{}_{at}.py", case.name));
                std::fs::write(&path, &snippet.code).unwrap();
                files.push(path);
            }
        }
    }
    assert!(files.len() > 50);
    let made = Command::new("python3").args(["-m", "py_compile"]).args(&files).output().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

#[test]
fn shell_parses() {
    for case in cases() {
        for snippet in case.snippets().iter().filter(|snippet| snippet.language == "shell") {
            let Ok(made) = Command::new("sh").args(["-n", "-c", &snippet.code]).output() else {
                return;
            };
            assert!(made.status.success(), "{}: {}", case.name, snippet.code);
        }
    }
}

#[test]
fn no_call_that_libraries_took_away() {
    let gone = [
        "torch_dtype",
        "load_in_8bit",
        "load_in_4bit",
        "use_auth_token",
        "huggingface-cli",
        "HfFolder",
        "set_access_token",
        "resume_download",
    ];
    for case in cases() {
        for snippet in case.snippets() {
            for word in gone {
                assert!(!snippet.code.contains(word), "{}: {}", case.name, snippet.code);
            }
            let named = snippet.code.contains(case.endpoint);
            assert!(
                named || case.endpoint == "https://huggingface.co",
                "{}: {}",
                case.name,
                snippet.code
            );
            let pinned = case.revision.is_none_or(|revision| {
                snippet.code.contains(revision)
                    || snippet.code.contains(&revision.replace('/', "%2F"))
            });
            assert!(pinned, "{}: {}", case.name, snippet.code);
        }
    }
}

#[test]
fn hostile_names_stay_inside_their_quotes() {
    let id = "a/b\"\n'; $(rm -rf /) `x`";
    let files = ["it's \"a\" {file}-Q4_K_M.gguf", "x'y.keras", "m.skops"];
    for (kind, library) in [
        (RepoKind::Model, "keras"),
        (RepoKind::Model, "sklearn"),
        (RepoKind::Model, "x"),
        (RepoKind::Dataset, "x"),
    ] {
        let readme = format!("---\nlibrary_name: {library}\n---\n");
        let facts = derive(
            kind,
            CardInput { readme: Some(&readme), files: &files, ..CardInput::default() },
        );
        let input = SnippetInput {
            id,
            kind,
            endpoint: "https://h",
            revision: Some("'\"$x"),
            facts: &facts,
            files: &files,
            private: true,
            gated: true,
        };
        for snippet in snippets(&input) {
            let program = match snippet.language {
                "python" => [
                    "python3",
                    "-c",
                    "import ast, sys; tree = ast.parse(sys.argv[1]); assert not [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == 'rm']",
                ],
                "shell" => ["sh", "-n", "-c"],
                _ => continue,
            };
            let mut command = Command::new(program[0]);
            command.args(&program[1..]).arg(&snippet.code);
            let Ok(made) = command.output() else { continue };
            assert!(
                made.status.success(),
                "{}: {}",
                snippet.code,
                String::from_utf8_lossy(&made.stderr)
            );
            assert!(
                !snippet.language.eq("shell") || !unquoted(&snippet.code).contains("$("),
                "{}",
                snippet.code
            );
        }
    }
}

/// What of a shell text stands outside single quotes.
fn unquoted(text: &str) -> String {
    text.replace("'\\''", "").split('\'').step_by(2).collect()
}
