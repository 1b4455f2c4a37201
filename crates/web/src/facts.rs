//! The facts column: what is known of a repository, line by line, with a link where there is more.

mod origin;

use serde_json::Value;
use steelyard_card::Facts;
use steelyard_card::license::Verdict;
use steelyard_core::RepoKind;
use steelyard_service::discovery::{Facet, Lineage, Reported};

use crate::{format, hits, links};

pub(crate) use origin::bases;

/// Words of one fact that are shown.
const WORDS: usize = 8;

/// A fact: a label and one or several lines.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    pub(crate) label: &'static str,
    pub(crate) lines: Vec<Line>,
}

/// A line of a fact.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) href: Option<String>,
    /// What stands at its right: a count, a share.
    pub(crate) figure: Option<String>,
    /// `good`, `mind` or `bad`.
    pub(crate) tone: &'static str,
}

impl Line {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub(crate) fn link(text: impl Into<String>, href: impl Into<String>) -> Self {
        Self { text: text.into(), href: Some(href.into()), ..Self::default() }
    }

    fn figure(self, figure: impl Into<String>) -> Self {
        Self { figure: Some(figure.into()), ..self }
    }
}

/// What the column is made from.
pub(crate) struct Sources<'a> {
    pub(crate) kind: RepoKind,
    pub(crate) facts: &'a Facts,
    /// Headers of the weights: `safetensors` and `gguf`.
    pub(crate) weights: &'a Value,
    pub(crate) lineage: Option<&'a Lineage>,
    pub(crate) results: &'a [Reported],
}

/// Every fact that is known, in the order in which people ask.
pub(crate) fn column(sources: &Sources<'_>) -> Vec<Fact> {
    let Sources { facts, kind, .. } = sources;
    let mut column = Vec::new();
    let mut add = |label, lines: Vec<Line>| {
        if !lines.is_empty() {
            column.push(Fact { label, lines });
        }
    };
    let word = |facet: Facet, value: &Option<String>, name: fn(&str) -> String| -> Vec<Line> {
        value.iter().map(|id| Line::link(name(id), links::listed(*kind, facet, id))).collect()
    };
    add("Task", word(Facet::Task, &facts.pipeline_tag, hits::task_name));
    add("Tasks", task_lines(facts, *kind));
    add("Library", word(Facet::Library, &facts.library_name, hits::library_name));
    add("Built with", word(Facet::Sdk, &facts.sdk, str::to_owned));
    add("Licence", license_lines(sources));
    add("Made from", sources.lineage.map(origin::ancestry).unwrap_or_default());
    add("Parameters", parameter_lines(sources.weights));
    add(if *kind == RepoKind::Dataset { "Format" } else { "Weights" }, weight_lines(facts));
    add("Quantization", quantization_lines(facts));
    add("Context", context_lines(facts));
    add("Architecture", architecture_lines(facts, *kind));
    add("Rows", row_lines(facts, *kind));
    add("Modality", modality_lines(facts, *kind));
    let language = |code: &String| {
        Line::link(hits::language_name(code), links::listed(*kind, Facet::Language, code))
    };
    add("Languages", some(&facts.languages, language));
    let dataset = |id: &String| named(RepoKind::Dataset, id);
    add(
        "Trained on",
        if *kind == RepoKind::Model { some(&facts.datasets, dataset) } else { Vec::new() },
    );
    add(
        "Uses models",
        if *kind == RepoKind::Space {
            some(&facts.models, |id| named(RepoKind::Model, id))
        } else {
            Vec::new()
        },
    );
    add("Results", origin::measured(sources.results));
    let paper =
        |id: &String| Line::link(format!("arXiv:{id}"), format!("https://arxiv.org/abs/{id}"));
    add("Papers", some(&facts.arxiv_ids, paper));
    add(
        "CO₂ of training",
        facts.co2_grams.iter().map(|grams| Line::text(emissions(*grams))).collect(),
    );
    add(
        "Runs in",
        some(&facts.apps, |app| Line::link(app.clone(), links::listed(*kind, Facet::App, app))),
    );
    column
}

