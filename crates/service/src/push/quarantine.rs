//! The directory of a push, and the pack that git checked in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use steelyard_core::Oid;
use steelyard_git::tool::{GitBinary, Quarantine};
use steelyard_git::{Pack, PackData, Toc};
use tokio::io::AsyncRead;

use crate::fetch::{Lease, blocking, remove_later, tool_error};
use crate::history::broken;
use crate::{Error, Result};

/// How long a push may go without a byte moving, and how long git may work without a sign of life.
const IDLE_MAX: Duration = Duration::from_secs(120);

/// The place of one push; dropping it removes the directory.
#[derive(Debug)]
pub(super) struct Shelter {
    dir: PathBuf,
    objects: PathBuf,
}

impl Shelter {
    /// Prepares the directory of a push below the cache directory.
    pub(super) async fn create(cache_dir: &Path, id: uuid::Uuid) -> Result<Self> {
        let dir = cache_dir.join("push").join(id.to_string());
        let shelter = Self { objects: dir.join("objects"), dir };
        tokio::fs::create_dir_all(&shelter.objects).await.map_err(Error::internal)?;
        Ok(shelter)
    }

    fn beside<'a>(&'a self, repo: &'a Lease) -> Quarantine<'a> {
        Quarantine { objects: &self.objects, git_dir: repo.path() }
    }

    /// Lets git read, complete and check the pack of at most `bytes_max` against the objects of the repository.
    pub(super) async fn receive<R: AsyncRead + Unpin>(
        &self,
        git: &GitBinary,
        repo: &Lease,
        pack: R,
        bytes_max: u64,
    ) -> Result<Received> {
        let indexed = git
            .index_pack(self.beside(repo), pack, bytes_max, IDLE_MAX)
            .await
            .map_err(tool_error)?;
        blocking(move || {
            let idx = std::fs::read(&indexed.idx_path).map_err(Error::internal)?;
            let (toc, trailer) = Toc::from_idx_v2(&idx).map_err(broken)?;
            let data = PackData::open(&indexed.pack_path).map_err(broken)?;
            if data.trailer() != trailer {
                return Err(Error::internal("git made an index of another pack"));
            }
            let pack = Arc::new(Pack::new(data, toc).map_err(broken)?);
            Ok(Received { pack, file: indexed.pack_path })
        })
        .await
    }

    /// Checks that everything `tips` need is in quarantine or reachable from a ref of the repository.
    pub(super) async fn check_connected(
        &self,
        git: &GitBinary,
        repo: &Lease,
        tips: &[Oid],
    ) -> Result<()> {
        git.connectivity(self.beside(repo), tips, IDLE_MAX).await.map_err(tool_error)
    }
}

impl Drop for Shelter {
    fn drop(&mut self) {
        remove_later(std::mem::take(&mut self.dir));
    }
}

/// A pack that passed git's checks.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) pack: Arc<Pack>,
    /// Where it lies, as long as its [`Shelter`] lives.
    pub(super) file: PathBuf,
}
