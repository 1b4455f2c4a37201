//! Every page of change against people who may not use it: the table of routes is the list of questions.

use axum::body::Body;
use axum::http::Request;
use steelyard_core::TokenRole;
use steelyard_http::{Access, Route};
use steelyard_testkit::Stores;

use super::Session;
use crate::permissions::is_of_change;
use crate::world::{Page, World};

const KINDS: [&str; 4] = ["model", "dataset", "space", "kernel"];

fn routes() -> Vec<Route> {
    let table = steelyard_web::table().into_iter().filter(is_of_change);
    let routes: Vec<Route> =
        table.filter(|route| matches!(route.access, Access::Repo(_))).collect();
    assert_eq!(routes.len(), 7 * KINDS.len());
    routes
}

fn path_of(route: &Route, repo: &str) -> String {
    let (namespace, name) = repo.split_once('/').unwrap();
    let of_file = ["/edit/", "/delete/"].iter().any(|verb| route.path.contains(verb));
    let rest = if of_file { "main/.gitattributes" } else { "main" };
    route.path.replace("{ns}", namespace).replace("{name}", name).replace("{*rest}", rest)
}

async fn world(private: bool) -> World {
    let world = World::on(Stores::Embedded).await;
    for kind in KINDS {
        world.repo(kind, "secret", private, &[("README.md", "# Hidden words")]).await;
    }
    world
}

async fn ask(world: &World, method: &str, path: &str, token: Option<&str>) -> Page {
    let mut request = Request::builder().method(method).uri(path).header("host", "hub.test");
    request = request.header("accept", "*/*");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let parent = "0".repeat(40);
    let body = format!("action=access&visibility=public&parent={parent}&name=x&from=main");
    world.send(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn a_private_repository_is_to_strangers_as_if_it_were_missing() {
    let world = world(true).await;
    for route in routes() {
        for method in route.methods.iter().filter(|method| **method != "HEAD") {
            let path = path_of(&route, "alice/secret");
            let hidden = ask(&world, method, &path, Some(&world.mallory)).await;
            let missing =
                ask(&world, method, &path_of(&route, "alice/nothing"), Some(&world.mallory)).await;
            assert_eq!(hidden.status, missing.status, "{method} {path}");
            assert_eq!(hidden.body, missing.body, "{method} {path}");
            assert_ne!(hidden.status, 200, "{method} {path}");
            // A form that nobody can have got from the hub is refused before anything is looked up.
            let nobody = ask(&world, method, &path, None).await;
            assert!(
                [401, 403].contains(&nobody.status.as_u16()),
                "{method} {path} {}",
                nobody.body
            );
        }
    }
}

#[tokio::test]
async fn who_may_only_read_changes_nothing() {
    let world = world(false).await;
    let reader = world.test.user("reader", TokenRole::Read).await.unwrap();
    for route in routes() {
        for method in route.methods.iter().filter(|method| **method != "HEAD") {
            let path = path_of(&route, "alice/secret");
            let page = ask(&world, method, &path, Some(&reader)).await;
            assert_eq!(page.status, 403, "{method} {path}: {}", page.body);
        }
    }
    world.browse("/alice/secret").await.has(&["Hidden words"]);
}

#[tokio::test]
async fn the_owner_sees_every_page_and_it_brings_nothing_foreign() {
    let world = world(true).await;
    let alice = Session::of(&world, "alice").await;
    for route in steelyard_web::table().iter().filter(|route| is_of_change(route)) {
        if !route.methods.contains(&"GET") {
            continue;
        }
        let path = path_of(route, "alice/secret");
        let page = alice.get(&path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}");
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        page.lacks(&[" style=\"", "<style", " onclick", "<script>"]);
        assert_eq!(page.body.matches("<script").count(), 1, "{path}");
        page.has(&["name=\"csrf\"", "data-module=\"/static/change-"]);
    }
}
