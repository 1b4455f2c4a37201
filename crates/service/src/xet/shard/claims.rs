//! Which SHA-256 the files of a shard have: what the client says is a claim.

use std::collections::HashMap;

use steelyard_core::{Sha256, XetHash};
use steelyard_db::xet::{self, XorbRow};
use tokio::task::JoinSet;

use super::super::digest::sha256_of;
use super::check::CheckedFile;
use super::sources::Sources;
use super::{Progress, ShardProgress};
use crate::{Error, Hub, Result};

/// How many times [`XetSettings::verify_now_bytes_max`](crate::xet::XetSettings) is read for one shard.
const READ_FILES_MAX: u64 = 16;
/// Files that are read at a time.
const READS_MAX: usize = 4;

/// A file that can be recorded.
#[derive(Debug)]
pub(super) struct Registration {
    /// The file.
    pub(super) file: CheckedFile,
    /// True when the hub knows that it has the SHA-256 that the client says.
    pub(super) is_verified: bool,
}

impl Hub {
    /// Finds out which files have the SHA-256 they are said to have; fails if one is known to have another.
    pub(super) async fn check_claims(
        &self,
        files: Vec<CheckedFile>,
        sources: &Sources,
        progress: Progress<'_>,
    ) -> Result<Vec<Registration>> {
        let known = self.known_sha256s(&files).await?;
        let total = files.len() as u64;
        let mut registrations = Vec::with_capacity(files.len());
        let mut reads = JoinSet::new();
        let file_max = self.settings().xet.verify_now_bytes_max;
        let mut budget = file_max.saturating_mul(READ_FILES_MAX);
        for file in files {
            let mut is_verified = false;
            if let Some(actual) = known.get(&file.hash) {
                check_claim(&file, *actual)?;
                is_verified = true;
            } else if file.size <= file_max.min(budget) {
                budget -= file.size;
                if reads.len() == READS_MAX {
                    registrations.extend(next_read(&mut reads).await?);
                }
                reads.spawn(read_claim(self.clone(), sources.of_terms(&file.terms), file));
                continue;
            }
            registrations.push(Registration { file, is_verified });
            let verified = registrations.len() as u64;
            progress(ShardProgress::Validating { verified, total });
        }
        while let Some(registration) = next_read(&mut reads).await? {
            registrations.push(registration);
            let verified = registrations.len() as u64;
            progress(ShardProgress::Validating { verified, total });
        }
        Ok(registrations)
    }

    /// The SHA-256 of those files that the hub has read before.
    async fn known_sha256s(&self, files: &[CheckedFile]) -> Result<HashMap<XetHash, Sha256>> {
        let hashes: Vec<XetHash> = files.iter().map(|file| file.hash).collect();
        let mut conn = self.db().read().await?;
        let rows = xet::find_files(&mut conn, &hashes).await?;
        Ok(rows.into_iter().filter_map(|row| Some((row.hash, row.sha256?))).collect())
    }
}

async fn next_read(reads: &mut JoinSet<Result<Registration>>) -> Result<Option<Registration>> {
    reads.join_next().await.transpose().map_err(Error::internal)?.transpose()
}

/// Reads a file, which has no row yet, to the end.
async fn read_claim(hub: Hub, xorbs: Vec<XorbRow>, file: CheckedFile) -> Result<Registration> {
    let stream = hub.stream_terms(file.terms.clone(), &xorbs, 0..file.size).await?;
    check_claim(&file, sha256_of(stream).await?)?;
    Ok(Registration { file, is_verified: true })
}

fn check_claim(file: &CheckedFile, actual: Sha256) -> Result<()> {
    if file.sha256 == actual {
        return Ok(());
    }
    let (hash, claimed) = (file.hash, file.sha256);
    Err(Error::invalid("sha256", format!("of file {hash} is {actual}, not {claimed}")))
}
