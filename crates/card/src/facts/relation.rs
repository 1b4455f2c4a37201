//! How a model was made from its base models, and by what evidence.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::config::Configs;
use super::files::Evidence;
use super::{Facts, word};

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

/// Weighs the evidence: the card's own word, then adapter files, fewer bits, several bases. What proves nothing is
/// not asked: files of ONNX or OpenVINO are other forms of the same weights.
pub(super) fn infer(
    facts: &Facts,
    data: &Map<String, Value>,
    evidence: &Evidence,
    configs: &Configs,
) -> (BaseRelation, Vec<String>) {
    if let Some(relation) =
        word(data, "base_model_relation").as_deref().and_then(BaseRelation::parse)
    {
        let words = format!("the card says base_model_relation: {}", relation.as_str());
        return (relation, vec![words]);
    }
    let found = [
        (BaseRelation::Adapter, adapter(facts, data, evidence)),
        (BaseRelation::Quantized, quantized(data, evidence, configs)),
        (BaseRelation::Merge, merge(facts, evidence)),
    ];
    found.into_iter().find(|(_, words)| !words.is_empty()).unwrap_or_else(|| {
        let words = "one base model, and no sign of an adapter, a merge or fewer bits";
        (BaseRelation::Finetune, vec![words.to_owned()])
    })
}

fn adapter(facts: &Facts, data: &Map<String, Value>, evidence: &Evidence) -> Vec<String> {
    let mut words = Vec::new();
    if evidence.adapter_config {
        words.push("adapter_config.json is there".to_owned());
    }
    if let Some(library @ ("peft" | "adapter-transformers")) = facts.library_name.as_deref() {
        words.push(format!("the library is {library}"));
    }
    if data.contains_key("instance_prompt") {
        words.push("the card has instance_prompt, the trigger word of a LoRA".to_owned());
    }
    words
}

fn quantized(data: &Map<String, Value>, evidence: &Evidence, configs: &Configs) -> Vec<String> {
    let mut words = Vec::new();
    // Beside full weights of its own, GGUF files are one more form of them.
    let full = evidence.has_format("safetensors") || evidence.has_format("pytorch");
    if evidence.has_format("gguf") && !full {
        words.push("the weights are GGUF files".to_owned());
    }
    if evidence.quantize_config {
        words.push("quantize_config.json is there".to_owned());
    }
    if configs.is_quantized() {
        words.push("config.json has a quantization_config".to_owned());
    }
    if data.contains_key("quantized_by") {
        words.push("the card has quantized_by".to_owned());
    }
    words
}

fn merge(facts: &Facts, evidence: &Evidence) -> Vec<String> {
    let mut words = Vec::new();
    if facts.base_models.len() > 1 {
        words.push(format!("the card names {} base models", facts.base_models.len()));
    }
    if evidence.mergekit_config {
        words.push("mergekit_config.yml is there".to_owned());
    }
    words
}
