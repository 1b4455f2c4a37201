//! What a repository is: the info routes and the plain listings.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::get;
use serde_json::{Map, Value, json};
use steelyard_core::{Namespace, RepoKind, Revision};
use steelyard_service::repos::RepoRow;
use steelyard_service::revisions::Snapshot;
use steelyard_service::{Action, Actor, Error, Hub};

use crate::extract::{Caller, Origin, Params, Target};
use crate::openapi::{CURSOR, Parameter};
use crate::wire::info::{
    RepoInfoResponse, StorageResponse, default_names, expand_names, record_field, siblings,
};
use crate::wire::likes::stats_field;
use crate::{Access, ApiError, Route, link};

/// Fields that change by being used, not by commits.
const COUNTERS: [&str; 4] = ["downloads", "downloadsAllTime", "likes", "trendingScore"];
/// Files whose sizes make up `mainSize`.
const SIZED_FILES_MAX: usize = 20_000;
/// Most files that `siblings` lists.
const SIBLINGS_MAX: usize = 200_000;

pub(super) fn add(table: &mut Vec<Route>) {
    for kind in RepoKind::ALL {
        let base = format!("/api/{}", kind.plural());
        let read = Access::Repo(Action::ReadRepo);
        let (path, summary) =
            (format!("{base}/{{ns}}/{{name}}"), "Describes a repository at its default branch");
        let head = Route::new(&["GET"], path, read, summary, get(head_info)).query(INFO_QUERY);
        table.push(head.gives::<RepoInfoResponse>());
        let (path, summary) = (
            format!("{base}/{{ns}}/{{name}}/revision/{{*rest}}"),
            "Describes a repository at a revision",
        );
        let info = Route::new(&["GET"], path, read, summary, get(info))
            .rest("{revision}")
            .query(INFO_QUERY);
        table.push(info.gives::<RepoInfoResponse>());
    }
    let (path, summary) =
        ("/api/settings/repositories", "Lists the caller's repositories and their sizes");
    let own = Route::new(&["GET"], path, Access::User, summary, get(own_storage)).query(&[CURSOR]);
    table.push(own.gives::<Vec<StorageResponse>>());
    let path = "/api/organizations/{ns}/settings/repositories";
    let summary = "Lists an organisation's repositories and their sizes";
    let org = Route::new(&["GET"], path, Access::User, summary, get(org_storage)).query(&[CURSOR]);
    table.push(org.gives::<Vec<StorageResponse>>());
}

const EXPAND: Parameter =
    Parameter::list("expand", "Only these fields; an unknown name is refused with the known ones.");
const INFO_QUERY: &[Parameter] = &[
    EXPAND,
    Parameter::flag(
        "blobs",
        "Sizes and ids of the files in `siblings`, and what their pointers say.",
    ),
];

async fn head_info(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let row = hub.repo(&actor, target.kind, &target.id, Action::ReadRepo).await?;
    let names = wanted_names(target.kind, &params)?;
    let snapshot = hub.head(row.clone()).await?;
    Ok(Json(describe(&hub, &actor, &row, snapshot.as_ref(), names, params.flag("blobs")).await?))
}

async fn info(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let revision = Revision::parse(&target.tail()?)?;
    let snapshot =
        hub.snapshot(&actor, target.kind, &target.id, &revision, Action::ReadRepo).await?;
    let names = wanted_names(target.kind, &params)?;
    let row = snapshot.repo.clone();
    Ok(Json(describe(&hub, &actor, &row, Some(&snapshot), names, params.flag("blobs")).await?))
}

/// The names after `expand`; `None` when nothing was asked for.
pub(super) fn wanted_names(
    kind: RepoKind,
    params: &Params,
) -> Result<Option<Vec<&'static str>>, Error> {
    let asked = params.all("expand");
    if asked.is_empty() {
        return Ok(None);
    }
    let known = expand_names(kind);
    let mut names = Vec::new();
    for (index, name) in asked.iter().enumerate() {
        // Some clients ask for fields of hf.co's own storage; they are nobody's business and harmless.
        if ["gitalyUid", "xetEnabled"].contains(name) {
            continue;
        }
        let Some(found) = known.iter().find(|known| *known == name) else {
            let list: Vec<String> = known.iter().map(|name| format!("\"{name}\"")).collect();
            let text =
                format!("Invalid option: expected one of {} at expand[{index}]", list.join("|"));
            return Err(Error::Invalid(steelyard_core::Invalid::new("expand", text)));
        };
        names.push(*found);
    }
    Ok(Some(names))
}

