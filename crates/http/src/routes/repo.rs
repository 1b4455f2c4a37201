//! Creating, deleting, moving, configuring and duplicating repositories.

use axum::Json;
use axum::extract::State;
use axum::routing::{delete, post, put};
use serde_json::{Map, Value, json};
use steelyard_core::{Namespace, RepoId, RepoKind, RepoName, Visibility};
use steelyard_service::repos::{CreateRepo, CreatedRepo, DuplicateRepo, Gating, UpdateSettings};
use steelyard_service::{Action, Actor, Error, Hub};

use crate::extract::{Caller, Origin, Target};
use crate::reply::JsonBody;
use crate::wire::EmptyResponse;
use crate::wire::repo::{
    CreateRepoRequest, DeleteRepoRequest, DuplicateRepoRequest, MoveRepoRequest, RepoUrlResponse,
    SettingsRequest, SettingsResponse,
};
use crate::{Access, ApiError, Route};

pub(super) fn add(table: &mut Vec<Route>) {
    let user = Access::User;
    let create =
        Route::new(&["POST"], "/api/repos/create", user, "Creates a repository", post(create));
    table.push(create.takes::<CreateRepoRequest>().gives::<RepoUrlResponse>().fails(&[409, 501]));
    let drop = Route::new(
        &["DELETE"],
        "/api/repos/delete",
        user,
        "Deletes a repository",
        delete(delete_repo),
    );
    table.push(drop.takes::<DeleteRepoRequest>().gives::<EmptyResponse>());
    let rename = Route::new(
        &["POST"],
        "/api/repos/move",
        user,
        "Renames a repository or moves it",
        post(move_repo),
    );
    table.push(rename.takes::<MoveRepoRequest>().gives::<EmptyResponse>().fails(&[409, 501]));
    for kind in RepoKind::ALL {
        let base = format!("/api/{}/{{ns}}/{{name}}", kind.plural());
        let administer = Access::Repo(Action::AdministerRepo);
        let (path, summary) = (format!("{base}/settings"), "Changes visibility and gating");
        let settings = Route::new(&["PUT"], path, administer, summary, put(settings));
        table.push(settings.takes::<SettingsRequest>().gives::<SettingsResponse>().fails(&[501]));
        let copy = Access::Repo(Action::ReadContent);
        let (path, summary) =
            (format!("{base}/duplicate"), "Copies a repository without copying bytes");
        let duplicate = Route::new(&["POST"], path, copy, summary, post(duplicate));
        table.push(
            duplicate.takes::<DuplicateRepoRequest>().gives::<RepoUrlResponse>().fails(&[409]),
        );
    }
}

async fn create(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    Origin(origin): Origin,
    JsonBody(request): JsonBody<CreateRepoRequest>,
) -> Result<Json<RepoUrlResponse>, ApiError> {
    let wanted = CreateRepo {
        kind: kind_of(request.kind.as_deref())?,
        namespace: request.organization.as_deref().map(Namespace::parse).transpose()?,
        name: RepoName::parse(&request.name)?,
        visibility: visibility_of(request.visibility.as_deref(), request.private)?,
        settings: space_settings(&request)?,
    };
    let created =
        hub.create_repo(&actor, &wanted).await.map_err(|error| with_origin(error, &origin))?;
    Ok(Json(url_response(&origin, created, None)))
}

/// What a space asks for is kept with it; what this hub would have to run is refused, not dropped.
fn space_settings(request: &CreateRepoRequest) -> Result<Value, Error> {
    let refused = [
        ("template", request.template.is_some()),
        ("secrets", request.secrets.as_ref().is_some_and(|list| !list.is_empty())),
        ("variables", request.variables.as_ref().is_some_and(|list| !list.is_empty())),
        ("volumes", request.volumes.as_ref().is_some_and(|list| !list.is_empty())),
        ("hardware", request.hardware.as_ref().is_some_and(|value| !value.is_null())),
        (
            "sleepTimeSeconds",
            request.sleep_time_seconds.as_ref().is_some_and(|value| !value.is_null()),
        ),
        ("resourceGroupId", request.resource_group_id.is_some()),
        ("region", request.region.is_some()),
    ];
    if let Some((field, _)) = refused.iter().find(|(_, present)| *present) {
        return Err(Error::NotImplemented(format!(
            "this hub cannot create a repository with \"{field}\"; leave it out"
        )));
    }
    let is_space = request.kind.as_deref() == Some("space");
    let mut settings = Map::new();
    match &request.sdk {
        Some(sdk) if is_space => {
            if !["gradio", "streamlit", "docker", "static"].contains(&sdk.as_str()) {
                return Err(Error::invalid(
                    "sdk",
                    "must be one of gradio, streamlit, docker, static",
                ));
            }
            settings.insert("sdk".to_owned(), json!(sdk));
        }
        Some(_) => return Err(Error::invalid("sdk", "only spaces have one")),
        None if is_space => {
            return Err(Error::invalid(
                "sdk",
                "a space needs one of gradio, streamlit, docker, static",
            ));
        }
        None => {}
    }
    Ok(Value::Object(settings))
}

