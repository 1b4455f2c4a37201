//! `GET /api/models/{id}/safetensors-metadata/{file}`: headers of weights, read by range.

use serde_json::{Map, Value, json};
use steelyard_card::safetensors::{HeaderNeed, SafetensorsHeader, parse_header, parse_index};

use super::Snapshot;
use super::entry::{Content, EntryKind, LfsInfo};
use crate::{Error, Hub, Result};

const FIRST_READ_BYTES: u64 = 256 * 1024;
const SHARDS_MAX: usize = 500;
const INDEX_BYTES_MAX: u64 = 100 * 1024 * 1024;

/// The headers of one file, or of all shards of an index.
#[derive(Debug)]
pub struct SafetensorsMetadata {
    /// The index's own metadata, when the file is one.
    pub index: Option<Value>,
    /// Header by file name.
    pub headers: Map<String, Value>,
}

impl Hub {
    /// Reads the headers of a `.safetensors` file or of every shard a `.safetensors.index.json` names.
    pub async fn safetensors_metadata(
        &self,
        snapshot: &Snapshot,
        path: &str,
    ) -> Result<SafetensorsMetadata> {
        let mut headers = Map::new();
        if !path.ends_with(".index.json") {
            headers
                .insert(path.to_owned(), self.safetensors_header(snapshot, path).await?.to_json());
            return Ok(SafetensorsMetadata { index: None, headers });
        }
        let bytes = self.read_head(snapshot, path, INDEX_BYTES_MAX).await?;
        let index = parse_index(&bytes).map_err(|error| bad(path, &error))?;
        if index.shards.len() > SHARDS_MAX {
            return Err(Error::TooLarge {
                what: path.to_owned(),
                limit: format!("{SHARDS_MAX} shards"),
            });
        }
        let folder =
            path.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
        for shard in &index.shards {
            let header = self.safetensors_header(snapshot, &format!("{folder}{shard}")).await?;
            headers.insert(shard.clone(), header.to_json());
        }
        let text: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let index = json!({"metadata": text.get("metadata").cloned().unwrap_or_default()});
        Ok(SafetensorsMetadata { index: Some(index), headers })
    }

    /// Reads the header of one `.safetensors` file.
    pub async fn safetensors_header(
        &self,
        snapshot: &Snapshot,
        path: &str,
    ) -> Result<SafetensorsHeader> {
        let EntryKind::File { size, .. } = snapshot.get_file(path)?.kind else {
            return Err(Error::no_entry(path, snapshot.commit));
        };
        let mut wanted = FIRST_READ_BYTES;
        loop {
            let head = self.read_head(snapshot, path, wanted).await?;
            match parse_header(&head).map_err(|error| bad(path, &error))? {
                HeaderNeed::Done(header) => {
                    header.check_file_size(size).map_err(|error| bad(path, &error))?;
                    return Ok(header);
                }
                HeaderNeed::More(total) if (head.len() as u64) < wanted || total <= wanted => {
                    return Err(Error::invalid(
                        "filename",
                        format!("\"{path}\" ends inside its header"),
                    ));
                }
                HeaderNeed::More(total) => wanted = total,
            }
        }
    }

    /// The first `limit` bytes of a file, wherever it lies.
    pub async fn read_head(
        &self,
        snapshot: &Snapshot,
        path: &str,
        limit: u64,
    ) -> Result<bytes::Bytes> {
        let entry = snapshot.get_file(path)?;
        match snapshot.content(&entry)? {
            Content::Regular(bytes) => {
                let end = usize::try_from(limit).unwrap_or(usize::MAX).min(bytes.len());
                Ok(bytes.slice(..end))
            }
            Content::Large(LfsInfo { sha256, size, .. }) => {
                let link = self.get_link(snapshot, path, sha256).await?;
                self.open_content(&link, 0..limit.min(size)).await?.collect().await
            }
        }
    }
}

fn bad(path: &str, error: &dyn std::error::Error) -> Error {
    Error::invalid("filename", format!("\"{path}\" has no safetensors header: {error}"))
}
