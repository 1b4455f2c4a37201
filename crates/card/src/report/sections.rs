//! The sections of a card: found by their headings, judged by what stands under them.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Serialize;
use steelyard_core::RepoKind;

use super::markdown::{Document, Heading};
use crate::facts::Facts;
use crate::vocab;

/// The fewest words that make a section of its own.
const WORDS_MIN: usize = 3;
/// The fewest words before the first section that make a description.
const INTRO_WORDS_MIN: usize = 12;

/// What is there of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SectionState {
    /// There is no heading for it.
    Missing,
    /// There is a heading with nothing under it.
    Empty,
    /// There is a heading with nothing but a template's placeholders under it.
    Placeholder,
    /// It is written.
    Present,
}

/// One section of the report, and what it weighs in the score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Section {
    /// Its id.
    pub id: &'static str,
    /// Its title.
    pub title: &'static str,
    /// How much it counts.
    pub weight: u32,
    /// What is there.
    pub state: SectionState,
    /// The line of its heading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// How many words it has, without code.
    pub words: usize,
}

/// One row of `data/card_sections.csv`.
#[derive(Debug)]
struct Rule {
    kind: &'static str,
    id: &'static str,
    title: String,
    weight: u32,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Headings(Vec<&'static str>),
    Metadata(&'static str),
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let rows = vocab::rows(include_str!("../../data/card_sections.csv"));
    rows.map(|row| Rule {
        kind: row.raw(0),
        id: row.raw(1),
        title: row.text(2),
        weight: row.raw(3).parse().expect("the data file holds numbers"),
        place: match row.raw(4).strip_prefix('@') {
            Some(key) => Place::Metadata(key),
            None => Place::Headings(row.raw(4).split(';').collect()),
        },
    })
    .collect()
});

/// The sections by the words of a heading, for each kind.
static BY_HEADING: LazyLock<HashMap<(&'static str, &'static str), Vec<usize>>> =
    LazyLock::new(|| {
        let mut places: HashMap<_, Vec<usize>> = HashMap::new();
        for (at, rule) in RULES.iter().enumerate() {
            if let Place::Headings(headings) = &rule.place {
                for heading in headings {
                    places.entry((rule.kind, *heading)).or_default().push(at);
                }
            }
        }
        places
    });

fn kind_word(kind: RepoKind) -> &'static str {
    match kind {
        RepoKind::Model | RepoKind::Kernel => "model",
        RepoKind::Dataset => "dataset",
        RepoKind::Space => "space",
    }
}

/// Finds the sections a card of that kind should have.
pub(super) fn find(kind: RepoKind, document: &Document<'_>, facts: &Facts) -> Vec<Section> {
    let kind = kind_word(kind);
    let mut best: HashMap<usize, (SectionState, usize, usize)> = HashMap::new();
    for (number, heading) in document.headings.iter().enumerate() {
        let places = places(kind, heading, number == 0 && heading.level == 1);
        if places.is_empty() {
            continue;
        }
        let judged = judge(document, heading);
        for at in places {
            let known = best.entry(at).or_insert(judged);
            // The first one of several tells the line.
            if judged.0 > known.0 {
                *known = judged;
            }
        }
    }
    let rules = RULES.iter().enumerate().filter(|(_, rule)| rule.kind == kind);
    rules
        .map(|(at, rule)| {
            let found = match &rule.place {
                Place::Metadata(key) => metadata(key, facts),
                Place::Headings(_) => {
                    best.get(&at).map(|(state, line, words)| (*state, Some(*line), *words))
                }
            };
            let found = match found {
                Some(found) if found.0 == SectionState::Present => Some(found),
                other if rule.id == "description" => intro(document).or(other),
                other => other,
            };
            let (state, line, words) = found.unwrap_or((SectionState::Missing, None, 0));
            Section { id: rule.id, title: &rule.title, weight: rule.weight, state, line, words }
        })
        .collect()
}

/// The sections a heading opens. One that joins several ("Intended uses & limitations") opens all of them; a word
/// belongs to the longest name it is part of ("Training data" is not "Training").
fn places(kind: &'static str, heading: &Heading, is_title: bool) -> Vec<usize> {
    let words: Vec<&str> = heading.words.split(' ').collect();
    let mut found: Vec<usize> = Vec::new();
    let mut taken = vec![false; words.len()];
    // A long heading is a sentence, and a title names the model.
    let shortest = if words.len() > 8 || is_title { words.len() } else { 1 };
    for length in (shortest..=words.len()).rev() {
        for start in 0..=words.len() - length {
            let part = start..start + length;
            if taken[part.clone()].contains(&true) {
                continue;
            }
            if let Some(rules) = BY_HEADING.get(&(kind, words[part.clone()].join(" ").as_str())) {
                taken[part].fill(true);
                found.extend(
                    rules.iter().filter(|at| !found.contains(at)).copied().collect::<Vec<_>>(),
                );
            }
        }
    }
    found
}

/// What stands under a heading, and how many words it has.
fn judge(document: &Document<'_>, heading: &Heading) -> (SectionState, usize, usize) {
    let content = document.content(heading);
    let state = if content.words >= WORDS_MIN || content.code {
        SectionState::Present
    } else if content.placeholders > 0 {
        SectionState::Placeholder
    } else {
        SectionState::Empty
    };
    (state, heading.line, content.words)
}

/// The text before the first section, which is where many cards describe what they are about.
fn intro(document: &Document<'_>) -> Option<(SectionState, Option<usize>, usize)> {
    let content = document.intro();
    (content.words >= INTRO_WORDS_MIN).then_some((
        SectionState::Present,
        Some(content.line),
        content.words,
    ))
}

fn metadata(key: &str, facts: &Facts) -> Option<(SectionState, Option<usize>, usize)> {
    let there = match key {
        "license" => !facts.license.is_empty(),
        "task" => {
            facts.pipeline_tag.is_some()
                || facts.tags.iter().any(|tag| tag.starts_with("task_categories:"))
        }
        "language" => !facts.languages.is_empty(),
        "title" => facts.card_data.as_ref().is_some_and(|data| data.get("title").is_some()),
        _ => unreachable!("the data file names only known keys"),
    };
    there.then_some((SectionState::Present, None, 0))
}

/// The share of the weight that is written, from 0 to 100.
pub(super) fn score(sections: &[Section]) -> u8 {
    let weight =
        |sections: &mut dyn Iterator<Item = &Section>| sections.map(|one| one.weight).sum::<u32>();
    let all = weight(&mut sections.iter()).max(1);
    let written = weight(&mut sections.iter().filter(|one| one.state == SectionState::Present));
    u8::try_from((written * 100 + all / 2) / all).expect("a share of a hundred")
}