async fn delete_repo(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    JsonBody(request): JsonBody<DeleteRepoRequest>,
) -> Result<Json<Value>, ApiError> {
    let namespace = match request.organization.as_deref().or(own_name(&actor)) {
        Some(namespace) => Namespace::parse(namespace)?,
        None => return Err(Error::LoginRequired("deleting a repository".to_owned()).into()),
    };
    // Some clients send the whole id as the name.
    let name = request.name.rsplit('/').next().unwrap_or(&request.name);
    let id = RepoId::new(namespace, RepoName::parse(name)?);
    hub.delete_repo(&actor, kind_of(request.kind.as_deref())?, &id).await?;
    Ok(Json(json!({})))
}

async fn move_repo(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    JsonBody(request): JsonBody<MoveRepoRequest>,
) -> Result<Json<Value>, ApiError> {
    if request.kind.as_deref() == Some("bucket") {
        return Err(Error::NotImplemented("this hub has no buckets yet".to_owned()).into());
    }
    let kind = kind_of(request.kind.as_deref())?;
    let (from, to) = (RepoId::parse(&request.from_repo)?, RepoId::parse(&request.to_repo)?);
    hub.move_repo(&actor, kind, &from, &to).await?;
    Ok(Json(json!({})))
}

async fn settings(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
    JsonBody(request): JsonBody<SettingsRequest>,
) -> Result<Json<SettingsResponse>, ApiError> {
    // Permission first: what a stranger sends must not tell whether the repository exists.
    hub.repo(&actor, target.kind, &target.id, Action::AdministerRepo).await?;
    if let Some(field) = request.other.keys().next() {
        return Err(Error::NotImplemented(format!(
            "this hub does not have the setting \"{field}\""
        ))
        .into());
    }
    let gating = match &request.gated {
        None => None,
        Some(Value::Bool(false)) => Some(Gating::Open),
        Some(Value::String(mode)) if mode == "auto" => Some(Gating::Auto),
        Some(Value::String(mode)) if mode == "manual" => Some(Gating::Manual),
        Some(_) => {
            return Err(Error::invalid("gated", "must be \"auto\", \"manual\" or false").into());
        }
    };
    let visibility = visibility_of(request.visibility.as_deref(), request.private)?;
    let wanted =
        UpdateSettings { visibility, gating, protected_branches: request.protected_branches };
    hub.update_settings(&actor, target.kind, &target.id, wanted).await?;
    Ok(Json(SettingsResponse {
        private: visibility.map(Visibility::is_private),
        gated: request.gated,
    }))
}

async fn duplicate(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    Origin(origin): Origin,
    target: Target,
    JsonBody(request): JsonBody<DuplicateRepoRequest>,
) -> Result<Json<RepoUrlResponse>, ApiError> {
    hub.repo(&actor, target.kind, &target.id, Action::ReadContent).await?;
    let wanted = DuplicateRepo {
        kind: target.kind,
        from: target.id,
        to: RepoId::parse(&request.repository)?,
        visibility: visibility_of(request.visibility.as_deref(), request.private)?,
    };
    let created =
        hub.duplicate_repo(&actor, &wanted).await.map_err(|error| with_origin(error, &origin))?;
    Ok(Json(url_response(&origin, created, Some(false))))
}

fn kind_of(text: Option<&str>) -> Result<RepoKind, Error> {
    Ok(RepoKind::parse(text.unwrap_or("model"))?)
}

fn own_name(actor: &Actor) -> Option<&str> {
    actor.user().map(|user| user.name.as_str())
}

fn visibility_of(
    visibility: Option<&str>,
    private: Option<bool>,
) -> Result<Option<Visibility>, Error> {
    if visibility == Some("protected") {
        return Err(Error::NotImplemented(
            "this hub does not run spaces, so none can be \"protected\"".to_owned(),
        ));
    }
    let old = private.map(|private| if private { Visibility::Private } else { Visibility::Public });
    Ok(visibility.map(Visibility::parse).transpose()?.or(old))
}

fn url_response(
    origin: &str,
    created: CreatedRepo,
    files_copy_pending: Option<bool>,
) -> RepoUrlResponse {
    RepoUrlResponse {
        url: format!("{origin}/{}{}", created.kind.url_prefix(), created.repo),
        name: created.repo.to_string(),
        id: created.public_id,
        files_copy_pending,
    }
}

/// `create_repo(exist_ok=True)` reads the address of the existing repository from the body of the 409.
fn with_origin(error: Error, origin: &str) -> ApiError {
    ApiError::at(error, origin)
}
