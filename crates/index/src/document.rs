//! What the index knows of a repository.

use serde::{Deserialize, Serialize};
use steelyard_core::{LicenseTraits, RepoKind, Timestamp};

/// A repository as the index holds it. Whoever feeds the index derives it from the database alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The repository's key in the database.
    pub repo_id: i64,
    /// Model, dataset, space or kernel.
    pub kind: RepoKind,
    /// The owning account's key.
    pub owner_id: i64,
    /// `namespace/name`, as its owners spell it.
    pub id: String,
    /// Only its owner and the members of its organisation may know of it.
    pub is_private: bool,
    /// Whether reading the files needs a permission.
    pub is_gated: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its default branch last changed.
    pub last_modified: Timestamp,
    /// The tags in the Hub's forms (`license:mit`, `dataset:squad`, `en`), for `filter=`.
    pub tags: Vec<String>,
    /// Words of closed vocabularies, for structured terms and facets; see [`Facet`].
    pub words: Vec<(Facet, String)>,
    /// Bytes of the weights one would load: the preferred format, or the smallest of several quantizations.
    pub size_bytes: Option<u64>,
    /// Parameters of the model.
    pub parameters: Option<u64>,
    /// Tokens the model can take at once.
    pub context_tokens: Option<u32>,
    /// Bits per weight, each of the quantizations the repository holds.
    pub bits: Vec<u8>,
    /// Ids (`namespace/name`) of the models this one was made from, as its card spells them.
    pub base_models: Vec<String>,
    /// `adapter`, `merge`, `quantized` or `finetune`, when there are base models.
    pub base_relation: Option<&'static str>,
    /// What its own licence asks.
    pub license_traits: LicenseTraits,
    /// Results of evaluations.
    pub evals: Vec<EvalPoint>,
    /// Ids of the models and datasets that a Space, model or dataset names, for `models=` and `datasets=`.
    pub linked_models: Vec<String>,
    /// See `linked_models`.
    pub linked_datasets: Vec<String>,
    /// The card names a newer version.
    pub has_successor: bool,
    /// How complete the card is, 0 to 100.
    pub card_score: u8,
    /// A title other than the name: a Space's, or a dataset's `pretty_name`.
    pub title: Option<String>,
    /// The card's Markdown without front matter, for full-text search; cut to what is indexed.
    pub card_text: String,
}

/// A vocabulary by which repositories are found and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Facet {
    /// The task (`pipeline_tag`; of datasets `task_categories`).
    Task,
    /// The library that loads it.
    Library,
    /// Language codes.
    Language,
    /// Licence ids.
    License,
    /// File formats: `safetensors`, `gguf`, `onnx`, `parquet`, ...
    Format,
    /// The model type or architecture family (`bert`, `llama`).
    Architecture,
    /// Quantization methods (`gptq`, `awq`, `q4_k_m`).
    Quantization,
    /// Ids of the datasets it was trained on.
    Dataset,
    /// Applications that can run it (`llama.cpp`, `ollama`, `vllm`).
    App,
    /// Of datasets: `text`, `image`, `audio`, ...
    Modality,
    /// Of datasets: `1K<n<10K`, ...
    SizeCategory,
    /// Of Spaces: `gradio`, `docker`, ...
    Sdk,
}

impl Facet {
    /// All vocabularies.
    pub const ALL: [Self; 12] = [
        Self::Task,
        Self::Library,
        Self::Language,
        Self::License,
        Self::Format,
        Self::Architecture,
        Self::Quantization,
        Self::Dataset,
        Self::App,
        Self::Modality,
        Self::SizeCategory,
        Self::Sdk,
    ];

    /// The word for it in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Library => "library",
            Self::Language => "language",
            Self::License => "license",
            Self::Format => "format",
            Self::Architecture => "architecture",
            Self::Quantization => "quantization",
            Self::Dataset => "dataset",
            Self::App => "app",
            Self::Modality => "modality",
            Self::SizeCategory => "size-category",
            Self::Sdk => "sdk",
        }
    }
}

/// One result of an evaluation, with every name by which people ask for it.
#[derive(Debug, Clone, PartialEq)]
pub struct EvalPoint {
    /// Lower-case names of the dataset: `nyu-mll/glue`, `glue`, `mnli`, `glue/mnli`.
    pub datasets: Vec<String>,
    /// Lower-case names of the metric: `f1`, `f1_macro`.
    pub metrics: Vec<String>,
    /// The value as it was reported.
    pub value: f64,
}

/// What changes by being used, not by commits.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counters {
    /// Downloads of the last 30 days.
    pub downloads: u64,
    /// Downloads ever.
    pub downloads_all_time: u64,
    /// Likes.
    pub likes: u64,
    /// The trend weight, scaled so that its order does not change as time passes.
    pub trend: f64,
}
