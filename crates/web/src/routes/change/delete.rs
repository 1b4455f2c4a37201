//! Deleting a file, or a folder with everything in it.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use steelyard_core::RepoPath;
use steelyard_http::{ApiError, Target};
use steelyard_service::commits::Operation;
use steelyard_service::revisions::{EntryKind, Snapshot};
use steelyard_service::{Error, Result};

use super::ground::{Ground, Message};
use super::save::{Saved, parent_of};
use crate::frame::{Frame, Visit};
use crate::routes::account::Outcome;
use crate::routes::repo::Head;
use crate::submission::Submission;
use crate::{links, respond};

#[derive(Template)]
#[template(path = "change/delete.html")]
struct DeletePage {
    frame: Frame,
    head: Head,
    csrf: String,
    outcome: Outcome,
    path: String,
    is_folder: bool,
    parent: String,
    message: Message,
    may_commit: bool,
    may_propose: bool,
}

pub(super) async fn page(visit: Visit, target: Target) -> Result<Response, ApiError> {
    let ground = Ground::of(&visit, &target).await?;
    let message = Message { propose: !ground.may_commit, ..Message::default() };
    let outcome = Outcome::default();
    Ok(show(&visit, &ground, &ground.snapshot, StatusCode::OK, outcome, message).await?)
}

async fn show(
    visit: &Visit,
    ground: &Ground,
    at: &Snapshot,
    status: StatusCode,
    outcome: Outcome,
    message: Message,
) -> Result<Response> {
    let path = ground.path.clone();
    let entry = at.find_entry(&path)?.ok_or_else(|| Error::no_entry(path.as_str(), at.commit))?;
    let page = DeletePage {
        frame: visit.frame.clone().section(at.repo.kind.plural()),
        head: Head::of(visit, &at.repo, &ground.revision, "files").await?,
        csrf: visit.csrf(),
        outcome,
        path,
        is_folder: matches!(entry.kind, EntryKind::Directory),
        parent: at.commit.to_string(),
        message,
        may_commit: ground.may_commit,
        may_propose: ground.may_propose,
    };
    respond::form(status, &page)
}

pub(super) async fn delete(target: Target, sent: Submission) -> Result<Response, ApiError> {
    let visit = &sent.visit;
    let ground = Ground::of(visit, &target).await?;
    let parent = parent_of(sent.get("parent"))?;
    let mut message = Message::of(|name| sent.get(name).to_owned());
    if message.summary.is_empty() {
        message.summary = format!("Delete {}", ground.path);
    }
    let path = RepoPath::parse(&ground.path)?;
    let operation = match sent.get("what") {
        "folder" => Operation::DeleteFolder(path),
        _ => Operation::DeleteFile(path),
    };
    match ground.save(visit, &message, &[operation], parent).await {
        Ok(Saved::Done(committed)) => {
            let repo = &ground.snapshot.repo;
            let base = links::repo(repo.kind, &repo.repo);
            Ok(respond::see_other(&links::at(&base, "tree", &ground.after(&committed), "")))
        }
        Ok(Saved::Conflict(now)) => {
            let words = "Somebody changed it since you opened this page. Look at it again before you delete it.";
            let (status, outcome) = (StatusCode::PRECONDITION_FAILED, Outcome::problem(words));
            Ok(show(visit, &ground, &now, status, outcome, message).await?)
        }
        Err(error) => {
            let (status, outcome) = Outcome::of(error)?;
            Ok(show(visit, &ground, &ground.snapshot, status, outcome, message).await?)
        }
    }
}
