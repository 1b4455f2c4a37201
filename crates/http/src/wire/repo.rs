//! Repositories: create, move, settings, duplicate, and what the info routes say.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// `POST /api/repos/create`. Old clients send `private`, new ones `visibility`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateRepoRequest {
    /// The name without namespace.
    pub name: String,
    /// The owner; the caller when absent or null.
    pub organization: Option<String>,
    /// `model` when absent.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// `public`, `private` (spaces also `protected`, which this hub does not have).
    pub visibility: Option<String>,
    /// The older spelling of `visibility`.
    pub private: Option<bool>,
    /// A space's SDK.
    pub sdk: Option<String>,
    /// A repository whose files to start with.
    pub template: Option<String>,
    /// What a space runs on.
    pub hardware: Option<Value>,
    /// After how many seconds a space sleeps.
    pub sleep_time_seconds: Option<Value>,
    /// A space's secrets.
    pub secrets: Option<Vec<Value>>,
    /// A space's variables.
    pub variables: Option<Vec<Value>>,
    /// A space's volumes.
    pub volumes: Option<Vec<Value>>,
    /// An organisation's resource group.
    pub resource_group_id: Option<String>,
    /// Where the bytes shall lie.
    pub region: Option<String>,
}

/// `DELETE /api/repos/delete`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DeleteRepoRequest {
    /// The name without namespace.
    pub name: String,
    /// The owner; the caller when absent or null.
    pub organization: Option<String>,
    /// `model` when absent.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// `POST /api/repos/move`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MoveRepoRequest {
    /// The current `namespace/name`.
    pub from_repo: String,
    /// The wanted `namespace/name`.
    pub to_repo: String,
    /// `model` when absent.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// `PUT /api/{T}/{id}/settings`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct SettingsRequest {
    /// `"auto"`, `"manual"` or `false`.
    #[serde(default, deserialize_with = "present")]
    pub gated: Option<Value>,
    /// `public` or `private`.
    pub visibility: Option<String>,
    /// The older spelling of `visibility`.
    pub private: Option<bool>,
    /// Branches that can neither be forced, squashed nor deleted; this hub's own setting, replaces the list.
    #[serde(rename = "protectedBranches")]
    pub protected_branches: Option<Vec<String>>,
    /// Anything else, to be refused by name.
    #[serde(flatten)]
    #[schemars(skip)]
    pub other: Map<String, Value>,
}

/// What `PUT /api/{T}/{id}/settings` has set; null for what it left alone.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SettingsResponse {
    /// Whether only its owner or members see it.
    pub private: Option<bool>,
    /// `"auto"`, `"manual"` or `false`.
    pub gated: Option<Value>,
}

/// `POST /api/{T}/{id}/duplicate`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DuplicateRepoRequest {
    /// The wanted `namespace/name`.
    pub repository: String,
    /// The original's when absent.
    pub visibility: Option<String>,
    /// The older spelling of `visibility`.
    pub private: Option<bool>,
}

/// The answer to create and duplicate.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepoUrlResponse {
    /// The repository's address, by which clients learn its id.
    pub url: String,
    /// `namespace/name`.
    pub name: String,
    /// The public id.
    pub id: String,
    /// Files are there at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files_copy_pending: Option<bool>,
}

/// Tells `null` (present) from absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
