//! The git binary: `upload-pack`, `index-pack`, `rev-list`, `repack`, `fsck` and `bundle`.
//!
//! Every process runs without the environment and configuration of the machine, in a process group of its own,
//! with bounded memory, and is killed when it makes no progress or nobody waits for it any more. How many run
//! at once is bounded per kind of work, so that slow pushes do not hold up fetches.
//!
//! Everything lying in a directory given to [`GitBinary::upload_pack`] can be fetched from it by whoever knows an
//! object's id: what a reader must not see has to lie elsewhere.

mod error;
mod fetch;
mod maintenance;
mod process;
mod quarantine;
mod version;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use error::ToolError;
pub use fetch::GitOutput;
pub use maintenance::{FsckReport, Unreachable};
pub use quarantine::{IndexedPack, Quarantine};
use tokio::sync::Semaphore;
pub use version::GitVersion;

/// Bounds on what git processes may use together and each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolLimits {
    /// Most fetches and bundles at once.
    pub fetches_max: usize,
    /// Most pushes at once.
    pub pushes_max: usize,
    /// Most repacks and checks at once.
    pub maintenance_max: usize,
    /// Most memory of one process, mapped packs not counted.
    pub memory_bytes_max: u64,
}

impl Default for ToolLimits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            fetches_max: 2 * cores,
            pushes_max: 2 * cores,
            maintenance_max: cores.div_ceil(2),
            memory_bytes_max: 2 * 1024 * 1024 * 1024,
        }
    }
}

/// A git binary that is known to run. Clones share the limits.
#[derive(Debug, Clone)]
pub struct GitBinary {
    program: PathBuf,
    version: GitVersion,
    memory_bytes_max: u64,
    fetches: Arc<Semaphore>,
    pushes: Arc<Semaphore>,
    maintenance: Arc<Semaphore>,
}

/// The kinds of work that are bounded apart.
#[derive(Debug, Clone, Copy)]
enum Work {
    Fetch,
    Push,
    Maintenance,
}

impl GitBinary {
    /// Finds a git that is recent enough: the one at `path`, or else the first on `PATH` or in the usual places.
    pub fn discover(path: Option<&Path>) -> Option<Self> {
        if let Some(path) = path {
            return Self::probe(path, ToolLimits::default()).ok();
        }
        let search = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&search)
            .chain(["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from))
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join("git"))
            .filter(|candidate| candidate.is_file())
            .find_map(|candidate| Self::probe(&candidate, ToolLimits::default()).ok())
    }

    /// Runs `program version`, and says why if it will not do.
    pub fn probe(program: &Path, limits: ToolLimits) -> Result<Self, ToolError> {
        let operation = "version";
        let spawn = |source| ToolError::Spawn { operation, source };
        let program = std::path::absolute(program).map_err(spawn)?;
        let output = std::process::Command::new(&program)
            .arg("version")
            .env_clear()
            .stdin(std::process::Stdio::null())
            .output()
            .map_err(spawn)?;
        let said = String::from_utf8_lossy(&output.stdout);
        let version = GitVersion::parse(&said)
            .filter(|version| output.status.success() && *version >= GitVersion::OLDEST)
            .ok_or_else(|| ToolError::Version {
                found: crate::pktline::one_line(&said, 100),
                needed: GitVersion::OLDEST,
            })?;
        Ok(Self::new(program, version, limits))
    }

    fn new(program: PathBuf, version: GitVersion, limits: ToolLimits) -> Self {
        let slots = |count: usize| Arc::new(Semaphore::new(count.clamp(1, Semaphore::MAX_PERMITS)));
        Self {
            program,
            version,
            memory_bytes_max: limits.memory_bytes_max,
            fetches: slots(limits.fetches_max),
            pushes: slots(limits.pushes_max),
            maintenance: slots(limits.maintenance_max),
        }
    }

    /// The same binary under other limits; at least one process of each kind may always run.
    #[must_use]
    pub fn with_limits(self, limits: ToolLimits) -> Self {
        Self::new(self.program, self.version, limits)
    }

    /// The absolute path of the program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Its version.
    pub fn version(&self) -> GitVersion {
        self.version
    }
}
