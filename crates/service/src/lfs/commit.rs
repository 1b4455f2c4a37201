//! What commits ask: may this repository name this content?

use steelyard_core::Sha256;
use steelyard_db::lfs::{self, LinkRow};

use crate::{Hub, Result};

impl Hub {
    /// The size of a content that the repository may name: one it links to, else one that was uploaded for it and is
    /// linked now. `None` when it has no right to the content, whether that exists or not.
    pub async fn finish_upload_for_commit(
        &self,
        repo_id: i64,
        sha256: Sha256,
    ) -> Result<Option<u64>> {
        let mut conn = self.db().read().await?;
        let link = lfs::find_link(&mut conn, repo_id, sha256).await?;
        if let Some(link) = link.filter(LinkRow::is_served) {
            return Ok(Some(link.size_bytes));
        }
        let uploads = lfs::list_uploads(&mut conn, repo_id, sha256).await?;
        drop(conn);
        if self.finish_one_of(uploads).await?.is_none() {
            return Ok(None);
        }
        let mut tx = self.db().write().await?;
        // Sparing holds the row until the link stands.
        let Some(size) = lfs::spare_object(&mut tx, sha256).await? else { return Ok(None) };
        self.link(&mut tx, repo_id, sha256).await?;
        tx.commit().await?;
        Ok(Some(size))
    }
}
