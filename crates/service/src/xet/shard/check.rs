//! Checking the files of a shard against the hub's own chunk tables.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use steelyard_core::{Sha256, XetHash};
use steelyard_xet::{
    ChunkTable, FileCheck, FileError, Shard, ShardFile, ShardTerm, Terms, is_dedup_eligible,
};

use super::super::views::StoredXorb;
use super::sources::Sources;
use super::{Progress, ShardProgress};
use crate::{Error, Hub, Result};

/// Chunk tables in memory at a time: a full one has 320 KiB.
const TABLES_MAX: usize = 64;
/// Terms that are looked at to find out which tables come next.
const LOOK_AHEAD: usize = 16_384;

/// A file whose chunks give what its hash says.
#[derive(Debug)]
pub(super) struct CheckedFile {
    /// Its hash.
    pub(super) hash: XetHash,
    /// Its SHA-256, as the client says.
    pub(super) sha256: Sha256,
    /// Its size in bytes.
    pub(super) size: u64,
    /// What it is put together from.
    pub(super) terms: Terms,
    /// The chunks by which others will find it: its first, and the eligible ones.
    pub(super) findable: Vec<(XetHash, i64, u32)>,
}

impl Hub {
    /// Checks every file, a few chunk tables at a time.
    pub(super) async fn check_files(
        &self,
        shard: Shard,
        sources: &Arc<Sources>,
        progress: Progress<'_>,
    ) -> Result<Vec<CheckedFile>> {
        let total = shard.files.len() as u64;
        let size_max = self.settings().limits.lfs_object_bytes_max;
        let mut checker = Checker::new(shard, Arc::clone(sources), size_max)?;
        loop {
            progress(ShardProgress::Validating { verified: 0, total });
            let wanted = checker.wanted();
            if wanted.is_empty() {
                return Ok(checker.done);
            }
            let mut conn = self.db().read().await?;
            let tables = self.chunk_tables(&mut conn, &wanted).await?;
            drop(conn);
            let tables: HashMap<XetHash, ChunkTable> =
                wanted.iter().map(|xorb| xorb.hash).zip(tables).collect();
            let advanced = tokio::task::spawn_blocking(move || checker.advance(&tables)).await;
            checker = advanced.map_err(Error::internal)??;
        }
    }
}

/// The work on a shard between two looks into the database.
struct Checker {
    sources: Arc<Sources>,
    size_max: u64,
    waiting: VecDeque<ShardFile>,
    current: Option<Current>,
    done: Vec<CheckedFile>,
}

/// A file of which some terms are checked.
struct Current {
    check: FileCheck,
    sha256: Sha256,
    findable: Vec<(XetHash, i64, u32)>,
}

impl Checker {
    fn new(shard: Shard, sources: Arc<Sources>, size_max: u64) -> Result<Self> {
        let done = Vec::with_capacity(shard.files.len());
        for file in &shard.files {
            if file.terms.is_empty() {
                let rule =
                    format!("file {} is empty; commit empty files as regular ones", file.hash);
                return Err(Error::invalid("shard", rule));
            }
        }
        Ok(Self { sources, size_max, waiting: shard.files.into(), current: None, done })
    }

    /// The xorbs of the next terms; none when all files are checked.
    fn wanted(&self) -> Vec<StoredXorb> {
        let current = self.current.iter().flat_map(|current| current.check.open_terms());
        let terms = current.chain(self.waiting.iter().flat_map(|file| &file.terms));
        let (mut seen, mut wanted) = (HashSet::new(), Vec::new());
        for term in terms.take(LOOK_AHEAD) {
            if wanted.len() == TABLES_MAX {
                break;
            }
            if seen.insert(term.xorb) {
                wanted.extend(self.sources.find(&term.xorb).map(StoredXorb::from));
            }
        }
        wanted
    }

    /// Goes on as far as these tables lead.
    fn advance(mut self, tables: &HashMap<XetHash, ChunkTable>) -> Result<Self> {
        loop {
            let mut current = match self.current.take() {
                Some(current) => current,
                None => match self.waiting.pop_front() {
                    Some(file) => Current::new(file)?,
                    None => return Ok(self),
                },
            };
            while let Some(term) = current.check.next_term().cloned() {
                let Some(table) = tables.get(&term.xorb) else {
                    self.current = Some(current);
                    return Ok(self);
                };
                current.check.add(table).map_err(|error| refused(&error))?;
                current.note_findable(&term, table, &self.sources);
            }
            let file = current.finish(&self.sources, self.size_max)?;
            self.done.push(file);
        }
    }
}

impl Current {
    fn new(file: ShardFile) -> Result<Self> {
        let unnamed = || {
            let rule = format!(
                "file {} comes without its SHA-256, by which repositories name files",
                file.hash
            );
            Error::invalid("shard", rule)
        };
        let sha256 = file.sha256.ok_or_else(unnamed)?;
        let check = FileCheck::new(file).map_err(|error| refused(&error))?;
        Ok(Self { check, sha256, findable: Vec::new() })
    }

    fn note_findable(&mut self, term: &ShardTerm, table: &ChunkTable, sources: &Sources) {
        let Some(xorb) = sources.find(&term.xorb) else { return };
        let Some(hashes) = table.hashes(term.chunks.clone()) else { return };
        let is_first_term = self.findable.is_empty();
        for (index, hash) in term.chunks.clone().zip(hashes) {
            // The first chunk of a file is the first one that is noted.
            let is_first_chunk = is_first_term && index == term.chunks.start;
            if is_first_chunk || is_dedup_eligible(&hash) {
                self.findable.push((hash, xorb.id, index));
            }
        }
    }

    fn finish(self, sources: &Sources, size_max: u64) -> Result<CheckedFile> {
        let hash = self.check.file().hash;
        let file = self.check.finish().map_err(|error| refused(&error))?;
        if file.size > size_max {
            return Err(Error::TooLarge {
                what: format!("the file {hash}"),
                limit: format!("{size_max} bytes"),
            });
        }
        let id = |xorb: &XetHash| sources.find(xorb).map_or(0, |row| row.id);
        let terms = file.pack(id).map_err(Error::internal)?;
        let (size, findable) = (file.size, self.findable);
        Ok(CheckedFile { hash, sha256: self.sha256, size, terms, findable })
    }
}

fn refused(error: &FileError) -> Error {
    Error::invalid("shard", error.to_string())
}
