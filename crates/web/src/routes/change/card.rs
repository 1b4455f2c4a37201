//! Beside a card that is being written: how it will look, what is wrong with it, and what would mend it.

use askama::Template;
use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use steelyard_card::report::{CardReport, Fix, SectionState};
use steelyard_card::{front_matter, patch, validate_repo};
use steelyard_core::RepoKind;
use steelyard_service::{Error, Result};

use super::fields::{self, Field, Words};
use super::ground::Ground;
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
    pub(super) vocabularies: Vec<Words>,
}

/// Whether a path is the card of its repository.
pub(super) fn is_card(path: &str) -> bool {
    path == "README.md"
}

/// The template under the metadata that a card has already; with its own where there is none.
pub(super) fn begin_anew(kind: RepoKind, name: &str, text: &str) -> String {
    let template = template(kind, name);
    let metadata = &text[..text.len() - front_matter::body(text).len()];
    if metadata.trim_start_matches('\u{feff}').is_empty() {
        return template;
    }
    format!("{metadata}{}", front_matter::body(&template))
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
        Ok(Self {
            body,
            side: side.render().map_err(Error::internal)?,
            fields: fields::fields(repo.kind, text),
            vocabularies: fields::vocabularies(repo.kind),
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
        let note = |(tone, issue): (&'static str, steelyard_card::Issue)| Note {
            tone,
            text: issue.message,
            line: issue.line,
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
    fn a_template_leaves_the_metadata() {
        let text = begin_anew(RepoKind::Model, "x", "---\nlicense: mit\n---\n# Old\n");
        assert!(text.starts_with("---\nlicense: mit\n---\n"), "{text}");
        assert!(text.contains("# x\n\n") && text.contains("## Intended use"), "{text}");
        assert!(!text.contains("Old") && text.matches("---").count() == 2, "{text}");
        assert_eq!(begin_anew(RepoKind::Model, "x", "# Old"), template(RepoKind::Model, "x"));
        let windows = begin_anew(RepoKind::Model, "x", "---\r\nlicense: mit\r\n---\r\nOld");
        assert!(windows.starts_with("---\r\nlicense: mit\r\n---\r\n"), "{windows}");
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
