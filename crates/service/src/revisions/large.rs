//! Large files of a commit: whether this repository may give them out, and where from.

use serde_json::{Value, json};
use std::sync::Arc;
use steelyard_blob::{Key, PresignedGet};
use steelyard_card::safetensors::ParameterCount;
use steelyard_core::Sha256;
use steelyard_db::lfs;

use super::Snapshot;
use crate::{Error, Hub, Result};

/// How long an address of the object store is valid.
const DIRECT_URL_SECS: u64 = 3600;
/// Weight files counted per repository.
const COUNTED_FILES_MAX: usize = 200;

impl Hub {
    /// Fails unless the repository has a link to the content: a pointer alone gives nothing.
    pub async fn check_linked(
        &self,
        snapshot: &Snapshot,
        path: &str,
        sha256: Sha256,
    ) -> Result<()> {
        if self.is_linked(snapshot.repo.id, sha256).await? {
            return Ok(());
        }
        Err(Error::no_entry(path, snapshot.commit))
    }

    pub(crate) async fn is_linked(&self, repo_id: i64, sha256: Sha256) -> Result<bool> {
        let mut conn = self.db().read().await?;
        Ok(lfs::find_link(&mut conn, repo_id, sha256).await?.is_some())
    }

    /// An address of the object store from which the content can be fetched directly, where there is one.
    pub async fn direct_download_url(&self, sha256: Sha256, path: &str) -> Result<Option<String>> {
        let name: String = path.rsplit('/').next().unwrap_or(path).chars().map(plain).collect();
        let disposition = format!("inline; filename=\"{name}\"");
        let ttl = std::time::Duration::from_secs(DIRECT_URL_SECS);
        let wanted =
            PresignedGet { ttl, content_disposition: Some(&disposition), content_type: None };
        Ok(self.blobs().presign_get(&Key::lfs(&sha256), &wanted).await?)
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
                Ok(header) => count.merge(&header.parameters).map_err(Error::internal)?,
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
