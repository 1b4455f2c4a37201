//! Commits: the NDJSON body, the preupload question, the commit list.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use steelyard_card::Issue;

/// One line of the NDJSON body of a commit.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "key", content = "value", rename_all = "camelCase")]
pub enum CommitLine {
    /// First line.
    Header(HeaderLine),
    /// A file for git.
    File(FileLine),
    /// A file that was uploaded to LFS.
    LfsFile(LfsFileLine),
    /// A file to delete.
    DeletedFile(PathLine),
    /// A folder to delete.
    DeletedFolder(PathLine),
}

/// The message and the expected parent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeaderLine {
    /// First line of the message.
    #[serde(default)]
    pub summary: String,
    /// The rest of the message.
    #[serde(default)]
    pub description: String,
    /// 5 to 40 hexadecimal digits.
    pub parent_commit: Option<String>,
}

/// A file for git.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct FileLine {
    /// Where.
    pub path: String,
    /// The bytes, in `encoding`.
    pub content: String,
    /// `base64`, or `utf-8` for text as it is.
    pub encoding: Option<String>,
}

/// A file that was uploaded to LFS.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct LfsFileLine {
    /// Where.
    pub path: String,
    /// Always `sha256`.
    pub algo: Option<String>,
    /// The content's hash.
    pub oid: String,
    /// Absent for copies.
    pub size: Option<u64>,
}

/// A path to delete.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PathLine {
    /// May end with `/` for a folder.
    pub path: String,
}

/// The answer to a commit.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommitResponse {
    /// Always true.
    pub success: bool,
    /// The new commit.
    pub commit_oid: String,
    /// Its page; clients split this at `/commit/`.
    pub commit_url: String,
    /// The pull request that was opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_request_url: Option<String>,
    /// What hooks said; this hub has none.
    pub hook_output: String,
}

/// `POST /api/{T}/{id}/preupload/{rev}`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreuploadRequest {
    /// The files.
    pub files: Vec<PreuploadFileRequest>,
    /// Ignore rules to use instead of the repository's.
    pub git_ignore: Option<String>,
    /// Attributes to use instead of the repository's.
    pub git_attributes: Option<String>,
}

/// One file of a preupload.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PreuploadFileRequest {
    /// Where.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// First 512 bytes, base64.
    #[serde(default)]
    pub sample: String,
}

/// The answer to a preupload.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreuploadResponse {
    /// One per file, in order.
    pub files: Vec<PreuploadFileResponse>,
    /// The commit the answer is about.
    pub commit_oid: String,
}

/// The answer for one file.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreuploadFileResponse {
    /// As asked.
    pub path: String,
    /// `lfs` or `regular`.
    pub upload_mode: &'static str,
    /// Ignore rules say not to upload it.
    pub should_ignore: bool,
    /// What is there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oid: Option<String>,
}

/// One commit of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CommitListEntry {
    /// Its id.
    pub id: String,
    /// First line of the message.
    pub title: String,
    /// The rest.
    pub message: String,
    /// Its author.
    pub authors: Vec<CommitAuthor>,
    /// When.
    pub date: String,
    /// Title and message as HTML, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formatted: Option<FormattedCommit>,
}

/// An author of a commit.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CommitAuthor {
    /// User name.
    pub user: String,
}

/// A commit's texts as HTML.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FormattedCommit {
    /// First line.
    pub title: String,
    /// The rest.
    pub message: String,
}

/// `POST /api/validate-yaml`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValidateRequest {
    /// The README.md, or its front matter.
    pub content: String,
    /// `model` when absent.
    pub repo_type: Option<String>,
}

/// What is wrong with a README.md, sent with status 200 or 400.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ValidateResponse {
    /// What keeps it out.
    pub errors: Vec<IssueResponse>,
    /// What its author should know.
    pub warnings: Vec<IssueResponse>,
}

/// One rule that a README.md breaks.
#[derive(Debug, Serialize, JsonSchema)]
pub struct IssueResponse {
    /// The rule.
    pub message: String,
    /// The line to look at, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

impl From<Issue> for IssueResponse {
    fn from(issue: Issue) -> Self {
        Self { message: issue.message, line: issue.line }
    }
}
