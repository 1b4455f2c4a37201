//! What `GET /api/{T}/{id}` says, field by field, and which fields may be asked for with `expand`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Map, Value, json};
use steelyard_core::RepoKind;
use steelyard_service::repos::{RepoRow, StorageEntry};
use steelyard_service::revisions::{Entry, EntryKind};

/// The names `expand` accepts, per kind (huggingface_hub 2.4.0, hf_api.py 159-236).
pub fn expand_names(kind: RepoKind) -> &'static [&'static str] {
    match kind {
        RepoKind::Model => MODEL,
        RepoKind::Dataset => DATASET,
        RepoKind::Space => SPACE,
        RepoKind::Kernel => KERNEL,
    }
}

const MODEL: &[&str] = &[
    "author",
    "baseModels",
    "cardData",
    "childrenModelCount",
    "config",
    "createdAt",
    "disabled",
    "downloads",
    "downloadsAllTime",
    "evalResults",
    "gated",
    "gguf",
    "inference",
    "inferenceProviderMapping",
    "lastModified",
    "library_name",
    "likes",
    "mask_token",
    "model-index",
    "pipeline_tag",
    "private",
    "resourceGroup",
    "safetensors",
    "sha",
    "siblings",
    "spaces",
    "tags",
    "transformersInfo",
    "trendingScore",
    "usedStorage",
    "widgetData",
];

const DATASET: &[&str] = &[
    "author",
    "cardData",
    "citation",
    "createdAt",
    "description",
    "disabled",
    "downloads",
    "downloadsAllTime",
    "gated",
    "lastModified",
    "likes",
    "mainSize",
    "paperswithcode_id",
    "private",
    "resourceGroup",
    "sha",
    "siblings",
    "tags",
    "trendingScore",
    "usedStorage",
];

const SPACE: &[&str] = &[
    "author",
    "cardData",
    "createdAt",
    "datasets",
    "disabled",
    "lastModified",
    "likes",
    "models",
    "private",
    "region",
    "resourceGroup",
    "runtime",
    "sdk",
    "sha",
    "siblings",
    "subdomain",
    "tags",
    "trendingScore",
    "usedStorage",
];

const KERNEL: &[&str] =
    &["author", "downloads", "gated", "lastModified", "likes", "private", "sha"];

/// The names a reply has when nothing is asked for.
pub fn default_names(kind: RepoKind) -> Vec<&'static str> {
    let costly =
        ["baseModels", "childrenModelCount", "evalResults", "inferenceProviderMapping", "mainSize"];
    expand_names(kind).iter().copied().filter(|name| !costly.contains(name)).collect()
}

/// Fields that a repository's record answers; `None` for a name that needs more (counters are answered by
/// [`super::likes::stats_field`]), or that this hub does not know.
pub fn record_field(row: &RepoRow, facts: &Value, name: &str) -> Option<Value> {
    let fact = |name: &str| facts.get(name).filter(|value| !value.is_null()).cloned();
    let card = |name: &str| facts.get("card_data").and_then(|card| card.get(name)).cloned();
    match name {
        "author" => Some(json!(row.repo.namespace.as_str())),
        "createdAt" => Some(json!(row.created_at)),
        "lastModified" => Some(json!(row.last_modified)),
        "private" => Some(json!(row.visibility.is_private())),
        "disabled" => Some(json!(row.disabled)),
        "gated" if row.gated.is_empty() => Some(json!(false)),
        "gated" => Some(json!(row.gated)),
        "tags" => Some(fact("tags").unwrap_or_else(|| json!([]))),
        "cardData" => fact("card_data"),
        "config" => fact("config"),
        "transformersInfo" => fact("transformers_info"),
        "pipeline_tag" => fact("pipeline_tag"),
        "library_name" => fact("library_name"),
        "mask_token" => fact("mask_token"),
        "model-index" => card("model-index"),
        "widgetData" => card("widget"),
        "models" => fact("models"),
        "datasets" => fact("datasets"),
        "baseModels" => fact("base_models")
            .filter(|models| models.as_array().is_some_and(|list| !list.is_empty())),
        "description" => card("description").or_else(|| fact("description")),
        "citation" => card("citation").or_else(|| fact("citation")),
        "paperswithcode_id" => card("paperswithcode_id"),
        "sdk" => row.settings.get("sdk").cloned().or_else(|| fact("sdk")),
        "subdomain" => {
            Some(json!(format!("{}-{}", row.repo.namespace, row.repo.name).to_lowercase()))
        }
        _ => None,
    }
}

/// The entries of `siblings`; sizes and ids only when asked for.
pub fn siblings(entries: &[Entry], with_blobs: bool) -> Value {
    entries.iter().map(|entry| sibling(entry, with_blobs)).collect()
}

fn sibling(entry: &Entry, with_blobs: bool) -> Value {
    let mut value = json!({"rfilename": entry.path});
    if let (true, EntryKind::File { size, lfs }) = (with_blobs, &entry.kind) {
        value["size"] = json!(size);
        value["blobId"] = json!(entry.oid);
        if let Some(lfs) = lfs {
            value["lfs"] =
                json!({"sha256": lfs.sha256, "size": lfs.size, "pointerSize": lfs.pointer_size});
        }
    }
    value
}

/// The shape of a repository's description. Which fields there are depends on its kind and on `expand`, so the
/// description itself is put together as JSON.
#[derive(Debug)]
pub struct RepoInfoResponse;

impl JsonSchema for RepoInfoResponse {
    fn schema_name() -> Cow<'static, str> {
        "RepoInfoResponse".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        let mut fields = Map::new();
        for (name, what) in [
            ("_id", "The public id."),
            ("id", "`namespace/name`."),
            ("modelId", "Of models, the same."),
        ] {
            fields.insert(name.to_owned(), json!({"type": "string", "description": what}));
        }
        for kind in RepoKind::ALL {
            for name in expand_names(kind) {
                fields
                    .entry((*name).to_owned())
                    .or_insert_with(|| json!({"description": kinds_with(name)}));
            }
        }
        let mut schema = Schema::default();
        schema.insert(
            "description".to_owned(),
            json!("A repository; a field that is not known is absent."),
        );
        schema.insert("type".to_owned(), json!("object"));
        schema.insert("required".to_owned(), json!(["_id", "id"]));
        schema.insert("properties".to_owned(), Value::Object(fields));
        schema
    }
}

fn kinds_with(name: &str) -> String {
    let kinds = RepoKind::ALL.into_iter().filter(|kind| expand_names(*kind).contains(&name));
    format!("Of {}.", kinds.map(RepoKind::plural).collect::<Vec<_>>().join(", "))
}

/// An entry of `GET /api/settings/repositories`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageResponse {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    updated_at: String,
    visibility: &'static str,
    /// Bytes of its packs and of the large files it links to.
    storage: i64,
}

impl From<&StorageEntry> for StorageResponse {
    fn from(entry: &StorageEntry) -> Self {
        Self {
            id: entry.row.repo.to_string(),
            kind: entry.row.kind.as_str(),
            updated_at: entry.row.last_modified.to_string(),
            visibility: entry.row.visibility.as_str(),
            storage: entry.bytes,
        }
    }
}
