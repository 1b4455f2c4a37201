//! The signs of care in a card: each asks one question and shows why it answers as it does.

use serde_json::Value;
use steelyard_core::RepoKind;

use super::markdown::{Document, Heading, LineKind, words_in};
use super::{
    EVIDENCE_MAX, EvalCounts, Evidence, ReportInput, Section, SectionState, Signal, SignalState,
};
use crate::facts::Facts;

mod files;

/// The fewest words that say something specific.
const SPECIFIC_WORDS_MIN: usize = 25;
/// Longest quotation of a line, in characters.
const QUOTE_CHARS_MAX: usize = 120;

/// Phrases that stand for telling nothing of the data, in small letters.
const HIDDEN_DATA: [&str; 9] = [
    "proprietary data",
    "proprietary dataset",
    "proprietary training data",
    "in-house data",
    "internal data",
    "internal dataset",
    "undisclosed",
    "not disclosed",
    "private dataset",
];

/// Sentences about limitations that fit any model, in small letters.
const GENERIC_LIMITS: [&str; 5] = [
    "may produce biased",
    "may contain biases",
    "use at your own risk",
    "like all language models",
    "may generate inaccurate",
];

/// What the questions are asked about.
struct Questions<'a> {
    input: &'a ReportInput<'a>,
    document: &'a Document<'a>,
    sections: &'a [Section],
}

type Answer = (SignalState, Vec<Evidence>);

fn said(state: SignalState, text: impl Into<String>) -> Answer {
    (state, vec![Evidence { text: text.into(), line: None }])
}

fn said_at(state: SignalState, text: impl Into<String>, line: usize) -> Answer {
    (state, vec![Evidence { text: text.into(), line: Some(line) }])
}

