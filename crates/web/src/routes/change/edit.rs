//! Writing a file in a text area: a new one, or one that is there, under its name or another.

use askama::Template;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use steelyard_core::{Oid, RepoPath};
use steelyard_http::{ApiError, Target};
use steelyard_service::commits::Operation;
use steelyard_service::revisions::{Content, Entry, EntryKind, LfsInfo, Snapshot};
use steelyard_service::{Error, Result};

use super::card::{self, Card};
use super::fields;
use super::ground::{Ground, Message};
use super::save::{Saved, parent_of};
use super::{nearest, words};
use crate::frame::{Frame, Visit};
use crate::routes::account::Outcome;
use crate::routes::repo::Head;
use crate::submission::Submission;
use crate::{links, respond};

/// Largest text that is edited in a browser. Sent by a form, each of its bytes may take three.
const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// What the editor holds.
#[derive(Default)]
struct Draft {
    /// The path it is to have.
    path: String,
    text: String,
    /// The commit it was made upon.
    parent: Option<Oid>,
    message: Message,
}

/// A file that is there.
enum Known {
    Text(String),
    Large(LfsInfo),
    /// Regular, and no text that could be edited; it can have another name.
    Other(Bytes),
}

#[derive(Template)]
#[template(path = "change/edit.html")]
struct EditPage {
    frame: Frame,
    head: Head,
    csrf: String,
    outcome: Outcome,
    /// Where the form is sent.
    action: String,
    is_new: bool,
    /// Its content can be edited.
    is_text: bool,
    /// The address of what somebody else made of it meanwhile.
    theirs: Option<String>,
    draft: Draft,
    parent: String,
    card: Option<Card>,
    may_commit: bool,
    may_propose: bool,
    delete: String,
}

struct Editor<'a> {
    visit: &'a Visit,
    ground: &'a Ground,
    is_new: bool,
    known: Option<Known>,
}

impl<'a> Editor<'a> {
    fn of(visit: &'a Visit, ground: &'a Ground, target: &Target, at: &Snapshot) -> Result<Self> {
        let is_new = target.verb() == "new";
        let found = at.find_entry(&ground.path)?;
        let known = match found.filter(|_| !is_new) {
            Some(entry) => Some(known(at, &entry)?),
            // The card can be written where there is none.
            None if is_new || card::is_card(&ground.path) => None,
            None => return Err(Error::no_entry(ground.path.as_str(), at.commit)),
        };
        Ok(Self { visit, ground, is_new: known.is_none(), known })
    }

    fn is_card(&self, path: &str) -> bool {
        card::is_card(path) && !matches!(self.known, Some(Known::Large(_) | Known::Other(_)))
    }

    async fn show(
        &self,
        status: StatusCode,
        outcome: Outcome,
        draft: Draft,
        theirs: Option<String>,
    ) -> Result<Response> {
        let (visit, ground) = (self.visit, self.ground);
        let repo = &ground.snapshot.repo;
        let head = Head::of(visit, repo, &ground.revision, "files").await?;
        let card = match self.is_card(&draft.path) {
            true => {
                let vocabularies = words::vocabularies(visit, repo.kind).await?;
                Some(Card { vocabularies, ..Card::of(visit, ground, &draft.text).await? })
            }
            false => None,
        };
        let verb = if self.is_new && !card::is_card(&ground.path) { "new" } else { "edit" };
        let page = EditPage {
            frame: visit.frame.clone().section(repo.kind.plural()),
            csrf: visit.csrf(),
            outcome,
            action: head.at(verb, &ground.path),
            is_new: self.is_new,
            is_text: !matches!(self.known, Some(Known::Large(_) | Known::Other(_))),
            theirs,
            parent: draft.parent.unwrap_or(ground.snapshot.commit).to_string(),
            draft,
            card,
            may_commit: ground.may_commit,
            may_propose: ground.may_propose,
            delete: head.at("delete", &ground.path),
            head,
        };
        respond::form(status, &page)
    }

    /// What the file becomes. Nothing to do is an empty list.
    fn operations(&self, draft: &Draft) -> Result<Vec<Operation>> {
        let path = RepoPath::parse(&draft.path)?;
        let old = RepoPath::parse(&self.ground.path).ok().filter(|_| self.known.is_some());
        let is_renamed = old.as_ref().is_some_and(|old| *old != path);
        let content = match &self.known {
            Some(Known::Large(lfs)) => {
                let (sha256, size) = (lfs.sha256, Some(lfs.size));
                is_renamed.then_some(Operation::LfsFile { path, sha256, size })
            }
            Some(Known::Other(bytes)) => {
                is_renamed.then(|| Operation::File { path, content: bytes.clone() })
            }
            Some(Known::Text(text)) if *text == draft.text && !is_renamed => None,
            _ => Some(Operation::File { path, content: Bytes::from(draft.text.clone()) }),
        };
        let Some(content) = content else { return Ok(Vec::new()) };
        let gone = old.filter(|_| is_renamed).map(Operation::DeleteFile);
        Ok(gone.into_iter().chain([content]).collect())
    }

