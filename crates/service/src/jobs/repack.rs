//! `git.repack`: git finds better deltas than a join can.
//!
//! Works on a private copy with every pack of the repository and keeps every object, reachable or not; what git made is
//! taken only when all objects are in it. A join that lands meanwhile wins, and the repack is tried again later.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use steelyard_core::Oid;
use steelyard_core::fault::crash_point;
use steelyard_db::pack::{PackKind, PackRow};
use steelyard_db::refs::RefRow;
use steelyard_git::cache_dir::{self, FileSource};
use steelyard_git::pack::concat;
use steelyard_git::protocol::RefRecord;
use steelyard_git::tool::Unreachable;
use steelyard_git::{BuiltPack, Pack, PackData, Toc};

use super::join::JOIN_BYTES_MAX;
use super::manifest::{Manifest, check_complete, size_of};
use super::progress;
use crate::fetch::{blocking, remove_later, tool_error};
use crate::history::{History, broken};
use crate::{Error, Hub, Result};

/// Larger repositories are left as they are: a pack of ours ends at 4 GiB.
const REPACK_BYTES_MAX: u64 = 3 * 1024 * 1024 * 1024;
/// A repack that does nothing for so long is killed.
const IDLE_MAX: Duration = Duration::from_secs(3600);

/// A directory that goes away with this value.
struct PrivateDir(PathBuf);

impl Drop for PrivateDir {
    fn drop(&mut self) {
        remove_later(std::mem::take(&mut self.0));
    }
}

impl Hub {
    /// Lets git repack a repository; does nothing without git.
    pub(super) async fn repack(&self, repo_id: i64) -> Result<()> {
        let Some(git) = self.git() else { return Ok(()) };
        let Some(manifest) = self.manifest(repo_id).await? else { return Ok(()) };
        let size = size_of(&manifest.rows);
        let is_done = matches!(&manifest.rows[..], [] | [PackRow { kind: PackKind::Repacked, .. }]);
        if is_done || size > REPACK_BYTES_MAX {
            return Ok(());
        }
        let ids: Vec<String> = manifest.rows.iter().map(|row| row.pack_id.clone()).collect();
        let sources = ids.iter().map(|id| manifest.pack(id)).collect::<Result<Vec<_>>>()?;
        // Below "git", which is emptied when the process starts.
        let dir = PrivateDir(
            self.settings().cache_dir.join("git").join(format!("repack-{}", self.fresh_uuid())),
        );
        // Laid out, packed anew, checked, stored.
        progress::begin("steps", Some(4));
        self.lay_out(&manifest, &dir, &sources).await?;
        progress::advance(1);
        let packs = git.repack(&dir.0, Unreachable::Keep, IDLE_MAX).await.map_err(tool_error)?;
        progress::advance(1);
        let built = blocking(move || take_over(&packs, &sources)).await?;
        progress::advance(1);
        let mut prepared = Vec::with_capacity(built.len());
        for pack in built {
            prepared.push(self.prepare_pack(pack, PackKind::Repacked).await?);
        }
        crash_point("repack.stored");
        if self.replace_packs(repo_id, &manifest.rows, &ids, &prepared).await? {
            progress::advance(1);
            return Ok(());
        }
        for prepared in &prepared {
            self.discard_prepared(prepared).await;
        }
        Err(Error::Unavailable("the repository's packs were replaced during the repack".into()))
    }

    async fn lay_out(
        &self,
        manifest: &Manifest,
        dir: &PrivateDir,
        sources: &[Arc<Pack>],
    ) -> Result<()> {
        let (path, sources) = (dir.0.clone(), sources.to_vec());
        let (refs, history) = (manifest.refs.clone(), Arc::clone(&manifest.history));
        let head = manifest.state.head_ref.clone();
        blocking(move || {
            cache_dir::write_skeleton(&path).map_err(Error::internal)?;
            install(&path, &sources, &history)?;
            cache_dir::write_packed_refs(
                &path,
                &refs.into_iter().map(record).collect::<Vec<_>>(),
                &head,
            )
            .map_err(Error::internal)
        })
        .await
    }
}

fn record(row: RefRow) -> RefRecord {
    RefRecord { name: row.name, oid: row.oid, peeled: row.peeled }
}

/// Writes packs that can stand alone as they are, and the others joined.
fn install(dir: &Path, sources: &[Arc<Pack>], history: &History) -> Result<()> {
    let mut batch: Vec<&Arc<Pack>> = Vec::new();
    let mut batch_bytes = 0;
    for pack in sources {
        if pack.foreign_bases().map_err(broken)?.is_empty() {
            install_one(dir, pack.data().bytes(), pack.toc(), pack.data().trailer())?;
            continue;
        }
        let bytes = pack.data().bytes().len() as u64;
        if batch_bytes + bytes > JOIN_BYTES_MAX {
            install_joined(dir, &batch, history)?;
            batch.clear();
            batch_bytes = 0;
        }
        batch.push(pack);
        batch_bytes += bytes;
    }
    install_joined(dir, &batch, history)
}

fn install_joined(dir: &Path, batch: &[&Arc<Pack>], history: &History) -> Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let inputs: Vec<_> = batch.iter().map(|pack| (pack.data(), pack.toc())).collect();
    let joined = concat(&inputs, history).map_err(broken)?;
    install_one(dir, &joined.bytes, &joined.toc, joined.trailer)
}

fn install_one(dir: &Path, bytes: &[u8], toc: &Toc, trailer: Oid) -> Result<()> {
    let idx = toc.to_idx_v2(&trailer);
    let name = format!("pack-{trailer}");
    cache_dir::install_pack(dir, &name, FileSource::Bytes(bytes), FileSource::Bytes(&idx))
        .map_err(Error::internal)
}

/// Reads what git made, and makes sure that nothing is missing from it.
fn take_over(packs: &[PathBuf], sources: &[Arc<Pack>]) -> Result<Vec<BuiltPack>> {
    let mut built = Vec::with_capacity(packs.len());
    for path in packs {
        let data = PackData::open(path).map_err(broken)?;
        data.check_trailer().map_err(broken)?;
        let idx = std::fs::read(path.with_extension("idx")).map_err(Error::internal)?;
        let (toc, trailer) = Toc::from_idx_v2(&idx).map_err(broken)?;
        if trailer != data.trailer() {
            return Err(Error::internal("git's index is of another pack"));
        }
        built.push(BuiltPack { bytes: data.bytes().clone(), toc, trailer });
    }
    check_complete(&built, sources)?;
    Ok(built)
}
