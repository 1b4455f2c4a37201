//! A user or an organisation: what it has on the hub.

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use steelyard_core::RepoKind;
use steelyard_http::ApiError;
use steelyard_service::accounts::Profile;
use steelyard_service::discovery::{SearchRequest, Sort};
use steelyard_service::{Error, Missing, Result};

use crate::frame::{Frame, Visit};
use crate::hits::{self, HitRow};
use crate::{format, respond};

/// Repositories of each kind that are shown.
const SHOWN: usize = 25;

struct Section {
    kind: RepoKind,
    title: &'static str,
    total: String,
    rows: Vec<HitRow>,
    more: Option<String>,
}

#[derive(Template)]
#[template(path = "profile.html")]
struct ProfilePage {
    frame: Frame,
    profile: Profile,
    /// It is that of the reader.
    is_own: bool,
    sections: Vec<Section>,
}

pub(super) async fn page(visit: Visit, Path(name): Path<String>) -> Result<Response, ApiError> {
    let (profile, as_markdown) = match visit.hub.profile(&name).await {
        // `name.md` is the page of `name`, unless somebody has that name.
        Err(Error::NotFound(Missing::Other(_))) if name.ends_with(".md") => {
            (visit.hub.profile(name.trim_end_matches(".md")).await?, true)
        }
        found => (found?, visit.as_markdown),
    };
    let mut sections = Vec::new();
    for (kind, title) in [
        (RepoKind::Model, "Models"),
        (RepoKind::Dataset, "Datasets"),
        (RepoKind::Space, "Spaces"),
        (RepoKind::Kernel, "Kernels"),
    ] {
        let request = SearchRequest {
            kinds: vec![kind],
            author: Some(profile.name.clone()),
            sort: Sort::LastModified,
            limit: SHOWN,
            with_total: true,
            ..SearchRequest::default()
        };
        let found = visit.hub.search(&visit.actor, request).await?;
        if found.repos.is_empty() {
            continue;
        }
        let more = found.next.is_some();
        sections.push(Section {
            kind,
            title,
            total: format::full(found.total.unwrap_or_default()),
            rows: hits::rows(&visit, &found.repos),
            more: more.then(|| format!("/{}?author={}", kind.plural(), profile.name)),
        });
    }
    let markdown = format!("/{}.md", profile.name);
    let is_own =
        !profile.is_org && visit.actor.user().is_some_and(|user| user.name == profile.name);
    let frame = visit.frame.clone().markdown(markdown);
    let page = ProfilePage { frame, profile, is_own, sections };
    if as_markdown {
        return Ok(respond::markdown(page.as_markdown()));
    }
    Ok(respond::page(&page)?)
}

impl ProfilePage {
    fn as_markdown(&self) -> String {
        let what = if self.profile.is_org { "organisation" } else { "user" };
        let mut text = format!("# {}\n\n{what}", self.profile.name);
        if !self.profile.full_name.is_empty() {
            text.push_str(&format!(", {}", hits::escape_cell(&self.profile.full_name)));
        }
        text.push('\n');
        for line in [&self.profile.about, &self.profile.website].into_iter().flatten() {
            text.push_str(&format!("\n{}\n", hits::escape_cell(line)));
        }
        if !self.profile.fellows.is_empty() {
            let what = if self.profile.is_org { "Members" } else { "Member of" };
            let names = self.profile.fellows.iter().map(|name| format!("[{name}](/{name})"));
            text.push_str(&format!("\n{what}: {}\n", names.collect::<Vec<_>>().join(", ")));
        }
        for section in &self.sections {
            let table = hits::as_markdown(&section.rows);
            text.push_str(&format!("\n## {} ({})\n\n{table}", section.title, section.total));
        }
        text
    }
}
