//! Giving the bytes of large files out.

use std::ops::Range;

use steelyard_blob::{BlobStream, Key};
use steelyard_core::Sha256;
use steelyard_db::lfs::{self, LinkRow};
use steelyard_db::repo;

use super::blob_error;
use crate::{Error, Hub, Missing, Result};

impl Hub {
    /// The link behind an address that this hub signed: it may have been taken away since.
    pub async fn signed_download(&self, repo_id: i64, sha256: Sha256) -> Result<LinkRow> {
        let missing = || Error::NotFound(Missing::Other("object"));
        let mut conn = self.db().read().await?;
        let repo = repo::find_repo_by_id(&mut conn, repo_id).await?.ok_or_else(missing)?;
        if repo.disabled {
            return Err(Error::Disabled);
        }
        lfs::find_link(&mut conn, repo_id, sha256).await?.ok_or_else(missing)
    }

    /// Bytes of a content. Whether the caller may have them was decided before.
    pub async fn open_content(&self, sha256: &Sha256, range: Range<u64>) -> Result<BlobStream> {
        let stream = self.blobs().open(&Key::lfs(sha256), range).await.map_err(blob_error)?;
        stream.ok_or_else(|| Error::internal(format!("content {sha256} has a row and no bytes")))
    }
}
