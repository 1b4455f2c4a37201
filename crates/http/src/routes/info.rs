//! What a repository is: the info routes and the plain listings.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::get;
use serde_json::{Map, Value, json};
use steelyard_core::{Namespace, RepoKind, Revision};
use steelyard_service::repos::{ListQuery, RepoRow, RepoSort};
use steelyard_service::revisions::Snapshot;
use steelyard_service::{Action, Error, Hub};

use crate::extract::{Caller, Origin, Params, Target};
use crate::openapi::{CURSOR, LIMIT, Parameter};
use crate::wire::info::{
    RepoInfoResponse, StorageResponse, default_names, expand_names, record_field, siblings,
};
use crate::{Access, ApiError, Route, link};

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
        let handler = move |hub, caller, origin, params| list(kind, hub, caller, origin, params);
        let summary = "Lists the repositories the caller may see";
        let list =
            Route::new(&["GET"], base, Access::Anyone, summary, get(handler)).query(LIST_QUERY);
        table.push(list.gives::<Vec<RepoInfoResponse>>().fails(&[501]));
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
const LIST_QUERY: &[Parameter] = &[
    Parameter::text("author", "Only repositories of this user or organisation."),
    Parameter::list("search", "Only names that contain every one of these texts."),
    Parameter::text("sort", "`createdAt` (the default) or `lastModified`; newest first."),
    Parameter::flag("full", "With author, commit, files and more."),
    Parameter::flag("config", "With the facts of config.json."),
    Parameter::flag("cardData", "With the metadata of README.md."),
    EXPAND,
    LIMIT,
    CURSOR,
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
    Ok(Json(describe(&hub, &row, snapshot.as_ref(), names, params.flag("blobs")).await?))
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
    Ok(Json(describe(&hub, &row, Some(&snapshot), names, params.flag("blobs")).await?))
}

/// The names after `expand`; `None` when nothing was asked for.
fn wanted_names(kind: RepoKind, params: &Params) -> Result<Option<Vec<&'static str>>, Error> {
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

async fn describe(
    hub: &Hub,
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
    for name in names {
        let value = match (name, snapshot) {
            ("sha", Some(snapshot)) => Some(json!(snapshot.commit)),
            ("siblings", Some(snapshot)) => Some(sibling_list(snapshot, with_blobs)?),
            ("siblings", None) => Some(json!([])),
            ("usedStorage", _) => Some(json!(hub.used_storage(row).await?)),
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

fn identity(row: &RepoRow) -> Map<String, Value> {
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

/// Plain listings: by author and text, newest first. Filters that need the search index answer 501 until it comes.
async fn list(
    kind: RepoKind,
    State(hub): State<Hub>,
    Caller(actor): Caller,
    Origin(origin): Origin,
    params: Params,
) -> Result<(HeaderMap, Json<Vec<Value>>), ApiError> {
    let answered = [
        "author",
        "search",
        "sort",
        "direction",
        "limit",
        "cursor",
        "full",
        "expand",
        "config",
        "cardData",
        "private",
    ];
    if let Some((field, _)) =
        params.pairs().iter().find(|(key, _)| !answered.contains(&key.as_str()))
    {
        let text = format!(
            "this hub cannot filter listings by \"{field}\" yet; use author, search and sort"
        );
        return Err(Error::NotImplemented(text).into());
    }
    let sort = match params.get("sort") {
        None | Some("createdAt" | "created_at") => RepoSort::CreatedAt,
        Some("lastModified" | "last_modified") => RepoSort::LastModified,
        Some(other) => {
            return Err(Error::NotImplemented(format!(
                "this hub cannot sort listings by \"{other}\" yet"
            ))
            .into());
        }
    };
    let query = ListQuery {
        kind: Some(kind),
        author: params.get("author").map(str::to_owned),
        search: params.all("search").into_iter().map(str::to_owned).collect(),
        sort,
        limit: limit_of(&params)?,
        cursor: link::cursor(&params)?,
    };
    let names = wanted_names(kind, &params)?;
    let full = params.flag("full");
    let page = hub.list_repos(&actor, &query).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for row in page.items {
        items.push(list_item(&hub, row, names.as_deref(), full, &params).await?);
    }
    let path = format!("/api/{}", kind.plural());
    Ok((link::next_page(&origin, &path, &params, page.next.as_ref()), Json(items)))
}

async fn list_item(
    hub: &Hub,
    row: RepoRow,
    names: Option<&[&'static str]>,
    full: bool,
    params: &Params,
) -> Result<Value, Error> {
    const SHORT: &[&str] = &["private", "tags", "pipeline_tag", "library_name", "createdAt"];
    const FULL: &[&str] = &["author", "sha", "lastModified", "gated", "disabled", "siblings"];
    let mut wanted: Vec<&'static str> = match names {
        Some(names) => names.to_vec(),
        None if full => SHORT.iter().chain(FULL).copied().collect(),
        None => SHORT.to_vec(),
    };
    for (flag, name) in [("config", "config"), ("cardData", "cardData")] {
        let implied = full && name == "cardData" && row.kind != RepoKind::Model;
        if (params.flag(flag) || implied) && names.is_none() {
            wanted.push(name);
        }
    }
    wanted.retain(|name| expand_names(row.kind).contains(name));
    let needs_commit =
        ["sha", "siblings", "safetensors", "gguf"].iter().any(|name| wanted.contains(name));
    if needs_commit {
        let snapshot = hub.head(row.clone()).await?;
        return describe(hub, &row, snapshot.as_ref(), Some(wanted), false).await;
    }
    let mut info = identity(&row);
    if row.kind == RepoKind::Model {
        info.insert("modelId".to_owned(), json!(row.repo.to_string()));
    }
    for name in wanted {
        let value = match name {
            "usedStorage" => Some(json!(hub.used_storage(&row).await?)),
            _ => record_field(&row, &row.facts, name),
        };
        if let Some(value) = value {
            info.insert(name.to_owned(), value);
        }
    }
    Ok(Value::Object(info))
}

fn limit_of(params: &Params) -> Result<Option<usize>, Error> {
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
