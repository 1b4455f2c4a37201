//! Browsers that are signed in.

use askama::Template;
use axum::response::Response;
use steelyard_http::ApiError;

use super::Outcome;
use crate::frame::{Frame, Visit};
use crate::submission::Submission;
use crate::{format, respond};

struct Line {
    id: String,
    browser: String,
    address: String,
    created: String,
    seen: String,
    is_this: bool,
}

#[derive(Template)]
#[template(path = "account/sessions.html")]
struct SessionsPage {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    outcome: Outcome,
    lines: Vec<Line>,
}

const DONE: &[(&str, &str)] =
    &[("revoked", "That browser is signed out."), ("others", "All other browsers are signed out.")];

pub(in crate::routes) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let now = visit.hub.now();
    let this = visit.actor.user().and_then(|user| user.session);
    let sessions = visit.hub.list_sessions(&visit.actor).await?.into_iter();
    let lines = sessions.map(|row| Line {
        browser: browser(&row.user_agent),
        created: format::date(row.created_at),
        seen: format::ago(row.seen_at, now),
        is_this: this == Some(row.id),
        id: row.public_id,
        address: row.address,
    });
    let page = SessionsPage {
        frame: visit.frame.clone(),
        tab: "sessions",
        csrf: visit.csrf(),
        outcome: Outcome::done(visit.params.get("done"), DONE),
        lines: lines.collect(),
    };
    Ok(respond::page(&page)?)
}

/// A browser's and a system's name out of what the browser calls itself, which is made to confuse.
fn browser(agent: &str) -> String {
    let known = |words: &[(&str, &'static str)]| {
        words.iter().find(|(word, _)| agent.contains(word)).map(|(_, name)| *name)
    };
    let browser = known(&[
        ("Firefox/", "Firefox"),
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = known(&[
        ("Android", "Android"),
        ("iPhone", "iOS"),
        ("iPad", "iOS"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) if agent.is_empty() => "unnamed".to_owned(),
        (None, None) => agent.chars().take(60).collect(),
    }
}

pub(in crate::routes) async fn change(sent: Submission) -> Result<Response, ApiError> {
    let (hub, actor) = (&sent.visit.hub, &sent.visit.actor);
    let done = match sent.get("id") {
        "" => hub.revoke_other_sessions(actor).await.map(|_| "others")?,
        id => hub.revoke_session(actor, id).await.map(|()| "revoked")?,
    };
    Ok(respond::see_other(&format!("/settings/sessions?done={done}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_by_their_names() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
        assert_eq!(browser(chrome), "Chrome on Linux");
        assert_eq!(browser("curl/8.5"), "curl");
        assert_eq!(browser(""), "unnamed");
    }
}
