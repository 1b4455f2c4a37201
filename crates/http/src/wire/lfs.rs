//! git-lfs: batches, locks, errors; and the Hub's lists of large files.
//!
//! The shapes are those of git-lfs (docs/api/batch.md, docs/api/locking.md); `multipart` is Hugging Face's extension.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use steelyard_core::{Sha256, Timestamp};
use steelyard_service::lfs::{LinkRow, Lock, Pointer};

/// `POST objects/batch`. Everything has a default: who may not read the repository learns nothing from a bad body.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct BatchRequest {
    #[serde(default)]
    pub(crate) operation: String,
    #[serde(default)]
    pub(crate) transfers: Vec<String>,
    #[serde(default)]
    pub(crate) objects: Vec<ObjectRequest>,
    #[serde(default)]
    pub(crate) hash_algo: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ObjectRequest {
    #[serde(default)]
    pub(crate) oid: String,
    #[serde(default)]
    #[schemars(with = "u64")]
    pub(crate) size: serde_json::Value,
}

impl ObjectRequest {
    /// The content it names, if it names one.
    pub(crate) fn pointer(&self) -> Option<Pointer> {
        // Pointers are compared as text elsewhere, so the one spelling of git-lfs is demanded: lower case.
        let is_lower = self.oid.bytes().all(|byte| !byte.is_ascii_uppercase());
        let sha256 = Sha256::parse(&self.oid).ok().filter(|_| is_lower)?;
        Some(Pointer { sha256, size: self.size.as_u64()? })
    }
}

/// The answer to a batch.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BatchResponse {
    pub(crate) transfer: &'static str,
    pub(crate) objects: Vec<ObjectResponse>,
    pub(crate) hash_algo: &'static str,
}

/// What to do about one object.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ObjectResponse {
    pub(crate) oid: String,
    pub(crate) size: u64,
    /// True wherever there are actions: their addresses need no `Authorization`, and S3 would even refuse one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) authenticated: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) actions: Option<ActionsResponse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<ObjectErrorResponse>,
}

impl ObjectResponse {
    /// Nothing to do.
    pub(crate) fn present(oid: String, size: u64) -> Self {
        Self { oid, size, authenticated: None, actions: None, error: None }
    }

    /// These actions.
    pub(crate) fn with_actions(oid: String, size: u64, actions: ActionsResponse) -> Self {
        Self { authenticated: Some(true), actions: Some(actions), ..Self::present(oid, size) }
    }

    /// It cannot be done.
    pub(crate) fn refused(oid: String, size: u64, code: u16, message: impl Into<String>) -> Self {
        let error = ObjectErrorResponse { code, message: message.into() };
        Self { error: Some(error), ..Self::present(oid, size) }
    }
}

#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct ActionsResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upload: Option<ActionResponse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verify: Option<ActionResponse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) download: Option<ActionResponse>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ActionResponse {
    pub(crate) href: String,
    /// For `multipart`: `chunk_size`, and the address of each part under its number. The numbers have leading zeros
    /// because git-lfs sorts the keys as text and huggingface_hub's transfer agent takes them in that order.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) header: BTreeMap<String, String>,
    #[schemars(with = "String")]
    pub(crate) expires_at: Timestamp,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ObjectErrorResponse {
    code: u16,
    message: String,
}

/// An error as git-lfs reads it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LfsErrorResponse {
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
}

/// `POST .../verify`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct VerifyRequest {
    #[schemars(with = "String")]
    pub(crate) oid: Sha256,
    pub(crate) size: u64,
}

/// `POST .../complete`: every part has arrived.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CompleteRequest {
    #[schemars(with = "String")]
    pub(crate) oid: Sha256,
    pub(crate) parts: Vec<PartRequest>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PartRequest {
    pub(crate) part_number: u32,
    pub(crate) etag: String,
}

/// `POST locks`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CreateLockRequest {
    #[serde(default)]
    pub(crate) path: String,
    #[serde(default, rename = "ref")]
    pub(crate) reference: Option<RefRequest>,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct RefRequest {
    pub(crate) name: String,
}

/// `POST locks/verify`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct VerifyLocksRequest {
    #[serde(default)]
    pub(crate) cursor: Option<String>,
    #[serde(default)]
    pub(crate) limit: Option<usize>,
}

