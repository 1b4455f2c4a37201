//! Styles, scripts and the mark: part of the binary, each under an address that names its content.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

struct Asset {
    /// `style-0123456789abcdef.css`.
    file: String,
    etag: HeaderValue,
    media_type: &'static str,
    bytes: Bytes,
}

impl Asset {
    fn new(stem: &str, extension: &str, media_type: &'static str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let digest = Sha256::digest(&bytes);
        let hash = hex::encode(&digest[..8]);
        let etag = HeaderValue::from_str(&format!("\"{hash}\"")).expect("hexadecimal is ASCII");
        Self { file: format!("{stem}-{hash}.{extension}"), etag, media_type, bytes }
    }

    fn address(&self) -> String {
        format!("/static/{}", self.file)
    }
}

static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "style",
        "css",
        "text/css; charset=utf-8",
        compact(include_str!("../assets/style.css")),
    )
});
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let media_type = "text/javascript; charset=utf-8";
    Asset::new("app", "js", media_type, bare(include_str!("../assets/app.js")))
});
static CHANGE: LazyLock<Asset> = LazyLock::new(|| {
    let media_type = "text/javascript; charset=utf-8";
    Asset::new("change", "js", media_type, bare(include_str!("../assets/change.js")))
});
static HASHER: LazyLock<Asset> = LazyLock::new(|| {
    let media_type = "text/javascript; charset=utf-8";
    Asset::new("hasher", "js", media_type, bare(include_str!("../assets/hasher.js")))
});
static MARK: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("mark", "svg", "image/svg+xml", &include_bytes!("../assets/mark.svg")[..])
});

/// The styles without comments and line ends: every reader loads them, and the comments are for us.
fn compact(style: &str) -> String {
    let mut parts = style.split("/*");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(part.split_once("*/").map_or("", |(_, rest)| rest));
    }
    text.lines().collect()
}

/// A script without its indentation and the lines that are comments. Its texts never go over a line's end.
fn bare(script: &str) -> String {
    let lines = script.lines().map(str::trim_start);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// Addresses of what every page loads, and of what pages of change load besides.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    pub(crate) style: String,
    pub(crate) script: String,
    pub(crate) mark: String,
    /// The script of pages that change something.
    pub(crate) change: String,
    /// The worker that hashes files before they are uploaded.
    pub(crate) hasher: String,
}

static ADDRESSES: LazyLock<Addresses> = LazyLock::new(|| Addresses {
    style: STYLE.address(),
    script: SCRIPT.address(),
    mark: MARK.address(),
    change: CHANGE.address(),
    hasher: HASHER.address(),
});

/// Addresses of what every page loads.
pub(crate) fn addresses() -> &'static Addresses {
    &ADDRESSES
}

/// One of them. The name changes with the content, so whoever has it may keep it.
pub(crate) async fn get(Path(file): Path<String>, request: HeaderMap) -> Response {
    let all = [&*STYLE, &*SCRIPT, &*MARK, &*CHANGE, &*HASHER];
    let Some(asset) = all.into_iter().find(|asset| asset.file == file) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::ETAG, asset.etag.clone());
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    headers.insert(header::CACHE_CONTROL, forever);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if request.get(header::IF_NONE_MATCH) == Some(&asset.etag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, asset.bytes.clone()).into_response()
}

/// Browsers ask for it by themselves.
pub(crate) async fn favicon(request: HeaderMap) -> Response {
    get(Path(MARK.file.clone()), request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_lose_their_comments_and_nothing_else() {
        assert_eq!(compact("/* a */\na{b:c}\n/* d */e{f:g}\n"), "a{b:c}e{f:g}");
        let style = compact(include_str!("../assets/style.css"));
        assert!(style.len() > 20_000 && !style.contains("/*") && style.starts_with(":root{"));
    }

    #[test]
    fn scripts_are_small_and_bare() {
        let scripts = [&*SCRIPT, &*CHANGE, &*HASHER].map(|asset| asset.bytes.clone());
        assert!(scripts.iter().map(Bytes::len).sum::<usize>() < 30_000);
        for script in &scripts {
            let text = std::str::from_utf8(script).unwrap();
            let is_bare = |line: &str| !line.is_empty() && !line.starts_with([' ', '/']);
            assert!(text.lines().all(|line| is_bare(line) || line.starts_with("/*")), "{text}");
        }
        assert_eq!(bare("a\n  // why\n  b(\"//\");\n\n"), "a\nb(\"//\");\n");
        // A text that went over a line's end would lose its indentation.
        for source in [include_str!("../assets/app.js"), include_str!("../assets/change.js")] {
            assert!(source.lines().all(|line| line.matches('`').count() % 2 == 0));
        }
    }
}
