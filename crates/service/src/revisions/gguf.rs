//! What a GGUF file says of itself, read from its header by range.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use steelyard_card::gguf::{GgufHeader, HEADER_BYTES_MAX, HeaderNeed, parse_header};

use super::Snapshot;
use crate::{Error, Hub, Result};

const FIRST_READ_BYTES: u64 = 256 * 1024;

impl Hub {
    /// The header of the first GGUF file at the root of a commit; `None` when there is none that can be read.
    pub async fn gguf_header(&self, snapshot: &Snapshot) -> Result<Option<Value>> {
        let key = (snapshot.repo.id, snapshot.commit);
        if let Some(known) = self.gguf_cache().get(&key) {
            return Ok((*known).clone());
        }
        let files = snapshot.list_files(2000)?;
        let first = files
            .iter()
            .map(|file| file.path_text())
            .find(|path| path.ends_with(".gguf") && !path.contains('/'));
        let found = match first {
            Some(path) => match self.read_gguf(snapshot, &path).await {
                Ok(header) => header,
                Err(Error::NotFound(_)) => None,
                Err(error) => return Err(error),
            },
            None => None,
        };
        self.gguf_cache().insert(key, Arc::new(found.clone()));
        Ok(found)
    }

    /// The header of one GGUF file; `None` when it has none that can be read.
    pub async fn read_gguf(&self, snapshot: &Snapshot, path: &str) -> Result<Option<Value>> {
        let Some((header, _)) = self.gguf_head(snapshot, path).await? else { return Ok(None) };
        serde_json::to_value(header).map(Some).map_err(Error::internal)
    }

    /// The header of one GGUF file, and the bytes that hold it.
    pub async fn gguf_head(
        &self,
        snapshot: &Snapshot,
        path: &str,
    ) -> Result<Option<(Box<GgufHeader>, Bytes)>> {
        let mut wanted = FIRST_READ_BYTES;
        loop {
            let head = self.read_head(snapshot, path, wanted).await?;
            match parse_header(&head) {
                Ok(HeaderNeed::Done(header)) => return Ok(Some((header, head))),
                // The file ends inside its header, or the header is larger than any real one.
                Ok(HeaderNeed::More(total))
                    if (head.len() as u64) < wanted || total.max(wanted) >= HEADER_BYTES_MAX =>
                {
                    return Ok(None);
                }
                Ok(HeaderNeed::More(total)) => {
                    wanted = total.max(wanted.saturating_mul(2)).min(HEADER_BYTES_MAX);
                }
                Err(_) => return Ok(None),
            }
        }
    }
}