/// `POST locks/{id}/unlock`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct UnlockRequest {
    #[serde(default)]
    pub(crate) force: bool,
}

/// A lock.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LockResponse {
    id: String,
    path: String,
    #[schemars(with = "String")]
    locked_at: Timestamp,
    owner: LockOwnerResponse,
}

#[derive(Debug, Serialize, JsonSchema)]
struct LockOwnerResponse {
    name: String,
}

impl From<Lock> for LockResponse {
    fn from(lock: Lock) -> Self {
        let owner = LockOwnerResponse { name: lock.owner };
        Self { id: lock.id, path: lock.path, locked_at: lock.locked_at, owner }
    }
}

/// One lock, and what stood in the way if it is not the one that was asked for.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OneLockResponse {
    pub(crate) lock: LockResponse,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<&'static str>,
}

/// A page of locks.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LocksResponse {
    pub(crate) locks: Vec<LockResponse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// A page of locks, apart by whose they are.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VerifyLocksResponse {
    pub(crate) ours: Vec<LockResponse>,
    pub(crate) theirs: Vec<LockResponse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// An entry of `GET lfs-files`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LfsFileResponse {
    file_oid: String,
    filename: String,
    #[schemars(with = "String")]
    oid: Sha256,
    #[schemars(with = "String")]
    pushed_at: Timestamp,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    size: u64,
}

impl From<LinkRow> for LfsFileResponse {
    fn from(link: LinkRow) -> Self {
        Self {
            file_oid: link.public_id,
            // Uploaded and never committed: it has no other name.
            filename: link.filename.unwrap_or_else(|| link.sha256.to_string()),
            oid: link.sha256,
            pushed_at: link.linked_at,
            // Clients compare with the name of a branch.
            reference: link
                .ref_name
                .map(|name| name.strip_prefix("refs/heads/").unwrap_or(&name).to_owned()),
            size: link.size_bytes,
        }
    }
}

/// `POST lfs-files/batch`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct LfsFilesBatchRequest {
    #[serde(default)]
    pub(crate) deletions: DeletionsRequest,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeletionsRequest {
    /// The Hub calls the list `sha`; it holds `fileOid`s.
    #[serde(default)]
    pub(crate) sha: Vec<String>,
    /// Takes the files out of all commits too: every branch, tag and pull request gets a new history.
    #[serde(default)]
    pub(crate) rewrite_history: bool,
}

/// The answer to `POST lfs-files/batch`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LfsFilesDeletedResponse {
    /// How many large files are gone.
    pub(crate) deleted: usize,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(oid: &str, size: &serde_json::Value) -> ObjectRequest {
        serde_json::from_value(json!({"oid": oid, "size": size})).unwrap()
    }

    #[test]
    fn only_whole_pointers_count() {
        let hex = "ab".repeat(32);
        assert_eq!(object(&hex, &json!(5)).pointer().unwrap().size, 5);
        for (oid, size) in [
            ("", json!(1)),
            (&hex[1..], json!(1)),
            (&hex.to_uppercase(), json!(1)),
            (&hex, json!(-1)),
            (&hex, json!(1.5)),
            (&hex, json!("1")),
            (&hex, json!(null)),
        ] {
            assert!(object(oid, &size).pointer().is_none(), "{oid} {size}");
        }
    }

    #[test]
    fn parts_are_listed_in_the_order_in_which_text_sorts() {
        let header = (1..=11).map(|n| (format!("{n:05}"), format!("u{n}"))).collect();
        let action =
            ActionResponse { href: "h".to_owned(), header, expires_at: Timestamp::from_millis(0) };
        let text = serde_json::to_string(&action).unwrap();
        assert!(text.find("u2\"").unwrap() < text.find("u10\"").unwrap());
        assert!(text.contains("\"expires_at\":\"1970-01-01T00:00:00.000Z\""));
    }

    #[test]
    fn an_object_that_is_present_has_no_actions_member() {
        let text = serde_json::to_value(ObjectResponse::present("x".to_owned(), 1)).unwrap();
        assert_eq!(text, json!({"oid": "x", "size": 1}));
        let text =
            serde_json::to_value(ObjectResponse::refused("x".to_owned(), 1, 404, "no")).unwrap();
        assert_eq!(text, json!({"oid": "x", "size": 1, "error": {"code": 404, "message": "no"}}));
    }
}
