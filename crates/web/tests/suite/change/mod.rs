//! Changing things through forms, as somebody who signed in with a browser.

mod cards;
mod edits;
mod permissions;
mod repos;
mod uploads;

use axum::body::Body;
use steelyard_core::Secret;

use crate::browser::{Browser, between, csrf};
use crate::world::{Page, World};

/// A browser in which somebody is signed in, and the token that its pages carry.
pub(crate) struct Session<'w> {
    browser: Browser<'w>,
    pub(crate) csrf: String,
}

impl<'w> Session<'w> {
    /// Signs in through the form, as people do.
    pub(crate) async fn of(world: &'w World, name: &str) -> Self {
        let password = "correct horse battery";
        world.test.hub.set_password(name, &Secret::new(password)).await.unwrap();
        let browser = Browser::signed_in(world, name, password).await;
        let csrf = csrf(&browser.get("/").await);
        Self { browser, csrf }
    }

    pub(crate) async fn get(&self, path: &str) -> Page {
        self.browser.get(path).await
    }

    /// Sends a form of a page of the hub.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.browser.post(path, &self.csrf, fields).await
    }

    pub(crate) async fn post_forged(
        &self,
        path: &str,
        csrf: &str,
        fields: &[(&str, &str)],
    ) -> Page {
        self.browser.post(path, csrf, fields).await
    }

    /// Sends a form as the page's script does that wants no page back.
    pub(crate) async fn post_for_json(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.append_pair("csrf", &self.csrf).extend_pairs(fields);
        let mut request = self.browser.request("POST", path);
        request.headers_mut().unwrap().insert("accept", "application/json".parse().unwrap());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        self.browser.send(request.body(Body::from(body.finish())).unwrap()).await
    }

    /// Sends a form with files.
    pub(crate) async fn send_files(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        files: &[(&str, &[u8])],
    ) -> Page {
        let mut body = Vec::new();
        for (name, value) in [("csrf", self.csrf.as_str())].iter().chain(fields) {
            let head = format!("--XyZ\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
            body.extend_from_slice(format!("{head}{value}\r\n").as_bytes());
        }
        for (name, content) in files {
            let head = format!(
                "--XyZ\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n"
            );
            body.extend_from_slice(
                format!("{head}Content-Type: application/octet-stream\r\n\r\n").as_bytes(),
            );
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--XyZ--\r\n");
        let request = self.browser.request("POST", path);
        let request = request.header("content-type", "multipart/form-data; boundary=XyZ");
        self.browser.send(request.body(Body::from(body)).unwrap()).await
    }

    /// What a script of the page calls.
    pub(crate) async fn call(&self, method: &str, path: &str, body: impl Into<Body>) -> Page {
        let mut request = self.browser.request(method, path);
        request.headers_mut().unwrap().insert("accept", "application/json".parse().unwrap());
        let request = request.header("x-csrf-token", &self.csrf);
        self.browser.send(request.body(body.into()).unwrap()).await
    }
}

impl World {
    /// A file as everybody downloads it.
    pub(crate) async fn file(&self, path: &str) -> Page {
        self.ask("GET", path, Some(&self.alice), "*/*").await
    }

    /// How many commits a branch of a model has.
    pub(crate) async fn commits(&self, repo: &str, revision: &str) -> usize {
        let path = format!("/api/models/{repo}/commits/{revision}");
        let page = self.ask("GET", &path, Some(&self.alice), "*/*").await;
        assert_eq!(page.status, 200, "{}", page.body);
        serde_json::from_str::<Vec<serde_json::Value>>(&page.body).unwrap().len()
    }
}

/// The value of a field of a page's form.
pub(crate) fn field(page: &Page, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    assert!(page.body.contains(&start), "no field {name} in {}", page.body);
    between(&page.body, &start, "\"")
}
