//! A new repository.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use steelyard_card::{patch, vocab};
use steelyard_core::{Namespace, RepoKind, RepoName, Visibility};
use steelyard_http::ApiError;
use steelyard_service::repos::CreateRepo;
use steelyard_service::{Action, Error, Result};

use super::{MADE, made_at};
use crate::frame::{Frame, Visit};
use crate::routes::account::Outcome;
use crate::submission::Submission;
use crate::{links, respond};

/// What a Space can be built with.
const SDKS: [&str; 4] = ["gradio", "streamlit", "docker", "static"];
/// Who made a repository of that name so recently has sent the form twice, in seconds.
const TWICE_SECS: i64 = 60;

/// What was asked for, to be shown again.
#[derive(Debug, Clone, Default)]
struct Wanted {
    owner: String,
    name: String,
    /// `public`, `private`, or nothing: the owner's default.
    visibility: String,
    license: String,
    sdk: String,
    /// Begin with a card.
    card: bool,
}

impl Wanted {
    fn is_built_with(&self, sdk: &str) -> bool {
        self.sdk == sdk
    }
}

/// Somebody who may own it.
struct Owner {
    name: String,
    default: &'static str,
}

#[derive(Template)]
#[template(path = "change/new.html")]
struct NewPage {
    frame: Frame,
    csrf: String,
    outcome: Outcome,
    kind: RepoKind,
    path: &'static str,
    kinds: Vec<(RepoKind, &'static str)>,
    owners: Vec<Owner>,
    licenses: &'static [vocab::License],
    sdks: [&'static str; 4],
    wanted: Wanted,
}

pub(super) async fn page(kind: RepoKind, visit: Visit) -> Result<Response, ApiError> {
    let owner = visit.params.get("owner").unwrap_or_default().to_owned();
    let wanted = Wanted { owner, card: true, sdk: "gradio".to_owned(), ..Wanted::default() };
    Ok(show(kind, &visit, StatusCode::OK, Outcome::default(), wanted).await?)
}

async fn show(
    kind: RepoKind,
    visit: &Visit,
    status: StatusCode,
    outcome: Outcome,
    wanted: Wanted,
) -> Result<Response> {
    let owners = visit.hub.list_namespaces_for_new_repo(&visit.actor).await?.into_iter();
    let owners =
        owners.map(|row| Owner { default: row.default_visibility.as_str(), name: row.name });
    let page = NewPage {
        frame: visit.frame.clone().section(kind.plural()),
        csrf: visit.csrf(),
        outcome,
        kind,
        path: path_of(kind),
        kinds: MADE.to_vec(),
        owners: owners.collect(),
        licenses: vocab::licenses(),
        sdks: SDKS,
        wanted,
    };
    respond::form(status, &page)
}

fn path_of(kind: RepoKind) -> &'static str {
    made_at(kind).unwrap_or("/new")
}

pub(super) async fn create(kind: RepoKind, sent: Submission) -> Result<Response, ApiError> {
    let wanted = Wanted {
        owner: sent.get("owner").to_owned(),
        name: sent.get("name").trim().to_owned(),
        visibility: sent.get("visibility").to_owned(),
        license: sent.get("license").trim().to_owned(),
        sdk: sent.get("sdk").to_owned(),
        card: sent.is_set("card"),
    };
    let error = match make(kind, &sent.visit, &wanted).await {
        Ok(address) => return Ok(respond::see_other(&address)),
        Err(error) => error,
    };
    if let Some(address) = made_already(&sent.visit, &error).await? {
        return Ok(respond::see_other(&address));
    }
    let (status, outcome) = Outcome::of(error)?;
    Ok(show(kind, &sent.visit, status, outcome, wanted).await?)
}

/// The address of the new repository.
async fn make(kind: RepoKind, visit: &Visit, wanted: &Wanted) -> Result<String> {
    let name = RepoName::parse(&wanted.name)?;
    let visibility = match wanted.visibility.as_str() {
        "" => None,
        word => Some(Visibility::parse(word)?),
    };
    let settings = match kind {
        RepoKind::Space if SDKS.contains(&wanted.sdk.as_str()) => json!({"sdk": wanted.sdk}),
        RepoKind::Space => {
            return Err(Error::invalid("sdk", format!("must be one of {}", SDKS.join(", "))));
        }
        _ => json!({}),
    };
    let readme = if wanted.card { Some(card(kind, &name, wanted)?) } else { None };
    let namespace = match wanted.owner.as_str() {
        "" => None,
        owner => Some(Namespace::parse(owner)?),
    };
    let new = CreateRepo { kind, namespace, name, visibility, settings };
    let made = visit.hub.create_repo_with(&visit.actor, &new, readme.as_deref()).await?;
    Ok(links::repo(kind, &made.repo))
}

/// The card it begins with.
fn card(kind: RepoKind, name: &RepoName, wanted: &Wanted) -> Result<String> {
    let mut text = format!("# {name}\n");
    let mut set = |key: &str, value: &str| {
        text = patch::set(&text, key, &Value::from(value)).map_err(Error::internal)?;
        Ok::<_, Error>(())
    };
    if !wanted.license.is_empty() {
        if vocab::find_license(&wanted.license).is_none() {
            return Err(Error::invalid("license", "must be one of the list"));
        }
        set("license", &wanted.license)?;
    }
    if kind == RepoKind::Space {
        set("title", name.as_str())?;
        set("sdk", &wanted.sdk)?;
    }
    Ok(text)
}

/// The repository that stands in the way, if the same person made it a moment ago: the form was sent twice.
async fn made_already(visit: &Visit, error: &Error) -> Result<Option<String>> {
    let Error::Conflict { existing: Some((kind, id)), .. } = error else { return Ok(None) };
    let Ok(row) = visit.hub.repo(&visit.actor, *kind, id, Action::ReadRepo).await else {
        return Ok(None);
    };
    let is_own = visit.actor.id() == Some(row.creator_id);
    let is_new = row.created_at >= visit.hub.now().plus_secs(-TWICE_SECS);
    Ok((is_own && is_new).then(|| links::repo(*kind, &row.repo)))
}
