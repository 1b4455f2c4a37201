//! The `Link: <...>; rel="next"` header of paged lists.

use axum::http::{HeaderMap, HeaderValue, header};
use steelyard_core::page::Cursor;

use crate::extract::Params;

/// The header of a page that has a next one. Clients request the address as it is, so it is absolute and carries
/// every parameter of this request.
pub(crate) fn next_page(
    origin: &str,
    path: &str,
    params: &Params,
    next: Option<&Cursor>,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some(next) = next else { return headers };
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (key, value) in params.pairs().iter().filter(|(key, _)| key != "cursor") {
        query.append_pair(key, value);
    }
    query.append_pair("cursor", &next.encode());
    let link = format!("<{origin}{path}?{}>; rel=\"next\"", query.finish());
    if let Ok(value) = HeaderValue::from_str(&link) {
        headers.insert(header::LINK, value);
    }
    headers
}

/// The `cursor` parameter.
pub fn cursor(params: &Params) -> Result<Option<Cursor>, steelyard_core::Invalid> {
    params.get("cursor").map(Cursor::parse).transpose()
}
