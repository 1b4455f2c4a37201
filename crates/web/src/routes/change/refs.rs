//! Branches and tags.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use steelyard_core::Revision;
use steelyard_http::{ApiError, Target};
use steelyard_service::refs::{RefList, list_protected};
use steelyard_service::{Action, Error, Missing, Result};

use crate::frame::{Frame, Visit};
use crate::routes::account::Outcome;
use crate::routes::repo::Head;
use crate::submission::Submission;
use crate::{links, respond};

/// Refs of one kind that are listed.
const REFS: usize = 500;

struct Line {
    name: String,
    href: String,
    commit: String,
    short: String,
    is_default: bool,
    is_protected: bool,
    /// Where one is asked whether it is to be deleted.
    delete: String,
}

#[derive(Template)]
#[template(path = "change/refs.html")]
struct RefsPage {
    frame: Frame,
    head: Head,
    csrf: String,
    outcome: Outcome,
    branches: Vec<Line>,
    tags: Vec<Line>,
    is_cut: bool,
    /// `branch` or `tag`, and the name of the one to be deleted, which is asked first.
    doomed: Option<(&'static str, String)>,
    /// What was asked for, to be shown again.
    name: String,
    from: String,
    is_tag: bool,
}

const DONE: &[(&str, &str)] = &[
    ("branch", "The branch is there."),
    ("tag", "The tag is there."),
    ("deleted", "It is deleted."),
    ("protected", "The branch is protected: nothing takes history away from it."),
    ("open", "The branch is no longer protected."),
];

pub(super) async fn page(visit: Visit, target: Target) -> Result<Response, ApiError> {
    let outcome = Outcome::done(visit.params.get("done"), DONE);
    let from = visit.params.get("from").unwrap_or("main").chars().take(255).collect();
    Ok(show(&visit, &target, StatusCode::OK, outcome, (String::new(), from, false)).await?)
}

async fn show(
    visit: &Visit,
    target: &Target,
    status: StatusCode,
    outcome: Outcome,
    (name, from, is_tag): (String, String, bool),
) -> Result<Response> {
    let (hub, actor, kind, id) = (&visit.hub, &visit.actor, target.kind, &target.id);
    let row = hub.repo(actor, kind, id, Action::WriteContent).await?;
    let list = hub.list_refs(actor, kind, id).await?;
    let default = hub.head(row.clone()).await?.map(|head| head.default_branch);
    let protected = list_protected(&row);
    let base = links::repo(kind, &row.repo);
    let line = |(name, _, commit): &(String, String, steelyard_core::Oid)| Line {
        href: links::at(&base, "tree", name, ""),
        commit: format!("{base}/commit/{commit}"),
        short: commit.to_string().chars().take(8).collect(),
        is_default: default.as_deref() == Some(name.as_str()),
        is_protected: protected.contains(name),
        delete: deletion(&base, "branch", name),
        name: name.clone(),
    };
    let tag = |tag: &(String, String, steelyard_core::Oid)| Line {
        is_default: false,
        is_protected: false,
        delete: deletion(&base, "tag", &tag.0),
        ..line(tag)
    };
    let page = RefsPage {
        frame: visit.frame.clone().section(kind.plural()),
        head: Head::of(visit, &row, "main", "settings").await?,
        csrf: visit.csrf(),
        outcome,
        branches: list.branches.iter().take(REFS).map(line).collect(),
        tags: list.tags.iter().take(REFS).map(tag).collect(),
        doomed: doomed(visit, &list),
        is_cut: list.branches.len() > REFS || list.tags.len() > REFS,
        name,
        from,
        is_tag,
    };
    respond::form(status, &page)
}

fn deletion(base: &str, what: &str, name: &str) -> String {
    format!("{base}/refs{}", links::query(&[("delete", what), ("name", name)]))
}

/// What the address says is to be deleted, if it is there.
fn doomed(visit: &Visit, list: &RefList) -> Option<(&'static str, String)> {
    let (what, group) = match visit.params.get("delete")? {
        "branch" => ("branch", &list.branches),
        "tag" => ("tag", &list.tags),
        _ => return None,
    };
    let wanted = visit.params.get("name")?;
    let found = group.iter().find(|(name, _, _)| name == wanted)?;
    Some((what, found.0.clone()))
}

pub(super) async fn change(target: Target, sent: Submission) -> Result<Response, ApiError> {
    let (name, from) = (sent.get("name").trim().to_owned(), sent.get("from").trim().to_owned());
    let done = match sent.get("action") {
        "branch" => create(&target, &sent, &name, &from, false).await,
        "tag" => create(&target, &sent, &name, &from, true).await,
        "delete-branch" => delete(&target, &sent, &name, false).await,
        "delete-tag" => delete(&target, &sent, &name, true).await,
        "protect" => protect(&target, &sent, &name, true).await,
        "open" => protect(&target, &sent, &name, false).await,
        _ => Err(Error::invalid("action", "must be one of this page's")),
    };
    match done {
        Ok(key) => {
            let base = links::repo(target.kind, &target.id);
            Ok(respond::see_other(&format!("{base}/refs?done={key}")))
        }
        Err(error) => {
            let (status, outcome) = match error {
                // That a branch is protected, or the default one, is told beside the list.
                Error::Forbidden(words) => (StatusCode::FORBIDDEN, Outcome::problem(&words)),
                Error::NotFound(Missing::Revision(_)) => {
                    let words = format!("There is no revision {from}.");
                    (StatusCode::NOT_FOUND, Outcome::problem(&words))
                }
                error => Outcome::of(error)?,
            };
            let again = (name, from, sent.get("action") == "tag");
            Ok(show(&sent.visit, &target, status, outcome, again).await?)
        }
    }
}

async fn create(
    target: &Target,
    sent: &Submission,
    name: &str,
    from: &str,
    is_tag: bool,
) -> Result<&'static str> {
    let (hub, actor, kind, id) = (&sent.visit.hub, &sent.visit.actor, target.kind, &target.id);
    hub.repo(actor, kind, id, Action::WriteContent).await?;
    let start = Revision::parse(from)?;
    let made = match is_tag {
        true => hub.create_tag(actor, kind, id, &start, name, Some(sent.get("message"))).await,
        false => hub.create_branch(actor, kind, id, name, Some(&start)).await,
    };
    if let Err(error @ Error::Conflict { .. }) = made {
        // Sent twice, it is there and points to the same commit.
        let commit = hub.snapshot(actor, kind, id, &start, Action::WriteContent).await?.commit;
        let list = hub.list_refs(actor, kind, id).await?;
        let group = if is_tag { list.tags } else { list.branches };
        if !group.iter().any(|(known, _, at)| known == name && *at == commit) {
            return Err(error);
        }
    } else {
        made?;
    }
    Ok(if is_tag { "tag" } else { "branch" })
}

async fn delete(
    target: &Target,
    sent: &Submission,
    name: &str,
    is_tag: bool,
) -> Result<&'static str> {
    let (hub, actor) = (&sent.visit.hub, &sent.visit.actor);
    let gone = match is_tag {
        true => hub.delete_tag(actor, target.kind, &target.id, name).await,
        false => hub.delete_branch(actor, target.kind, &target.id, name).await,
    };
    match gone {
        // Sent twice.
        Err(Error::NotFound(Missing::Revision(_))) | Ok(()) => Ok("deleted"),
        Err(error) => Err(error),
    }
}

async fn protect(
    target: &Target,
    sent: &Submission,
    name: &str,
    is_protected: bool,
) -> Result<&'static str> {
    let visit = &sent.visit;
    visit.hub.set_protection(&visit.actor, target.kind, &target.id, name, is_protected).await?;
    Ok(if is_protected { "protected" } else { "open" })
}