/// That it is to be talked to, and where to see how.
pub(crate) fn chat(base: &str, has_template: bool) -> Fact {
    let (text, tone) = match has_template {
        true => ("Chat template on a sample", ""),
        false => ("No chat template", "mind"),
    };
    let line = Line { tone, ..Line::link(text, format!("{base}/chat")) };
    Fact { label: "Talks by", lines: vec![line] }
}

/// What it takes on the hub's disks, all revisions together.
pub(crate) fn stored(bytes: u64) -> Fact {
    Fact { label: "Stored", lines: vec![Line::text(format::bytes(bytes))] }
}

fn some(words: &[String], line: impl Fn(&String) -> Line) -> Vec<Line> {
    let mut lines: Vec<Line> = words.iter().take(WORDS).map(line).collect();
    if words.len() > WORDS {
        lines.push(Line::text(format!("and {} more", words.len() - WORDS)));
    }
    lines
}

fn named(kind: RepoKind, id: &str) -> Line {
    Line { text: id.to_owned(), href: links::named(kind, id), ..Line::default() }
}

fn license_lines(sources: &Sources<'_>) -> Vec<Line> {
    let facts = sources.facts;
    let card = facts.card_data.as_ref();
    let named = card.and_then(|card| card.get("license_name")).and_then(Value::as_str);
    let mut lines: Vec<Line> = Vec::new();
    for id in facts.license.iter().take(WORDS) {
        let title = match (named, id.as_str()) {
            (Some(name), "other") => name.to_owned(),
            _ => hits::license_name(id),
        };
        lines.push(Line::link(title, links::listed(sources.kind, Facet::License, id)));
    }
    let Some(lineage) = sources.lineage else { return lines };
    let (text, tone) = match lineage.licenses.verdict {
        _ if lines.is_empty() => ("None is declared", "mind"),
        Verdict::Permissive if lineage.path.len() > 1 => ("Permissive all the way down", "good"),
        Verdict::Permissive => ("Permissive", "good"),
        Verdict::Obligations => ("There are terms to keep to", "mind"),
        Verdict::Unclear => ("Cannot be judged in full", "mind"),
        Verdict::Conflict => ("Contradicts an ancestor’s licence", "bad"),
    };
    lines.push(Line {
        text: text.to_owned(),
        tone,
        href: Some("#lineage".to_owned()),
        figure: None,
    });
    lines
}

fn parameter_lines(weights: &Value) -> Vec<Line> {
    let safetensors = &weights["safetensors"];
    if let Some(total) = safetensors["total"].as_u64() {
        let mut lines = vec![Line::text(format::full(total)).figure(format::short(total))];
        let by_type = safetensors["parameters"].as_object();
        let mut by_type: Vec<(&String, u64)> = by_type
            .into_iter()
            .flatten()
            .filter_map(|(dtype, count)| Some((dtype, count.as_u64()?)))
            .collect();
        by_type.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let share = |count: u64| format!("{:.1} %", count as f64 / total.max(1) as f64 * 100.0);
        lines.extend(
            by_type
                .iter()
                .take(WORDS)
                .map(|(dtype, count)| Line::text((*dtype).clone()).figure(share(*count))),
        );
        return lines;
    }
    let total = weights["gguf"]["total"].as_u64().filter(|total| *total > 0);
    total
        .iter()
        .map(|total| Line::text(format::full(*total)).figure(format::short(*total)))
        .collect()
}

fn weight_lines(facts: &Facts) -> Vec<Line> {
    let size = facts.weight_bytes.map(format::bytes);
    let mut lines: Vec<Line> = facts.formats.iter().take(WORDS).map(Line::text).collect();
    match (lines.first_mut(), size) {
        (Some(first), size) => first.figure = size,
        (None, Some(size)) => lines.push(Line::text(size)),
        (None, None) => {}
    }
    lines
}

