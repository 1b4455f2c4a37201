//! What a dataset holds: its configurations, their splits and columns, how many rows, which kinds of media.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{WORD_BYTES_MAX, files, words};
use crate::values;

/// Most configurations of one dataset, and most splits of one configuration.
const CONFIGS_MAX: usize = 2000;
const SPLITS_MAX: usize = 100;
/// Most columns that are kept for one configuration.
const FEATURES_MAX: usize = 200;
/// Most columns that are kept for all configurations together.
const FEATURES_TOTAL_MAX: usize = 5000;

/// The kinds of media a dataset may hold; a tag of this name forces one.
const MODALITIES: [&str; 9] =
    ["3d", "audio", "document", "geospatial", "image", "tabular", "text", "timeseries", "video"];

/// The words by which names of files and folders tell a split.
const SPLIT_WORDS: [(&str, &[&str]); 3] = [
    ("train", &["train", "training"]),
    ("validation", &["validation", "valid", "val", "dev"]),
    ("test", &["test", "testing", "eval", "evaluation"]),
];

/// The size categories with the first number of rows that is too many for each.
const SIZES: [(&str, u64); 11] = [
    ("n<1K", 1_000),
    ("1K<n<10K", 10_000),
    ("10K<n<100K", 100_000),
    ("100K<n<1M", 1_000_000),
    ("1M<n<10M", 10_000_000),
    ("10M<n<100M", 100_000_000),
    ("100M<n<1B", 1_000_000_000),
    ("1B<n<10B", 10_000_000_000),
    ("10B<n<100B", 100_000_000_000),
    ("100B<n<1T", 1_000_000_000_000),
    ("n>1T", u64::MAX),
];

/// The size categories, the smallest first.
pub fn size_categories() -> impl Iterator<Item = &'static str> {
    SIZES.into_iter().map(|(name, _)| name)
}

/// What a dataset holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DatasetFacts {
    /// Its configurations (subsets); one called `default` when only splits are known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub configs: Vec<DatasetConfig>,
    /// The rows of all configurations together, where the card counts them all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_examples: Option<u64>,
    /// The size category these rows make.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_category: Option<String>,
    /// The format most data files have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The kinds of media it holds, in alphabetical order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modalities: Vec<String>,
}

/// One configuration (subset) of a dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DatasetConfig {
    /// Its name.
    pub name: String,
    /// Whether it is the one that is loaded without a name.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_default: bool,
    /// Its splits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub splits: Vec<DatasetSplit>,
    /// Its columns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<DatasetFeature>,
    /// Bytes to download.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub download_size: Option<u64>,
    /// Bytes once it is loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset_size: Option<u64>,
}

/// One split of a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DatasetSplit {
    /// `train`, `test`, ...
    pub name: String,
    /// Its rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_examples: Option<u64>,
    /// Its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_bytes: Option<u64>,
}

/// One column of a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DatasetFeature {
    /// Its name.
    pub name: String,
    /// Its type (`string`, `image`, `class_label`, `list`, `struct`, ...).
    pub dtype: String,
}

/// The configurations in the order they are named first.
#[derive(Default)]
struct Configs {
    list: Vec<DatasetConfig>,
    places: HashMap<String, usize>,
}

impl Configs {
    fn named(&mut self, name: &str) -> Option<&mut DatasetConfig> {
        let at = match self.places.get(name) {
            Some(at) => *at,
            None if self.list.len() >= CONFIGS_MAX => return None,
            None => {
                let config = DatasetConfig { name: name.to_owned(), ..DatasetConfig::default() };
                self.list.push(config);
                self.places.insert(name.to_owned(), self.list.len() - 1);
                self.list.len() - 1
            }
        };
        self.list.get_mut(at)
    }
}

/// Reads `configs` and `dataset_info` of the card, and the names of the files.
pub(super) fn read(data: &Map<String, Value>, paths: &[&str]) -> DatasetFacts {
    let mut configs = Configs::default();
    for config in data.get("configs").and_then(Value::as_array).into_iter().flatten() {
        add_config(&mut configs, config);
    }
    let mut features_left = FEATURES_TOTAL_MAX;
    match data.get("dataset_info") {
        Some(Value::Array(infos)) => {
            infos.iter().for_each(|info| add_info(&mut configs, info, &mut features_left));
        }
        Some(info) => add_info(&mut configs, info, &mut features_left),
        None => {}
    }
    let mut configs = configs.list;
    if configs.iter().all(|config| config.splits.is_empty()) && configs.len() < 2 {
        let splits = splits_of_files(paths);
        match configs.first_mut() {
            Some(config) => config.splits = splits,
            None if splits.is_empty() => {}
            None => configs.push(DatasetConfig {
                name: "default".to_owned(),
                splits,
                ..DatasetConfig::default()
            }),
        }
    }
    let found = files::data_format(paths);
    let num_examples = count(&configs);
    DatasetFacts {
        size_category: num_examples.map(|count| size_category(count).to_owned()),
        num_examples,
        format: found.map(|(format, _)| format.to_owned()),
        modalities: modalities(&words(data, "tags"), &configs, found.and_then(|(_, holds)| holds)),
        configs,
    }
}

/// One entry of `configs`: names, and the splits whose files it lists.
fn add_config(configs: &mut Configs, entry: &Value) {
    let Some(name) = entry.get("config_name").and_then(short_word) else { return };
    let is_default = entry.get("default").and_then(Value::as_bool) == Some(true);
    let Some(config) = configs.named(&name) else { return };
    config.is_default |= is_default;
    for file in entry.get("data_files").and_then(Value::as_array).into_iter().flatten() {
        if let Some(split) = file.get("split").and_then(short_word) {
            split_named(config, &split);
        }
    }
}

