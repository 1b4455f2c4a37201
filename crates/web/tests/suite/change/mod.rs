//! Changing things through forms, as somebody who signed in with a browser.

mod cards;
mod edits;
mod permissions;
mod repos;
mod uploads;

use axum::body::Body;
use axum::http::Request;
use steelyard_core::Secret;

use crate::world::{Page, World};

/// A browser in which somebody is signed in.
pub(crate) struct Session<'w> {
    world: &'w World,
    cookie: String,
    pub(crate) csrf: String,
}

impl<'w> Session<'w> {
    /// Signs in through the form, as people do.
    pub(crate) async fn of(world: &'w World, name: &str) -> Self {
        let password = "correct horse battery";
        world.test.hub.set_password(name, &Secret::new(password)).await.unwrap();
        let form = world.browse("/login").await;
        let mut session = Self { world, cookie: cookie_of(&form), csrf: field(&form, "csrf") };
        let sent = session.post("/login", &[("name", name), ("password", password)]).await;
        assert_eq!(sent.status, 303, "{}", sent.body);
        session.cookie = cookie_of(&sent);
        let page = session.get("/").await;
        session.csrf =
            page.body.split("<meta name=\"csrf\" content=\"").nth(1).unwrap()[..64].to_owned();
        session
    }

    fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let request = Request::builder().method(method).uri(path).header("host", "hub.test");
        request.header("accept", "text/html").header("cookie", &self.cookie)
    }

    pub(crate) async fn get(&self, path: &str) -> Page {
        self.world.send(self.request("GET", path).body(Body::empty()).unwrap()).await
    }

    /// Sends a form of a page of the hub.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.post_as(path, &self.csrf, "text/html", fields).await
    }

    pub(crate) async fn post_as(
        &self,
        path: &str,
        csrf: &str,
        accept: &str,
        fields: &[(&str, &str)],
    ) -> Page {
        let mut body = form_urlencoded(&[("csrf", csrf)]);
        if !fields.is_empty() {
            body = format!("{body}&{}", form_urlencoded(fields));
        }
        let mut request = self.request("POST", path);
        request.headers_mut().unwrap().insert("accept", accept.parse().unwrap());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        self.world.send(request.body(Body::from(body)).unwrap()).await
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
        let request = self.request("POST", path);
        let request = request.header("content-type", "multipart/form-data; boundary=XyZ");
        self.world.send(request.body(Body::from(body)).unwrap()).await
    }

    /// What a script of the page calls.
    pub(crate) async fn call(&self, method: &str, path: &str, body: impl Into<Body>) -> Page {
        let mut request = self.request(method, path);
        request.headers_mut().unwrap().insert("accept", "application/json".parse().unwrap());
        let request = request.header("x-csrf-token", &self.csrf);
        self.world.send(request.body(body.into()).unwrap()).await
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
    let value = page.body.split(&start).nth(1);
    value
        .unwrap_or_else(|| panic!("no field {name} in {}", page.body))
        .split('"')
        .next()
        .unwrap()
        .to_owned()
}

fn cookie_of(page: &Page) -> String {
    page.header("set-cookie").split(';').next().unwrap().to_owned()
}

fn form_urlencoded(fields: &[(&str, &str)]) -> String {
    let encode =
        |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    let pairs = fields.iter().map(|(name, value)| format!("{name}={}", encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}
