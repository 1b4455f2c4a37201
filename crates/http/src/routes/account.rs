//! Who am I; may I read or write; and the probes clients send by themselves.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{any, get};
use steelyard_core::RepoKind;
use steelyard_service::{Action, Hub};

use crate::extract::{Caller, Target};
use crate::wire::EmptyResponse;
use crate::wire::account::WhoAmIResponse;
use crate::{Access, ApiError, Route};

pub(super) fn add(table: &mut Vec<Route>) {
    let summary = "Tells who the token belongs to";
    table.push(
        Route::new(&["GET"], "/api/whoami-v2", Access::User, summary, get(who_am_i))
            .gives::<WhoAmIResponse>(),
    );
    let (path, summary) =
        ("/api/telemetry/{*topic}", "Takes clients' usage reports and keeps nothing");
    table.push(Route::new(&["HEAD", "GET", "POST"], path, Access::Anyone, summary, any(telemetry)));
    for kind in RepoKind::ALL {
        let base = format!("/api/{}/{{ns}}/{{name}}/auth-check", kind.plural());
        let (read, write) = (Access::Repo(Action::ReadContent), Access::Repo(Action::WriteContent));
        let summary = "Succeeds if the caller may read the files";
        table.push(
            Route::new(&["GET"], base.clone(), read, summary, get(check_read))
                .gives::<EmptyResponse>(),
        );
        let (path, summary) = (format!("{base}/write"), "Succeeds if the caller may write");
        table.push(
            Route::new(&["GET"], path, write, summary, get(check_write)).gives::<EmptyResponse>(),
        );
    }
}

async fn who_am_i(
    State(hub): State<Hub>,
    Caller(actor): Caller,
) -> Result<Json<WhoAmIResponse>, ApiError> {
    Ok(Json(hub.who_am_i(&actor).await?.into()))
}

/// huggingface_hub reports usage here and ignores the answer. Nothing is kept.
async fn telemetry() -> StatusCode {
    StatusCode::NO_CONTENT
}

async fn check_read(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
) -> Result<Json<serde_json::Value>, ApiError> {
    hub.repo(&actor, target.kind, &target.id, Action::ReadContent).await?;
    Ok(Json(serde_json::json!({})))
}

async fn check_write(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
) -> Result<Json<serde_json::Value>, ApiError> {
    hub.repo(&actor, target.kind, &target.id, Action::WriteContent).await?;
    Ok(Json(serde_json::json!({})))
}