/// One entry of `dataset_info`; a single one may leave its name out.
fn add_info(configs: &mut Configs, info: &Value, features_left: &mut usize) {
    if !info.is_object() {
        return;
    }
    let name = info.get("config_name").and_then(short_word).unwrap_or_else(|| "default".to_owned());
    let Some(config) = configs.named(&name) else { return };
    config.download_size = info.get("download_size").and_then(Value::as_u64);
    config.dataset_size = info.get("dataset_size").and_then(Value::as_u64);
    // A list of objects; in old cards an object by name.
    match info.get("splits") {
        Some(Value::Array(splits)) => {
            for split in splits {
                let Some(name) = split.get("name").and_then(short_word) else { continue };
                fill_split(config, &name, split);
            }
        }
        Some(Value::Object(splits)) => {
            splits.iter().for_each(|(name, split)| fill_split(config, name, split));
        }
        _ => {}
    }
    let features = info.get("features").and_then(Value::as_array).into_iter().flatten();
    for feature in features.take(FEATURES_MAX.min(*features_left)) {
        let Some(name) = feature.get("name").and_then(short_word) else { continue };
        config.features.push(DatasetFeature { name, dtype: dtype(feature) });
        *features_left -= 1;
    }
}

/// `dtype: string`, `dtype: {class_label: ..}`, `list: ..`, `struct: ..`, `sequence: ..`.
fn dtype(feature: &Value) -> String {
    let word = match feature.get("dtype") {
        Some(Value::String(text)) => Some(text.as_str()),
        Some(Value::Object(entries)) => entries.keys().next().map(String::as_str),
        _ => ["list", "sequence", "struct"].into_iter().find(|key| feature.get(*key).is_some()),
    };
    word.filter(|word| word.len() <= WORD_BYTES_MAX).unwrap_or("unknown").to_owned()
}

fn split_named<'c>(config: &'c mut DatasetConfig, name: &str) -> Option<&'c mut DatasetSplit> {
    let at = match config.splits.iter().position(|split| split.name == name) {
        Some(at) => at,
        None if config.splits.len() >= SPLITS_MAX => return None,
        None => {
            config.splits.push(DatasetSplit { name: name.to_owned(), ..DatasetSplit::default() });
            config.splits.len() - 1
        }
    };
    config.splits.get_mut(at)
}

fn fill_split(config: &mut DatasetConfig, name: &str, split: &Value) {
    if name.len() > WORD_BYTES_MAX {
        return;
    }
    let Some(known) = split_named(config, name) else { return };
    known.num_examples = split.get("num_examples").and_then(Value::as_u64);
    known.num_bytes = split.get("num_bytes").and_then(Value::as_u64);
}

fn short_word(value: &Value) -> Option<String> {
    values::word(value).filter(|word| word.len() <= WORD_BYTES_MAX)
}

/// The splits that names of data files and their folders tell, in the usual order.
fn splits_of_files(paths: &[&str]) -> Vec<DatasetSplit> {
    let mut found = [false; SPLIT_WORDS.len()];
    for path in paths.iter().filter(|path| files::is_data(path)) {
        let mut parts = path.split(|c: char| !c.is_ascii_alphanumeric());
        let split = parts.find_map(|part| {
            SPLIT_WORDS
                .iter()
                .position(|(_, words)| words.iter().any(|word| part.eq_ignore_ascii_case(word)))
        });
        if let Some(at) = split {
            found[at] = true;
        }
        if found.iter().all(|found| *found) {
            break;
        }
    }
    let names = SPLIT_WORDS.iter().zip(found).filter(|(_, found)| *found);
    names
        .map(|((name, _), _)| DatasetSplit { name: (*name).to_owned(), ..DatasetSplit::default() })
        .collect()
}

/// The rows of all configurations; unknown if one of their splits is not counted.
fn count(configs: &[DatasetConfig]) -> Option<u64> {
    let mut sum = None;
    for split in configs.iter().flat_map(|config| &config.splits) {
        sum = Some(sum.unwrap_or(0_u64).saturating_add(split.num_examples?));
    }
    sum
}

fn size_category(count: u64) -> &'static str {
    let found = SIZES.iter().find(|(_, limit)| count < *limit);
    found.map_or("n>1T", |(name, _)| name)
}

/// What tags force, what columns hold, and what the format holds where nothing else tells.
fn modalities(
    tags: &[String],
    configs: &[DatasetConfig],
    of_format: Option<&'static str>,
) -> Vec<String> {
    let forced = tags.iter().filter_map(|tag| {
        let tag = tag.strip_prefix("modality:").unwrap_or(tag);
        MODALITIES.into_iter().find(|modality| *modality == tag)
    });
    let features = configs.iter().flat_map(|config| &config.features);
    let of_columns = features.filter_map(|feature| modality(&feature.dtype));
    let mut found: Vec<&'static str> = forced.chain(of_columns).collect();
    if found.is_empty() {
        found.extend(of_format);
    }
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(str::to_owned).collect()
}

/// The kind of media a column holds; numbers and labels alone say nothing.
fn modality(dtype: &str) -> Option<&'static str> {
    let modality = match dtype {
        "string" | "large_string" | "translation" => "text",
        "image" => "image",
        "audio" => "audio",
        "video" => "video",
        "pdf" => "document",
        _ => return None,
    };
    Some(modality)
}

#[cfg(test)]
mod tests;
