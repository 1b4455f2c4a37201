//! Uploading: validate-yaml, preupload, commit.

use axum::Json;
use axum::body::{Body, HttpBody as _};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use steelyard_card::Issue;
use steelyard_core::limits::{COMMIT_OPERATIONS_MAX, PREUPLOAD_FILES_MAX};
use steelyard_core::{RepoKind, RepoPath, Sha256};
use steelyard_service::commits::{
    CommitRequest, Operation, PreuploadFile, PreuploadQuery, UploadMode,
};
use steelyard_service::{Action, Error, Hub};

use crate::extract::{Caller, Origin, Params, Target};
use crate::openapi::Parameter;
use crate::reply::{JsonBody, read_body};
use crate::wire::commit::{
    CommitLine, CommitResponse, IssueResponse, PreuploadFileResponse, PreuploadRequest,
    PreuploadResponse, ValidateRequest, ValidateResponse,
};
use crate::{Access, ApiError, Route};

pub(super) fn add(table: &mut Vec<Route>) {
    let (path, summary) = ("/api/validate-yaml", "Checks the metadata of a README.md");
    let validate =
        Route::new(&["POST"], path, Access::Anyone, summary, post(validate_yaml)).fails(&[413]);
    table.push(validate.takes::<ValidateRequest>().gives::<ValidateResponse>());
    // With create_pr=1 the service asks for less: ProposeChange.
    let write = Access::Repo(Action::WriteContent);
    for kind in RepoKind::ALL {
        let base = format!("/api/{}/{{ns}}/{{name}}", kind.plural());
        let (path, summary) =
            (format!("{base}/preupload/{{*rest}}"), "Tells which files go to git and which to LFS");
        let preupload = Route::new(&["POST"], path, write, summary, post(preupload))
            .rest("{revision}")
            .query(QUERY);
        table
            .push(preupload.takes::<PreuploadRequest>().gives::<PreuploadResponse>().fails(&[413]));
        let (path, summary) =
            (format!("{base}/commit/{{*rest}}"), "Commits operations, one line of NDJSON each");
        let commit = Route::new(&["POST"], path, write, summary, post(commit))
            .rest("{revision}")
            .query(QUERY);
        let commit =
            commit.takes_as::<CommitLine>("application/x-ndjson").gives::<CommitResponse>();
        table.push(commit.fails(&[409, 412, 413, 501]));
    }
}

/// Bodies that say they are no larger than this are read before permission is asked, so that it is asked once.
const SMALL_BODY_BYTES_MAX: u64 = 64 * 1024;

const QUERY: &[Parameter] =
    &[Parameter::flag("create_pr", "Propose the change in a pull request; asks for less.")];

/// Always JSON with status 200 or 400, even when there is nothing to say: clients parse the body before they look at
/// the status. `RepoCard.validate` asks for text.
async fn validate_yaml(
    headers: HeaderMap,
    JsonBody(request): JsonBody<ValidateRequest>,
) -> Result<Response, ApiError> {
    let kind = RepoKind::parse(request.repo_type.as_deref().unwrap_or("model"))?;
    let report = steelyard_card::validate(kind, &request.content);
    let status = if report.is_valid() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let wants_text = headers
        .get(header::ACCEPT)
        .is_some_and(|accept| accept.as_bytes().starts_with(b"text/plain"));
    if wants_text {
        return Ok((status, report.to_text()).into_response());
    }
    let issues = |issues: Vec<Issue>| issues.into_iter().map(IssueResponse::from).collect();
    let response =
        ValidateResponse { errors: issues(report.errors), warnings: issues(report.warnings) };
    Ok((status, Json(response)).into_response())
}

