//! What commits ask: may this repository name this content?

use steelyard_core::Sha256;
use steelyard_db::Conn;
use steelyard_db::lfs::{self, LinkRow, UploadRow};
use steelyard_db::xet::{self, ClaimOutcome};

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
        let uploads = proven_first(&mut conn, uploads).await?;
        drop(conn);
        let Some(upload) = self.finish_one_of(uploads).await? else { return Ok(None) };
        let mut tx = self.db().write().await?;
        let size = match upload.xet_file_id {
            Some(file_id) => {
                let (id, now) = (self.fresh_id(), self.now());
                match xet::claim_link(&mut tx, repo_id, sha256, &id, file_id, now).await? {
                    ClaimOutcome::Linked | ClaimOutcome::Same => Some(upload.size_bytes),
                    ClaimOutcome::Other => None,
                }
            }
            None => {
                // Sparing holds the row until the link stands.
                let size = lfs::spare_object(&mut tx, sha256).await?;
                if size.is_some() {
                    self.link(&mut tx, repo_id, sha256).await?;
                }
                size
            }
        };
        tx.commit().await?;
        Ok(size)
    }
}

/// The same uploads, those last of which only the uploader says that they are this content: anybody may say so.
async fn proven_first(conn: &mut Conn, uploads: Vec<UploadRow>) -> Result<Vec<UploadRow>> {
    let (mut proven, mut claimed) = (Vec::new(), Vec::new());
    for upload in uploads {
        let file = match upload.xet_file_id {
            Some(id) => xet::find_file_by_id(conn, id).await?,
            None => None,
        };
        let is_claimed =
            upload.xet_file_id.is_some() && file.is_none_or(|file| file.sha256.is_none());
        if is_claimed { claimed.push(upload) } else { proven.push(upload) }
    }
    proven.append(&mut claimed);
    Ok(proven)
}
