//! Beside a card that is being written: how it will look, what is wrong with it, and what would mend it.

use askama::Template;
use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use steelyard_card::report::{self, CardReport, Fix, Known, ReportInput, SectionState};
use steelyard_card::{Facts, front_matter, patch, validate_repo};
use steelyard_core::RepoKind;
use steelyard_service::{Error, Result};

use super::fields::{self, Field};
use super::ground::Ground;
use super::nearest;
use super::words::Words;
use crate::frame::Visit;
use crate::links;
use crate::markdown::{self, Place, Rendered};

const MODEL: &str = include_str!("../../../templates/change/model_card.md");
const DATASET: &str = include_str!("../../../templates/change/dataset_card.md");
const SPACE: &str = include_str!("../../../templates/change/space_card.md");

/// A rule that the card breaks.
struct Note {
    tone: &'static str,
    text: String,
    line: Option<usize>,
    /// Where all words stand that may be meant.
    list: Option<&'static str>,
}

/// What is said beside the text.
#[derive(Template)]
#[template(path = "change/card_side.html")]
struct Side {
    notes: Vec<Note>,
    score: u8,
    missing: Vec<&'static str>,
    fixes: Vec<Fix>,
}

/// The part of the editor that only a card has.
pub(super) struct Card {
    /// HTML that the sanitiser let through.
    pub(super) body: Rendered,
    /// HTML of our own templates.
    pub(super) side: String,
    pub(super) fields: Vec<Field>,
    /// Whether fields are shown that only a licence needs that is `other`.
    pub(super) is_other: bool,
    /// What the fields are completed from; only a page needs it.
    pub(super) vocabularies: Vec<Words>,
}

/// Whether a path is the card of its repository.
pub(super) fn is_card(path: &str) -> bool {
    path == "README.md"
}

/// The text with what the template has and it lacks: sections at its end, and metadata where it has none. Nothing that is
/// written goes.
pub(super) fn complete(kind: RepoKind, name: &str, text: &str) -> String {
    let template = template(kind, name);
    let (written, sections) = (front_matter::body(text), front_matter::body(&template));
    let metadata = text[..text.len() - written.len()].trim_start_matches('\u{feff}');
    if written.trim_matches(['\u{feff}', ' ', '\r', '\n']).is_empty() {
        return if metadata.is_empty() { template } else { format!("{text}{sections}") };
    }
    let mut made = text.to_owned();
    // Metadata that cannot be read is there all the same.
    if metadata.is_empty() && !text.trim_start_matches('\u{feff}').starts_with("---") {
        let own = &template[..template.len() - sections.len()];
        made = format!("{own}\n{}", text.trim_start_matches(['\u{feff}', '\r', '\n']));
    }
    let missing = missing(kind, text);
    for section in sections.split("\n## ").skip(1) {
        let section = format!("## {}\n", section.trim_end());
        if !opened(kind, &section).iter().all(|id| missing.contains(id)) {
            continue;
        }
        made.push_str(if made.ends_with('\n') { "\n" } else { "\n\n" });
        made.push_str(&section);
    }
    made
}

/// The sections of which a text has no heading.
fn missing(kind: RepoKind, text: &str) -> Vec<&'static str> {
    let (facts, known) = (Facts::default(), Known::default());
    let input = ReportInput { kind, readme: Some(text), facts: &facts, files: &[], known: &known };
    let sections = report::report(input).sections.into_iter();
    sections.filter(|one| one.state == SectionState::Missing).map(|one| one.id).collect()
}

/// The sections that a part of the template opens.
fn opened(kind: RepoKind, section: &str) -> Vec<&'static str> {
    let (all, left) = (missing(kind, ""), missing(kind, section));
    all.into_iter().filter(|id| !left.contains(id)).collect()
}

/// What a card begins with where there is none.
pub(super) fn template(kind: RepoKind, name: &str) -> String {
    let text = match kind {
        RepoKind::Model | RepoKind::Kernel => MODEL,
        RepoKind::Dataset => DATASET,
        RepoKind::Space => SPACE,
    };
    text.replace("{{name}}", name)
}

impl Card {
    pub(super) async fn of(visit: &Visit, ground: &Ground, text: &str) -> Result<Self> {
        let repo = &ground.snapshot.repo;
        let place = Place {
            base: links::repo(repo.kind, &repo.repo),
            revision: ground.revision.clone(),
            folder: String::new(),
        };
        let body = front_matter::body(text).to_owned();
        let body = visit.web.work(move || markdown::render(&body, &place)).await?;
        let report = visit.hub.draft_report(&visit.actor, &ground.snapshot, text).await?;
        let side = Side::of(repo.kind, &repo.repo.to_string(), text, report);
        let fields = fields::fields(repo.kind, text);
        Ok(Self {
            body,
            side: side.render().map_err(Error::internal)?,
            is_other: fields::is_other(&fields),
            fields,
            vocabularies: Vec::new(),
        })
    }

