//! Every page against people who may not see it: the table of routes is the list of questions.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use steelyard_http::{Access, Route};
use steelyard_service::Action;
use steelyard_testkit::Stores;

use crate::world::World;

const KINDS: [&str; 4] = ["model", "dataset", "space", "kernel"];
/// What programs and browsers ask for.
const JSON: &str = "*/*";
const HTML: &str = "text/html";

fn repo_routes() -> Vec<(Route, Action)> {
    let table = steelyard_web::table().into_iter();
    table
        .filter_map(|route| match route.access {
            Access::Repo(action) if !is_of_change(&route) => Some((route, action)),
            _ => None,
        })
        .collect()
}

/// Whether it is for those who change something; `change/permissions.rs` asks these.
pub(crate) fn is_of_change(route: &Route) -> bool {
    let reads = |action| matches!(action, Action::ReadRepo | Action::ReadContent);
    match route.access {
        Access::Repo(action) => !reads(action),
        access => access == Access::User,
    }
}

fn path_of(route: &Route, repo: &str) -> String {
    let (namespace, name) = repo.split_once('/').unwrap();
    let rest = match route.path.as_str() {
        path if path.contains("/blob/") || path.contains("/blame/") => "main/.gitattributes",
        path if path.contains("/compare/") => "main..main",
        _ => "main",
    };
    let path = route.path.replace("{guide}", "user-guide");
    path.replace("{ns}", namespace).replace("{name}", name).replace("{*rest}", rest)
}

async fn world(private: bool) -> World {
    let world = World::on(Stores::Embedded).await;
    for kind in KINDS {
        world.repo(kind, "secret", private, &[("README.md", "# Hidden words")]).await;
    }
    world
}

#[tokio::test]
async fn a_private_repository_is_to_strangers_as_if_it_were_missing() {
    let world = world(true).await;
    // Chat templates are models' alone, leaderboards are data sets'.
    assert_eq!(repo_routes().len(), 10 * KINDS.len() + 4);
    for (route, _) in repo_routes() {
        for (token, accept, status) in [
            (None, JSON, StatusCode::UNAUTHORIZED),
            (None, HTML, StatusCode::NOT_FOUND),
            (Some(&*world.mallory), JSON, StatusCode::NOT_FOUND),
            (Some(&*world.mallory), HTML, StatusCode::NOT_FOUND),
        ] {
            let (hidden, missing) =
                (path_of(&route, "alice/secret"), path_of(&route, "alice/nothing"));
            let context = format!("{hidden} {token:?} {accept}");
            let hidden = world.ask("GET", &hidden, token, accept).await;
            let missing = world.ask("GET", &missing, token, accept).await;
            assert_eq!((hidden.status, missing.status), (status, status), "{context}");
            assert_eq!(hidden.header("x-error-code"), "RepoNotFound", "{context}");
            // Only the request's id and the way back may differ.
            let scrub = |text: &str| {
                let text = text.split("Request <code>").next().unwrap();
                text.replace("secret", "name").replace("nothing", "name")
            };
            assert_eq!(scrub(&hidden.body), scrub(&missing.body), "{context}");
        }
    }
}

#[tokio::test]
async fn the_owner_sees_every_page_of_theirs() {
    let world = world(true).await;
    for (route, _) in repo_routes() {
        let path = path_of(&route, "alice/secret");
        let page = world.ask("GET", &path, Some(&world.alice), HTML).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.body);
        assert!(!page.header("x-request-id").is_empty(), "{path}");
        page.has(&["alice", "secret"]);
        assert_eq!(page.body.starts_with("<!doctype html>"), !path.ends_with(".md"), "{path}");
    }
}

