//! The doctor's page: a field for what one has of a failed request, and what the hub can say of it.
//!
//! What it looks up (the token, the repository, the revision, the file) it looks up with the rights of the token that was
//! pasted, or of the visitor without one. So it tells nobody more than the interface does.

use askama::Template;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use bytes::Bytes;
use steelyard_core::Revision;
use steelyard_http::{ApiError, ClientAddress, Params, Target};
use steelyard_service::{Action, Actor, Error, Missing, Result};

use crate::doctor::Finding;
use crate::doctor::pasted::Pasted;
use crate::doctor::refusals::Refused;
use crate::doctor::signs::{self, Here};
use crate::frame::{Frame, Visit};
use crate::respond;

/// Longest text that is read, in bytes.
const TEXT_BYTES_MAX: usize = 64 * 1024;

#[derive(Template)]
#[template(path = "doctor.html")]
struct DoctorPage {
    frame: Frame,
    origin: String,
    /// What was pasted, without its token.
    text: String,
    request: String,
    is_asked: bool,
    findings: Vec<Finding>,
}

/// The form; `?request=` tells of a refusal by its id, `?url=` of an address.
pub(super) async fn page(
    visit: Visit,
    ClientAddress(address): ClientAddress,
) -> Result<Response, ApiError> {
    let field = |name: &str| visit.params.get(name).unwrap_or_default().trim().to_owned();
    let (request, url) = (field("request"), field("url"));
    answer(visit, &address, url, request).await
}

/// The answer to what was pasted. It comes as the body of a POST, so that it is in no log and no history.
pub(super) async fn examine(
    visit: Visit,
    ClientAddress(address): ClientAddress,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let too_large =
        || Error::TooLarge { what: "the pasted text".to_owned(), limit: "64 KiB".to_owned() };
    let body = body.ok().filter(|body| body.len() <= 3 * TEXT_BYTES_MAX).ok_or_else(too_large)?;
    let form = Params::parse(&body);
    let field = |name: &str| form.get(name).unwrap_or_default().trim().to_owned();
    let (text, request) = (field("text"), field("request"));
    if text.len() > TEXT_BYTES_MAX {
        return Err(too_large().into());
    }
    answer(visit, &address, text, request).await
}

async fn answer(
    visit: Visit,
    address: &str,
    text: String,
    request: String,
) -> Result<Response, ApiError> {
    let mut findings = Vec::new();
    let here = Here { origin: &visit.origin };
    let mut seen = Pasted::read(&text);
    if !request.is_empty() {
        match visit.web.refusals().find(&request) {
            Some(refused) => {
                findings.push(told(&refused));
                seen = remembered(&refused);
            }
            None => findings.push(Finding::mind(
                "This process refused nothing under that id, or too long ago: it remembers the last 5,000 refusals for an hour.",
                "Another process behind the same address may have; the operator finds the id in the logs.",
            )),
        }
    }
    if !text.is_empty() && seen.is_empty() {
        findings.extend(signs::read(&text, &seen, &here));
        if findings.is_empty() {
            findings.push(Finding::mind(
                "There is no request in this text that can be recognised.",
                "Paste the output of curl -v, the last lines of a traceback, or an address.",
            ));
        }
    } else if !seen.is_empty() {
        findings.extend(signs::read(&text, &seen, &here));
        findings.extend(signs::is_ours(&seen));
        findings.extend(looked_up(&visit, address, &seen).await?);
    }
    let is_asked = !text.is_empty() || !request.is_empty();
    let page = DoctorPage {
        frame: visit.frame.clone().section("setup").markdown("/doctor.md".to_owned()),
        text: match seen.token() {
            Some(token) if !token.is_empty() => text.replace(token, "hf_…"),
            _ => text,
        },
        origin: visit.origin.clone(),
        request,
        is_asked,
        findings,
    };
    if visit.as_markdown || visit.uri.path().ends_with(".md") {
        return Ok(respond::markdown(page.as_markdown()));
    }
    Ok(respond::page(&page)?)
}

fn told(refused: &Refused) -> Finding {
    let Refused { method, path, status, code, message, .. } = refused;
    let code = if code.is_empty() { String::new() } else { format!(", {code}") };
    Finding::mind(format!("{method} {path} was answered {status}{code}: {message}"), String::new())
}

/// What is kept of a refusal, as if it had been pasted.
fn remembered(refused: &Refused) -> Pasted {
    let mut seen = Pasted {
        method: Some(refused.method.clone()),
        path: Some(refused.path.clone()),
        host: Some(refused.host.to_ascii_lowercase()).filter(|host| !host.is_empty()),
        status: Some(refused.status),
        ..Pasted::default()
    };
    seen.sent.push(("user-agent".to_owned(), refused.user_agent.clone()));
    seen.sent.push(("host".to_owned(), refused.host.clone()));
    if refused.had_token {
        seen.sent.push(("authorization".to_owned(), "Bearer hf_…".to_owned()));
    }
    if !refused.code.is_empty() {
        seen.received.push(("x-error-code".to_owned(), refused.code.clone()));
    }
    seen.received.push(("x-request-id".to_owned(), String::new()));
    seen
}

