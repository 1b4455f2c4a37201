//! `POST objects/batch`: what to do about each of many objects.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use steelyard_core::Timestamp;
use steelyard_core::limits::LFS_BATCH_OBJECTS_MAX;
use steelyard_service::lfs::{
    DownloadWay, Pointer, Transfer, UploadAnswer, UploadGrant, UploadWay, UploadWays,
};
use steelyard_service::xet::XetScope;
use steelyard_service::{Action, Actor, Error, Hub};

use super::super::xet::token::{cas_url, token_path};
use super::{LfsJson, signed_href};
use crate::ApiError;
use crate::extract::{Caller, Origin, Target};
use crate::reply::JsonBody;
use crate::wire::lfs::{
    ActionResponse, ActionsResponse, BatchRequest, BatchResponse, ObjectRequest, ObjectResponse,
};

const HASH_ALGO: &str = "sha256";
/// How huggingface.js spells it.
const HASH_ALGO_JS: &str = "sha_256";
/// The revision of a token for a pull request that does not exist yet, as clients write it.
const PROPOSAL: &str = "None";
const INVALID: &str =
    "oid must be a sha256 in lower-case hexadecimal, size a whole number of bytes";

pub(super) async fn batch(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
    Origin(origin): Origin,
    JsonBody(request): JsonBody<BatchRequest>,
) -> Result<LfsJson<BatchResponse>, ApiError> {
    let action = match request.operation.as_str() {
        "upload" => Action::ProposeChange,
        _ => Action::ReadContent,
    };
    hub.repo(&actor, target.kind, &target.id, action).await?;
    check(&request)?;
    let call = Call { hub: &hub, actor: &actor, target: &target, origin: &origin };
    let response = match request.operation.as_str() {
        "upload" => call.upload(&request).await?,
        "download" => call.download(&request).await?,
        _ => return Err(Error::invalid("operation", "must be \"upload\" or \"download\"").into()),
    };
    Ok(LfsJson(StatusCode::OK, response))
}

fn check(request: &BatchRequest) -> Result<(), Error> {
    let knows = |algo: &str| [HASH_ALGO, HASH_ALGO_JS].contains(&algo);
    if !request.hash_algo.as_deref().is_none_or(knows) {
        // git-lfs: "if the server does not support the given algorithm, it should return 409".
        return Err(Error::conflict("hash_algo must be \"sha256\""));
    }
    if request.objects.len() > LFS_BATCH_OBJECTS_MAX {
        let limit = format!("{LFS_BATCH_OBJECTS_MAX} objects");
        return Err(Error::TooLarge { what: "the batch".to_owned(), limit });
    }
    Ok(())
}

struct Call<'a> {
    hub: &'a Hub,
    actor: &'a Actor,
    target: &'a Target,
    origin: &'a str,
}

