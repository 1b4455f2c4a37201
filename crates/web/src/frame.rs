//! What every page has around its content, and what every handler is given.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use steelyard_core::Secret;
use steelyard_http::{ApiError, Caller, Origin, Params, browser};
use steelyard_service::login::BrowserSession;
use steelyard_service::{Actor, Error, Hub};

use crate::Web;
use crate::assets::{Addresses, addresses};
use crate::errors;

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
    /// Who reads, where that is known; an error is shown without asking.
    pub(crate) reader: Option<Reader>,
    pub(crate) assets: &'static Addresses,
}

/// Who reads a page.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    /// The user's name; empty for somebody who is not signed in.
    pub(crate) name: String,
    pub(crate) is_admin: bool,
    /// What forms carry; empty where there is neither a session nor a form.
    pub(crate) csrf: String,
    /// Where to come back to after signing in.
    pub(crate) here: String,
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
            reader: None,
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

impl Reader {
    /// Who `actor` is, with the session they came with.
    pub(crate) fn of(actor: &Actor, session: Option<&Secret>, uri: &Uri) -> Self {
        let user = actor.user();
        Self {
            name: user.map(|user| user.name.clone()).unwrap_or_default(),
            is_admin: user.is_some_and(|user| user.is_admin),
            csrf: session.map(browser::csrf_token).unwrap_or_default(),
            here: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        }
    }

    /// The address of the sign-in page, which leads back here.
    pub(crate) fn login(&self) -> String {
        login_address(&self.here)
    }
}

/// The address of the sign-in page, which leads to `next`.
pub(crate) fn login_address(next: &str) -> String {
    match next {
        "/" => "/login".to_owned(),
        next => format!("/login?next={}", crate::links::encode_value(next)),
    }
}

fn theme(headers: &HeaderMap) -> Option<&'static str> {
    match browser::cookie(headers, "theme") {
        Some("dark") => Some("dark"),
        Some("light") => Some("light"),
        _ => None,
    }
}

/// A request for a page.
pub(crate) struct Visit {
    pub(crate) hub: Hub,
    pub(crate) web: Web,
    pub(crate) actor: Actor,
    /// The session it came with, whether or not the second factor is still missing.
    pub(crate) session: Option<BrowserSession>,
    pub(crate) params: Params,
    /// The address of this hub, as the reader reaches it.
    pub(crate) origin: String,
    pub(crate) uri: Uri,
    /// Where it comes from.
    pub(crate) address: String,
    pub(crate) frame: Frame,
    /// A browser asks, which is shown pages where programs are told what is wrong.
    pub(crate) is_browser: bool,
    /// Whether the answer is Markdown: the path ends in `.md`, or the client asks for it.
    pub(crate) as_markdown: bool,
}

impl Visit {
    /// What forms of this visit carry; empty without a session.
    pub(crate) fn csrf(&self) -> String {
        self.frame.reader.as_ref().map(|reader| reader.csrf.clone()).unwrap_or_default()
    }
}

impl FromRequestParts<Hub> for Visit {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Self, ApiError> {
        let secret = browser::session_secret(&parts.headers);
        let (actor, session) = if parts.headers.contains_key(header::AUTHORIZATION) {
            (Caller::from_request_parts(parts, hub).await?.0, None)
        } else {
            let session = match &secret {
                Some(secret) => hub.browser_session(secret).await?,
                None => None,
            };
            (session.as_ref().map_or(Actor::Anonymous, |session| session.actor.clone()), session)
        };
        let Ok(Origin(origin)) = Origin::from_request_parts(parts, hub).await;
        let Ok(params) = Params::from_request_parts(parts, hub).await;
        let reader = Reader::of(&actor, secret.filter(|_| session.is_some()).as_ref(), &parts.uri);
        let web = parts.extensions.get::<Web>().cloned();
        let accept = parts.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
        Ok(Self {
            hub: hub.clone(),
            web: web.ok_or_else(|| Error::internal("the pages are served without their state"))?,
            actor,
            session,
            params,
            origin,
            frame: Frame { reader: Some(reader), ..Frame::of(&parts.headers, &parts.uri) },
            as_markdown: accept
                .is_some_and(|accept| accept.trim_start().starts_with("text/markdown")),
            is_browser: errors::wants_html(&parts.headers),
            uri: parts.uri.clone(),
            address: browser::visitor(parts, hub).address,
        })
    }
}
