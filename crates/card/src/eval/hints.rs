//! How a result was measured, from the arguments and the words of a report.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::vocab;

/// More examples than anybody shows.
const SHOTS_MAX: u32 = 1000;
/// Longest prompt format that is taken over, in bytes.
const FORMAT_BYTES_MAX: usize = 64;

const SHOT_KEYS: [&str; 9] = [
    "num_few_shot",
    "num_fewshot",
    "num_few_shots",
    "n_shot",
    "n_shots",
    "num_shots",
    "shots",
    "fewshot",
    "few_shot",
];
const FORMAT_KEYS: [&str; 4] = ["prompt_format", "prompt_template", "prompt_style", "format"];
const CHAT_KEYS: [&str; 3] = ["apply_chat_template", "chat_template", "chat"];
const HARNESS_KEYS: [&str; 5] =
    ["harness", "eval_harness", "evaluation_framework", "framework", "eval_framework"];

/// Words that tell the prompt format, and what they tell; the more special come first.
const FORMAT_WORDS: [(&str, &str); 17] = [
    ("no-tools", "no-tools"),
    ("no tools", "no-tools"),
    ("without tools", "no-tools"),
    ("with tools", "tools"),
    ("tools", "tools"),
    ("chain-of-thought", "cot"),
    ("chain of thought", "cot"),
    ("cot", "cot"),
    ("no-thinking", "no-thinking"),
    ("non-thinking", "no-thinking"),
    ("no thinking", "no-thinking"),
    ("thinking", "thinking"),
    ("chat", "chat"),
    ("chat template", "chat"),
    ("chat format", "chat"),
    ("completion", "completion"),
    ("instruct", "instruct"),
];

/// Numbers in words, as in `zero-shot`.
const SHOT_WORDS: [(&str, u32); 4] = [("zero", 0), ("one", 1), ("two", 2), ("five", 5)];

/// The spellings of harnesses with their ids, the longest first.
static HARNESSES: LazyLock<Vec<(&'static str, &'static str)>> = LazyLock::new(|| {
    let rows = vocab::rows(include_str!("../../data/eval_harnesses.csv"));
    let mut list: Vec<_> = rows.map(|row| (row.raw(1), row.raw(0))).collect();
    list.extend(vocab::evaluation_frameworks().iter().map(|known| (known.id, known.id)));
    list.sort_by_key(|(spelling, _)| std::cmp::Reverse(spelling.len()));
    list
});

/// What a report tells besides its numbers.
#[derive(Debug, Default)]
pub(super) struct Hints<'a> {
    /// The arguments of the evaluation.
    pub(super) args: Option<&'a Map<String, Value>>,
    /// Texts for people: notes and names.
    pub(super) texts: Vec<&'a str>,
    /// Texts that may name the harness only: the source and its address.
    pub(super) sources: Vec<&'a str>,
}

impl Hints<'_> {
    fn arg(&self, keys: &[&str]) -> Option<&Value> {
        keys.iter().find_map(|key| self.args?.get(*key))
    }

    /// How many examples were shown.
    pub(super) fn shots(&self) -> Option<u32> {
        let told = self.arg(&SHOT_KEYS).and_then(|value| match value {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_u64().and_then(|shots| u32::try_from(shots).ok()),
        });
        let told = told.filter(|shots| *shots <= SHOTS_MAX);
        told.or_else(|| self.texts.iter().find_map(|text| shots_of_text(&text.to_lowercase())))
    }

    /// How the prompt was put together: every mark once, joined by `+`.
    pub(super) fn prompt_format(&self) -> Option<String> {
        if let Some(Value::String(text)) = self.arg(&FORMAT_KEYS) {
            let text = text.trim().to_lowercase();
            if !text.is_empty() && text.len() <= FORMAT_BYTES_MAX {
                return Some(text);
            }
        }
        let mut marks: Vec<&'static str> = Vec::new();
        match self.arg(&CHAT_KEYS) {
            Some(Value::Bool(true)) => marks.push("chat"),
            Some(Value::Bool(false)) => marks.push("completion"),
            _ => {}
        }
        for text in &self.texts {
            marks.extend(marks_of_text(&text.to_lowercase()));
        }
        marks.sort_unstable();
        marks.dedup();
        (!marks.is_empty()).then(|| marks.join("+"))
    }

    /// The program that measured, with its version where it is told.
    pub(super) fn harness(&self) -> Option<String> {
        if let Some(Value::String(text)) = self.arg(&HARNESS_KEYS) {
            let text = text.trim();
            let known = harness_of_text(&text.to_lowercase());
            let own =
                (!text.is_empty() && text.len() <= FORMAT_BYTES_MAX).then(|| text.to_lowercase());
            return known.or(own);
        }
        let texts = self.texts.iter().chain(&self.sources);
        texts.into_iter().find_map(|text| harness_of_text(&text.to_lowercase()))
    }
}

