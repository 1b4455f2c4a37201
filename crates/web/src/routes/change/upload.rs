//! Uploading files. The page's script sends large ones in parts that can go on after a cut; without it a form sends files as
//! large as git takes, in one commit.

use askama::Template;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use steelyard_core::RepoPath;
use steelyard_core::limits::REGULAR_FILE_BYTES_MAX;
use steelyard_http::{ApiError, Target, read_body};
use steelyard_service::{Error, Hub, Result};

use super::ground::{Ground, Message};
use crate::frame::{Frame, Visit};
use crate::multipart::Multipart;
use crate::routes::account::Outcome;
use crate::routes::repo::Head;
use crate::submission::check_form;
use crate::{links, respond};

/// Largest form with files, in bytes. They wait in memory until they are committed.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

#[derive(Template)]
#[template(path = "change/upload.html")]
struct UploadPage {
    frame: Frame,
    head: Head,
    csrf: String,
    outcome: Outcome,
    folder: String,
    message: Message,
    may_commit: bool,
    may_propose: bool,
    /// Where the script sends what it uploads.
    api: String,
}

pub(super) async fn page(visit: Visit, target: Target) -> Result<Response, ApiError> {
    let ground = Ground::of(&visit, &target).await?;
    let message = Message { propose: !ground.may_commit, ..Message::default() };
    let folder = ground.path.clone();
    Ok(show(&visit, &ground, StatusCode::OK, Outcome::default(), (folder, message)).await?)
}

async fn show(
    visit: &Visit,
    ground: &Ground,
    status: StatusCode,
    outcome: Outcome,
    (folder, message): (String, Message),
) -> Result<Response> {
    let repo = &ground.snapshot.repo;
    let page = UploadPage {
        frame: visit.frame.clone().section(repo.kind.plural()),
        head: Head::of(visit, repo, &ground.revision, "files").await?,
        csrf: visit.csrf(),
        outcome,
        folder,
        message,
        may_commit: ground.may_commit,
        may_propose: ground.may_propose,
        api: format!("/api/{}/{}", repo.kind.plural(), repo.repo),
    };
    respond::form(status, &page)
}

pub(super) async fn upload(State(hub): State<Hub>, request: Request) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let visit = Visit::from_request_parts(&mut parts, &hub).await?;
    let target = Target::from_request_parts(&mut parts, &hub).await?;
    // Permission before the body: a stranger cannot make us hold files.
    let ground = Ground::of(&visit, &target).await?;
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let body = read_body(body, BODY_BYTES_MAX).await;
    let body = match body {
        Err(Error::TooLarge { .. }) => return Ok(too_large(&visit, &ground).await?),
        body => body?,
    };
    let form = Multipart::parse(kind.unwrap_or_default(), &body)?;
    check_form(&parts.headers, &visit, Some(form.get("csrf")))?;
    // It may have taken long enough for rights to be taken away meanwhile.
    let ground = Ground::of(&visit, &target).await?;
    let mut message = Message::of(|name| form.get(name).to_owned());
    let folder = form.get("folder").trim().trim_matches('/').to_owned();
    match commit(&visit, &ground, &folder, &mut message, form.files).await {
        Ok(address) => Ok(respond::see_other(&address)),
        Err(error) => {
            let (status, outcome) = Outcome::of(error)?;
            Ok(show(&visit, &ground, status, outcome, (folder, message)).await?)
        }
    }
}

async fn too_large(visit: &Visit, ground: &Ground) -> Result<Response> {
    let words = "The files have more than 64 MiB together. Upload them in several turns, with the script of this page, or with hf upload.";
    let (status, outcome) = (StatusCode::PAYLOAD_TOO_LARGE, Outcome::problem(words));
    let message = Message { propose: !ground.may_commit, ..Message::default() };
    show(visit, ground, status, outcome, (ground.path.clone(), message)).await
}

async fn commit(
    visit: &Visit,
    ground: &Ground,
    folder: &str,
    message: &mut Message,
    files: Vec<(String, Bytes)>,
) -> Result<String> {
    let mut named = Vec::with_capacity(files.len());
    for (name, content) in files {
        // Some browsers give a whole path of the sender's machine; only what a folder was chosen with is wanted.
        let name = name.rsplit('\\').next().unwrap_or(&name).to_owned();
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        let path = RepoPath::parse(&path)?;
        if content.len() as u64 > REGULAR_FILE_BYTES_MAX {
            let limit = "10 MiB for files sent with a form; with scripts switched on this page takes any size".to_owned();
            return Err(Error::TooLarge { what: format!("file \"{path}\""), limit });
        }
        named.push((path, content));
    }
    let Some((first, _)) = named.first() else {
        return Err(Error::invalid("upload", "needs at least one file"));
    };
    if message.summary.is_empty() {
        message.summary = match named.len() {
            1 => format!("Upload {}", first.file_name()),
            count => format!("Upload {count} files"),
        };
    }
    let repo = &ground.snapshot.repo;
    let to = (ground.revision.as_str(), message.propose);
    let of = (repo.kind, &repo.repo);
    let operations = visit.hub.operations_for(&visit.actor, of, to, named).await?;
    let committed = ground.commit(visit, message, operations, None).await?;
    let base = links::repo(repo.kind, &repo.repo);
    Ok(links::at(&base, "tree", &ground.after(&committed), folder))
}
