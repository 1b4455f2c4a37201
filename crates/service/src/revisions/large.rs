//! Large files of a commit: whether this repository may give them out, and where from.

use std::collections::HashMap;

use steelyard_blob::{Key, PresignedGet};
use steelyard_core::{Sha256, XetHash};
use steelyard_db::lfs::{self, Home, LinkRow};

use super::{Entry, EntryKind, Snapshot};
use crate::{Error, Hub, Missing, Result};

/// How long an address of the object store is valid.
const DIRECT_URL_SECS: u64 = 3600;

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
}

fn plain(c: char) -> char {
    if c.is_ascii_alphanumeric() || "._- ".contains(c) { c } else { '_' }
}