    fn summary(&self, draft: &Draft) -> String {
        let (old, new) = (&self.ground.path, &draft.path);
        match &self.known {
            None => format!("Create {new}"),
            Some(_) if old != new => format!("Rename {old} to {new}"),
            Some(_) => format!("Update {new}"),
        }
    }
}

fn known(at: &Snapshot, entry: &Entry) -> Result<Known> {
    if !matches!(entry.kind, EntryKind::File { .. }) {
        return Err(Error::invalid("path", "must be a file"));
    }
    Ok(match at.content(entry)? {
        Content::Large(lfs) => Known::Large(lfs),
        Content::Regular(bytes) if bytes.len() > TEXT_BYTES_MAX => Known::Other(bytes),
        Content::Regular(bytes) => match std::str::from_utf8(&bytes) {
            Ok(text) if !text.contains('\0') => Known::Text(text.to_owned()),
            _ => Known::Other(bytes),
        },
    })
}

pub(super) async fn page(visit: Visit, target: Target) -> Result<Response, ApiError> {
    let ground = Ground::of(&visit, &target).await?;
    let editor = Editor::of(&visit, &ground, &target, &ground.snapshot)?;
    let path = match target.verb() {
        // A new file begins with the folder that the address names.
        "new" if !ground.path.is_empty() => format!("{}/", ground.path),
        _ => ground.path.clone(),
    };
    let text = match &editor.known {
        Some(Known::Text(text)) => text.clone(),
        None if card::is_card(&path) => template(&ground),
        _ => String::new(),
    };
    let message = Message { propose: !ground.may_commit, ..Message::default() };
    let draft = Draft { path, text, parent: None, message };
    Ok(editor.show(StatusCode::OK, Outcome::default(), draft, None).await?)
}

fn template(ground: &Ground) -> String {
    let repo = &ground.snapshot.repo;
    card::template(repo.kind, repo.repo.name.as_str())
}

pub(super) async fn change(
    target: Target,
    headers: HeaderMap,
    sent: Submission,
) -> Result<Response, ApiError> {
    let visit = &sent.visit;
    let ground = Ground::of(visit, &target).await?;
    let parent = parent_of(sent.get("parent"))?;
    let before = ground.at(visit, &steelyard_core::Revision::Commit(parent)).await?;
    let editor = Editor::of(visit, &ground, &target, &before)?;
    let mut draft = Draft {
        path: sent.get("path").trim().to_owned(),
        text: line_ends(sent.get("text"), &editor.known),
        parent: Some(parent),
        message: Message::of(|name| sent.get(name).to_owned()),
    };
    let problem = rewrite(&sent, &editor, &mut draft).await;
    let is_save = problem.is_ok() && !sent.is_set("fix") && sent.get("action") == "save";
    if !is_save {
        let (status, outcome) = match problem {
            Ok(()) => (StatusCode::OK, Outcome::default()),
            Err(error) => Outcome::of(error)?,
        };
        let wants_json = headers.get(header::ACCEPT).is_some_and(|it| it == "application/json");
        if wants_json && editor.is_card(&draft.path) {
            let card = Card::of(visit, &ground, &draft.text).await?;
            return Ok(card.as_json(&draft.text, outcome.problem.as_deref()));
        }
        return Ok(editor.show(status, outcome, draft, None).await?);
    }
    Ok(save(&editor, draft).await?)
}

/// What the form does to the text before it is saved or shown: its fields, a fix, the template.
async fn rewrite(sent: &Submission, editor: &Editor<'_>, draft: &mut Draft) -> Result<()> {
    if draft.text.len() > TEXT_BYTES_MAX {
        let limit = "1 MiB; upload it as a file".to_owned();
        return Err(Error::TooLarge { what: "the text".to_owned(), limit });
    }
    if !editor.is_card(&draft.path) {
        return Ok(());
    }
    let kind = editor.ground.snapshot.repo.kind;
    let text = std::mem::take(&mut draft.text);
    match fields::apply(kind, text, |name| sent.get(name).to_owned()) {
        Ok(text) => draft.text = text,
        Err((text, error)) => {
            draft.text = text;
            return Err(Error::invalid("metadata", error.to_string()));
        }
    }
    if sent.is_set("fix") {
        draft.text = card::mend(editor.visit, editor.ground, &draft.text, sent.get("fix")).await?;
    } else if sent.get("action") == "template" {
        let repo = &editor.ground.snapshot.repo;
        draft.text = card::complete(kind, repo.repo.name.as_str(), &draft.text);
    }
    Ok(())
}

