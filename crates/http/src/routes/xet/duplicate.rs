//! Copying large files between repositories: `lfs-files/duplicate` of the source.

use axum::Json;
use axum::extract::State;
use steelyard_core::{RepoId, RepoKind};
use steelyard_service::Hub;
use steelyard_service::xet::DuplicateFile;

use crate::ApiError;
use crate::extract::{Caller, Target};
use crate::reply::JsonBody;
use crate::wire::xet::{DuplicateFilesRequest, DuplicateFilesResponse, FailedFileResponse};

/// A commit to the target follows, which names the files.
pub(super) async fn duplicate(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    source: Target,
    JsonBody(request): JsonBody<DuplicateFilesRequest>,
) -> Result<Json<DuplicateFilesResponse>, ApiError> {
    let kind = RepoKind::parse(request.target.kind.as_deref().unwrap_or("model"))?;
    let target = RepoId::parse(&request.target.name)?;
    let files = request.files.into_iter();
    let files = files.map(|file| DuplicateFile { xet_hash: file.xet_hash, sha256: file.sha256 });
    let files: Vec<_> = files.collect();
    let (from, to) = ((source.kind, &source.id), (kind, &target));
    let failed = hub.duplicate_lfs_files(&actor, from, to, &files).await?;
    let failed = failed
        .into_iter()
        .map(|file| FailedFileResponse { sha256: file.sha256, error: file.error })
        .collect();
    Ok(Json(DuplicateFilesResponse { failed }))
}