fn quantization_lines(facts: &Facts) -> Vec<Line> {
    let quants = facts.gguf_quants.iter().take(WORDS);
    let mut lines: Vec<Line> = quants
        .map(|quant| {
            Line::text(format!("{} · {} bit", quant.label, quant.bits))
                .figure(format::bytes(quant.bytes))
        })
        .collect();
    if let (true, Some(quantization)) = (lines.is_empty(), &facts.quantization) {
        let bits = quantization.bits.map(|bits| format!(" · {bits} bit")).unwrap_or_default();
        lines.push(Line::text(format!("{}{bits}", quantization.method)));
    }
    lines
}

fn context_lines(facts: &Facts) -> Vec<Line> {
    let tokens = facts.context_tokens.iter();
    tokens
        .map(|tokens| Line::text(format!("{} tokens", format::full(u64::from(*tokens)))))
        .collect()
}

fn architecture_lines(facts: &Facts, kind: RepoKind) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    if let Some(model_type) = &facts.model_type {
        let href = links::listed(kind, Facet::Architecture, model_type);
        lines.push(Line::link(model_type.clone(), href));
    }
    lines.extend(facts.architectures.iter().chain(&facts.diffusers_class).take(2).map(Line::text));
    lines
}

fn row_lines(facts: &Facts, kind: RepoKind) -> Vec<Line> {
    let counted = facts.dataset.as_ref().and_then(|dataset| dataset.num_examples);
    if let Some(rows) = counted {
        return vec![Line::text(format::full(rows))];
    }
    let told = facts.tags.iter().filter_map(|tag| tag.strip_prefix("size_categories:"));
    told.take(WORDS)
        .map(|word| Line::link(word, links::listed(kind, Facet::SizeCategory, word)))
        .collect()
}

fn modality_lines(facts: &Facts, kind: RepoKind) -> Vec<Line> {
    let Some(dataset) = &facts.dataset else { return Vec::new() };
    some(&dataset.modalities, |word| {
        Line::link(word.clone(), links::listed(kind, Facet::Modality, word))
    })
}

/// A data set may be for several tasks, which are tags of it.
fn task_lines(facts: &Facts, kind: RepoKind) -> Vec<Line> {
    if kind != RepoKind::Dataset {
        return Vec::new();
    }
    let tagged = facts.tags.iter().filter_map(|tag| tag.strip_prefix("task_categories:"));
    let tasks: Vec<String> = tagged.map(str::to_owned).collect();
    some(&tasks, |id| Line::link(hits::task_name(id), links::listed(kind, Facet::Task, id)))
}

fn emissions(grams: f64) -> String {
    match grams {
        grams if grams >= 1e6 => format!("{:.1} t", grams / 1e6),
        grams if grams >= 1e3 => format!("{:.1} kg", grams / 1e3),
        grams => format!("{grams:.0} g"),
    }
}

/// The column as a list in Markdown.
pub(crate) fn as_markdown<'f>(column: impl IntoIterator<Item = &'f Fact>) -> String {
    let mut text = String::new();
    for Fact { label, lines } in column {
        let line = |line: &Line| match &line.figure {
            Some(figure) => format!("{} ({figure})", line.text),
            None => line.text.clone(),
        };
        let lines: Vec<String> = lines.iter().map(line).collect();
        text.push_str(&format!("- {label}: {}\n", hits::escape_cell(&lines.join("; "))));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_are_told_by_type_with_their_shares() {
        let weights =
            json!({"safetensors": {"total": 1000, "parameters": {"I64": 10, "F32": 990}}});
        let lines = parameter_lines(&weights);
        assert_eq!(lines[0].text, "1,000");
        assert_eq!((lines[1].text.as_str(), lines[1].figure.as_deref()), ("F32", Some("99.0 %")));
        assert!(parameter_lines(&Value::Null).is_empty());
    }
}
