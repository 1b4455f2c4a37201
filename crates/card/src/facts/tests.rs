use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A card in the manner of a sentence embedding model.
const EMBEDDER: &str = "---
language: en
license: apache-2.0
library_name: sentence-transformers
tags:
- sentence-transformers
- feature-extraction
- sentence-similarity
datasets:
- s2orc
- acme/stackexchange_xml
pipeline_tag: sentence-similarity
---

# A small embedder
Trained with [contrastive learning](https://arxiv.org/abs/1904.06472) and more (https://arxiv.org/pdf/2104.08727.pdf).
";

/// A card in the manner of a chat model fine-tuned from another.
const CHAT: &str = "---
license: llama3.2
base_model: acme/Base-1B
language:
- en
- de
extra_gated_prompt: Be nice.
extra_gated_button_content: Submit
extra_gated_fields:
  Country: country
  I agree: checkbox
model-index:
- name: chat
  results: []
---
";

fn model(readme: &str, files: &[&str], config: &Value, tokenizer: &Value) -> Facts {
    let (config, tokenizer) = (config.to_string(), tokenizer.to_string());
    let input = CardInput {
        readme: Some(readme),
        files,
        config_json: Some(config.as_bytes()),
        tokenizer_config_json: Some(tokenizer.as_bytes()),
        ..CardInput::default()
    };
    derive(RepoKind::Model, input)
}

#[test]
fn an_embedder() {
    let files =
        ["1_Pooling/config.json", "README.md", "config.json", "model.safetensors", "modules.json"];
    let config = json!({"architectures": ["BertModel"], "model_type": "bert", "hidden_size": 384});
    let tokenizer = json!({"mask_token": {"content": "[MASK]", "lstrip": true}, "x": 1});
    let facts = model(EMBEDDER, &files, &config, &tokenizer);
    assert_eq!(
        facts.tags,
        [
            "sentence-transformers",
            "safetensors",
            "bert",
            "sentence-similarity",
            "feature-extraction",
            "en",
            "dataset:s2orc",
            "dataset:acme/stackexchange_xml",
            "arxiv:1904.06472",
            "arxiv:2104.08727",
            "license:apache-2.0",
        ]
    );
    assert_eq!(facts.pipeline_tag.as_deref(), Some("sentence-similarity"));
    assert_eq!(facts.library_name.as_deref(), Some("sentence-transformers"));
    assert_eq!(facts.mask_token.as_deref(), Some("[MASK]"));
    assert_eq!(
        facts.config,
        Some(json!({
            "architectures": ["BertModel"],
            "model_type": "bert",
            "tokenizer_config": {"mask_token": "[MASK]"},
        }))
    );
    assert_eq!(
        serde_json::to_value(&facts.transformers_info).unwrap(),
        json!({
            "auto_model": "AutoModel",
            "pipeline_tag": "feature-extraction",
            "processor": "AutoTokenizer",
        })
    );
    let card = facts.card_data.as_ref().unwrap();
    let keys: Vec<&String> = card.as_object().unwrap().keys().collect();
    assert_eq!(keys[..3], ["language", "license", "library_name"]);
    let stored = serde_json::to_string(&facts).unwrap();
    assert_eq!(serde_json::from_str::<Facts>(&stored).unwrap(), facts);
}

#[test]
fn a_chat_model() {
    let files = ["config.json", "model-00001-of-00002.safetensors", "chat_template.jinja"];
    let config = json!({"architectures": ["LlamaForCausalLM"], "model_type": "llama"});
    let facts = model(CHAT, &files, &config, &json!({}));
    assert_eq!(
        facts.tags,
        [
            "transformers",
            "safetensors",
            "llama",
            "text-generation",
            "conversational",
            "en",
            "de",
            "base_model:acme/Base-1B",
            "base_model:finetune:acme/Base-1B",
            "license:llama3.2",
            "model-index",
        ]
    );
    assert_eq!(facts.gate.prompt.as_deref(), Some("Be nice."));
    assert_eq!(facts.gate.button_content.as_deref(), Some("Submit"));
    assert_eq!(facts.gate.fields, Some(json!({"Country": "country", "I agree": "checkbox"})));
    assert_eq!(facts.base_model_relation, Some(BaseRelation::Finetune));
}

#[test]
fn a_dataset() {
    let readme = "---\nlicense: [mit, cc-by-4.0]\ntask_categories:\n- text-classification\nlanguage: en\n\
                  size_categories: 1K<n<10K\ntags: [medical]\npretty_name: X\n---\nhttps://arxiv.org/abs/2203.10452";
    let files = ["README.md", "data/train-00000-of-00001.parquet"];
    let input = CardInput { readme: Some(readme), files: &files, ..CardInput::default() };
    let facts = derive(RepoKind::Dataset, input);
    assert_eq!(
        facts.tags,
        [
            "task_categories:text-classification",
            "language:en",
            "license:mit",
            "license:cc-by-4.0",
            "size_categories:1K<n<10K",
            "format:parquet",
            "arxiv:2203.10452",
            "medical",
        ]
    );
    assert_eq!(facts.license, ["mit", "cc-by-4.0"]);
    assert_eq!((facts.library_name, facts.pipeline_tag, facts.config), (None, None, None));
}

#[test]
fn a_space() {
    let readme = "---\ntitle: Demo\nsdk: gradio\nlicense: mit\nmodels: [gpt2, not an id]\ndatasets: [a/b]\ntags: [fun]\n---\n";
    let facts = derive(RepoKind::Space, CardInput { readme: Some(readme), ..CardInput::default() });
    assert_eq!(facts.sdk.as_deref(), Some("gradio"));
    assert_eq!(facts.tags, ["gradio", "fun", "license:mit"]);
    assert_eq!((facts.models, facts.datasets), (vec!["gpt2".to_owned()], vec!["a/b".to_owned()]));
}

#[test]
fn relations_to_base_models() {
    let none = json!({});
    let quantized = json!({"quantization_config": {"quant_method": "AWQ", "bits": 4}});
    let cases: [(&str, &[&str], &Value, BaseRelation); 9] = [
        ("base_model: a/b", &[], &none, BaseRelation::Finetune),
        ("base_model: [a/b, c/d]", &[], &none, BaseRelation::Merge),
        ("base_model: a/b", &["adapter_config.json"], &none, BaseRelation::Adapter),
        ("base_model: a/b\nlibrary_name: peft", &[], &none, BaseRelation::Adapter),
        ("base_model: a/b\ninstance_prompt: null", &[], &none, BaseRelation::Adapter),
        ("base_model: a/b", &["m-Q4_K_M.gguf"], &none, BaseRelation::Quantized),
        ("base_model: a/b", &["config.json"], &quantized, BaseRelation::Quantized),
        ("base_model: a/b", &["onnx/model.onnx"], &none, BaseRelation::Finetune),
        ("base_model: a/b\nbase_model_relation: merge", &["x.gguf"], &none, BaseRelation::Merge),
    ];
    for (yaml, files, config, relation) in cases {
        let facts = model(&format!("---\n{yaml}\n---\n"), files, config, &none);
        assert_eq!(facts.base_model_relation, Some(relation), "{yaml} {files:?}");
        let tag = format!("base_model:{}:a/b", relation.as_str());
        assert!(facts.tags.contains(&tag), "{:?}", facts.tags);
    }
    let facts = model("---\nbase_model: /home/me/x\n---\n", &[], &none, &none);
    assert_eq!((facts.base_models.len(), facts.base_model_relation), (0, None));
    let facts = model("---\nlicense: mit\n---\n", &["config.json"], &quantized, &none);
    assert!(facts.tags.ends_with(&["4-bit".to_owned(), "awq".to_owned()]), "{:?}", facts.tags);
}

#[test]
fn libraries_by_strength_of_evidence() {
    let llama = json!({"architectures": ["LlamaForCausalLM"]});
    let cases: [(&str, &[&str], &Value, Option<&str>); 6] = [
        ("library_name: acme\ntags: [keras]", &["a.nemo"], &llama, Some("acme")),
        ("tags: [foo, keras]", &["a.nemo"], &llama, Some("keras")),
        ("license: mit", &["a.nemo"], &llama, Some("nemo")),
        ("license: mit", &["config.json"], &llama, Some("transformers")),
        (
            "license: mit",
            &["config.json"],
            &json!({"transformers_version": "5.0"}),
            Some("transformers"),
        ),
        ("license: mit", &["config.json"], &json!({"a": 1}), None),
    ];
    for (yaml, files, config, library) in cases {
        let facts = model(&format!("---\n{yaml}\n---\n"), files, config, &json!({}));
        assert_eq!(facts.library_name.as_deref(), library, "{yaml} {files:?}");
    }
}

#[test]
fn tasks_by_strength_of_evidence() {
    let bert = json!({"architectures": ["BertForMaskedLM"]});
    let t5 = |params: Value| json!({"architectures": ["T5ForConditionalGeneration"], "task_specific_params": params});
    let cases: [(&str, &[&str], Value, Option<&str>); 7] = [
        ("pipeline_tag: text-ranking", &[], bert.clone(), Some("text-ranking")),
        ("license: mit", &["modules.json"], bert.clone(), Some("sentence-similarity")),
        ("tags: [summarization]", &[], bert, Some("fill-mask")),
        ("tags: [x, text-to-image]", &[], json!({}), Some("text-to-image")),
        ("license: mit", &[], t5(json!({"translation_en_to_fr": {}})), Some("translation")),
        ("license: mit", &[], t5(json!({"summarization": {}})), Some("summarization")),
        ("license: mit", &[], t5(json!(null)), Some("text-generation")),
    ];
    for (yaml, files, config, task) in cases {
        let facts = model(&format!("---\n{yaml}\n---\n"), files, &config, &json!({}));
        assert_eq!(facts.pipeline_tag.as_deref(), task, "{yaml} {config}");
    }
}

#[test]
fn code_in_the_repository() {
    let config = json!({
        "architectures": ["AcmeForCausalLM"],
        "auto_map": {"AutoConfig": "configuration_acme.AcmeConfig", "AutoModel": "modeling_acme.AcmeModel",
                     "AutoModelForCausalLM": "modeling_acme.AcmeForCausalLM"},
    });
    let facts = model("# x", &["config.json"], &config, &json!({}));
    assert_eq!(
        serde_json::to_value(&facts.transformers_info).unwrap(),
        json!({
            "auto_model": "AutoModelForCausalLM",
            "custom_class": "modeling_acme.AcmeForCausalLM",
            "pipeline_tag": "text-generation",
        })
    );
    assert_eq!(facts.tags, ["transformers", "text-generation", "custom_code"]);
}

#[test]
fn broken_input_counts_as_absent() {
    let input = CardInput {
        readme: Some("---\na: [\n---\n"),
        config_json: Some(b"{\"a\":"),
        tokenizer_config_json: Some(b"[]"),
        adapter_config_json: Some(b"\xff"),
        ..CardInput::default()
    };
    let facts = derive(RepoKind::Model, input);
    assert!(facts.card_problem.as_ref().unwrap().starts_with("invalid YAML on line "));
    assert_eq!(facts, Facts { card_problem: facts.card_problem.clone(), ..Facts::default() });
    assert_eq!(derive(RepoKind::Dataset, CardInput::default()), Facts::default());
}

#[test]
fn tags_are_bounded() {
    let many: Vec<String> = (0..2000).map(|n| format!("t{n}")).collect();
    let yaml = format!("---\ntags: [{}, {}]\n---\n", "x".repeat(300), many.join(", "));
    let facts = derive(RepoKind::Model, CardInput { readme: Some(&yaml), ..CardInput::default() });
    assert_eq!(facts.tags.len(), 1000);
    assert_eq!(facts.tags[0], "t0");
}

proptest! {
    #[test]
    fn any_input_gives_facts(
        readme in "(---\n)?((license|tags|language|base_model|sdk): ?[-a\\[\\]{}: 7\n]{0,12}\n){0,4}(---\n)?",
        config in "\\{(\"(architectures|auto_map|model_type|quantization_config)\":(\\[\\]|\\{\\}|\"x\"|\\[\\{\\}\\]|7|null),?){0,3}\\}",
    ) {
        for kind in RepoKind::ALL {
            let input = CardInput { readme: Some(&readme), config_json: Some(config.as_bytes()), ..CardInput::default() };
            let facts = derive(kind, input);
            let unique: std::collections::HashSet<&String> = facts.tags.iter().collect();
            prop_assert_eq!(unique.len(), facts.tags.len());
        }
    }
}
