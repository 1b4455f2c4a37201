//! Every route against people who may not use it: the table of routes is the list of questions.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail loudly")]

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use steelyard_core::{RepoKind, RepoName, TokenRole, Visibility};
use steelyard_http::{Access, Route, build_router, routes};
use steelyard_service::repos::CreateRepo;
use steelyard_service::xet::XetScope;
use steelyard_service::{Action, Actor, Hub};
use steelyard_testkit::{Stores, TestHub};
use tower::ServiceExt as _;

/// The end of a path template, and a body that a route with this end accepts.
const BODIES: &[(&str, &str)] = &[
    (
        "/lfs-files/duplicate",
        r#"{"target": {"type": "model", "name": "mallory/copy"}, "files": []}"#,
    ),
    ("/duplicate", r#"{"repository": "mallory/copy"}"#),
    ("/preupload/{*rest}", r#"{"files": []}"#),
    ("/commit/{*rest}", "{\"key\":\"header\",\"value\":{\"summary\":\"s\"}}"),
    ("/tag/{*rest}", r#"{"tag": "v1"}"#),
    ("/paths-info/{*rest}", "paths=a"),
    ("/objects/batch", r#"{"operation": "download", "objects": []}"#),
    ("/lfs-files/batch", r#"{"deletions": {"sha": []}}"#),
    ("/info/lfs/locks", r#"{"path": "a.bin"}"#),
    (
        "/info/lfs/verify",
        r#"{"oid": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "size": 0}"#,
    ),
    ("/xorb-grants/{prefix}/{hash}", r#"{"length": 1}"#),
    (
        "/v1/reconstructions",
        r#"[{"prefix": "default", "hash": "0101010101010101010101010101010101010101010101010101010101010101"}]"#,
    ),
    ("/v1/telemetry", "{}"),
];

/// What a template's parameters stand for; the revision and the path are real.
fn path_of(route: &Route, repo: &str) -> String {
    let (namespace, name) = repo.split_once('/').unwrap();
    let rest = if route.path.contains("/resolve/") || route.path.contains("/raw/") {
        "main/.gitattributes"
    } else {
        "main"
    };
    let path =
        route.path.replace("{ns}", namespace).replace("{name}", name).replace("{*rest}", rest);
    let path = path.replace("{id}", "018f0000-0000-7000-8000-000000000000");
    let path = path.replace("{prefix}", "default").replace("{hash}", &"01".repeat(32));
    if path == "/api/xet/v1/reconstructions" {
        return format!("{path}?file_id={}", "01".repeat(32));
    }
    if path.ends_with("/info/refs") { format!("{path}?service=git-upload-pack") } else { path }
}

async fn ask(hub: &Hub, method: &str, path: &str, template: &str, token: Option<&str>) -> Response {
    let body = BODIES.iter().find(|(end, _)| template.ends_with(end)).map_or("", |(_, body)| *body);
    let mut request = Request::builder().method(method).uri(path).header("host", "hub.test");
    request = request.header("x-range-dirty", "bytes=0-0");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    build_router(hub.clone()).oneshot(request.body(Body::from(body)).unwrap()).await.unwrap()
}

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

struct World {
    test: TestHub,
    stranger: String,
    reader: String,
    owner: String,
}

async fn world(visibility: Visibility) -> World {
    let test = TestHub::start(Stores::Embedded).await.unwrap();
    let owner = test.user("alice", TokenRole::Write).await.unwrap();
    let reader = test.user("alice", TokenRole::Read).await.unwrap();
    let stranger = test.user("mallory", TokenRole::Write).await.unwrap();
    let actor: Actor = test.hub.authenticate(&owner, "test").await.unwrap();
    for kind in RepoKind::ALL {
        let wanted = CreateRepo {
            kind,
            namespace: None,
            name: RepoName::parse("secret").unwrap(),
            visibility: Some(visibility),
            settings: serde_json::json!({}),
        };
        test.hub.create_repo(&actor, &wanted).await.unwrap();
    }
    World { test, stranger, reader, owner }
}

fn repo_routes() -> Vec<(Route, Action)> {
    let table = routes::table().into_iter();
    table
        .filter_map(|route| {
            if let Access::Repo(action) = route.access { Some((route, action)) } else { None }
        })
        .collect()
}

#[tokio::test]
async fn a_private_repository_is_to_strangers_as_if_it_were_missing() {
    let world = world(Visibility::Private).await;
    for (route, _) in repo_routes() {
        for method in route.methods {
            for (token, status) in
                [(None, StatusCode::UNAUTHORIZED), (Some(&*world.stranger), StatusCode::NOT_FOUND)]
            {
                let hidden = path_of(&route, "alice/secret");
                let missing = path_of(&route, "alice/nothing");
                let context = format!("{method} {hidden} {token:?}");
                let hidden = ask(&world.test.hub, method, &hidden, &route.path, token).await;
                let missing = ask(&world.test.hub, method, &missing, &route.path, token).await;
                assert_eq!(hidden.status(), status, "{context}");
                assert_eq!(missing.status(), status, "{context}");
                assert_eq!(hidden.headers()["x-error-code"], "RepoNotFound", "{context}");
                let (hidden, missing) = (text(hidden).await, text(missing).await);
                // An LFS error carries the request's id, which is all that may differ.
                let scrub =
                    |text: String| text.split("request_id").next().unwrap_or_default().to_owned();
                assert_eq!(scrub(hidden), scrub(missing), "{context}");
            }
        }
    }
}

#[tokio::test]
async fn writing_to_a_public_repository_needs_permission() {
    let world = world(Visibility::Public).await;
    for (route, action) in repo_routes() {
        if !matches!(action, Action::WriteContent | Action::AdministerRepo) {
            continue;
        }
        for method in route.methods {
            let path = path_of(&route, "alice/secret");
            for (token, status) in [
                (None, StatusCode::UNAUTHORIZED),
                (Some(&*world.stranger), StatusCode::FORBIDDEN),
                (Some(&*world.reader), StatusCode::FORBIDDEN),
            ] {
                let response = ask(&world.test.hub, method, &path, &route.path, token).await;
                assert_eq!(response.status(), status, "{method} {path} {token:?}");
                assert_ne!(
                    response.headers().get("x-error-code").map(|v| v.as_bytes()),
                    Some(&b"RepoNotFound"[..])
                );
            }
        }
    }
}

#[tokio::test]
async fn routes_for_users_refuse_nobody_in_particular() {
    let world = world(Visibility::Public).await;
    for route in routes::table().into_iter().filter(|route| route.access == Access::User) {
        for method in route.methods {
            let path = path_of(&route, "alice/secret");
            let body = match path.as_str() {
                "/api/repos/move" => r#"{"fromRepo": "alice/secret", "toRepo": "alice/other"}"#,
                _ => r#"{"name": "secret"}"#,
            };
            let request =
                Request::builder().method(*method).uri(&path).body(Body::from(body)).unwrap();
            let response = build_router(world.test.hub.clone()).oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
        }
    }
}

fn xet_routes() -> Vec<(Route, XetScope)> {
    let table = routes::table().into_iter();
    table
        .filter_map(
            |route| {
                if let Access::Xet(scope) = route.access { Some((route, scope)) } else { None }
            },
        )
        .collect()
}

/// A token of the content store, as a client gets it.
async fn xet_token(world: &World, route: &str, token: Option<&str>) -> String {
    let path = format!("/api/models/alice/secret/{route}");
    let response = ask(&world.test.hub, "GET", &path, "", token).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    response.headers()["x-xet-access-token"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_content_store_takes_its_own_tokens_alone() {
    let world = world(Visibility::Public).await;
    let read = xet_token(&world, "xet-read-token/main", Some(&world.owner)).await;
    let write = xet_token(&world, "xet-write-token/main", Some(&world.owner)).await;
    let unauthorized = StatusCode::UNAUTHORIZED;
    for (route, scope) in xet_routes() {
        let path = path_of(&route, "alice/secret");
        for method in route.methods {
            let ask = async |token| {
                ask(&world.test.hub, method, &path, &route.path, token).await.status()
            };
            assert_eq!(ask(None).await, unauthorized, "{method} {path}");
            assert_eq!(
                ask(Some(&*world.owner)).await,
                unauthorized,
                "{method} {path}: a hub token"
            );
            let cut = Some(&write[..write.len() - 1]);
            assert_eq!(ask(cut).await, unauthorized, "{method} {path}: half a token");
            let with_read = ask(Some(&*read)).await;
            let is_refused = with_read == StatusCode::FORBIDDEN;
            assert_eq!(is_refused, scope == XetScope::Write, "{method} {path}: {with_read}");
            let with_write = ask(Some(&*write)).await;
            assert!(
                with_write != unauthorized && with_write != StatusCode::FORBIDDEN,
                "{method} {path}: {with_write}"
            );
        }
    }
    // Nor do they count anywhere else.
    let path = "/api/models/alice/secret";
    let refused = ask(&world.test.hub, "GET", path, "", Some(&write)).await;
    assert_eq!(refused.status(), unauthorized);
}

#[tokio::test]
async fn tokens_of_the_content_store_say_only_what_was_allowed() {
    let world = world(Visibility::Public).await;
    let stranger =
        xet_token(&world, "xet-write-token/None?create_pr=1", Some(&world.stranger)).await;
    let nobody = xet_token(&world, "xet-read-token/main", None).await;
    let request = Request::builder()
        .method("PUT")
        .uri("/api/models/alice/secret/settings")
        .header("authorization", format!("Bearer {}", world.owner))
        .body(Body::from(r#"{"private": true}"#))
        .unwrap();
    let response = build_router(world.test.hub.clone()).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    world.test.clock.advance(Duration::from_secs(11));
    for (route, scope) in xet_routes() {
        // What a client reports about itself has to do with no repository.
        if route.path.ends_with("/telemetry") {
            continue;
        }
        let path = path_of(&route, "alice/secret");
        for method in route.methods {
            for (token, status) in
                [(&stranger, StatusCode::NOT_FOUND), (&nobody, StatusCode::UNAUTHORIZED)]
            {
                if *token == nobody && scope == XetScope::Write {
                    continue;
                }
                let refused = ask(&world.test.hub, method, &path, &route.path, Some(token)).await;
                if route.path.ends_with("/v2/shards") {
                    let told = text(refused).await;
                    assert!(
                        told.ends_with("\"Repository not found\",\"retryable\":false}\n"),
                        "{told}"
                    );
                    continue;
                }
                assert_eq!(refused.status(), status, "{method} {path}");
                assert_eq!(refused.headers()["x-error-code"], "RepoNotFound", "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn the_owner_reads_everything_and_every_answer_names_its_request() {
    let world = world(Visibility::Private).await;
    for (route, action) in repo_routes() {
        if !matches!(action, Action::ReadRepo | Action::ReadContent)
            || !route.methods.contains(&"GET")
        {
            continue;
        }
        let path = path_of(&route, "alice/secret");
        let response = ask(&world.test.hub, "GET", &path, &route.path, Some(&world.owner)).await;
        assert!(response.headers().contains_key("x-request-id"), "{path}");
        let status = response.status();
        let body = text(response).await;
        // The only thing this world does not have is a file of weights.
        let expected =
            if path.contains("safetensors") { StatusCode::NOT_FOUND } else { StatusCode::OK };
        assert_eq!(status, expected, "{path}: {body}");
    }
}
