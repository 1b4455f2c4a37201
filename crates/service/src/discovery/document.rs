//! From a repository's rows to what the index knows of it.

use serde_json::Value;
use steelyard_card::facts::BaseRelation;
use steelyard_card::license;
use steelyard_card::{Facts, report};
use steelyard_core::{LicenseTraits, RepoKind};
use steelyard_db::catalogue::IndexRow;
use steelyard_db::evals::Eval;
use steelyard_db::stats::StatsRow;
use steelyard_index::{Counters, Document, EvalPoint, Facet};

use crate::revisions::result_of;

/// Base models, words and tags of one repository that are indexed.
const NAMES_MAX: usize = 500;
/// Results of one repository that are indexed.
const EVALS_MAX: usize = 1000;

/// What the index knows of a repository. Facts that cannot be read count as absent: a later commit makes them anew.
pub(super) fn document(row: &IndexRow) -> Document {
    let facts: Facts = serde_json::from_str(&row.facts).unwrap_or_default();
    let weights: Value =
        row.weights.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let settings: Value = serde_json::from_str(&row.settings).unwrap_or_default();
    let relation = facts.base_model_relation.map(BaseRelation::as_str);
    Document {
        repo_id: row.repo_id,
        kind: row.kind,
        owner_id: row.owner_id,
        id: row.repo.to_string(),
        is_private: row.visibility.is_private(),
        is_gated: !row.gated.is_empty(),
        created_at: row.created_at,
        last_modified: row.last_modified,
        words: words(row.kind, &facts, &settings),
        size_bytes: facts.weight_bytes,
        parameters: parameters(&weights),
        context_tokens: facts.context_tokens.or_else(|| gguf_number(&weights, "context_length")),
        bits: bits(&facts, &weights),
        base_models: row.bases.iter().take(NAMES_MAX).map(|base| base.base_id.clone()).collect(),
        base_relation: relation.filter(|_| !row.bases.is_empty()),
        license_traits: license_traits(row.kind, &facts),
        evals: row.evals.iter().take(EVALS_MAX).filter_map(eval_point).collect(),
        has_successor: facts.new_version.is_some(),
        card_score: report::score(row.kind, row.card.as_deref().unwrap_or_default(), &facts),
        linked_models: facts.models,
        linked_datasets: facts.datasets,
        title: facts.title,
        tags: tags(row, facts.tags),
        card_text: row.card.clone().unwrap_or_default(),
    }
}

