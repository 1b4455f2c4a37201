//! Calls of the hub's router, with a socket and without.

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use bytes::Bytes;
use serde_json::Value;
use steelyard_service::Hub;
use tower::ServiceExt as _;

use super::{Failure, TestHub};
use crate::{Launch, tools};

/// Longest body of an answer that a test looks at.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a call was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers; none when another server answered.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{} {:?}", self.status, self.body))
    }

    /// A header's value, empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl TestHub {
    /// Serves a hub on a random port and returns its address, such as `http://127.0.0.1:40000`.
    pub async fn serve(&mut self, hub: &Hub) -> Result<String, Failure> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let service = steelyard_http::build_router(hub.clone())
            .into_make_service_with_connect_info::<SocketAddr>();
        self.servers.push(tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, service).await {
                eprintln!("the test server failed: {error}");
            }
        }));
        Ok(format!("http://{address}"))
    }

    /// Calls the first replica without a socket; `token` is nobody's when it is absent.
    ///
    /// `url` is a path, or a whole address: one that begins as the hub's public one, or one of another server, such as
    /// the object store's own, which is called with curl.
    pub async fn call(
        &self,
        method: &str,
        url: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Result<Answer, Failure> {
        let origin = self.hub.settings().public_url.clone().unwrap_or_default();
        let path = url.strip_prefix(&*origin).unwrap_or(url);
        if path.starts_with("http") {
            let body = axum::body::to_bytes(body.into(), BODY_BYTES_MAX).await?;
            return elsewhere(method, url, headers, &body);
        }
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "hub");
        }
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let router = steelyard_http::build_router(self.hub.clone());
        let (parts, body) = router.oneshot(request.body(body.into())?).await?.into_parts();
        let body = axum::body::to_bytes(body, BODY_BYTES_MAX).await?;
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }
}

/// Runs curl, because what it talks to is a server of its own.
fn elsewhere(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Answer, Failure> {
    let dir = tempfile::tempdir()?;
    let (input, output) = (dir.path().join("in"), dir.path().join("out"));
    std::fs::write(&input, body)?;
    let mut curl = Launch::new("curl", tools::curl()?)
        .args(["--silent", "--write-out", "%{http_code}", "--output"])
        .arg(&output);
    if method == "PUT" {
        curl = curl.arg("--upload-file").arg(&input);
    }
    for (name, value) in headers {
        curl = curl.args(["--header", &format!("{name}: {value}")]);
    }
    let ran = curl.arg(url).run()?;
    let status = String::from_utf8_lossy(&ran.stdout).parse()?;
    let body = std::fs::read(&output).unwrap_or_default().into();
    Ok(Answer { status: StatusCode::from_u16(status)?, headers: HeaderMap::new(), body })
}
