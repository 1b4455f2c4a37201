//! A browser without a window: cookies, forms, redirects.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use parking_lot::Mutex;

use crate::world::{Page, World};

/// Keeps cookies as a browser does.
pub(crate) struct Browser<'w> {
    world: &'w World,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl<'w> Browser<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        Self { world, cookies: Mutex::default() }
    }

    /// A browser that alice, mallory or somebody else with this password signed in with.
    pub(crate) async fn signed_in(world: &'w World, name: &str, password: &str) -> Self {
        let browser = Self::new(world);
        let page = browser.submit("/login", &[("name", name), ("password", password)]).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
        browser
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let cookies: Vec<String> =
            self.cookies.lock().iter().map(|(name, value)| format!("{name}={value}")).collect();
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", "hub.test")
            .header("accept", "text/html,*/*;q=0.8")
            .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
            .header("cookie", cookies.join("; "))
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Page {
        let page = self.world.send(request).await;
        for value in page.headers.get_all("set-cookie") {
            let text = value.to_str().unwrap();
            assert!(text.contains("; HttpOnly; SameSite=Lax"), "{text}");
            let (pair, rest) = text.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let mut cookies = self.cookies.lock();
            match rest.contains("Max-Age=0") {
                true => cookies.remove(name),
                false => cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        page
    }

    pub(crate) async fn get(&self, path: &str) -> Page {
        self.send(self.request("GET", path).body(Body::empty()).unwrap()).await
    }

    /// Loads the page of a form and sends the form back with these fields.
    pub(crate) async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let page = self.get(path).await;
        let csrf = csrf(&page);
        assert!(!csrf.is_empty(), "no form on {path}: {} {}", page.status, page.body);
        self.post(path.split('?').next().unwrap(), &csrf, fields).await
    }

    /// Sends a form, as a page with this token would.
    pub(crate) async fn post(&self, path: &str, csrf: &str, fields: &[(&str, &str)]) -> Page {
        self.post_with(path, csrf, fields, &[]).await
    }

    pub(crate) async fn post_with(
        &self,
        path: &str,
        csrf: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Page {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.append_pair("csrf", csrf).extend_pairs(fields);
        let mut request =
            self.request("POST", path).header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.finish())).unwrap()).await
    }

    /// What a script of a page sends to the API.
    pub(crate) async fn post_json(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> Page {
        let mut request = self.request("POST", path).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().get(name).cloned()
    }

    pub(crate) fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().insert(name.to_owned(), value.to_owned());
    }
}

/// The token of the first form on a page.
pub(crate) fn csrf(page: &Page) -> String {
    between(&page.body, "name=\"csrf\" value=\"", "\"")
}

/// What stands between two texts; empty where it does not.
pub(crate) fn between(text: &str, before: &str, after: &str) -> String {
    let rest = text.split_once(before).map_or("", |(_, rest)| rest);
    rest.split_once(after).map_or(String::new(), |(found, _)| found.to_owned())
}
