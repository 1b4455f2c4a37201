//! Which SHA-256 the files of a shard have: what the client says is a claim.

use std::collections::HashMap;

use steelyard_core::{Sha256, XetHash};
use steelyard_db::xet::{self, XorbRow};
use steelyard_xet::{Term, Terms};
use tokio::task::JoinSet;

use super::super::digest::sha256s_of;
use super::check::CheckedFile;
use super::sources::Sources;
use super::{Progress, ShardProgress};
use crate::{Error, Hub, Result};

/// How many times [`XetSettings::verify_now_bytes_max`](crate::xet::XetSettings) is read for one shard.
const READ_FILES_MAX: u64 = 16;
/// Small files are read together, as many as have so many bytes, ...
const GROUP_BYTES: u64 = 8 * 1024 * 1024;
/// ... or so many terms.
const GROUP_TERMS: usize = 4096;
/// Groups that are read at a time.
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
        let mut unread = Vec::new();
        let file_max = self.settings().xet.verify_now_bytes_max;
        let mut budget = file_max.saturating_mul(READ_FILES_MAX);
        for file in files {
            if let Some(actual) = known.get(&file.hash) {
                check_claim(&file, *actual)?;
                registrations.push(Registration { file, is_verified: true });
            } else if file.size <= file_max.min(budget) {
                budget -= file.size;
                unread.push(file);
            } else {
                registrations.push(Registration { file, is_verified: false });
            }
        }
        let mut groups = group(unread).into_iter();
        let mut reads = JoinSet::new();
        loop {
            let verified = registrations.len() as u64;
            progress(ShardProgress::Validating { verified, total });
            while reads.len() < READS_MAX
                && let Some(group) = groups.next()
            {
                let (terms, xorbs) = (join_terms(&group)?, sources.of_files(&group));
                reads.spawn(read_claims(self.clone(), xorbs, terms, group));
            }
            let Some(read) = reads.join_next().await else { return Ok(registrations) };
            registrations.extend(read.map_err(Error::internal)??);
        }
    }

    /// The SHA-256 of those files that the hub has read before.
    async fn known_sha256s(&self, files: &[CheckedFile]) -> Result<HashMap<XetHash, Sha256>> {
        let hashes: Vec<XetHash> = files.iter().map(|file| file.hash).collect();
        let mut conn = self.db().read().await?;
        let rows = xet::find_files(&mut conn, &hashes).await?;
        Ok(rows.into_iter().filter_map(|row| Some((row.hash, row.sha256?))).collect())
    }
}

/// Puts files that lie beside each other in their xorbs together: a shard tells them in the order of their hashes.
fn group(mut files: Vec<CheckedFile>) -> Vec<Vec<CheckedFile>> {
    files.sort_unstable_by_key(|file| {
        file.terms.get(0).map(|term| (term.xorb_id, term.chunks.start))
    });
    let mut groups: Vec<Vec<CheckedFile>> = Vec::new();
    let (mut bytes, mut terms) = (0, 0);
    for file in files {
        (bytes, terms) = (bytes + file.size, terms + file.terms.len());
        match groups.last_mut() {
            Some(group) if bytes <= GROUP_BYTES && terms <= GROUP_TERMS => group.push(file),
            _ => {
                (bytes, terms) = (file.size, file.terms.len());
                groups.push(vec![file]);
            }
        }
    }
    groups
}

/// The terms of files one behind the other, with runs of chunks that follow each other made one.
fn join_terms(files: &[CheckedFile]) -> Result<Terms> {
    let mut joined: Vec<Term> = Vec::new();
    for term in files.iter().flat_map(|file| file.terms.iter()) {
        match joined.last_mut() {
            Some(last)
                if last.xorb_id == term.xorb_id
                    && last.chunks.end == term.chunks.start
                    && last.raw_len.checked_add(term.raw_len).is_some() =>
            {
                last.chunks.end = term.chunks.end;
                last.raw_len += term.raw_len;
                last.stored.end = term.stored.end;
            }
            _ => joined.push(term),
        }
    }
    Terms::pack(joined).map_err(Error::internal)
}

/// Reads files, which have no rows yet, to the end.
async fn read_claims(
    hub: Hub,
    xorbs: Vec<XorbRow>,
    terms: Terms,
    files: Vec<CheckedFile>,
) -> Result<Vec<Registration>> {
    let total = terms.total_raw();
    let stream = hub.stream_terms(terms, &xorbs, 0..total).await?;
    let hashes = sha256s_of(stream, files.iter().map(|file| file.size).collect()).await?;
    for (file, actual) in files.iter().zip(hashes) {
        check_claim(file, actual)?;
    }
    Ok(files.into_iter().map(|file| Registration { file, is_verified: true }).collect())
}

fn check_claim(file: &CheckedFile, actual: Sha256) -> Result<()> {
    if file.sha256 == actual {
        return Ok(());
    }
    let (hash, claimed) = (file.hash, file.sha256);
    Err(Error::invalid("sha256", format!("of file {hash} is {actual}, not {claimed}")))
}