/// A question: its id, what it asks, and how it is answered.
type Question = (&'static str, &'static str, fn(&Questions<'_>) -> Answer);

const OF_ALL: [Question; 4] = [
    ("noPlaceholders", "No placeholders of a template are left", |on| on.placeholders()),
    ("limitationsSpecific", "The limitations are specific", |on| on.limitations()),
    ("licenseFile", "The text of the licence lies in the repository", |on| on.license_file()),
    ("signedCommits", "The commits are signed", |on| on.signed()),
];
const OF_MODELS: [Question; 9] = [
    ("structuredEvals", "Evaluation results name their configuration and harness", |on| on.evals()),
    ("trainingDataNamed", "The training data is named and linked", |on| on.training_data()),
    ("snippetPresent", "There is code to begin with", |on| on.snippet()),
    ("safetensorsOnly", "The weights cannot run code when they are loaded", |on| on.safetensors()),
    ("updatedAfterRelease", "The card was updated after the weights", |on| on.updated()),
    ("baseModelResolvable", "The base model is here", |on| on.base_model()),
    ("promptFormat", "The format of prompts is documented", |on| on.prompt_format()),
    ("chatTemplate", "There is a chat template", |on| on.chat_template()),
    ("demoLinked", "A Space shows it at work", |on| on.demo()),
];
const OF_DATASETS: [Question; 1] =
    [("snippetPresent", "There is code to begin with", |on| on.snippet())];

/// Answers all questions that arise for the kind of repository.
pub(super) fn find(
    input: &ReportInput<'_>,
    document: &Document<'_>,
    sections: &[Section],
) -> Vec<Signal> {
    let questions = Questions { input, document, sections };
    let of_kind: &[Question] = match input.kind {
        RepoKind::Model | RepoKind::Kernel => &OF_MODELS,
        RepoKind::Dataset => &OF_DATASETS,
        RepoKind::Space => &[],
    };
    let answer = |(id, title, answer): &Question| {
        let (state, mut evidence) = answer(&questions);
        evidence.truncate(EVIDENCE_MAX);
        Signal { id, title, state, evidence }
    };
    OF_ALL.iter().chain(of_kind).map(answer).collect()
}

impl Questions<'_> {
    fn facts(&self) -> &Facts {
        self.input.facts
    }

    fn data(&self, key: &str) -> Option<&Value> {
        self.facts().card_data.as_ref()?.get(key).filter(|value| !value.is_null())
    }

    fn section(&self, id: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.id == id)
    }

    /// The heading of a section that is written.
    fn heading(&self, id: &str) -> Option<&Heading> {
        let section = self.section(id)?;
        let line = section.line.filter(|_| section.state == SectionState::Present)?;
        self.document.headings.iter().find(|heading| heading.line == line)
    }

    /// The lines of text under the heading of a section.
    fn text_of(&self, id: &str) -> Vec<(usize, &str)> {
        let line = self.section(id).and_then(|section| section.line);
        let Some(heading) = self.document.headings.iter().find(|one| Some(one.line) == line) else {
            return Vec::new();
        };
        let (start, lines) = self.document.lines_of(heading);
        let first = self.document.first_line + start;
        let lines = lines.iter().enumerate().filter(|(_, line)| line.kind == LineKind::Text);
        lines.map(|(at, line)| (first + at, line.text)).collect()
    }

    fn placeholders(&self) -> Answer {
        let found = self.document.of_kind(LineKind::Placeholder).take(EVIDENCE_MAX);
        let found: Vec<Evidence> = found
            .map(|(line, text)| Evidence {
                text: format!("left: {}", quoted(text)),
                line: Some(line),
            })
            .collect();
        match found.is_empty() {
            true => said(SignalState::Yes, "none was found"),
            false => (SignalState::No, found),
        }
    }

    fn limitations(&self) -> Answer {
        let section = self.section("limitations");
        let Some(heading) = self.heading("limitations") else {
            return match section.and_then(|section| section.line) {
                Some(line) => {
                    said_at(SignalState::No, "the section is there, but not written", line)
                }
                None => said(SignalState::No, "there is no section on limitations"),
            };
        };
        let lines = self.text_of("limitations");
        let generic = |text: &str| {
            let lower = text.to_lowercase();
            GENERIC_LIMITS.iter().any(|phrase| lower.contains(phrase))
        };
        let own = lines.iter().filter(|(_, text)| !generic(text));
        let words: usize = own.map(|(_, text)| words_in(text)).sum();
        if words >= SPECIFIC_WORDS_MIN {
            return said_at(
                SignalState::Yes,
                format!("{words} words on what it cannot do"),
                heading.line,
            );
        }
        match lines.iter().find(|(_, text)| generic(text)) {
            Some((line, text)) => {
                said_at(SignalState::No, format!("fits any model: {}", quoted(text)), *line)
            }
            None => said_at(SignalState::No, format!("only {words} words"), heading.line),
        }
    }

    fn signed(&self) -> Answer {
        match self.input.known.signed_commits {
            Some(true) => said(SignalState::Yes, "all commits carry a valid signature"),
            Some(false) => said(SignalState::No, "there are commits without a valid signature"),
            None => said(SignalState::Unknown, "signatures of commits are not checked"),
        }
    }

    fn evals(&self) -> Answer {
        let counts = self.input.known.eval_results.unwrap_or_else(|| self.counts_of_card());
        let EvalCounts { total, with_config, with_harness } = counts;
        if total == 0 {
            let table =
                self.text_of("evaluation").into_iter().find(|(_, text)| text.starts_with('|'));
            return match table {
                Some((line, _)) => {
                    said_at(SignalState::No, "there is only a table for people to read", line)
                }
                None => said(SignalState::No, "there are no evaluation results in the metadata"),
            };
        }
        let text = format!(
            "of {total} results, {with_config} name dataset, configuration and split, and {with_harness} what measured them"
        );
        let state =
            if with_config > 0 && with_harness > 0 { SignalState::Yes } else { SignalState::No };
        said(state, text)
    }

    /// Counts the results of `model-index`.
    fn counts_of_card(&self) -> EvalCounts {
        let mut counts = EvalCounts::default();
        let list =
            |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
        for model in list(self.data("model-index")) {
            for result in list(model.get("results")) {
                let dataset = result.get("dataset");
                let named = |key: &str| {
                    dataset
                        .and_then(|dataset| dataset.get(key))
                        .is_some_and(|value| !value.is_null())
                };
                let source = result.get("source").is_some_and(|source| !source.is_null());
                for metric in list(result.get("metrics")) {
                    counts.total += 1;
                    counts.with_config += usize::from(named("config") && named("split"));
                    let verified = metric.get("verifyToken").is_some_and(|token| !token.is_null());
                    counts.with_harness += usize::from(source || verified);
                }
            }
        }
        counts
    }

    fn training_data(&self) -> Answer {
        let facts = self.facts();
        let lines = self.text_of("trainingData");
        let hidden = lines.iter().find(|(_, text)| {
            let lower = text.to_lowercase();
            HIDDEN_DATA.iter().any(|phrase| lower.contains(phrase))
        });
        let missing: Vec<&str> = self.missing("datasets").collect();
        if let Some((line, text)) = hidden {
            return said_at(
                SignalState::No,
                format!("the data is not told: {}", quoted(text)),
                *line,
            );
        }
        if !facts.datasets.is_empty() {
            let mut text = format!("the metadata names {}", facts.datasets.join(", "));
            if !missing.is_empty() {
                text.push_str(&format!("; not here: {}", missing.join(", ")));
            }
            return said(SignalState::Yes, text);
        }
        let linked =
            lines.iter().find(|(_, text)| text.contains("](http") || text.contains("https://"));
        match (linked, self.section("trainingData").and_then(|section| section.line)) {
            (Some((line, _)), _) => said_at(SignalState::Yes, "the section links the data", *line),
            (None, Some(line)) => {
                said_at(SignalState::No, "the section names no dataset that can be followed", line)
            }
            (None, None) => {
                said(SignalState::No, "neither the metadata nor a section names the data")
            }
        }
    }

    /// The ids under a key that are not here.
    fn missing(&self, key: &str) -> impl Iterator<Item = &str> {
        let ids = self.input.known.ids.iter();
        ids.filter(move |known| known.key == key && !known.exists).map(|known| known.id.as_str())
    }

    fn snippet(&self) -> Answer {
        match self.document.of_kind(LineKind::Code).find(|(_, text)| words_in(text) > 0) {
            Some((line, _)) => said_at(SignalState::Yes, "the first block of code", line),
            None => said(SignalState::No, "the card has no block of code"),
        }
    }

    fn updated(&self) -> Answer {
        let known = self.input.known;
        match (known.card_changed_ms, known.weights_changed_ms) {
            (Some(card), Some(weights)) if card > weights => said(
                SignalState::Yes,
                format!("the card is {} newer than the weights", days(card - weights)),
            ),
            (Some(card), Some(weights)) if card == weights => {
                said(SignalState::No, "the card came with the weights and did not change since")
            }
            (Some(card), Some(weights)) => said(
                SignalState::No,
                format!("the card is {} older than the weights", days(weights - card)),
            ),
            _ => said(SignalState::Unknown, "the dates are not known"),
        }
    }

    fn base_model(&self) -> Answer {
        let facts = self.facts();
        if facts.base_models.is_empty() {
            return match facts.tags.iter().any(|tag| tag == "peft") {
                true => {
                    said(SignalState::No, "it is an adapter, and the metadata names no base_model")
                }
                false => said(SignalState::NotApplicable, "it names no base model"),
            };
        }
        let looked_up = |id: &str| {
            self.input.known.ids.iter().find(|known| known.key == "base_model" && known.id == id)
        };
        let mut state = SignalState::Yes;
        let mut evidence = Vec::new();
        for id in &facts.base_models {
            let (worse, text) = match looked_up(id) {
                Some(known) if known.exists => (SignalState::Yes, format!("{id} is here")),
                Some(_) => (SignalState::No, format!("{id} is not here")),
                None => (SignalState::Unknown, format!("{id} was not looked up")),
            };
            if worse == SignalState::No || state == SignalState::Yes {
                state = worse;
            }
            evidence.push(Evidence { text, line: None });
        }
        (state, evidence)
    }

    /// Whether the model is made for conversations.
    fn is_chat(&self) -> bool {
        let facts = self.facts();
        let told = ["conversational", "chat", "instruct", "instruction-tuned"];
        facts.tags.iter().any(|tag| told.contains(&tag.as_str()))
    }

    fn template(&self) -> Option<String> {
        let file = self.input.files.iter().find(|path| path.starts_with("chat_template."));
        let tokenizer =
            self.facts().tokenizer.as_ref().and_then(|facts| facts.chat_template.clone());
        file.map(|path| (*path).to_owned()).or(tokenizer)
    }

    fn prompt_format(&self) -> Answer {
        if !self.is_chat() {
            return said(SignalState::NotApplicable, "it is not made for conversations");
        }
        let told = |words: &str| {
            ["prompt format", "prompt template", "chat format", "chat template", "prompting"]
                .iter()
                .any(|name| words.contains(name))
        };
        if let Some(heading) = self.document.headings.iter().find(|heading| told(&heading.words)) {
            return said_at(SignalState::Yes, "there is a section on it", heading.line);
        }
        let mut code = self.document.of_kind(LineKind::Code);
        if let Some((line, _)) = code.find(|(_, text)| text.contains("apply_chat_template")) {
            return said_at(SignalState::Yes, "the code applies the chat template", line);
        }
        match self.template() {
            Some(file) => said(SignalState::Yes, format!("the chat template in {file} defines it")),
            None => said(SignalState::No, "neither the card nor a chat template tells it"),
        }
    }

    fn chat_template(&self) -> Answer {
        match (self.template(), self.is_chat()) {
            (Some(file), _) => said(SignalState::Yes, format!("in {file}")),
            (None, true) => {
                said(SignalState::No, "it is made for conversations and brings no chat template")
            }
            (None, false) => said(SignalState::NotApplicable, "it is not made for conversations"),
        }
    }

    fn demo(&self) -> Answer {
        match self.input.known.linked_spaces {
            Some(0) => said(SignalState::No, "no Space uses it"),
            Some(1) => said(SignalState::Yes, "one Space uses it"),
            Some(count) => said(SignalState::Yes, format!("{count} Spaces use it")),
            None => said(SignalState::Unknown, "the Spaces were not asked"),
        }
    }
}

fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(QUOTE_CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn days(milliseconds: i64) -> String {
    match milliseconds / 86_400_000 {
        0 => "less than a day".to_owned(),
        1 => "a day".to_owned(),
        days => format!("{days} days"),
    }
}
