//! Routes as data: each one says who may use it, so that a test can ask every single one.

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::MethodRouter;
use steelyard_service::{Action, Error, Hub};

use crate::{ApiError, middleware, routes};

/// What a route asks of its caller; the handler enforces it through `steelyard-service`, a test checks that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody; the answer does not depend on a repository.
    Anyone,
    /// Any user with a valid token.
    User,
    /// Whoever may do this with the repository named in the path.
    Repo(Action),
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
    handler: MethodRouter<Hub>,
}

impl Route {
    /// Declares a route.
    pub fn new(
        methods: &'static [&'static str],
        path: impl Into<String>,
        access: Access,
        handler: MethodRouter<Hub>,
    ) -> Self {
        Self { path: path.into(), methods, access, handler }
    }
}

/// The whole hub as one service.
pub fn build_router(hub: Hub) -> Router {
    let mut router = Router::new();
    for route in routes::table() {
        router = router.route(&route.path, route.handler);
    }
    router
        .fallback(unknown)
        .layer(axum::middleware::from_fn(middleware::follow_moves))
        .layer(axum::middleware::from_fn_with_state(hub.clone(), middleware::identify))
        .with_state(hub)
}

/// A path this hub does not have. Clients probe a few; a JSON body keeps their parsers calm.
async fn unknown(uri: axum::http::Uri) -> impl IntoResponse {
    if uri.path().starts_with("/api/") {
        let text = format!("this hub has no route {}", uri.path());
        return (StatusCode::NOT_FOUND, axum::Json(serde_json::json!({"error": text}))).into_response();
    }
    ApiError::from(Error::NotFound(steelyard_service::Missing::Other("page"))).into_response()
}
