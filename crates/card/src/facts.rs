//! What the hub tells about a repository, derived from its card, its configuration and the names of its files.
//!
//! The tags have the forms and the order of the Hub: library, file formats, model type, task, the card's own
//! tags, then languages, datasets, papers, base models and licence. Clients filter by them literally.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use steelyard_core::RepoKind;

use crate::front_matter::{self, Card, FrontMatterError};
use crate::gguf::GgufHeader;
use crate::validate::SDKS;
use crate::{arxiv, values};

mod about;
mod apps;
mod benchmark;
mod code;
mod config;
mod context;
mod dataset;
mod files;
mod gguf_quants;
mod quantization;
mod relation;
mod tags;
mod task;
mod tokenizer;
mod weights;

pub use benchmark::{Benchmark, BenchmarkTask};
pub use code::app_text;
pub use dataset::{DatasetConfig, DatasetFacts, DatasetFeature, DatasetSplit, size_categories};
pub use gguf_quants::{GgufQuant, quant_bits, quant_label, quant_of_file_type};
pub use quantization::Quantization;
pub use relation::BaseRelation;
pub use tokenizer::TokenizerFacts;
pub use weights::{WeightFile, safetensors_models, shards_of};

/// Largest configuration file that is read, in bytes.
pub const CONFIG_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Longest title that is taken over, in bytes.
const TITLE_BYTES_MAX: usize = 512;
/// Longest name of a class, a type or a token that is taken over, in bytes.
const WORD_BYTES_MAX: usize = 256;

/// What the facts are derived from. Everything but the file list may be absent.
#[derive(Debug, Clone, Copy, Default)]
pub struct CardInput<'a> {
    /// The text of `README.md`.
    pub readme: Option<&'a str>,
    /// The paths of all files of the revision.
    pub files: &'a [&'a str],
    /// The bytes of `config.json`.
    pub config_json: Option<&'a [u8]>,
    /// The bytes of `tokenizer_config.json`.
    pub tokenizer_config_json: Option<&'a [u8]>,
    /// The bytes of `adapter_config.json`.
    pub adapter_config_json: Option<&'a [u8]>,
    /// The sizes of `files`, in the same order; for large files the size of their content. Empty when unknown.
    pub sizes: &'a [u64],
    /// The bytes of `chat_template.jinja`.
    pub chat_template_jinja: Option<&'a [u8]>,
    /// The bytes of `model_index.json`, which diffusers writes.
    pub model_index_json: Option<&'a [u8]>,
    /// The bytes of a dataset's `eval.yaml`.
    pub eval_yaml: Option<&'a [u8]>,
    /// Paths and bytes of a Space's code, the app's file first. Only `.py`, `.ini`, `.html`, `.js` and `.ts` are read.
    pub code: &'a [(&'a str, &'a [u8])],
    /// The header of the repository's first GGUF file, where the caller has read it.
    pub gguf: Option<&'a GgufHeader>,
}

/// How the transformers library loads the model. Clients take these keys as arguments: there are no others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransformersInfo {
    /// The `Auto*` class.
    pub auto_model: String,
    /// The class in the repository's own code, when it brings one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_class: Option<String>,
    /// The task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline_tag: Option<String>,
    /// The class that prepares the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor: Option<String>,
}

/// What a card says to those who ask for access to a gated repository.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GateForm {
    /// The heading.
    pub heading: Option<String>,
    /// The text under the heading.
    pub description: Option<String>,
    /// What one agrees to.
    pub prompt: Option<String>,
    /// The label of the button.
    pub button_content: Option<String>,
    /// The questions: labels with the kinds of their fields, as the card holds them.
    pub fields: Option<Value>,
}

