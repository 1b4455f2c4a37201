//! Packs: bytes present, as long as their row says, and what they hold is what their tables of contents say.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use steelyard_blob::Key;
use steelyard_db::pack::{self, PackBytes, PackRow};
use steelyard_git::pack::{VerifyLimits, verify};
use steelyard_git::store::NoObjects;
use steelyard_git::{GitError, Pack, PackData, PackSet, Toc};
use tokio::io::AsyncWriteExt as _;
use uuid::Uuid;

use super::finding::{Finding, Findings};
use crate::fetch::blocking;
use crate::jobs::chain;
use crate::{Error, Hub, Result};

const RESTORE: &str = "restore it from a backup of the store it lies in";

/// A pack whose bytes are at hand.
pub(super) struct Loaded {
    place: String,
    pack: Arc<Pack>,
    /// The stored table of contents could not be read; `pack` has one that was made anew.
    toc_is_broken: bool,
}

/// A file that goes away when it is not needed any more; its mapping stays.
struct TemporaryFile(PathBuf);

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(path = %self.0.display(), %error, "a temporary file stays behind");
        }
    }
}

impl Hub {
    /// Loads the packs of a repository as far as that is possible.
    pub(super) async fn load_packs(
        &self,
        rows: &[PackRow],
        findings: &mut Findings,
    ) -> Result<Vec<Loaded>> {
        let mut loaded = Vec::with_capacity(rows.len());
        for row in rows {
            let place = format!("pack {}", row.pack_id);
            match self.load_pack(row, &place).await? {
                Ok(pack) => loaded.push(pack),
                Err(finding) => findings.push(finding),
            }
        }
        Ok(loaded)
    }

    async fn load_pack(&self, row: &PackRow, place: &str) -> Result<Result<Loaded, Finding>> {
        let bad = |what: String| Ok(Err(Finding::error(place, what, RESTORE)));
        let mut conn = self.db().read().await?;
        let Some(bytes) = pack::find_pack_bytes(&mut conn, &row.pack_id).await? else {
            return bad("its row is missing".to_owned());
        };
        drop(conn);
        let Ok(uuid) = Uuid::parse_str(&row.pack_id) else {
            return bad("its id is not a UUID".to_owned());
        };
        let PackBytes { toc, inline, .. } = bytes;
        let data = match inline {
            Some(inline) => PackData::new(inline.into()),
            None => match self.open_stored(uuid).await? {
                Some(data) => data,
                None => {
                    return bad(format!(
                        "its bytes are missing from the object store ({})",
                        Key::pack(uuid)
                    ));
                }
            },
        };
        let data = match data {
            Ok(data) => data,
            Err(error) => return bad(format!("its bytes are no pack: {error}")),
        };
        let length = data.bytes().len() as u64;
        if length != row.size_bytes.unsigned_abs() {
            return bad(format!("it has {length} bytes instead of {}", row.size_bytes));
        }
        if data.trailer() != row.trailer || i64::from(data.count()) != row.n_objects {
            return bad("it is another pack than its row describes".to_owned());
        }
        let toc = match toc {
            Some(toc) => Some(Bytes::from(toc)),
            None => self.blobs().get(&Key::pack_toc(uuid)).await?,
        };
        let place = place.to_owned();
        blocking(move || Ok(assemble(place, data, toc))).await
    }

    /// Maps a stored pack: where it lies, or a copy.
    async fn open_stored(&self, uuid: Uuid) -> Result<Option<Result<PackData, GitError>>> {
        let key = Key::pack(uuid);
        if let Some(path) = self.blobs().local_path(&key) {
            if self.blobs().head(&key).await?.is_none() {
                return Ok(None);
            }
            return blocking(move || Ok(Some(PackData::open(&path)))).await;
        }
        let Some((_, mut stream)) = self.blobs().open_whole(&key).await? else { return Ok(None) };
        let folder = self.settings().cache_dir.join("fsck");
        tokio::fs::create_dir_all(&folder).await.map_err(Error::internal)?;
        let copy = TemporaryFile(folder.join(format!("{}.pack", self.fresh_uuid())));
        let mut file = tokio::fs::File::create(&copy.0).await.map_err(Error::internal)?;
        while let Some(chunk) = stream.next().await {
            file.write_all(&chunk?).await.map_err(Error::internal)?;
        }
        file.flush().await.map_err(Error::internal)?;
        drop(file);
        blocking(move || Ok(Some(PackData::open(&copy.0)))).await
    }
}

fn assemble(place: String, data: PackData, toc: Option<Bytes>) -> Result<Loaded, Finding> {
    let stored = toc.ok_or("it is missing".to_owned()).and_then(|toc| {
        let toc = Toc::decode(toc).map_err(|error| error.to_string())?;
        Pack::new(data.clone(), toc).map_err(|error| error.to_string())
    });
    match stored {
        Ok(pack) => Ok(Loaded { place, pack: Arc::new(pack), toc_is_broken: false }),
        Err(why) => {
            let what = format!("its table of contents cannot be read: {why}");
            let finding = Finding::error(place.clone(), what, RESTORE);
            let made = verify(data.bytes().clone(), &NoObjects, VerifyLimits::default());
            let Ok(pack) = made.and_then(|toc| Pack::new(data, toc)) else { return Err(finding) };
            Ok(Loaded { place, pack: Arc::new(pack), toc_is_broken: true })
        }
    }
}

/// Reads every object of every pack; returns the packs that are sound, and what is wrong with the others.
pub(super) fn verify_all(loaded: Vec<Loaded>) -> (PackSet, Vec<Finding>) {
    let all = PackSet::from_packs(loaded.iter().map(|loaded| Arc::clone(&loaded.pack)));
    let mut sound = Vec::with_capacity(loaded.len());
    let mut findings = Vec::new();
    for Loaded { place, pack, toc_is_broken } in loaded {
        if toc_is_broken {
            findings.push(Finding::error(
                place.clone(),
                "its table of contents cannot be read",
                RESTORE,
            ));
        }
        match verify(pack.data().bytes().clone(), &all, VerifyLimits::default()) {
            Ok(toc) if toc == *pack.toc() => sound.push(pack),
            Ok(_) => findings.push(Finding::error(
                place,
                "its table of contents tells of other objects",
                RESTORE,
            )),
            Err(error) => findings.push(Finding::error(
                place,
                format!("it is damaged: {}", chain(&error)),
                RESTORE,
            )),
        }
    }
    (PackSet::from_packs(sound), findings)
}
