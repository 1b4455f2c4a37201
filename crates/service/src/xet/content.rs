//! Giving the bytes of large files out, wherever they are.

use std::ops::Range;
use std::sync::Arc;

use steelyard_blob::Key;
use steelyard_core::Sha256;
use steelyard_db::lfs::{self, Home, LinkRow};
use steelyard_db::xet::XorbRow;
use steelyard_xet::Terms;

use super::stream::{ContentStream, read_file};
use super::views::{FileView, broken};
use crate::{Error, Hub, Missing, Result};

impl Hub {
    /// Bytes of the content behind a link. Whether the caller may have them was decided before.
    pub async fn open_content(&self, link: &LinkRow, range: Range<u64>) -> Result<ContentStream> {
        match link.home {
            Home::Raw => match self.open_raw(&link.sha256, range.clone()).await? {
                Some(stream) => Ok(stream),
                // It may have moved since the link was read.
                None => self.open_moved(&link.sha256, range).await,
            },
            Home::Xet { file_id, .. } | Home::Claimed { file_id, .. } => {
                self.read_xet_file(file_id, range).await
            }
            Home::Quarantined => Err(Error::NotFound(Missing::Other("object"))),
        }
    }

    async fn open_raw(&self, sha256: &Sha256, range: Range<u64>) -> Result<Option<ContentStream>> {
        Ok(self.blobs().open(&Key::lfs(sha256), range).await?.map(ContentStream::from))
    }

    async fn open_moved(&self, sha256: &Sha256, range: Range<u64>) -> Result<ContentStream> {
        let mut conn = self.db().read().await?;
        let content = lfs::find_content(&mut conn, *sha256).await?;
        drop(conn);
        match content.and_then(|content| content.xet) {
            Some((file_id, _)) => self.read_xet_file(file_id, range).await,
            None => Err(broken(format!("content {sha256} has a row and no bytes"))),
        }
    }

    /// Bytes of a file that was put together from xorbs; the range must lie within it.
    pub async fn read_xet_file(&self, file_id: i64, range: Range<u64>) -> Result<ContentStream> {
        let view = match self.known_view(file_id) {
            Some(view) => view,
            None => {
                let mut conn = self.db().read().await?;
                let view = self.file_view(&mut conn, file_id).await?;
                view.ok_or_else(|| broken(format!("file {file_id} has no row")))?
            }
        };
        read_file(self.clone(), Some(file_id), view, range)
    }

    /// As [`Hub::read_xet_file`], for a file that has no row yet. All xorbs that the terms name must be among `xorbs`.
    pub(crate) async fn stream_terms(
        &self,
        terms: Terms,
        xorbs: &[XorbRow],
        range: Range<u64>,
    ) -> Result<ContentStream> {
        read_file(self.clone(), None, Arc::new(FileView::new(terms, xorbs)?), range)
    }
}