/// Everything the hub tells about a repository besides its files. What an older version wrote can still be read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The metadata of the card in the order of the file; absent without a readable card.
    pub card_data: Option<Value>,
    /// Why the card could not be read, in words.
    pub card_problem: Option<String>,
    /// The tags, each once, in the Hub's order.
    pub tags: Vec<String>,
    /// The task.
    pub pipeline_tag: Option<String>,
    /// The library that loads the model.
    pub library_name: Option<String>,
    /// The licences; models have at most one.
    pub license: Vec<String>,
    /// The language codes.
    pub languages: Vec<String>,
    /// The ids of the datasets used.
    pub datasets: Vec<String>,
    /// The ids of the models a Space uses.
    pub models: Vec<String>,
    /// The ids of the models this one was made from.
    pub base_models: Vec<String>,
    /// How it was made from them.
    pub base_model_relation: Option<BaseRelation>,
    /// The arXiv ids of the papers the card links.
    pub arxiv_ids: Vec<String>,
    /// What runs the Space.
    pub sdk: Option<String>,
    /// The text of the access form.
    pub gate: GateForm,
    /// The part of the configuration that listings show.
    pub config: Option<Value>,
    /// How transformers loads the model.
    pub transformers_info: Option<TransformersInfo>,
    /// The token a fill-mask widget needs.
    pub mask_token: Option<String>,
    /// Why the relation to the base models was chosen, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub base_evidence: Vec<String>,
    /// Why the task was chosen, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_evidence: Option<String>,
    /// The id of the model that replaces this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_version: Option<String>,
    /// Grams of CO2 the training gave off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub co2_grams: Option<f64>,
    /// What a dataset's card says of it first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How a dataset wants to be cited, as BibTeX.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub citation: Option<String>,
    /// A title other than the name: a Space's `title`, a dataset's `pretty_name`, a model's `model_name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The model type of the configuration (`bert`, `llama`), or the architecture of the GGUF header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_type: Option<String>,
    /// The model classes of the configuration.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<String>,
    /// The pipeline class of diffusers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diffusers_class: Option<String>,
    /// Tokens the model can take at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u32>,
    /// How the weights were made smaller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantization: Option<Quantization>,
    /// The file formats: of weights, or of data.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub formats: Vec<String>,
    /// The weights, the shards of one model as one file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub weight_files: Vec<WeightFile>,
    /// Bytes one would load: the preferred format, or the smallest of several quantizations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_bytes: Option<u64>,
    /// The quantizations among the GGUF files, the biggest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gguf_quants: Vec<GgufQuant>,
    /// How text becomes tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<TokenizerFacts>,
    /// The local apps that can run the model, by their ids (`llama.cpp`, `vllm`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub apps: Vec<String>,
    /// What a dataset holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetFacts>,
    /// What a dataset measures, when it is a benchmark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub benchmark: Option<Benchmark>,
    /// Why `eval.yaml` could not be used, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub benchmark_problem: Option<String>,
}

