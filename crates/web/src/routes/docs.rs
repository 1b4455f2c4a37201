//! The project's guides and the description of its interface, as pages: what a person without access to the sources reads.

mod api;
mod guides;

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use steelyard_http::ApiError;
use steelyard_service::{Error, Missing, Result};

use self::api::Group;
use self::guides::{GUIDES, Guide};
use crate::frame::{Frame, Visit};
use crate::respond;

/// Longest text by which operations are looked for.
const QUERY_BYTES_MAX: usize = 200;

#[derive(Template)]
#[template(path = "docs.html")]
struct IndexPage {
    frame: Frame,
    guides: &'static [Guide],
}

#[derive(Template)]
#[template(path = "guide.html")]
struct GuidePage {
    frame: Frame,
    guides: &'static [Guide],
    name: &'static str,
    title: &'static str,
    html: String,
}

#[derive(Template)]
#[template(path = "api.html")]
struct ApiPage {
    frame: Frame,
    guides: &'static [Guide],
    name: &'static str,
    about: Vec<String>,
    find: String,
    groups: Vec<Group>,
}

/// What there is to read.
pub(super) async fn index(visit: Visit) -> Result<Response, ApiError> {
    if visit.as_markdown || visit.uri.path().ends_with(".md") {
        let line = |guide: &Guide| {
            format!("- [{}](/docs/{}.md): {}\n", guide.title, guide.name, guide.about)
        };
        let list: String = GUIDES.iter().map(line).collect();
        let api =
            "- [The HTTP interface](/docs/api.md): every route with what it takes and gives\n";
        return Ok(respond::markdown(format!("# Guides\n\n{list}{api}")));
    }
    let frame = visit.frame.section("docs").markdown("/docs.md".to_owned());
    Ok(respond::page(&IndexPage { frame, guides: GUIDES })?)
}

/// A guide; with `.md` at its end, as it was written.
pub(super) async fn guide(visit: Visit, Path(name): Path<String>) -> Result<Response, ApiError> {
    let (name, is_source) = match name.strip_suffix(".md") {
        Some(name) => (name, true),
        None => (name.as_str(), visit.as_markdown),
    };
    let guide = guides::find(name).ok_or(Error::NotFound(Missing::Other("guide")))?;
    if is_source {
        return Ok(respond::markdown(guide.source(&visit.origin)));
    }
    let page = GuidePage {
        frame: visit.frame.section("docs").markdown(format!("/docs/{}.md", guide.name)),
        guides: GUIDES,
        name: guide.name,
        title: guide.title,
        html: guide.html(&visit.origin),
    };
    Ok(respond::page(&page)?)
}

/// Every route that programs use.
pub(super) async fn api(visit: Visit) -> Result<Response, ApiError> {
    let find = visit.params.get("q").unwrap_or_default().trim();
    if find.len() > QUERY_BYTES_MAX {
        let rule = format!("must be at most {QUERY_BYTES_MAX} bytes long");
        return Err(Error::invalid("q", rule).into());
    }
    let groups = api::found(find);
    if visit.as_markdown || visit.uri.path().ends_with(".md") {
        return Ok(respond::markdown(api::as_markdown(&groups)));
    }
    // The query of this page is not one for the search of the hub.
    let frame = Frame { query: String::new(), ..visit.frame.clone() };
    let page = ApiPage {
        frame: frame.section("docs").markdown("/docs/api.md".to_owned()),
        guides: GUIDES,
        name: "api",
        about: api::about(),
        find: find.to_owned(),
        groups,
    };
    Ok(respond::page(&page)?)
}