    /// For the script that keeps the editor up to date while somebody types.
    pub(super) fn as_json(&self, text: &str, problem: Option<&str>) -> Response {
        let fields = self.fields.iter().map(|field| (field.name.to_owned(), json!(field.value)));
        let fields: Map<String, Value> = fields.collect();
        Json(json!({
            "text": text,
            "html": self.body.html,
            "side": self.side,
            "fields": fields,
            "other": self.is_other,
            "problem": problem,
        }))
        .into_response()
    }
}

impl Side {
    fn of(kind: RepoKind, id: &str, text: &str, report: CardReport) -> Self {
        let checked = validate_repo(kind, Some(id), text);
        let errors = checked.errors.into_iter().map(|issue| ("bad", issue));
        let warnings = checked.warnings.into_iter().map(|issue| ("mind", issue));
        let note = |(tone, issue): (&'static str, steelyard_card::Issue)| {
            let (said, list) = nearest::shorter(&issue.message, text);
            Note { tone, text: said, line: issue.line, list }
        };
        let missing = report.sections.iter().filter(|one| one.state != SectionState::Present);
        Self {
            notes: errors.chain(warnings).map(note).collect(),
            score: report.score,
            missing: missing.map(|section| section.title).collect(),
            fixes: report.fixes,
        }
    }
}

/// The text with one fix of the report made.
pub(super) async fn mend(visit: &Visit, ground: &Ground, text: &str, id: &str) -> Result<String> {
    let report = visit.hub.draft_report(&visit.actor, &ground.snapshot, text).await?;
    // Gone since: it was made already, or the text has changed.
    let Some(fix) = report.fixes.into_iter().find(|fix| fix.id == id) else {
        return Ok(text.to_owned());
    };
    let unfit = |error: patch::PatchError| Error::invalid("README.md", error.to_string());
    let mut text = patch::set(text, &fix.key, &fix.value).map_err(unfit)?;
    for (key, value) in &fix.also {
        text = patch::set(&text, key, value).map_err(unfit)?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_adds_what_is_missing_and_takes_nothing() {
        let model = |text: &str| complete(RepoKind::Model, "x", text);
        let text = "---\nlicense: mit\n---\n# Old\n\nWords.\n\n## Usage\n\n```\n## Citation\n```\n\n## Training data\nx\n";
        let made = model(text);
        assert!(made.starts_with(text) && made.matches("---").count() == 2, "{made}");
        assert!(!made.contains("# x") && !made.contains("## How to use"), "{made}");
        assert_eq!(made.matches("## Training data").count(), 1, "{made}");
        assert!(
            made.contains("\n\n## Intended use\n\n<!--")
                && made.contains("\n## Training procedure")
        );
        // What stands in code is no heading.
        assert_eq!(made.matches("## Citation").count(), 2, "{made}");
        assert_eq!(model(&made), made);
    }

    #[test]
    fn the_template_leaves_the_metadata() {
        let template = template(RepoKind::Model, "x");
        for empty in ["", "\n", "\u{feff}"] {
            assert_eq!(complete(RepoKind::Model, "x", empty), template);
        }
        let bare = complete(RepoKind::Model, "x", "---\nlicense: mit\n---\n");
        assert!(bare.starts_with("---\nlicense: mit\n---\n") && bare.contains("# x\n"), "{bare}");
        let none = complete(RepoKind::Model, "x", "# Old");
        assert!(none.starts_with("---\nlicense:\ntags: []\n---\n\n# Old\n\n## "), "{none}");
        let windows = complete(RepoKind::Model, "x", "---\r\nlicense: mit\r\n---\r\nOld");
        assert!(windows.starts_with("---\r\nlicense: mit\r\n---\r\nOld\n\n## "), "{windows}");
        let broken = complete(RepoKind::Model, "x", "---\nlicense: [\nOld");
        assert!(broken.starts_with("---\nlicense: [\nOld\n\n## "), "{broken}");
        assert_eq!(
            complete(RepoKind::Space, "x", "---\nsdk: static\n---\nHi\n"),
            "---\nsdk: static\n---\nHi\n"
        );
    }

    #[test]
    fn a_template_may_be_committed_as_it_is() {
        for kind in RepoKind::ALL {
            let text = template(kind, "x");
            let report = validate_repo(kind, Some("a/x"), &text);
            assert!(report.is_valid(), "{kind}: {}", report.to_text());
            assert!(text.contains("# x\n") && !fields::fields(kind, &text).is_empty(), "{kind}");
        }
    }
}