async fn save(editor: &Editor<'_>, mut draft: Draft) -> Result<Response> {
    let ground = editor.ground;
    let base = links::repo(ground.snapshot.repo.kind, &ground.snapshot.repo.repo);
    let parent = draft.parent.unwrap_or(ground.snapshot.commit);
    let tried = match attempt(editor, &mut draft, parent).await {
        Ok(Some(Saved::Done(committed))) => {
            let revision = ground.after(&committed);
            return Ok(respond::see_other(&links::at(&base, "blob", &revision, &draft.path)));
        }
        Ok(None) => {
            let here = links::at(&base, "blob", &ground.revision, &draft.path);
            return Ok(respond::see_other(&here));
        }
        Ok(Some(Saved::Conflict(now))) => now,
        Err(error) => {
            let (status, mut outcome) = Outcome::of(error)?;
            outcome.problem = outcome.problem.map(|said| nearest::shorter(&said, &draft.text).0);
            return editor.show(status, outcome, draft, None).await;
        }
    };
    // What is sent again from the page of the conflict replaces what the page leads to.
    draft.parent = Some(tried.commit);
    let is_there = tried.find_entry(&draft.path)?.is_some();
    let path = if is_there { &draft.path } else { &ground.path };
    let theirs = links::at(&base, "commits", &ground.revision, path);
    editor.show(StatusCode::PRECONDITION_FAILED, Outcome::default(), draft, Some(theirs)).await
}

/// `None` where there is nothing to commit.
async fn attempt(editor: &Editor<'_>, draft: &mut Draft, parent: Oid) -> Result<Option<Saved>> {
    let (visit, ground) = (editor.visit, editor.ground);
    let mut operations = editor.operations(draft)?;
    if operations.is_empty() {
        return Ok(None);
    }
    if draft.message.summary.is_empty() {
        draft.message.summary = editor.summary(draft);
    }
    refuse_taken(editor, draft, parent).await?;
    // A text whose name belongs into LFS goes there, as it would with any client.
    if let Some(Operation::File { path, content }) = operations.pop_if(|one| is_file(one)) {
        let repo = &ground.snapshot.repo;
        let to = (ground.revision.as_str(), draft.message.propose);
        let files = vec![(path, content)];
        let of = (repo.kind, &repo.repo);
        operations.extend(visit.hub.operations_for(&visit.actor, of, to, files).await?);
    }
    ground.save(visit, &draft.message, &operations, parent).await.map(Some)
}

fn is_file(operation: &Operation) -> bool {
    matches!(operation, Operation::File { .. })
}

/// A new name must be free, where it was free before already: a form sent twice finds its own file there.
async fn refuse_taken(editor: &Editor<'_>, draft: &Draft, parent: Oid) -> Result<()> {
    let is_own = editor.known.is_some() && draft.path == editor.ground.path;
    let before = editor.ground.at(editor.visit, &steelyard_core::Revision::Commit(parent)).await?;
    if is_own || before.find_entry(&draft.path)?.is_none() {
        return Ok(());
    }
    Err(Error::conflict(format!(
        "{} is there already; edit it, or choose another name",
        draft.path
    )))
}

/// Browsers send every line end as CR LF; the file keeps its own.
fn line_ends(text: &str, known: &Option<Known>) -> String {
    let has_crlf = |text: &str| text.find('\n').is_some_and(|at| text[..at].ends_with('\r'));
    let plain = text.replace("\r\n", "\n");
    match known {
        Some(Known::Text(old)) if has_crlf(old) => plain.replace('\n', "\r\n"),
        _ => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_its_line_ends() {
        let known = |text: &str| Some(Known::Text(text.to_owned()));
        assert_eq!(line_ends("a\r\nb", &known("x\ny")), "a\nb");
        assert_eq!(line_ends("a\r\nb", &known("x\r\ny")), "a\r\nb");
        assert_eq!(line_ends("a\nb", &known("x\r\ny")), "a\r\nb");
        assert_eq!(line_ends("a\r\nb", &None), "a\nb");
    }
}