/// Derives what the hub tells about a repository. Input that cannot be read counts as absent.
pub fn derive(kind: RepoKind, input: CardInput<'_>) -> Facts {
    let parsed = input.readme.map(Card::parse).transpose();
    let (card, problem) = match parsed {
        Ok(card) => (card, None),
        // An open fence may be a Markdown rule, so it is no problem of the card.
        Err(FrontMatterError::Unclosed { .. }) => (None, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let empty = Map::new();
    let data = card.as_ref().map_or(&empty, |card| &card.data);
    let mut facts = Facts {
        card_data: (!data.is_empty()).then(|| Value::Object(data.clone())),
        card_problem: problem,
        license: words(data, "license"),
        languages: words(data, "language"),
        datasets: repo_ids(data, "datasets"),
        arxiv_ids: input.readme.map(arxiv::arxiv_ids).unwrap_or_default(),
        gate: gate_form(data),
        ..Facts::default()
    };
    match kind {
        RepoKind::Model | RepoKind::Kernel => derive_model(&mut facts, data, &input),
        RepoKind::Dataset => derive_dataset(&mut facts, data, &input),
        RepoKind::Space => derive_space(&mut facts, data, &input),
    }
    facts
}

fn derive_model(facts: &mut Facts, data: &Map<String, Value>, input: &CardInput<'_>) {
    let configs = config::Configs::read(input);
    let evidence = files::Evidence::of(input.files);
    facts.transformers_info = configs.transformers_info();
    facts.library_name = library_name(data, &evidence, &configs);
    let task = task::infer(facts, data, &configs, input.gguf);
    (facts.pipeline_tag, facts.task_evidence) = task.unzip();
    facts.base_models = repo_ids(data, "base_model");
    if facts.base_models.is_empty() {
        facts.base_models.extend(configs.adapter_base());
    }
    if !facts.base_models.is_empty() {
        let (relation, words) = relation::infer(facts, data, &evidence, &configs);
        facts.base_model_relation = Some(relation);
        facts.base_evidence = words;
    }
    facts.new_version = word(data, "new_version").filter(|id| values::is_repo_id(id));
    facts.co2_grams = data.get("co2_eq_emissions").and_then(co2_grams);
    facts.title = word(data, "model_name").filter(|title| title.len() <= TITLE_BYTES_MAX);
    facts.config = configs.public();
    facts.mask_token = configs.mask_token();
    facts.model_type = configs.model_type().map(str::to_owned);
    facts.architectures = configs.architectures();
    facts.diffusers_class = configs.diffusers_class().map(str::to_owned);
    facts.quantization = quantization::read(configs.model(), evidence.quantize_config);
    facts.context_tokens = context::tokens(configs.model(), configs.tokenizer());
    facts.tokenizer = tokenizer::read(&configs, &evidence, input.chat_template_jinja);
    facts.formats = evidence.formats.iter().map(|format| (*format).to_owned()).collect();
    if let Some(header) = input.gguf {
        add_header(facts, header);
    }
    let weights = weights::Weights::of(input.files, input.sizes);
    facts.weight_bytes = weights.bytes_to_load();
    facts.gguf_quants = weights.gguf_quants();
    facts.weight_files = weights.into_files();
    facts.tags = tags::of_model(facts, data, &evidence, &configs, input.gguf);
    facts.apps = apps::of(facts, input.gguf);
}

/// What the header of a GGUF file adds where the configuration is silent.
fn add_header(facts: &mut Facts, header: &GgufHeader) {
    if facts.model_type.is_none() {
        facts.model_type = header.architecture.clone().filter(|text| text.len() <= WORD_BYTES_MAX);
    }
    if facts.context_tokens.is_none() {
        facts.context_tokens = header.context_length.and_then(context::sane);
    }
}

fn derive_dataset(facts: &mut Facts, data: &Map<String, Value>, input: &CardInput<'_>) {
    facts.title = word(data, "pretty_name").filter(|title| title.len() <= TITLE_BYTES_MAX);
    let dataset = dataset::read(data, input.files);
    facts.formats = dataset.format.iter().cloned().collect();
    if let Some(text) = input.eval_yaml {
        match benchmark::read(text) {
            Ok(benchmark) => facts.benchmark = Some(benchmark),
            Err(problem) => facts.benchmark_problem = Some(problem),
        }
    }
    facts.tags = tags::of_dataset(facts, data, &dataset);
    facts.dataset = (dataset != DatasetFacts::default()).then_some(dataset);
    let body = input.readme.map(front_matter::body).unwrap_or_default();
    (facts.description, facts.citation) = (about::description(body), about::citation(body));
}

fn derive_space(facts: &mut Facts, data: &Map<String, Value>, input: &CardInput<'_>) {
    facts.sdk = word(data, "sdk").filter(|sdk| SDKS.contains(&sdk.as_str()));
    facts.title = word(data, "title").filter(|title| title.len() <= TITLE_BYTES_MAX);
    facts.models = repo_ids(data, "models");
    // A card that names them knows better than a look at the code.
    let found = code::links(input.code);
    if facts.models.is_empty() {
        facts.models = found.models;
    }
    if facts.datasets.is_empty() {
        facts.datasets = found.datasets;
    }
    facts.tags = tags::of_space(facts, data);
}

/// A number of grams, or an object that names them.
fn co2_grams(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Object(entries) => entries.get("emissions")?,
        other => other,
    };
    let grams = match number {
        Value::String(text) => text.trim().parse().ok()?,
        other => other.as_f64()?,
    };
    (grams.is_finite() && grams >= 0.0).then_some(grams)
}

/// The card's own word first, then a tag that is a library, then the files, then the configuration.
fn library_name(
    data: &Map<String, Value>,
    evidence: &files::Evidence,
    configs: &config::Configs,
) -> Option<String> {
    let from_tags = || {
        let mut tags = words(data, "tags").into_iter();
        tags.find(|tag| crate::vocab::find_library(tag).is_some())
    };
    word(data, "library_name")
        .or_else(from_tags)
        .or_else(|| evidence.library.map(str::to_owned))
        .or_else(|| configs.is_transformers().then(|| "transformers".to_owned()))
}

fn gate_form(data: &Map<String, Value>) -> GateForm {
    let part = |part: &str| word(data, &format!("extra_gated_{part}"));
    let fields =
        data.get("extra_gated_fields").filter(|value| value.is_object() || value.is_array());
    GateForm {
        heading: part("heading"),
        description: part("description"),
        prompt: part("prompt"),
        button_content: part("button_content"),
        fields: fields.cloned(),
    }
}

fn word(data: &Map<String, Value>, key: &str) -> Option<String> {
    data.get(key).and_then(values::word)
}

fn words(data: &Map<String, Value>, key: &str) -> Vec<String> {
    data.get(key).map(values::words).unwrap_or_default()
}

fn repo_ids(data: &Map<String, Value>, key: &str) -> Vec<String> {
    let mut ids = words(data, key);
    ids.retain(|id| values::is_repo_id(id));
    ids
}

#[cfg(test)]
mod tests;
