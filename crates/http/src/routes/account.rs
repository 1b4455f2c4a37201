//! Who am I; may I read or write; and the probes clients send by themselves.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{any, get};
use steelyard_core::RepoKind;
use steelyard_service::{Action, Hub};

use crate::extract::{Caller, Target};
use crate::wire::account::WhoAmIResponse;
use crate::{Access, ApiError, Route};

pub(super) fn add(table: &mut Vec<Route>) {
    table.push(Route::new(&["GET"], "/api/whoami-v2", Access::User, get(who_am_i)));
    table.push(Route::new(&["HEAD", "GET", "POST"], "/api/telemetry/{*topic}", Access::Anyone, any(telemetry)));
    for kind in RepoKind::ALL {
        let base = format!("/api/{}/{{ns}}/{{name}}/auth-check", kind.plural());
        table.push(Route::new(&["GET"], base.clone(), Access::Repo(Action::ReadContent), get(check_read)));
        let write = format!("{base}/write");
        table.push(Route::new(&["GET"], write, Access::Repo(Action::WriteContent), get(check_write)));
    }
}

async fn who_am_i(State(hub): State<Hub>, Caller(actor): Caller) -> Result<Json<WhoAmIResponse>, ApiError> {
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