impl Call<'_> {
    async fn upload(&self, request: &BatchRequest) -> Result<BatchResponse, Error> {
        let takes = |wanted: &str| request.transfers.iter().any(|name| name == wanted);
        let parts = takes("multipart");
        let ways = UploadWays { parts, xet: takes("xet"), only_parts: parts && !takes("basic") };
        let wanted: Vec<Pointer> =
            request.objects.iter().filter_map(ObjectRequest::pointer).collect();
        let (kind, id) = (self.target.kind, &self.target.id);
        let batch = self.hub.grant_uploads(self.actor, kind, id, ways, &wanted).await?;
        let (transfer, xet) = match batch.transfer {
            Transfer::Basic => ("basic", None),
            Transfer::Multipart => ("multipart", None),
            Transfer::Xet => ("xet", Some(self.xet_action().await?)),
        };
        let answers = wanted
            .iter()
            .zip(batch.answers)
            .map(|(pointer, answer)| self.upload_answer(pointer, answer, xet.as_ref()));
        Ok(BatchResponse {
            transfer,
            objects: in_order(&request.objects, answers),
            hash_algo: HASH_ALGO,
        })
    }

    /// What git-xet and huggingface.js need to upload xorbs: a token, and where to fetch the next one. Which revision the
    /// files are for is decided when they are registered, so the token is one for proposals, which everybody may have
    /// who got this far.
    async fn xet_action(&self) -> Result<ActionResponse, Error> {
        let (kind, id, scope) = (self.target.kind, &self.target.id, XetScope::Write);
        let grant = self.hub.grant_xet_token(self.actor, kind, id, scope, PROPOSAL, true).await?;
        let path = token_path(kind, id, scope, PROPOSAL);
        let href = format!("{}{path}?create_pr=1", self.origin);
        // Members of a JSON object, so their case counts (git_xet/src/constants.rs).
        let header = BTreeMap::from([
            ("X-Xet-Cas-Url".to_owned(), cas_url(self.origin)),
            ("X-Xet-Access-Token".to_owned(), grant.token.expose().to_owned()),
            ("X-Xet-Token-Expiration".to_owned(), grant.expires_at.secs().to_string()),
        ]);
        Ok(ActionResponse { href, header, expires_at: grant.expires_at })
    }

    /// `xet` is the action for files that go up as xorbs.
    fn upload_answer(
        &self,
        pointer: &Pointer,
        answer: UploadAnswer,
        xet: Option<&ActionResponse>,
    ) -> ObjectResponse {
        let (oid, size) = (pointer.sha256.to_string(), pointer.size);
        match answer {
            UploadAnswer::Present => ObjectResponse::present(oid, size),
            UploadAnswer::AsXet => {
                let actions =
                    ActionsResponse { upload: xet.cloned(), ..ActionsResponse::default() };
                ObjectResponse::with_actions(oid, size, actions)
            }
            UploadAnswer::Granted(grant) => {
                ObjectResponse::with_actions(oid, size, self.upload_actions(grant))
            }
            UploadAnswer::OtherSize(real) => {
                ObjectResponse::refused(oid, size, 422, format!("this object has {real} bytes"))
            }
            UploadAnswer::TooLarge(limit) => ObjectResponse::refused(
                oid,
                size,
                422,
                format!("an object may have at most {limit} bytes"),
            ),
            UploadAnswer::BatchFull => ObjectResponse::refused(
                oid,
                size,
                413,
                "too many parts in one batch; ask for this object in another",
            ),
        }
    }

    fn upload_actions(&self, grant: UploadGrant) -> ActionsResponse {
        let (id, expires_at) = (&grant.id, grant.expires_at);
        let upload = match grant.way {
            UploadWay::Hub => self.action(&format!("/lfs/upload/{id}"), expires_at),
            UploadWay::Store { url } => {
                ActionResponse { href: url, header: BTreeMap::new(), expires_at }
            }
            UploadWay::Parts { part_size, count } => {
                let mut action = self.action(&format!("/lfs/upload/{id}/complete"), expires_at);
                action.header.insert("chunk_size".to_owned(), part_size.to_string());
                let part =
                    |number| self.href(&format!("/lfs/upload/{id}/part/{number}"), expires_at);
                action
                    .header
                    .extend((1..=count).map(|number| (format!("{number:05}"), part(number))));
                action
            }
        };
        let verify = self.action(&format!("/lfs/upload/{id}/verify"), expires_at);
        ActionsResponse { upload: Some(upload), verify: Some(verify), download: None }
    }

    async fn download(&self, request: &BatchRequest) -> Result<BatchResponse, Error> {
        let wanted: Vec<Pointer> =
            request.objects.iter().filter_map(ObjectRequest::pointer).collect();
        let (kind, id) = (self.target.kind, &self.target.id);
        let grants = self.hub.grant_downloads(self.actor, kind, id, &wanted).await?;
        let answers = wanted.iter().zip(grants).map(|(pointer, grant)| {
            let (oid, size) = (pointer.sha256.to_string(), pointer.size);
            let Some(grant) = grant else {
                return ObjectResponse::refused(oid, size, 404, "Object does not exist");
            };
            let download = match grant.way {
                DownloadWay::Hub => {
                    self.action(&format!("/lfs/object/{}/{oid}", grant.repo_id), grant.expires_at)
                }
                DownloadWay::Store { url } => ActionResponse {
                    href: url,
                    header: BTreeMap::new(),
                    expires_at: grant.expires_at,
                },
            };
            let actions =
                ActionsResponse { download: Some(download), ..ActionsResponse::default() };
            ObjectResponse::with_actions(oid, size, actions)
        });
        Ok(BatchResponse {
            transfer: "basic",
            objects: in_order(&request.objects, answers),
            hash_algo: HASH_ALGO,
        })
    }

    fn action(&self, path: &str, expires_at: Timestamp) -> ActionResponse {
        ActionResponse { href: self.href(path, expires_at), header: BTreeMap::new(), expires_at }
    }

    fn href(&self, path: &str, expires_at: Timestamp) -> String {
        signed_href(self.hub, self.origin, path, expires_at)
    }
}

/// Puts the answers to the sound objects back between the refusals of the others.
fn in_order(
    requests: &[ObjectRequest],
    mut answers: impl Iterator<Item = ObjectResponse>,
) -> Vec<ObjectResponse> {
    let answer = |request: &ObjectRequest| {
        let sound = request.pointer().and_then(|_| answers.next());
        let size = request.size.as_u64().unwrap_or(0);
        sound.unwrap_or_else(|| ObjectResponse::refused(request.oid.clone(), size, 422, INVALID))
    };
    requests.iter().map(answer).collect()
}
