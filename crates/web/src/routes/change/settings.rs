//! Settings of a repository: who sees it, its name and owner, what it takes, and its end.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use steelyard_core::{Namespace, RepoId, RepoKind, RepoName, Visibility};
use steelyard_http::{ApiError, Target};
use steelyard_service::repos::{Gating, RepoRow, UpdateSettings};
use steelyard_service::{Action, Error, Result};

use crate::frame::{Frame, Visit};
use crate::routes::account::Outcome;
use crate::routes::repo::Head;
use crate::submission::Submission;
use crate::{format, links, respond};

/// Large files that are shown, those first that take most.
const FILES: usize = 12;
/// Models made from this one that are named where it can be deleted.
const CHILDREN: usize = 10;

struct FileLine {
    path: String,
    size: String,
    stored: String,
    freed: String,
    refs: u64,
}

struct Storage {
    logical: String,
    unique: String,
    shared: String,
    count: usize,
    files: Vec<FileLine>,
}

#[derive(Template)]
#[template(path = "change/settings.html")]
struct SettingsPage {
    frame: Frame,
    head: Head,
    csrf: String,
    outcome: Outcome,
    owners: Vec<String>,
    owner: String,
    name: String,
    storage: Storage,
    /// Models that were made from it, with their addresses, and how many more.
    children: Vec<(String, String)>,
    more_children: i64,
}

const DONE: &[(&str, &str)] = &[
    ("access", "Saved."),
    ("moved", "The repository has its new name; the old one leads here until somebody takes it."),
];

pub(super) async fn page(visit: Visit, target: Target) -> Result<Response, ApiError> {
    let outcome = Outcome::done(visit.params.get("done"), DONE);
    Ok(show(&visit, &target, StatusCode::OK, outcome).await?)
}

async fn show(
    visit: &Visit,
    target: &Target,
    status: StatusCode,
    outcome: Outcome,
) -> Result<Response> {
    let row = visit.hub.repo(&visit.actor, target.kind, &target.id, Action::AdministerRepo).await?;
    let owner = row.repo.namespace.to_string();
    let accounts = visit.hub.list_namespaces_for_new_repo(&visit.actor).await?;
    let mut owners: Vec<String> = accounts.into_iter().map(|account| account.name).collect();
    if !owners.contains(&owner) {
        owners.insert(0, owner.clone());
    }
    let (children, more_children) = children(visit, &row).await?;
    let page = SettingsPage {
        children,
        more_children,
        frame: visit.frame.clone().section(target.kind.plural()),
        csrf: visit.csrf(),
        outcome,
        owners,
        owner,
        name: row.repo.name.to_string(),
        storage: storage(visit, &row).await?,
        head: Head::of(visit, &row, "main", "settings").await?,
    };
    respond::form(status, &page)
}

/// Models that were made from this one, as far as the reader may know of them.
async fn children(visit: &Visit, row: &RepoRow) -> Result<(Vec<(String, String)>, i64)> {
    if row.kind != RepoKind::Model {
        return Ok((Vec::new(), 0));
    }
    let count = visit.hub.count_children(&visit.actor, &row.repo).await?.total();
    if count == 0 {
        return Ok((Vec::new(), 0));
    }
    let (found, _) = visit.hub.list_children(&visit.actor, &row.repo, None, 0).await?;
    let named = found
        .into_iter()
        .take(CHILDREN)
        .map(|child| (child.row.repo.to_string(), links::repo(RepoKind::Model, &child.row.repo)));
    let named: Vec<_> = named.collect();
    let more = count.saturating_sub(i64::try_from(named.len()).unwrap_or(count));
    Ok((named, more))
}

async fn storage(visit: &Visit, row: &RepoRow) -> Result<Storage> {
    let usage = visit.hub.repo_usage(row.kind, &row.repo).await?;
    let count = usage.files.len();
    let line = |file: steelyard_service::xet::FileUsage| FileLine {
        path: file.path.unwrap_or_else(|| file.sha256.to_string()),
        size: format::bytes(file.size),
        stored: format::bytes(file.stored_bytes),
        freed: format::bytes(file.freed_bytes),
        refs: file.ref_count,
    };
    Ok(Storage {
        logical: format::bytes(usage.logical_bytes),
        unique: format::bytes(usage.unique_bytes),
        shared: format::bytes(usage.shared_bytes),
        count,
        files: usage.files.into_iter().take(FILES).map(line).collect(),
    })
}

pub(super) async fn change(target: Target, sent: Submission) -> Result<Response, ApiError> {
    let done = match sent.get("action") {
        "access" => set_access(&target, &sent).await,
        "move" => rename(&target, &sent).await,
        "delete" => delete(&target, &sent).await,
        _ => Err(Error::invalid("action", "must be access, move or delete")),
    };
    match done {
        Ok(address) => Ok(respond::see_other(&address)),
        Err(error) => {
            let (status, outcome) = Outcome::of(error)?;
            Ok(show(&sent.visit, &target, status, outcome).await?)
        }
    }
}

fn address(target: &Target, id: &RepoId, done: &str) -> String {
    format!("{}/settings?done={done}", links::repo(target.kind, id))
}

async fn set_access(target: &Target, sent: &Submission) -> Result<String> {
    let visit = &sent.visit;
    visit.hub.repo(&visit.actor, target.kind, &target.id, Action::AdministerRepo).await?;
    let gating = match sent.get("gated") {
        "" => Gating::Open,
        "auto" => Gating::Auto,
        "manual" => Gating::Manual,
        _ => return Err(Error::invalid("gated", "must be auto, manual or nothing")),
    };
    let wanted = UpdateSettings {
        visibility: Some(Visibility::parse(sent.get("visibility"))?),
        gating: Some(gating),
        protected_branches: None,
    };
    visit.hub.update_settings(&visit.actor, target.kind, &target.id, wanted).await?;
    Ok(address(target, &target.id, "access"))
}

async fn rename(target: &Target, sent: &Submission) -> Result<String> {
    let owner = Namespace::parse(sent.get("owner"))?;
    let to = RepoId::new(owner, RepoName::parse(sent.get("name").trim())?);
    let visit = &sent.visit;
    match visit.hub.move_repo(&visit.actor, target.kind, &target.id, &to).await {
        // Sent twice: it is there already.
        Err(Error::Moved { to: now, .. }) if now == to => {}
        other => other?,
    }
    Ok(address(target, &to, "moved"))
}

async fn delete(target: &Target, sent: &Submission) -> Result<String> {
    let visit = &sent.visit;
    let row = visit.hub.repo(&visit.actor, target.kind, &target.id, Action::AdministerRepo).await?;
    let name = row.repo.to_string();
    if sent.get("confirm").trim() != name {
        return Err(Error::invalid(
            "name",
            format!("must be typed as it is, {name}, so that nothing is deleted by chance"),
        ));
    }
    let (children, _) = children(visit, &row).await?;
    if let Some((first, _)) = children.first()
        && sent.get("despite") != "children"
    {
        let rule = format!(
            "is not enough: models were made from it, {first} for one; say that it shall go all the same"
        );
        return Err(Error::invalid("name", rule));
    }
    visit.hub.delete_repo(&visit.actor, target.kind, &target.id).await?;
    Ok(format!("/{}", row.repo.namespace))
}