async fn preupload(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
    params: Params,
    JsonBody(request): JsonBody<PreuploadRequest>,
) -> Result<Json<PreuploadResponse>, ApiError> {
    let (create_pr, revision) = (params.flag("create_pr"), target.tail()?);
    hub.authorize_commit(&actor, target.kind, &target.id, &revision, create_pr).await?;
    if request.files.len() > PREUPLOAD_FILES_MAX {
        let limit = format!("{PREUPLOAD_FILES_MAX} files");
        return Err(Error::TooLarge { what: "the request".to_owned(), limit }.into());
    }
    let mut files = Vec::with_capacity(request.files.len());
    for file in request.files {
        let path = RepoPath::parse(&file.path)?;
        let sample = STANDARD
            .decode(&file.sample)
            .map_err(|_| Error::invalid("sample", "must be base64"))?;
        files.push(PreuploadFile { path: path.as_str().to_owned(), size: file.size, sample });
    }
    let query = PreuploadQuery {
        revision: &revision,
        create_pr,
        files: &files,
        git_ignore: request.git_ignore.as_deref(),
        git_attributes: request.git_attributes.as_deref(),
    };
    let (answers, commit) = hub.preupload(&actor, target.kind, &target.id, query).await?;
    let files = answers.into_iter().map(|answer| PreuploadFileResponse {
        path: answer.path,
        upload_mode: if answer.mode == UploadMode::Lfs { "lfs" } else { "regular" },
        should_ignore: answer.should_ignore,
        oid: answer.current,
    });
    Ok(Json(PreuploadResponse { files: files.collect(), commit_oid: commit.to_string() }))
}

async fn commit(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    Origin(origin): Origin,
    target: Target,
    params: Params,
    body: Body,
) -> Result<Json<CommitResponse>, ApiError> {
    let (create_pr, revision) = (params.flag("create_pr"), target.tail()?);
    let limit = hub.settings().limits.commit_body_bytes_max;
    let ask = || hub.commit_access(&actor, target.kind, &target.id, &revision, create_pr);
    let is_small = body.size_hint().upper().is_some_and(|bytes| bytes <= SMALL_BODY_BYTES_MAX);
    let (small, large) =
        if is_small { (Some(read_body(body, limit).await), None) } else { (None, Some(body)) };
    // Permission before a large body: a stranger cannot make us hold a whole commit.
    let mut access = ask().await?;
    if params.flag("hot_reload") {
        return Err(Error::NotImplemented(
            "this hub does not run spaces, so it cannot reload one".to_owned(),
        )
        .into());
    }
    let mut body = small.transpose()?.unwrap_or_default();
    if let Some(large) = large {
        body = read_body(large, limit).await?;
        // It may have taken long enough for rights to be taken away meanwhile.
        access = ask().await?;
    }
    let request = parse_commit(&body, create_pr)?;
    let readme = request.operations.iter().rev().find_map(|operation| match operation {
        Operation::File { path, content } if path.as_str() == "README.md" => Some(content.clone()),
        _ => None,
    });
    let landed = readme.map(|readme| (access.repo().clone(), readme));
    let page = format!("{origin}/{}{}", access.repo().kind.url_prefix(), access.repo().repo);
    let committed = hub.commit_with(access, request).await?;
    Ok(Json(CommitResponse {
        success: true,
        commit_oid: committed.oid.to_string(),
        commit_url: format!("{page}/commit/{}", committed.oid),
        pull_request_url: committed.pull_request.map(|num| format!("{page}/discussions/{num}")),
        hook_output: match landed {
            Some((repo, readme)) => hub.advice(&actor, &repo, &readme).await.join("\n"),
            None => String::new(),
        },
    }))
}

