//! What the hub tells about a repository, derived from its card, its configuration and the names of its files.
//!
//! The tags have the forms and the order of the Hub: library, file formats, model type, task, the card's own
//! tags, then languages, datasets, papers, base models and licence. Clients filter by them literally.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use steelyard_core::RepoKind;

use crate::front_matter::{Card, FrontMatterError};
use crate::validate::SDKS;
use crate::{arxiv, values};

mod config;
mod files;
mod tags;

/// Largest configuration file that is read, in bytes.
pub const CONFIG_BYTES_MAX: usize = 8 * 1024 * 1024;

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
}

/// How a model was made from its base models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BaseRelation {
    /// Weights to be loaded on top of the base (LoRA and the like).
    Adapter,
    /// Several models in one.
    Merge,
    /// The base with fewer bits.
    Quantized,
    /// The base trained further.
    Finetune,
}

impl BaseRelation {
    /// All relations.
    pub const ALL: [Self; 4] = [Self::Adapter, Self::Merge, Self::Quantized, Self::Finetune];

    /// The word in cards and tags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Adapter => "adapter",
            Self::Merge => "merge",
            Self::Quantized => "quantized",
            Self::Finetune => "finetune",
        }
    }

    /// Parses the word of a card.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|relation| relation.as_str() == text)
    }
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

/// Everything the hub tells about a repository besides its files.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
        RepoKind::Dataset => facts.tags = tags::of_dataset(&facts, data, input.files),
        RepoKind::Space => {
            facts.sdk = word(data, "sdk").filter(|sdk| SDKS.contains(&sdk.as_str()));
            facts.models = repo_ids(data, "models");
            facts.tags = tags::of_space(&facts, data);
        }
    }
    facts
}

fn derive_model(facts: &mut Facts, data: &Map<String, Value>, input: &CardInput<'_>) {
    let configs = config::Configs::read(input);
    let evidence = files::Evidence::of(input.files);
    facts.transformers_info = configs.transformers_info();
    facts.library_name = library_name(data, &evidence, &configs);
    facts.pipeline_tag = pipeline_tag(facts, data);
    facts.base_models = repo_ids(data, "base_model");
    if !facts.base_models.is_empty() {
        facts.base_model_relation = Some(base_relation(facts, data, &evidence, &configs));
    }
    facts.config = configs.public();
    facts.mask_token = configs.mask_token();
    facts.tags = tags::of_model(facts, data, &evidence, &configs);
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

/// The card's own word first, then what the library is for, then the model class, then a tag that is a task.
fn pipeline_tag(facts: &Facts, data: &Map<String, Value>) -> Option<String> {
    let from_library = || {
        let task = match facts.library_name.as_deref()? {
            "sentence-transformers" => "sentence-similarity",
            "setfit" => "text-classification",
            "span-marker" => "token-classification",
            _ => return None,
        };
        Some(task.to_owned())
    };
    let from_class = || facts.transformers_info.as_ref()?.pipeline_tag.clone();
    let from_tags = || {
        let tags = words(data, "tags");
        let tasks = crate::vocab::pipeline_tags().iter().map(|task| task.id);
        tasks.into_iter().find(|task| tags.iter().any(|tag| tag == task)).map(str::to_owned)
    };
    word(data, "pipeline_tag").or_else(from_library).or_else(from_class).or_else(from_tags)
}

/// The card's own word first, then the evidence: adapter files, fewer bits, several bases.
fn base_relation(
    facts: &Facts,
    data: &Map<String, Value>,
    evidence: &files::Evidence,
    configs: &config::Configs,
) -> BaseRelation {
    let library = facts.library_name.as_deref();
    if let Some(relation) =
        word(data, "base_model_relation").and_then(|word| BaseRelation::parse(&word))
    {
        relation
    } else if evidence.adapter_config
        || matches!(library, Some("peft" | "adapter-transformers"))
        || data.contains_key("instance_prompt")
    {
        BaseRelation::Adapter
    } else if evidence.has_format("gguf")
        || evidence.quantize_config
        || configs.is_quantized()
        || data.contains_key("quantized_by")
    {
        BaseRelation::Quantized
    } else if facts.base_models.len() > 1 {
        BaseRelation::Merge
    } else {
        BaseRelation::Finetune
    }
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