/// `5-shot`, `25 shots`, `zero-shot`; but not the task `zero-shot-classification`.
fn shots_of_text(text: &str) -> Option<u32> {
    for (at, _) in text.match_indices("shot") {
        let rest = text[at + 4..].trim_start_matches('s').trim_start_matches(['-', ' ', '_']);
        if ["classification", "image", "object", "text"].iter().any(|task| rest.starts_with(task)) {
            continue;
        }
        let before = text[..at].trim_end_matches(['-', ' ', '_']);
        let digits = before.len() - before.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        if digits > 0 {
            let number = before[before.len() - digits..].parse().ok();
            return number.filter(|shots| *shots <= SHOTS_MAX);
        }
        let word = SHOT_WORDS.iter().find(|(word, _)| ends_with_word(before, word));
        if let Some((_, shots)) = word {
            return Some(*shots);
        }
    }
    None
}

fn ends_with_word(text: &str, word: &str) -> bool {
    text.strip_suffix(word).is_some_and(|rest| !rest.ends_with(char::is_alphanumeric))
}

/// The marks of a text. A special one hides the plain one within it.
fn marks_of_text(text: &str) -> Vec<&'static str> {
    let mut hidden = text.to_owned();
    let mut marks = Vec::new();
    for (word, mark) in FORMAT_WORDS {
        while let Some(at) = find_word(&hidden, word) {
            marks.push(mark);
            hidden.replace_range(at..at + word.len(), &" ".repeat(word.len()));
        }
    }
    marks
}

fn harness_of_text(text: &str) -> Option<String> {
    HARNESSES.iter().find_map(|(spelling, id)| {
        let at = find_word(text, spelling)?;
        Some(match version(&text[at + spelling.len()..]) {
            Some(version) => format!("{id} {version}"),
            None => (*id).to_owned(),
        })
    })
}

/// The version right behind a name: `0.4.2` in ` v0.4.2`, `==0.4.2`, `@0.4.2`.
fn version(rest: &str) -> Option<&str> {
    let rest = rest.trim_start_matches([' ', '=', '@', ':', '-', '(', 'v']);
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let version = rest[..end].trim_end_matches('.');
    (version.starts_with(|c: char| c.is_ascii_digit())
        && version.contains('.')
        && version.len() <= 20)
        .then_some(version)
}

/// Where a word stands that is not part of a longer one.
fn find_word(text: &str, word: &str) -> Option<usize> {
    text.match_indices(word).map(|(at, _)| at).find(|at| {
        let part = |c: char| c.is_alphanumeric();
        !text[..*at].ends_with(part) && !text[at + word.len()..].starts_with(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shots_in_words() {
        let cases = [
            ("AI2 Reasoning Challenge (25-Shot)", Some(25)),
            ("5 shots", Some(5)),
            ("mmlu, zero-shot, cot", Some(0)),
            ("0-shot", Some(0)),
            ("few-shot", None),
            ("zero-shot-classification", None),
            ("a screenshot", None),
            ("slingshot 5", None),
            ("99999-shot", None),
            ("none-shot", None),
        ];
        for (text, shots) in cases {
            assert_eq!(shots_of_text(&text.to_lowercase()), shots, "{text}");
        }
    }

    #[test]
    fn formats_in_words() {
        let format =
            |text: &'static str| Hints { texts: vec![text], ..Hints::default() }.prompt_format();
        let cases = [
            ("no-tools", Some("no-tools")),
            ("with tools, chain-of-thought", Some("cot+tools")),
            ("Chat template, CoT", Some("chat+cot")),
            ("cottage, chatter, toolset", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(format(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn harnesses_with_versions() {
        let cases = [
            ("lm-evaluation-harness v0.4.2", Some("lm-evaluation-harness 0.4.2")),
            ("measured with lm-eval==0.4.5, bf16", Some("lm-evaluation-harness 0.4.5")),
            ("Open LLM Leaderboard", Some("open-llm-leaderboard")),
            ("lighteval", Some("lighteval")),
            ("https://github.com/eleutherai/lm-evaluation-harness", Some("lm-evaluation-harness")),
            ("helmet", None),
            ("our own script 1.2", None),
        ];
        for (text, expected) in cases {
            assert_eq!(harness_of_text(&text.to_lowercase()).as_deref(), expected, "{text}");
        }
    }
}
