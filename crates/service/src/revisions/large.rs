//! Large files of a commit: whether this repository may give them out, and where from.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};
use steelyard_blob::{Key, PresignedGet};
use steelyard_card::safetensors::ParameterCount;
use steelyard_core::{Sha256, XetHash};
use steelyard_db::lfs::{self, Home, LinkRow};

use super::{Entry, EntryKind, Snapshot};
use crate::{Error, Hub, Missing, Result};

/// How long an address of the object store is valid.
const DIRECT_URL_SECS: u64 = 3600;
/// Weight files counted per repository.
const COUNTED_FILES_MAX: usize = 200;

impl Hub {
    /// The repository's link to the content at a path: a pointer alone gives nothing.
    pub async fn get_link(
        &self,
        snapshot: &Snapshot,
        path: &str,
        sha256: Sha256,
    ) -> Result<LinkRow> {
        let mut conn = self.db().read().await?;
        let link = lfs::find_link(&mut conn, snapshot.repo.id, sha256).await?;
        let link = link.ok_or_else(|| Error::no_entry(path, snapshot.commit))?;
        if link.is_served() {
            return Ok(link);
        }
        Err(Error::NotFound(Missing::Quarantined { path: path.to_owned() }))
    }

    /// The Xet hashes of the large files among `entries` that have one.
    pub async fn xet_hashes(
        &self,
        repo_id: i64,
        entries: &[Entry],
    ) -> Result<HashMap<Sha256, XetHash>> {
        let content = |entry: &Entry| match entry.kind {
            EntryKind::File { lfs, .. } => lfs.map(|lfs| lfs.sha256),
            _ => None,
        };
        let contents: Vec<Sha256> = entries.iter().filter_map(content).collect();
        if contents.is_empty() {
            return Ok(HashMap::new());
        }
        let mut conn = self.db().read().await?;
        Ok(lfs::xet_hashes(&mut conn, repo_id, &contents).await?)
    }

    /// An address of the object store from which the content can be fetched directly, where there is one: not for a file
    /// in xorbs, which the hub puts together.
    pub async fn direct_download_url(&self, link: &LinkRow, path: &str) -> Result<Option<String>> {
        if link.home != Home::Raw {
            return Ok(None);
        }
        let name: String = path.rsplit('/').next().unwrap_or(path).chars().map(plain).collect();
        let disposition = format!("inline; filename=\"{name}\"");
        let ttl = std::time::Duration::from_secs(DIRECT_URL_SECS);
        let wanted = PresignedGet {
            ttl,
            content_disposition: Some(&disposition),
            ..PresignedGet::default()
        };
        Ok(self.blobs().presign_get(&Key::lfs(&link.sha256), &wanted).await?)
    }

    /// Parameters per type over all safetensors files of a commit; `None` when it has none, or none that can be read.
    pub async fn safetensors_parameters(&self, snapshot: &Snapshot) -> Result<Option<Value>> {
        let key = (snapshot.repo.id, snapshot.commit);
        if let Some(known) = self.parameters_cache().get(&key) {
            return Ok((*known).clone());
        }
        let files = snapshot.list_files(2000)?;
        let weights = files.iter().map(|file| file.path_text()).filter(|path| is_weights(path));
        let weights: Vec<_> = weights.take(COUNTED_FILES_MAX).collect();
        let mut count = ParameterCount::default();
        for path in &weights {
            match self.safetensors_header(snapshot, path).await {
                // Numbers that do not fit together are lies as well.
                Ok(header) if count.merge(&header.parameters).is_ok() => {}
                Ok(_) => return Ok(None),
                // A file that only claims to be weights says nothing about the others.
                Err(Error::Invalid(_) | Error::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let found = (count.total > 0)
            .then(|| json!({"parameters": count.parameters, "total": count.total}));
        self.parameters_cache().insert(key, Arc::new(found.clone()));
        Ok(found)
    }
}

/// Weights of the model itself lie at the root.
fn is_weights(path: &str) -> bool {
    path.ends_with(".safetensors") && !path.contains('/') && !path.starts_with("adapter_")
}

fn plain(c: char) -> char {
    if c.is_ascii_alphanumeric() || "._- ".contains(c) { c } else { '_' }
}
