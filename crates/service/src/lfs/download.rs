//! Giving the bytes of large files out.

use steelyard_core::Sha256;
use steelyard_db::lfs::{self, LinkRow};
use steelyard_db::repo;

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
        let link = lfs::find_link(&mut conn, repo_id, sha256).await?;
        link.filter(LinkRow::is_served).ok_or_else(missing)
    }
}
