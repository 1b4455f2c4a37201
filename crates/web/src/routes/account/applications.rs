//! Apps: what the user allowed, and what they registered.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use steelyard_http::ApiError;
use steelyard_service::oauth::{NewApp, RegisteredApp, Scopes};
use steelyard_service::{Error, Result};

use super::Outcome;
use crate::frame::{Frame, Visit};
use crate::submission::Submission;
use crate::{format, respond};

struct Allowed {
    id: String,
    app: String,
    words: String,
    address: String,
    since: String,
}

struct Own {
    client_id: String,
    name: String,
    is_public: bool,
    redirects: Vec<String>,
    created: String,
}

struct Fresh {
    client_id: String,
    secret: Option<String>,
}

#[derive(Template)]
#[template(path = "account/applications.html")]
struct ApplicationsPage {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    outcome: Outcome,
    origin: String,
    allowed: Vec<Allowed>,
    own: Vec<Own>,
    /// The new app, whose secret is shown only now.
    fresh: Option<Fresh>,
    typed: NewApp,
}

const DONE: &[(&str, &str)] = &[
    ("revoked", "What the app held is good for nothing now."),
    ("deleted", "The app is deleted, and what it held with it."),
];

pub(in crate::routes) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let outcome = Outcome::done(visit.params.get("done"), DONE);
    Ok(show(&visit, StatusCode::OK, outcome, None, NewApp::default()).await?)
}

async fn show(
    visit: &Visit,
    status: StatusCode,
    outcome: Outcome,
    fresh: Option<RegisteredApp>,
    typed: NewApp,
) -> Result<Response> {
    let now = visit.hub.now();
    let grants = visit.hub.list_own_grants(&visit.actor).await?.into_iter();
    let allowed = grants.map(|row| Allowed {
        id: row.public_id,
        app: row.app_name,
        words: Scopes::parse(&row.scope)
            .map(|scopes| scopes.words().join("; "))
            .unwrap_or_default(),
        address: row.address,
        since: format::ago(row.created_at, now),
    });
    let own = visit.hub.list_own_apps(&visit.actor).await?.into_iter().map(|row| Own {
        client_id: row.client_id,
        name: row.name,
        is_public: row.secret_hash.is_none(),
        redirects: row.redirect_uris,
        created: format::date(row.created_at),
    });
    let page = ApplicationsPage {
        frame: visit.frame.clone(),
        tab: "applications",
        csrf: visit.csrf(),
        outcome,
        origin: visit.origin.clone(),
        allowed: allowed.collect(),
        own: own.collect(),
        fresh: fresh.map(|app| Fresh {
            client_id: app.client_id,
            secret: app.secret.map(|secret| secret.expose().to_owned()),
        }),
        typed,
    };
    respond::form(status, &page)
}

pub(in crate::routes) async fn change(sent: Submission) -> Result<Response, ApiError> {
    let visit = &sent.visit;
    let (hub, actor) = (&visit.hub, &visit.actor);
    hub.own_account(actor).await?;
    let done = match sent.get("action") {
        "revoke" => hub.revoke_own_grant(actor, sent.get("id")).await.map(|()| "revoked")?,
        "delete" => hub.delete_own_app(actor, sent.get("id")).await.map(|()| "deleted")?,
        "register" => return Ok(register(&sent).await?),
        _ => return Err(Error::invalid("action", "must be register, delete or revoke").into()),
    };
    Ok(respond::see_other(&format!("/settings/applications?done={done}")))
}

async fn register(sent: &Submission) -> Result<Response> {
    let visit = &sent.visit;
    let wanted = NewApp {
        name: sent.get("name").to_owned(),
        website: sent.get("website").to_owned(),
        redirect_uris: sent.get("redirect_uris").to_owned(),
        is_public: sent.is_set("is_public"),
    };
    match visit.hub.register_app(&visit.actor, &wanted).await {
        Ok(app) => {
            let none = NewApp::default();
            show(visit, StatusCode::OK, Outcome::default(), Some(app), none).await
        }
        Err(error) => {
            let (status, outcome) = Outcome::of(error)?;
            show(visit, status, outcome, None, wanted).await
        }
    }
}
