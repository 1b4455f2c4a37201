//! Refs: what they are, and what makes and removes them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `GET /api/{T}/{id}/refs`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefsResponse {
    /// `refs/heads/*`.
    pub branches: Vec<RefResponse>,
    /// `refs/convert/*`.
    pub converts: Vec<RefResponse>,
    /// `refs/tags/*`.
    pub tags: Vec<RefResponse>,
    /// `refs/pr/*`, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_requests: Option<Vec<RefResponse>>,
}

/// One ref.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefResponse {
    /// The short name.
    pub name: String,
    /// The full name.
    #[serde(rename = "ref")]
    pub full: String,
    /// The commit it names.
    pub target_commit: String,
}

/// `POST /api/{T}/{id}/branch/{branch}`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateBranchRequest {
    /// Where it starts; the default branch when absent.
    pub starting_point: Option<String>,
    /// Not possible here.
    pub empty_branch: Option<bool>,
    /// Not possible here.
    pub overwrite: Option<bool>,
}

/// `POST /api/{T}/{id}/tag/{revision}`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CreateTagRequest {
    /// The tag's name; must be given.
    pub tag: Option<String>,
    /// Makes an annotated tag with this message.
    pub message: Option<String>,
}

/// `POST /api/{T}/{id}/super-squash/{branch}`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct SquashRequest {
    /// The one commit's message.
    pub message: Option<String>,
}