async fn looked_up(visit: &Visit, address: &str, seen: &Pasted) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    let actor = match seen.token().filter(|token| token.is_ascii() && !token.contains(['*', '['])) {
        Some(token) => match visit.hub.authenticate(token, address).await {
            Ok(actor) => {
                found.extend(actor.user().map(|user| {
                    let role = user.token_role.as_str();
                    Finding::good(format!(
                        "The token is {}’s, “{}”, and may {role}.",
                        user.name, user.token_name
                    ))
                }));
                actor
            }
            Err(Error::BadCredentials) => {
                found.push(Finding::bad(
                    "This hub does not know the token.",
                    "It was revoked, or it is of another hub: a token of huggingface.co means nothing here. hf auth login with one of this hub.",
                ));
                return Ok(found);
            }
            Err(error) => return Err(error),
        },
        None => visit.actor.clone(),
    };
    if let Some(target) = seen.path.as_deref().and_then(Target::of_path) {
        found.extend(repository(visit, &actor, &target).await?);
    }
    Ok(found)
}

async fn repository(visit: &Visit, actor: &Actor, target: &Target) -> Result<Vec<Finding>> {
    let (kind, id) = (target.kind, &target.id);
    let action = match target.verb() {
        "resolve" | "raw" | "blob" => Action::ReadContent,
        _ => Action::ReadRepo,
    };
    match visit.hub.repo(actor, kind, id, action).await {
        Ok(row) => {
            let mut found =
                vec![Finding::good(format!("{kind} {} is there, and may be read so.", row.repo))];
            found.extend(file(visit, actor, target).await?);
            Ok(found)
        }
        Err(Error::Moved { to, .. }) => Ok(vec![Finding::mind(
            format!("{id} was renamed to {to}."),
            "Its old name goes on to work for clients that follow redirects.",
        )]),
        Err(Error::Gated { .. }) => Ok(vec![Finding::bad(
            format!("{kind} {id} is gated: its files are given to those who may write to it."),
            "Use a token of one of them. Asking for access is not there yet.",
        )]),
        Err(Error::NotFound(Missing::Repo { .. })) => {
            let mut found = vec![Finding::bad(
                format!("There is no {kind} {id} that this caller may see."),
                "A private one needs a token of a member; names must be written in full.",
            )];
            found.extend(of_other_kind(visit, actor, target).await?);
            Ok(found)
        }
        Err(error @ (Error::Disabled | Error::Forbidden(_))) => {
            Ok(vec![Finding::bad(error.to_string(), String::new())])
        }
        Err(error) => Err(error),
    }
}

/// The most common mistake about kinds: a dataset asked for as a model.
async fn of_other_kind(visit: &Visit, actor: &Actor, target: &Target) -> Result<Option<Finding>> {
    for kind in steelyard_core::RepoKind::ALL.into_iter().filter(|kind| *kind != target.kind) {
        match visit.hub.repo(actor, kind, &target.id, Action::ReadRepo).await {
            Ok(row) => {
                let cure = format!(
                    "Say so: --type {kind}, repo_type=\"{kind}\", or /{}{} in addresses.",
                    kind.url_prefix(),
                    row.repo
                );
                return Ok(Some(Finding::bad(
                    format!("But there is a {kind} of that name."),
                    cure,
                )));
            }
            Err(
                Error::NotFound(_) | Error::Moved { .. } | Error::Disabled | Error::Gated { .. },
            ) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Whether the revision and the file are there.
async fn file(visit: &Visit, actor: &Actor, target: &Target) -> Result<Option<Finding>> {
    if !["resolve", "raw", "blob", "tree"].contains(&target.verb()) {
        return Ok(None);
    }
    let (text, path) = target.revision_and_path()?;
    let Ok(revision) = Revision::parse(&text) else {
        return Ok(Some(Finding::bad(format!("“{text}” cannot be the name of a revision."), "")));
    };
    let (kind, id) = (target.kind, &target.id);
    let snapshot = match visit.hub.snapshot(actor, kind, id, &revision, Action::ReadRepo).await {
        Ok(snapshot) => snapshot,
        Err(Error::NotFound(_)) => {
            return Ok(Some(Finding::bad(
                format!("There is no revision “{text}”."),
                "The default branch is called main unless somebody changed it.",
            )));
        }
        Err(error) => return Err(error),
    };
    if path.is_empty() || snapshot.find_entry(&path)?.is_some() {
        return Ok(Some(Finding::good(format!("The revision and “{path}” are there."))));
    }
    let alike = snapshot.list_files(5_000)?.into_iter().map(|file| file.path_text().into_owned());
    let name = path.rsplit('/').next().unwrap_or(&path).to_ascii_lowercase();
    let alike: Vec<String> = alike
        .filter(|known| {
            known.rsplit('/').next().is_some_and(|known| known.eq_ignore_ascii_case(&name))
        })
        .take(3)
        .collect();
    let cure = match alike.is_empty() {
        true => "Look at the Files page for what there is.".to_owned(),
        false => format!("There is {}.", alike.join(", ")),
    };
    Ok(Some(Finding::bad(format!("There is no file “{path}” at {text}."), cure)))
}

impl DoctorPage {
    fn as_markdown(&self) -> String {
        let mut text = format!(
            "# The doctor\n\nGET {0}/doctor.md?request=ID tells why a request was refused, ?url=ADDRESS what there is to say of \
             an address; POST a form with the field text (the output of curl -v) to {0}/doctor.\n\n",
            self.origin
        );
        for Finding { tone, what, cure } in &self.findings {
            let mark = match *tone {
                "bad" => "!",
                "mind" => "?",
                _ => "ok",
            };
            text.push_str(&format!("- [{mark}] {what} {cure}\n"));
        }
        text
    }
}