/// Reads the NDJSON body: a header line, then one line per operation.
pub fn parse_commit(body: &Bytes, create_pr: bool) -> Result<CommitRequest, Error> {
    let mut request: Option<CommitRequest> = None;
    for (index, line) in body.split(|byte| *byte == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let bad = |rule: String| Error::invalid("body", format!("line {}: {rule}", index + 1));
        let line: CommitLine =
            serde_json::from_slice(line).map_err(|error| bad(error.to_string()))?;
        match (line, &mut request) {
            (CommitLine::Header(header), None) => {
                request = Some(CommitRequest {
                    summary: header.summary,
                    description: header.description,
                    parent: header.parent_commit.map(|parent| parent.to_ascii_lowercase()),
                    operations: Vec::new(),
                    create_pr,
                });
            }
            (CommitLine::Header(_), Some(_)) => {
                return Err(bad("there may be only one header".to_owned()));
            }
            (_, None) => return Err(bad("the first line must be the header".to_owned())),
            (line, Some(request)) => {
                if request.operations.len() >= COMMIT_OPERATIONS_MAX {
                    let limit = format!(
                        "{COMMIT_OPERATIONS_MAX} operations; split it into several commits"
                    );
                    return Err(Error::TooLarge { what: "the commit".to_owned(), limit });
                }
                request.operations.push(operation(line).map_err(|error| match error {
                    Error::Invalid(invalid) => bad(invalid.to_string()),
                    other => other,
                })?);
            }
        }
    }
    request.ok_or_else(|| Error::invalid("body", "must start with a header line"))
}

fn operation(line: CommitLine) -> Result<Operation, Error> {
    Ok(match line {
        CommitLine::File(file) => {
            let content = match file.encoding.as_deref() {
                Some("base64") => STANDARD.decode(&file.content).map_err(|_| {
                    Error::invalid("content", format!("of \"{}\" must be base64", file.path))
                })?,
                None | Some("utf-8") => file.content.into_bytes(),
                Some(_) => {
                    return Err(Error::invalid("encoding", "must be \"base64\" or \"utf-8\""));
                }
            };
            Operation::File { path: RepoPath::parse(&file.path)?, content: Bytes::from(content) }
        }
        CommitLine::LfsFile(file) => {
            if file.algo.as_deref().is_some_and(|algo| algo != "sha256") {
                return Err(Error::invalid("algo", "must be \"sha256\""));
            }
            let sha256 = Sha256::parse(&file.oid)?;
            Operation::LfsFile { path: RepoPath::parse(&file.path)?, sha256, size: file.size }
        }
        CommitLine::DeletedFile(line) => Operation::DeleteFile(RepoPath::parse(&line.path)?),
        CommitLine::DeletedFolder(line) => {
            Operation::DeleteFolder(RepoPath::parse(line.path.trim_end_matches('/'))?)
        }
        CommitLine::Header(_) => return Err(Error::invalid("key", "there may be only one header")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<CommitRequest, Error> {
        parse_commit(&Bytes::copy_from_slice(text.as_bytes()), false)
    }

    #[test]
    fn a_commit_is_a_header_and_operations() {
        let text = concat!(
            "{\"key\":\"header\",\"value\":{\"summary\":\"s\",\"description\":\"\",\"parentCommit\":\"ABCDE\"}}\n",
            "{\"key\":\"deletedFolder\",\"value\":{\"path\":\"old/\"}}\n",
            "{\"key\":\"file\",\"value\":{\"content\":\"aGk=\",\"path\":\"a.txt\",\"encoding\":\"base64\"}}\n\n",
        );
        let request = parse(text).unwrap();
        assert_eq!(request.parent.as_deref(), Some("abcde"));
        assert_eq!(request.operations.len(), 2);
        assert_eq!(request.operations[0].path().as_str(), "old");
    }

    #[test]
    fn bad_lines_are_named() {
        let header = "{\"key\":\"header\",\"value\":{\"summary\":\"s\"}}\n";
        for (text, expected) in [
            (String::new(), "must start with a header"),
            (
                "{\"key\":\"deletedFile\",\"value\":{\"path\":\"a\"}}".to_owned(),
                "line 1: the first line",
            ),
            (format!("{header}{header}"), "line 2: there may be only one header"),
            (format!("{header}nonsense"), "line 2"),
            (
                format!("{header}{{\"key\":\"deletedFile\",\"value\":{{\"path\":\"../x\"}}}}"),
                "line 2: invalid path",
            ),
            (format!("{header}{{\"key\":\"copyFile\",\"value\":{{}}}}"), "line 2: unknown variant"),
            (
                format!(
                    "{header}{{\"key\":\"file\",\"value\":{{\"path\":\"a\",\"content\":\"?\",\"encoding\":\"base64\"}}}}"
                ),
                "must be base64",
            ),
        ] {
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
