//! Taking shards in: registering the files of an upload.
//!
//! 1. `sources`: the xorbs that the files refer to, as far as the user may refer to them. The others are missing.
//! 2. `check`: every file against the hub's own chunk tables. What is stored of a file follows from these alone.
//! 3. `claims`: the SHA-256 of each file. Smaller files are read, for larger ones it stays a claim.
//! 4. `record`: one transaction, all files or none. It fails if a xorb is not the one that was looked at, and then all
//!    begins anew.

mod check;
mod claims;
mod record;
mod sources;

use std::sync::Arc;

use steelyard_core::limits::{
    SHARD_BODY_BYTES_MAX, SHARD_CHUNKS_MAX, SHARD_FILES_MAX, XET_FILE_TERMS_MAX,
};
use steelyard_xet::{Shard, ShardLimits, parse_shard};

use super::{XetBody, XetScope, XetToken};
use crate::{Error, Hub, Result};

/// Times a shard is looked at while xorbs come and go.
const ATTEMPTS_MAX: u32 = 3;

/// How far the work on a shard has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardProgress {
    /// Its files are being checked.
    Validating {
        /// Files that are checked.
        verified: u64,
        /// All files.
        total: u64,
    },
    /// They are being recorded.
    Committing,
}

/// What became of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registered {
    /// True when the hub did not have one of the files.
    pub is_new: bool,
}

/// Whoever wants to know how far the work has come.
pub(super) type Progress<'a> = &'a (dyn Fn(ShardProgress) + Send + Sync);

impl Hub {
    /// Registers the files of a shard for the token's repository: when this returns they are checked, durable, and as
    /// good as uploaded. All of them or none. May be repeated.
    pub async fn register_shard(
        &self,
        token: &XetToken,
        body: XetBody,
        progress: Progress<'_>,
    ) -> Result<Registered> {
        let XetBody { bytes, permit: _permit } = body;
        let repo = self.xet_repo(token, XetScope::Write).await?;
        for _ in 0..ATTEMPTS_MAX {
            let shard = parse(bytes.clone()).await?;
            let sources = Arc::new(self.find_sources(&repo, &shard).await?);
            let files = Box::pin(self.check_files(shard, &sources, progress)).await?;
            let files = Box::pin(self.check_claims(files, &sources, progress)).await?;
            progress(ShardProgress::Committing);
            let recorded = Box::pin(self.record_shard(token, &sources, files)).await?;
            if let Some(registered) = recorded {
                return Ok(registered);
            }
        }
        Err(Error::Unavailable("the xorbs of a shard came and went".into()))
    }
}

async fn parse(bytes: bytes::Bytes) -> Result<Shard> {
    let limits = ShardLimits {
        bytes: SHARD_BODY_BYTES_MAX,
        files: SHARD_FILES_MAX,
        file_terms: XET_FILE_TERMS_MAX,
        terms: XET_FILE_TERMS_MAX,
        chunks: SHARD_CHUNKS_MAX as u64,
    };
    let parsed = tokio::task::spawn_blocking(move || parse_shard(&bytes, &limits)).await;
    parsed.map_err(Error::internal)?.map_err(|error| Error::invalid("shard", error.to_string()))
}
