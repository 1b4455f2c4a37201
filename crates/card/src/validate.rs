//! The rules of card metadata, and the report that tells a client which ones a README breaks.
//!
//! An error keeps a commit out, so there is one only where the Hub also refuses: a value of the wrong type, a
//! closed list that does not hold the value, a `model-index` its readers cannot read. Whatever is merely
//! doubtful is a warning, and keys nobody knows are nobody's business.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;
use steelyard_core::RepoKind;

use crate::front_matter::{Card, FrontMatterError};
use crate::{front_matter, values, yaml};

mod fields;
mod keys;
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
    validate_repo(kind, None, readme)
}

/// Checks the bytes of a README, see [`validate_repo`]. What is not UTF-8 is read as replacement characters, with a warning.
pub fn validate_bytes(kind: RepoKind, id: Option<&str>, readme: &[u8]) -> Report {
    let mut report = validate_repo(kind, id, &String::from_utf8_lossy(readme));
    if let Err(error) = std::str::from_utf8(readme) {
        let before = &readme[..error.valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let message = "README.md is not UTF-8; what is not is shown as \u{fffd}".to_owned();
        report.warnings.insert(0, Issue { message, line: Some(line) });
    }
    report
}

/// Checks the metadata of the README of a repository whose id (`namespace/name`) is known.
pub fn validate_repo(kind: RepoKind, id: Option<&str>, readme: &str) -> Report {
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
    let mut checker = Checker { card: &card, id, errors: Vec::new(), warnings: Vec::new() };
    fields::check(&mut checker, kind);
    keys::check(&mut checker, kind);
    checker.finish(readme)
}

/// The card under examination and what was found so far.
struct Checker<'a> {
    card: &'a Card<'a>,
    id: Option<&'a str>,
    errors: Vec<Finding>,
    warnings: Vec<Finding>,
}

/// A rule that is broken, and the path of the value that breaks it: `key`, `key[1]`, `key[1].part`.
#[derive(PartialEq)]
struct Finding {
    message: String,
    path: Option<String>,
}

impl<'a> Checker<'a> {
    /// The value of a key, unless it is absent or left blank.
    fn value(&self, key: &str) -> Option<&'a Value> {
        self.card.data.get(key).filter(|value| !value.is_null())
    }

    fn error(&mut self, path: &str, message: String) {
        push(&mut self.errors, path, message);
    }

    fn warn(&mut self, path: &str, message: String) {
        push(&mut self.warnings, path, message);
    }

    /// The words of a key with the path of each.
    fn words(&self, key: &str) -> Vec<(String, String)> {
        match self.value(key) {
            Some(Value::Array(items)) => {
                let words = items.iter().enumerate();
                words
                    .filter_map(|(at, item)| Some((format!("{key}[{at}]"), values::word(item)?)))
                    .collect()
            }
            Some(value) => {
                values::words(value).into_iter().map(|word| (key.to_owned(), word)).collect()
            }
            None => Vec::new(),
        }
    }

    /// Finds the lines of what was found. Keys know theirs; for what lies deeper the text is walked once more.
    fn finish(self, readme: &str) -> Report {
        let findings = || self.errors.iter().chain(&self.warnings);
        let deep = findings()
            .filter_map(|finding| finding.path.as_ref())
            .filter(|path| self.card.line_of(path).is_none());
        let wanted: BTreeSet<String> =
            deep.flat_map(|path| ways(path)).map(str::to_owned).collect();
        let found = match front_matter::split(readme) {
            Ok(Some(split)) if !wanted.is_empty() => {
                let found = yaml::locate(split.yaml, &wanted);
                found.into_iter().map(|(path, line)| (path, line + split.yaml_line - 1)).collect()
            }
            _ => HashMap::new(),
        };
        let line_of = |path: &str| {
            ways(path).find_map(|way| self.card.line_of(way).or_else(|| found.get(way).copied()))
        };
        let issues = |findings: &[Finding]| {
            let issue = |finding: &Finding| Issue {
                message: finding.message.clone(),
                line: finding.path.as_deref().and_then(line_of),
            };
            findings.iter().map(issue).collect()
        };
        Report { errors: issues(&self.errors), warnings: issues(&self.warnings) }
    }
}

/// A path and those it leads through, the longest first: `a[1].b`, `a[1]`, `a`.
fn ways(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rfind(['.', '[']).map(|at| &path[..at]))
}

fn push(findings: &mut Vec<Finding>, path: &str, message: String) {
    if findings.len() < ISSUES_MAX {
        findings.push(Finding { message, path: Some(path.to_owned()) });
    } else if findings.len() == ISSUES_MAX {
        findings.push(Finding {
            message: "there are more problems of this kind".to_owned(),
            path: None,
        });
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
