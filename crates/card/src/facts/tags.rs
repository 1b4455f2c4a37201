//! Tags in the Hub's forms and order.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::config::Configs;
use super::{DatasetFacts, Facts, files, words};
use crate::gguf::GgufHeader;
use crate::validate::TAGS_MAX;

/// Longest tag that is taken over, in bytes.
const TAG_BYTES_MAX: usize = 256;

/// The keys of dataset cards that become tags, in order, all as `key:value`.
const DATASET_KEYS: [&str; 9] = [
    "task_categories",
    "task_ids",
    "annotations_creators",
    "language_creators",
    "multilinguality",
    "source_datasets",
    "language",
    "license",
    "size_categories",
];

pub(super) fn of_model(
    facts: &Facts,
    data: &Map<String, Value>,
    evidence: &files::Evidence,
    configs: &Configs,
    gguf: Option<&GgufHeader>,
) -> Vec<String> {
    let mut tags = Tags::default();
    tags.extend(facts.library_name.clone());
    tags.extend(evidence.formats.iter().map(|format| (*format).to_owned()));
    tags.extend(configs.model_type().map(str::to_owned));
    tags.extend(facts.pipeline_tag.clone());
    tags.extend(words(data, "tags"));
    if is_conversational(facts, evidence, configs, gguf) {
        tags.push("conversational".to_owned());
    }
    if configs.has_custom_code() {
        tags.push("custom_code".to_owned());
    }
    tags.extend(facts.languages.iter().cloned());
    tags.prefixed("dataset", &facts.datasets);
    tags.prefixed("arxiv", &facts.arxiv_ids);
    tags.prefixed("base_model", &facts.base_models);
    if let Some(relation) = facts.base_model_relation {
        tags.prefixed(&format!("base_model:{}", relation.as_str()), &facts.base_models);
    }
    tags.prefixed("license", &facts.license);
    for key in ["model-index", "co2_eq_emissions"] {
        if data.get(key).is_some_and(|value| !value.is_null()) {
            tags.push(key.to_owned());
        }
    }
    tags.extend(configs.quantization_tags());
    tags.list
}

pub(super) fn of_dataset(
    facts: &Facts,
    data: &Map<String, Value>,
    dataset: &DatasetFacts,
) -> Vec<String> {
    let mut tags = Tags::default();
    for key in DATASET_KEYS {
        tags.prefixed(key, &words(data, key));
    }
    // The card's own word is among the keys; what was counted is told where the card is silent.
    if words(data, "size_categories").is_empty() {
        tags.extend(dataset.size_category.iter().map(|size| format!("size_categories:{size}")));
    }
    tags.extend(dataset.format.iter().map(|format| format!("format:{format}")));
    tags.prefixed("modality", &dataset.modalities);
    tags.prefixed("arxiv", &facts.arxiv_ids);
    if facts.benchmark.is_some() {
        tags.push("benchmark:official".to_owned());
    }
    tags.extend(words(data, "tags"));
    tags.list
}

pub(super) fn of_space(facts: &Facts, data: &Map<String, Value>) -> Vec<String> {
    let mut tags = Tags::default();
    tags.extend(facts.sdk.clone());
    tags.extend(words(data, "tags"));
    tags.prefixed("arxiv", &facts.arxiv_ids);
    tags.prefixed("license", &facts.license);
    tags.list
}

/// A model that generates text and comes with a template for chats.
fn is_conversational(
    facts: &Facts,
    evidence: &files::Evidence,
    configs: &Configs,
    gguf: Option<&GgufHeader>,
) -> bool {
    let task = facts.pipeline_tag.as_deref();
    matches!(task, Some("text-generation" | "image-text-to-text" | "any-to-any"))
        && (configs.has_chat_template()
            || evidence.chat_template.is_some()
            || gguf.is_some_and(|header| header.chat_template.is_some()))
}

/// Tags, each once, in the order they came.
#[derive(Debug, Default)]
struct Tags {
    list: Vec<String>,
    seen: HashSet<String>,
}

impl Tags {
    fn push(&mut self, tag: String) {
        let fits = tag.len() <= TAG_BYTES_MAX && !tag.chars().any(char::is_control);
        if fits && self.list.len() < TAGS_MAX && self.seen.insert(tag.clone()) {
            self.list.push(tag);
        }
    }

    fn extend(&mut self, tags: impl IntoIterator<Item = String>) {
        tags.into_iter().for_each(|tag| self.push(tag));
    }

    fn prefixed(&mut self, prefix: &str, values: &[String]) {
        self.extend(values.iter().map(|value| format!("{prefix}:{value}")));
    }
}