#[tokio::test]
async fn nothing_of_a_private_repository_is_on_pages_for_everybody() {
    let world = world(true).await;
    world.repo("model", "open", false, &[("README.md", "# Shown words")]).await;
    for path in [
        "/",
        "/index.md",
        "/models",
        "/datasets",
        "/spaces",
        "/kernels",
        "/search?q=secret",
        "/search?q=Hidden",
        "/alice",
        "/alice.md",
        "/compare?id=alice/secret",
        "/models.md?q=name:secret",
    ] {
        let page = world.browse(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        page.lacks(&["/secret\"", "<b>secret</b>", "Hidden words", "(/alice/secret)"]);
    }
    let compared = world.browse("/compare?id=alice/secret&id=alice/nothing").await;
    compared.has(&[
        "no model “alice/secret” that you may see",
        "no model “alice/nothing” that you may see",
    ]);
    let own = world.ask("GET", "/models", Some(&world.alice), HTML).await;
    own.has(&["<b>secret</b>"]);
}

#[tokio::test]
async fn a_gate_keeps_contents_and_shows_the_card() {
    let world = world(false).await;
    world.commit("model", "secret", "more", &[("sub/README.md", "Inner words")]).await;
    world.browse("/alice/secret/tree/main/sub").await.has(&["Inner words"]);
    let body = r#"{"gated": "manual"}"#;
    let path = "/api/models/alice/secret/settings";
    let set = world.test.call("PUT", path, Some(&world.alice), &[], body).await.unwrap();
    assert_eq!(set.status, StatusCode::OK);
    let folder = world.browse("/alice/secret/tree/main/sub").await;
    folder.has(&["README.md"]).lacks(&["Inner words"]);
    world.browse("/alice/secret").await.has(&["Hidden words", "people on a list only"]);
    for (route, action) in
        repo_routes().into_iter().filter(|(route, _)| route.path.starts_with("/{ns}"))
    {
        let path = path_of(&route, "alice/secret");
        let page = world.browse(&path).await;
        let expected = match action {
            Action::ReadContent => StatusCode::UNAUTHORIZED,
            _ => StatusCode::OK,
        };
        assert_eq!(page.status, expected, "{path}");
        let is_text = path.ends_with(".md") && page.status == StatusCode::OK;
        assert_eq!(page.body.starts_with("<!doctype html>"), !is_text, "{path}");
    }
}

#[tokio::test]
async fn every_page_forbids_what_it_does_not_bring() {
    let world = world(false).await;
    let table = steelyard_web::table();
    let shown = |route: &&Route| !route.path.contains("{file}") && route.methods.contains(&"GET");
    for route in table.iter().filter(shown) {
        let path = path_of(route, "alice/secret");
        let page = world.browse(&path).await;
        if matches!(route.access, Access::Session | Access::Admin) || is_of_change(route) {
            assert_eq!(page.status, StatusCode::SEE_OTHER, "{path}");
            continue;
        }
        // The second factor is asked for by nobody who has not signed in.
        let expected = if path == "/login/code" { StatusCode::SEE_OTHER } else { StatusCode::OK };
        assert_eq!(page.status, expected, "{path}");
        if !page.header("content-type").starts_with("text/html") {
            continue;
        }
        let policy = page.header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("unsafe"),
            "{path}: {policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        page.lacks(&[" style=\"", "<style", " onclick", "<script>"]);
        assert_eq!(page.body.matches("<script").count(), 1, "{path}");
    }
}

#[tokio::test]
async fn what_changes_accounts_or_the_hub_refuses_strangers_and_tokens() {
    let world = world(false).await;
    let table = steelyard_web::table();
    let mut asked = 0;
    for route in table.iter() {
        let expected = match route.access {
            // A token changes no account; and mallory is no administrator.
            Access::Session | Access::Admin => StatusCode::FORBIDDEN,
            _ => continue,
        };
        let path = path_of(route, "alice/secret");
        for method in route.methods.iter().filter(|method| **method != "HEAD") {
            let body = "action=create&id=1";
            let ask = async |token: Option<&str>| {
                let mut request = Request::builder().method(*method).uri(&path);
                request = request.header("content-type", "application/x-www-form-urlencoded");
                if let Some(token) = token {
                    request = request.header("authorization", format!("Bearer {token}"));
                }
                world.send(request.body(Body::from(body)).unwrap()).await
            };
            let token = ask(Some(&world.mallory)).await;
            assert_eq!(token.status, expected, "{method} {path}: {}", token.body);
            let nobody = ask(None).await;
            let is_refused =
                [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&nobody.status);
            assert!(is_refused, "{method} {path}: {} {}", nobody.status, nobody.body);
            asked += 1;
        }
    }
    assert!(asked >= 11, "{asked}");
}
