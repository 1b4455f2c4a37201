//! Entries of trees, as `tree` and `paths-info` list them.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use steelyard_core::{Sha256, XetHash};
use steelyard_service::revisions::{CommitInfo, Entry, EntryKind};

/// One entry.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TreeEntryResponse {
    #[serde(rename = "type")]
    kind: &'static str,
    oid: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lfs: Option<TreeLfsResponse>,
    /// Of a large file that is stored in xorbs: clients fetch those themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    xet_hash: Option<XetHash>,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_commit: Option<LastCommitResponse>,
}

/// In trees the content's hash is called `oid`; in siblings it is `sha256`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct TreeLfsResponse {
    oid: String,
    size: u64,
    pointer_size: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct LastCommitResponse {
    id: String,
    title: String,
    date: String,
}

impl TreeEntryResponse {
    /// An entry, with the Xet hash of its content if that is among `hashes`.
    pub(crate) fn new(entry: Entry, hashes: &HashMap<Sha256, XetHash>) -> Self {
        let (kind, size, lfs) = match entry.kind {
            EntryKind::File { size, lfs } => ("file", size, lfs),
            EntryKind::Directory => ("directory", 0, None),
            EntryKind::Submodule => ("submodule", 0, None),
        };
        Self {
            kind,
            oid: entry.oid.to_string(),
            size,
            lfs: lfs.map(|lfs| TreeLfsResponse {
                oid: lfs.sha256.to_string(),
                size: lfs.size,
                pointer_size: lfs.pointer_size,
            }),
            xet_hash: lfs.and_then(|lfs| hashes.get(&lfs.sha256).copied()),
            path: entry.path,
            last_commit: entry.last_commit.as_ref().map(LastCommitResponse::from),
        }
    }
}

impl From<&CommitInfo> for LastCommitResponse {
    fn from(commit: &CommitInfo) -> Self {
        Self {
            id: commit.oid.to_string(),
            title: commit.title.clone(),
            date: commit.date.to_string(),
        }
    }
}

/// `POST /api/{T}/{id}/paths-info/{rev}`, as JSON or as a form.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PathsInfoRequest {
    /// The files and folders to describe; those that do not exist are left out of the answer.
    pub paths: Vec<String>,
    /// With the last commit of each.
    #[serde(default)]
    pub expand: bool,
}

/// The headers of one safetensors file, or of every shard that an index names.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SafetensorsResponse {
    /// What the index says beside its list of tensors; empty for a file that is none.
    pub index: Value,
    /// Header by file name.
    pub headers: Map<String, Value>,
}
