//! Routes as data: each one says what it does and who may use it, so that a test can ask every single one and
//! [`crate::openapi`] can tell about every single one.

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use schemars::JsonSchema;
use steelyard_service::xet::XetScope;
use steelyard_service::{Action, Error, Hub};

use crate::openapi::{Carried, Parameter};
use crate::{ApiError, middleware, routes};

/// What a route asks of its caller; the handler enforces it through `steelyard-service`, a test checks that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody; the answer does not depend on a repository.
    Anyone,
    /// Any user with a valid token.
    User,
    /// A user who signed in with a browser.
    Session,
    /// Administrators of the hub.
    Admin,
    /// Whoever may do this with the repository named in the path.
    Repo(Action),
    /// Whoever holds a token of the content store for this; what it names must be the token's repository's.
    Xet(XetScope),
    /// Whoever holds a URL that this hub signed.
    Signed,
}

/// One route.
pub struct Route {
    /// axum's path template.
    pub path: String,
    /// The methods it answers, in upper case.
    pub methods: &'static [&'static str],
    /// Who may use it.
    pub access: Access,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// The part of the interface it belongs to, one of [`routes::TAGS`].
    pub tag: &'static str,
    /// What `{*rest}` at the end of the path stands for.
    pub(crate) rest: Option<&'static str>,
    pub(crate) query: &'static [Parameter],
    pub(crate) takes: Option<Carried>,
    pub(crate) gives: Option<Carried>,
    pub(crate) fails: &'static [u16],
    handler: MethodRouter<Hub>,
}

impl Route {
    /// Declares a route.
    pub fn new(
        methods: &'static [&'static str],
        path: impl Into<String>,
        access: Access,
        summary: &'static str,
        handler: MethodRouter<Hub>,
    ) -> Self {
        let path = path.into();
        Self {
            path,
            methods,
            access,
            summary,
            tag: "",
            rest: None,
            query: &[],
            takes: None,
            gives: None,
            fails: &[],
            handler,
        }
    }

    /// What `{*rest}` at the end of the path stands for, such as `{revision}/{path}`.
    pub(crate) fn rest(self, template: &'static str) -> Self {
        Self { rest: Some(template), ..self }
    }

    /// The parameters it reads from the query string.
    pub(crate) fn query(self, query: &'static [Parameter]) -> Self {
        Self { query, ..self }
    }

    /// Its request body is this, as JSON.
    pub(crate) fn takes<T: JsonSchema>(self) -> Self {
        self.takes_as::<T>("application/json")
    }

    /// Its request body is this, as another media type.
    pub(crate) fn takes_as<T: JsonSchema>(self, media_type: &'static str) -> Self {
        Self { takes: Some(Carried::schema::<T>(media_type)), ..self }
    }

    /// Its answer is this, as JSON.
    pub(crate) fn gives<T: JsonSchema>(self) -> Self {
        self.gives_as::<T>("application/json")
    }

    /// Its answer is this, as another media type.
    pub(crate) fn gives_as<T: JsonSchema>(self, media_type: &'static str) -> Self {
        Self { gives: Some(Carried::schema::<T>(media_type)), ..self }
    }

    /// Its request body and its answer are bytes.
    pub(crate) fn carries(self, takes: Option<&'static str>, gives: Option<&'static str>) -> Self {
        Self { takes: takes.map(Carried::bytes), gives: gives.map(Carried::bytes), ..self }
    }

    /// Statuses it answers beside those that everybody with its kind of access meets.
    pub(crate) fn fails(self, fails: &'static [u16]) -> Self {
        Self { fails, ..self }
    }
}

/// The programs' side of the hub as one service.
pub fn build_router(hub: Hub) -> Router {
    build_router_with(hub, Vec::new())
}

/// As [`build_router`], with routes of a floor above: pages.
pub fn build_router_with(hub: Hub, pages: Vec<Route>) -> Router {
    let mut router = Router::new();
    for route in routes::table().into_iter().chain(pages) {
        router = router.route(&route.path, route.handler);
    }
    router
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(axum::middleware::from_fn(middleware::follow_moves))
        .layer(axum::middleware::from_fn_with_state(hub.clone(), middleware::identify))
        .with_state(hub)
}

/// A method that a path does not have. Clients of the content store take anything but 404 for a failure of the store.
async fn wrong_method(uri: axum::http::Uri) -> Response {
    if uri.path().starts_with(routes::XET_ROOT) {
        return unknown(uri).await.into_response();
    }
    StatusCode::METHOD_NOT_ALLOWED.into_response()
}

/// A path this hub does not have. Clients probe a few; a JSON body keeps their parsers calm.
async fn unknown(uri: axum::http::Uri) -> impl IntoResponse {
    if uri.path().starts_with("/api/") {
        let text = format!("this hub has no route {}", uri.path());
        return (StatusCode::NOT_FOUND, axum::Json(serde_json::json!({"error": text})))
            .into_response();
    }
    ApiError::from(Error::NotFound(steelyard_service::Missing::Other("page"))).into_response()
}
