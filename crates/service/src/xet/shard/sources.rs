//! The xorbs that the files of a shard refer to.

use std::collections::{BTreeSet, HashMap, HashSet};

use steelyard_core::XetHash;
use steelyard_core::limits::SHARD_XORBS_MAX;
use steelyard_db::xet::{self, XorbRow, XorbState};
use steelyard_xet::{FileError, FileFault, Shard};

use super::super::XetRepo;
use super::check::CheckedFile;
use crate::{Error, Hub, Result};

/// The xorbs that the files of a shard refer to, as they were when they were looked at.
#[derive(Debug)]
pub(super) struct Sources {
    by_hash: HashMap<XetHash, XorbRow>,
    by_id: HashMap<i64, XetHash>,
}

impl Sources {
    fn new(rows: Vec<XorbRow>) -> Self {
        let by_id = rows.iter().map(|row| (row.id, row.hash)).collect();
        Self { by_hash: rows.into_iter().map(|row| (row.hash, row)).collect(), by_id }
    }

    /// The xorb with that hash.
    pub(super) fn find(&self, hash: &XetHash) -> Option<&XorbRow> {
        self.by_hash.get(hash)
    }

    /// The xorb with that id.
    pub(super) fn find_by_id(&self, id: i64) -> Option<&XorbRow> {
        self.by_hash.get(self.by_id.get(&id)?)
    }

    /// The xorbs that some files name.
    pub(super) fn of_files(&self, files: &[CheckedFile]) -> Vec<XorbRow> {
        let ids: BTreeSet<i64> = files.iter().flat_map(|file| file.terms.xorb_ids()).collect();
        ids.iter().filter_map(|id| self.find_by_id(*id).cloned()).collect()
    }

    /// The keys of all of them.
    pub(super) fn ids(&self) -> Vec<i64> {
        self.by_id.keys().copied().collect()
    }
}

impl Hub {
    /// Finds every xorb that the files refer to. One that the user may not refer to is answered as one that does not exist.
    pub(super) async fn find_sources(&self, repo: &XetRepo, shard: &Shard) -> Result<Sources> {
        let terms = shard.files.iter().flat_map(|file| &file.terms);
        let hashes: HashSet<XetHash> = terms.map(|term| term.xorb).collect();
        if hashes.len() > SHARD_XORBS_MAX {
            return Err(Error::TooLarge {
                what: "the shard".to_owned(),
                limit: format!("{SHARD_XORBS_MAX} xorbs"),
            });
        }
        let hashes: Vec<XetHash> = hashes.into_iter().collect();
        let mut conn = self.db().read().await?;
        let mut rows = xet::find_xorbs(&mut conn, &hashes).await?;
        rows.retain(|row| row.state != XorbState::Deleting);
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let referable = self.referable_xorbs(&mut conn, repo, &ids).await?;
        rows.retain(|row| referable.contains(&row.id));
        let sources = Sources::new(rows);
        match first_missing(shard, &sources) {
            None => Ok(sources),
            Some(missing) => Err(Error::invalid("shard", missing.to_string())),
        }
    }
}

fn first_missing(shard: &Shard, sources: &Sources) -> Option<FileError> {
    shard.files.iter().find_map(|file| {
        let is_missing = |xorb: &XetHash| sources.find(xorb).is_none();
        let term = file.terms.iter().position(|term| is_missing(&term.xorb))?;
        let fault = FileFault::UnknownXorb { term, xorb: file.terms[term].xorb };
        Some(FileError { file: file.hash, fault })
    })
}
