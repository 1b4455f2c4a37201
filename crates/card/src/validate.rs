//! The rules of card metadata, and the report that tells a client which ones a README breaks.
//!
//! An error keeps a commit out, so there is one only where the Hub also refuses: a value of the wrong type, a
//! closed list that does not hold the value, a `model-index` its readers cannot read. Whatever is merely
//! doubtful is a warning, and keys nobody knows are nobody's business.

use serde_json::Value;
use steelyard_core::RepoKind;

use crate::front_matter::{Card, FrontMatterError};

mod fields;
mod model_index;

pub(crate) use fields::{SDKS, TAGS_MAX};

/// Most errors, and most warnings, in one report.
const ISSUES_MAX: usize = 50;

/// One rule a README breaks.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Issue {
    /// The rule, fit to be shown to the author.
    pub message: String,
    /// The line of the README to look at, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

/// What is wrong with a README: errors keep it out, warnings do not.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// The rules whose breach keeps a commit out.
    pub errors: Vec<Issue>,
    /// What the author should know.
    pub warnings: Vec<Issue>,
}

impl Report {
    /// Whether the README may be committed.
    pub fn is_valid(&self) -> bool {
        self.errors.is_empty()
    }

    /// The report as lines of text, the form the Python client shows.
    pub fn to_text(&self) -> String {
        let lines = |word: &'static str, issues: &[Issue]| {
            issues.iter().map(|issue| format!("- {word}: {}", issue.message)).collect::<Vec<_>>()
        };
        let mut text = lines("Error", &self.errors);
        text.extend(lines("Warning", &self.warnings));
        text.join("\n")
    }
}

/// Checks the metadata of a README against the rules for its kind of repository.
pub fn validate(kind: RepoKind, readme: &str) -> Report {
    let mut report = Report::default();
    let card = match Card::parse(readme) {
        Ok(card) => card,
        // A Markdown rule on the first line is legal text, so an open block cannot be an error.
        Err(error @ FrontMatterError::Unclosed { .. }) => {
            report.warnings.push(Issue { message: error.to_string(), line: error.line() });
            return report;
        }
        Err(error) => {
            report.errors.push(Issue { message: error.to_string(), line: error.line() });
            return report;
        }
    };
    if card.data.is_empty() {
        let message = "empty or missing yaml metadata in repo card".to_owned();
        report.warnings.push(Issue { message, line: None });
        return report;
    }
    let mut checker = Checker { card: &card, report };
    fields::check(&mut checker, kind);
    checker.report
}

/// The card under examination and what was found so far.
struct Checker<'a> {
    card: &'a Card<'a>,
    report: Report,
}

impl<'a> Checker<'a> {
    /// The value of a key, unless it is absent or left blank.
    fn value(&self, key: &str) -> Option<&'a Value> {
        self.card.data.get(key).filter(|value| !value.is_null())
    }

    fn error(&mut self, key: &str, message: String) {
        let line = self.card.line_of(key);
        push(&mut self.report.errors, Issue { message, line });
    }

    fn warn(&mut self, key: &str, message: String) {
        let line = self.card.line_of(key);
        push(&mut self.report.warnings, Issue { message, line });
    }
}

fn push(issues: &mut Vec<Issue>, issue: Issue) {
    if issues.len() < ISSUES_MAX {
        issues.push(issue);
    } else if issues.len() == ISSUES_MAX {
        issues
            .push(Issue { message: "there are more problems of this kind".to_owned(), line: None });
    }
}

/// A value of the author's, short enough for a message.
fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(100).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests;
