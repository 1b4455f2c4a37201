//! What every page has around its content, and what every handler is given.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use steelyard_http::{ApiError, Caller, Origin, Params};
use steelyard_service::{Actor, Error, Hub};

use crate::Web;
use crate::assets::{Addresses, addresses};

/// Longest query that is put back into the search field.
const QUERY_BYTES_MAX: usize = 4096;

/// Header and footer of a page.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// `light` or `dark` where the reader chose; the system's preference otherwise.
    pub(crate) theme: Option<&'static str>,
    /// What stands in the search field.
    pub(crate) query: String,
    /// The entry of the navigation that is marked: `models`, ...
    pub(crate) section: &'static str,
    /// The same page as Markdown.
    pub(crate) markdown: Option<String>,
    pub(crate) assets: &'static Addresses,
}

impl Frame {
    pub(crate) fn of(headers: &HeaderMap, uri: &Uri) -> Self {
        let params = Params::parse(uri.query().unwrap_or_default().as_bytes());
        let query = params.get("q").filter(|query| query.len() <= QUERY_BYTES_MAX);
        Self {
            theme: theme(headers),
            query: query.unwrap_or_default().to_owned(),
            section: "",
            markdown: None,
            assets: addresses(),
        }
    }

    pub(crate) fn section(self, section: &'static str) -> Self {
        Self { section, ..self }
    }

    pub(crate) fn markdown(self, address: String) -> Self {
        Self { markdown: Some(address), ..self }
    }
}

fn theme(headers: &HeaderMap) -> Option<&'static str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).map(str::trim);
    pairs.find_map(|pair| match pair {
        "theme=dark" => Some("dark"),
        "theme=light" => Some("light"),
        _ => None,
    })
}

/// A request for a page.
pub(crate) struct Visit {
    pub(crate) hub: Hub,
    pub(crate) web: Web,
    pub(crate) actor: Actor,
    pub(crate) params: Params,
    /// The address of this hub, as the reader reaches it.
    pub(crate) origin: String,
    pub(crate) uri: Uri,
    pub(crate) frame: Frame,
    /// Whether the answer is Markdown: the path ends in `.md`, or the client asks for it.
    pub(crate) as_markdown: bool,
}

impl FromRequestParts<Hub> for Visit {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Self, ApiError> {
        let Caller(actor) = Caller::from_request_parts(parts, hub).await?;
        let Ok(Origin(origin)) = Origin::from_request_parts(parts, hub).await;
        let Ok(params) = Params::from_request_parts(parts, hub).await;
        let web = parts.extensions.get::<Web>().cloned();
        let accept = parts.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
        Ok(Self {
            hub: hub.clone(),
            web: web.ok_or_else(|| Error::internal("the pages are served without their state"))?,
            actor,
            params,
            origin,
            frame: Frame::of(&parts.headers, &parts.uri),
            as_markdown: accept
                .is_some_and(|accept| accept.trim_start().starts_with("text/markdown")),
            uri: parts.uri.clone(),
        })
    }
}