/// The tags of a repository, those of its base models by the names that these have now.
fn tags(row: &IndexRow, mut tags: Vec<String>) -> Vec<String> {
    for base in row.bases.iter().take(NAMES_MAX) {
        for tag in [
            format!("base_model:{}", base.base_id),
            format!("base_model:{}:{}", base.relation, base.base_id),
        ] {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
    }
    tags
}

/// What changes by being used.
pub(super) fn counters(stats: &StatsRow) -> Counters {
    Counters {
        downloads: stats.downloads_30d,
        downloads_all_time: stats.downloads_all,
        likes: stats.likes,
        trend: stats.trend,
    }
}

/// Parameters by the headers of its weights: all dtypes of safetensors together, or what GGUF says.
fn parameters(weights: &Value) -> Option<u64> {
    let safetensors = weights.pointer("/safetensors/total").and_then(Value::as_u64);
    safetensors.or_else(|| weights.pointer("/gguf/total").and_then(Value::as_u64))
}

fn gguf_number(weights: &Value, key: &str) -> Option<u32> {
    weights.get("gguf")?.get(key)?.as_u64().and_then(|number| u32::try_from(number).ok())
}

fn license_traits(kind: RepoKind, facts: &Facts) -> LicenseTraits {
    let name = facts.card_data.as_ref().and_then(|card| card.get("license_name")?.as_str());
    if kind == RepoKind::Dataset && facts.license.len() > 1 {
        // Every one of them holds for some part.
        let all = facts.license.iter().map(|id| license::traits_of(Some(id), name));
        return all.fold(LicenseTraits::NONE, |set, one| set | one);
    }
    license::traits_of(facts.license.first().map(String::as_str), name)
}

fn words(kind: RepoKind, facts: &Facts, settings: &Value) -> Vec<(Facet, String)> {
    let mut words = Vec::new();
    let mut add = |facet: Facet, found: &mut dyn Iterator<Item = &str>| {
        for word in found.filter(|word| !word.is_empty()).take(NAMES_MAX) {
            // The index compares in any case; ids of repositories are shown as they are spelled.
            let word = if facet == Facet::Dataset { word.to_owned() } else { word.to_lowercase() };
            words.push((facet, word));
        }
    };
    add(Facet::Task, &mut facts.pipeline_tag.as_deref().into_iter());
    add(Facet::Library, &mut facts.library_name.as_deref().into_iter());
    add(Facet::Language, &mut facts.languages.iter().map(String::as_str));
    add(Facet::License, &mut facts.license.iter().map(String::as_str));
    add(Facet::Format, &mut facts.formats.iter().map(String::as_str));
    add(Facet::Architecture, &mut facts.model_type.as_deref().into_iter());
    add(Facet::Architecture, &mut facts.architectures.iter().map(String::as_str));
    let method = facts.quantization.as_ref().map(|quantization| quantization.method.as_str());
    add(Facet::Quantization, &mut method.into_iter());
    add(Facet::Quantization, &mut facts.gguf_quants.iter().map(|quant| quant.label.as_str()));
    add(Facet::App, &mut facts.apps.iter().map(String::as_str));
    if kind == RepoKind::Model {
        add(Facet::Dataset, &mut facts.datasets.iter().map(String::as_str));
    }
    let sdk = settings.get("sdk").and_then(Value::as_str).or(facts.sdk.as_deref());
    add(Facet::Sdk, &mut sdk.into_iter());
    let tagged =
        |prefix: &'static str| facts.tags.iter().filter_map(move |tag| tag.strip_prefix(prefix));
    add(Facet::Task, &mut tagged("task_categories:"));
    add(Facet::Modality, &mut tagged("modality:"));
    add(Facet::SizeCategory, &mut tagged("size_categories:"));
    words
}

fn bits(facts: &Facts, weights: &Value) -> Vec<u8> {
    let mut bits: Vec<u8> = facts.gguf_quants.iter().map(|quant| quant.bits).collect();
    bits.extend(facts.quantization.as_ref().and_then(|quantization| quantization.bits));
    if bits.is_empty() {
        bits.extend(weights.pointer("/safetensors/parameters").and_then(main_bits));
    }
    bits.sort_unstable();
    bits.dedup();
    bits
}

/// Bits of the dtype that most parameters of an unquantized model have.
fn main_bits(parameters: &Value) -> Option<u8> {
    let counts = parameters.as_object()?.iter();
    let (dtype, _) = counts.max_by_key(|(_, count)| count.as_u64().unwrap_or(0))?;
    match dtype.as_str() {
        "F64" | "I64" | "U64" => Some(64),
        "F32" | "I32" | "U32" => Some(32),
        "F16" | "BF16" | "I16" | "U16" => Some(16),
        "I8" | "U8" | "F8_E4M3" | "F8_E5M2" | "F8_E8M0" => Some(8),
        "F4" => Some(4),
        _ => None,
    }
}

/// A result with every name by which people ask for it: `glue`, `mnli` and `glue/mnli` for one on GLUE's MNLI.
fn eval_point(eval: &Eval) -> Option<EvalPoint> {
    let result = result_of(eval);
    let mut datasets = result.dataset_words();
    // "multi_nli" is what the field calls MNLI; a name is asked for in either way.
    let aliases: Vec<String> = datasets.iter().filter_map(|name| alias(name)).collect();
    datasets.extend(aliases);
    let metrics = result.metric_words();
    let is_named = !datasets.is_empty() && !metrics.is_empty();
    (is_named && eval.value.is_finite()).then_some(EvalPoint {
        datasets,
        metrics,
        value: eval.value,
    })
}

fn alias(dataset: &str) -> Option<String> {
    let known = match dataset {
        "multi_nli" | "multinli" | "glue-mnli" => "mnli",
        "sst-2" | "sst" => "sst2",
        "squad_v2" => "squad2",
        "openai_humaneval" => "humaneval",
        _ => return None,
    };
    Some(known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(dataset: &str, config: Option<&str>, metric: &str) -> Eval {
        Eval {
            dataset: dataset.to_owned(),
            config: config.map(str::to_owned),
            metric: metric.to_owned(),
            value: 0.91,
            ..Eval::default()
        }
    }

    #[test]
    fn a_result_is_found_by_every_name_people_use() {
        let point = eval_point(&result("nyu-mll/glue", Some("mnli"), "F1")).unwrap();
        assert_eq!(point.datasets, ["nyu-mll/glue", "glue", "glue/mnli", "mnli"]);
        assert_eq!(point.metrics, ["f1"]);
        let point = eval_point(&result("nyu-mll/multi_nli", Some("default"), "accuracy")).unwrap();
        assert!(point.datasets.contains(&"mnli".to_owned()), "{point:?}");
        assert!(!point.datasets.contains(&"default".to_owned()), "{point:?}");
    }

    #[test]
    fn a_value_that_is_no_number_is_no_result() {
        let broken = Eval { value: f64::NAN, ..result("squad", None, "f1") };
        assert_eq!(eval_point(&broken), None);
        assert_eq!(eval_point(&result("squad", None, "")), None);
    }
}