pub(super) async fn describe(
    hub: &Hub,
    actor: &Actor,
    row: &RepoRow,
    snapshot: Option<&Snapshot>,
    names: Option<Vec<&'static str>>,
    with_blobs: bool,
) -> Result<Value, Error> {
    let mut info = identity(row);
    if row.kind == RepoKind::Model {
        info.insert("modelId".to_owned(), json!(row.repo.to_string()));
    }
    let names = names.unwrap_or_else(|| default_names(row.kind));
    let facts = match snapshot {
        Some(snapshot) => hub.facts_of(snapshot)?,
        None => json!({}),
    };
    let is_counter = |name: &&str| COUNTERS.contains(name);
    let stats = match names.iter().any(is_counter) {
        true => Some(hub.stats_of(row.id).await?),
        false => None,
    };
    for name in names {
        let value = match (name, snapshot) {
            (name, _) if is_counter(&name) => {
                stats.as_ref().and_then(|stats| stats_field(stats, hub.now(), name))
            }
            ("sha", Some(snapshot)) => Some(json!(snapshot.commit)),
            ("siblings", Some(snapshot)) => Some(sibling_list(snapshot, with_blobs)?),
            ("siblings", None) => Some(json!([])),
            ("childrenModelCount", _) => {
                Some(json!(hub.count_children(actor, &row.repo).await?.total()))
            }
            ("spaces", _) => Some(json!(hub.spaces_using(actor, &row.repo).await?)),
            ("evalResults", Some(snapshot)) => eval_results(hub, snapshot)?,
            ("usedStorage", _) => Some(json!(hub.used_storage(row).await?)),
            ("mainSize", Some(snapshot)) => Some(json!(snapshot.size(SIZED_FILES_MAX)?)),
            ("gguf", Some(snapshot)) => hub.gguf_header(snapshot).await?,
            ("safetensors", Some(snapshot)) => hub.safetensors_parameters(snapshot).await?,
            ("lastModified", Some(snapshot)) if !snapshot.is_head => {
                Some(json!(snapshot.commit_info()?.date))
            }
            _ => record_field(row, &facts, name),
        };
        if let Some(value) = value {
            info.insert(name.to_owned(), value);
        }
    }
    Ok(Value::Object(info))
}

/// The results in files of results; absent where there are none.
fn eval_results(hub: &Hub, snapshot: &Snapshot) -> Result<Option<Value>, Error> {
    let entries = hub.eval_entries(snapshot)?;
    if entries.is_empty() {
        return Ok(None);
    }
    serde_json::to_value(entries).map(Some).map_err(Error::internal)
}

pub(super) fn identity(row: &RepoRow) -> Map<String, Value> {
    let mut info = Map::new();
    info.insert("_id".to_owned(), json!(row.public_id));
    info.insert("id".to_owned(), json!(row.repo.to_string()));
    info
}

fn sibling_list(snapshot: &Snapshot, with_blobs: bool) -> Result<Value, Error> {
    if with_blobs {
        return Ok(siblings(&snapshot.list_file_entries(SIBLINGS_MAX)?, true));
    }
    let files = snapshot.list_files(SIBLINGS_MAX)?;
    Ok(files.iter().map(|file| json!({"rfilename": file.path_text()})).collect())
}

pub(super) fn limit_of(params: &Params) -> Result<Option<usize>, Error> {
    let parse = |text: &str| text.parse().map_err(|_| Error::invalid("limit", "must be a number"));
    params.get("limit").map(parse).transpose()
}

async fn own_storage(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    Origin(origin): Origin,
    params: Params,
) -> Result<(HeaderMap, Json<Vec<StorageResponse>>), ApiError> {
    storage(&hub, &actor, None, &origin, "/api/settings/repositories", &params).await
}

async fn org_storage(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    Origin(origin): Origin,
    axum::extract::Path(namespace): axum::extract::Path<String>,
    params: Params,
) -> Result<(HeaderMap, Json<Vec<StorageResponse>>), ApiError> {
    let name = Namespace::parse(&namespace)?;
    let path = format!("/api/organizations/{name}/settings/repositories");
    storage(&hub, &actor, Some(&name), &origin, &path, &params).await
}

async fn storage(
    hub: &Hub,
    actor: &steelyard_service::Actor,
    namespace: Option<&Namespace>,
    origin: &str,
    path: &str,
    params: &Params,
) -> Result<(HeaderMap, Json<Vec<StorageResponse>>), ApiError> {
    let page = hub.list_storage(actor, namespace, link::cursor(params)?).await?;
    let items = page.items.iter().map(StorageResponse::from);
    Ok((link::next_page(origin, path, params, page.next.as_ref()), Json(items.collect())))
}
