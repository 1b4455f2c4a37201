//! What readers know of files and xorbs, kept in memory.
//!
//! It may be outdated, but not wrong. Ids are not given twice. A file's terms may be replaced by others with the same
//! bytes, and the xorbs of the old ones stay for a day, which is much longer than a view is kept; who reads for longer
//! than that notices that a xorb is missing and looks again. A xorb that was given up and is uploaded again may be packed
//! otherwise, but then has another generation, which is part of the key of its table. Who may read a file is asked of the
//! database each time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use moka::sync::Cache;
use steelyard_blob::Key;
use steelyard_core::XetHash;
use steelyard_db::Conn;
use steelyard_db::xet::{self, XorbRow};
use steelyard_xet::{ChunkTable, Terms};

use super::gauge::Gauge;
use crate::{Error, Hub, Result};

/// Memory for the terms of files, in bytes.
const FILES_BYTES: u64 = 64 * 1024 * 1024;
/// Memory for the chunk tables of xorbs, in bytes. A table takes 40 KB and describes up to 64 MiB.
const TABLES_BYTES: u64 = 128 * 1024 * 1024;
/// What an entry takes beside its data.
const ENTRY_BYTES: usize = 200;
/// How long a file's view is kept.
const FILES_TTL: Duration = Duration::from_secs(600);

/// A stored xorb as readers need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StoredXorb {
    pub(super) id: i64,
    pub(super) hash: XetHash,
    pub(super) generation: u32,
    pub(super) n_chunks: u32,
}

impl StoredXorb {
    /// Where its bytes lie.
    pub(super) fn key(&self) -> Key {
        Key::xorb(&self.hash, self.generation)
    }
}

impl From<&XorbRow> for StoredXorb {
    fn from(row: &XorbRow) -> Self {
        let XorbRow { id, hash, generation, n_chunks, .. } = *row;
        Self { id, hash, generation, n_chunks }
    }
}

/// A file: its terms, and the xorbs they name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileView {
    terms: Terms,
    /// Sorted by id.
    xorbs: Vec<StoredXorb>,
}

impl FileView {
    /// Puts a view together; all xorbs that the terms name must be among `xorbs`.
    pub(super) fn new(terms: Terms, xorbs: &[XorbRow]) -> Result<Self> {
        let mut xorbs: Vec<StoredXorb> = xorbs.iter().map(StoredXorb::from).collect();
        xorbs.sort_unstable_by_key(|xorb| xorb.id);
        let view = Self { terms, xorbs };
        match view.terms.xorb_ids().into_iter().find(|id| view.xorb(*id).is_none()) {
            Some(id) => Err(broken(format!("a file names xorb {id}, which has no row"))),
            None => Ok(view),
        }
    }

    pub(super) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// A xorb that a term names.
    pub(super) fn xorb(&self, id: i64) -> Option<StoredXorb> {
        let at = self.xorbs.binary_search_by_key(&id, |xorb| xorb.id).ok()?;
        self.xorbs.get(at).copied()
    }

    /// As [`FileView::xorb`], for ids taken from the terms.
    pub(super) fn known_xorb(&self, id: i64) -> StoredXorb {
        self.xorb(id).expect("a view has every xorb that its terms name")
    }

    fn weight(&self) -> u32 {
        let xorbs = self.xorbs.len() * size_of::<StoredXorb>();
        u32::try_from(self.terms.packed().len() + xorbs + ENTRY_BYTES).unwrap_or(u32::MAX)
    }
}

/// The views and tables in memory, and how much of the content itself is there.
#[derive(Debug)]
pub(crate) struct Views {
    files: Cache<i64, Arc<FileView>>,
    tables: Cache<(i64, u32), ChunkTable>,
    pub(super) gauge: Gauge,
}

impl Views {
    pub(super) fn new() -> Self {
        let files = Cache::builder().max_capacity(FILES_BYTES).time_to_live(FILES_TTL);
        let files = files.weigher(|_, view: &Arc<FileView>| view.weight());
        let weigh = |table: &ChunkTable| {
            u32::try_from(table.packed().len() + ENTRY_BYTES).unwrap_or(u32::MAX)
        };
        let tables =
            Cache::builder().max_capacity(TABLES_BYTES).weigher(move |_, table| weigh(table));
        Self { files: files.build(), tables: tables.build(), gauge: Gauge::default() }
    }
}

impl Hub {
    /// The terms of a file that has a row, if they are in memory.
    pub(super) fn known_view(&self, file_id: i64) -> Option<Arc<FileView>> {
        self.xet().views.files.get(&file_id)
    }

    /// The terms of a file that has a row; `None` when it has none any more.
    pub(super) async fn file_view(
        &self,
        conn: &mut Conn,
        file_id: i64,
    ) -> Result<Option<Arc<FileView>>> {
        if let Some(view) = self.known_view(file_id) {
            return Ok(Some(view));
        }
        let packed = xet::file_terms(conn, file_id).await?;
        if packed.is_empty() {
            return Ok(None);
        }
        let terms = Terms::from_packed(Bytes::from(packed)).map_err(broken)?;
        let xorbs = xet::find_xorbs_by_id(conn, &terms.xorb_ids()).await?;
        let view = Arc::new(FileView::new(terms, &xorbs)?);
        self.xet().views.files.insert(file_id, Arc::clone(&view));
        Ok(Some(view))
    }

    fn known_table(&self, xorb: &StoredXorb) -> Option<ChunkTable> {
        self.xet().views.tables.get(&(xorb.id, xorb.generation))
    }

    /// The chunk tables of these xorbs, if all are in memory.
    pub(super) fn known_tables(&self, xorbs: &[StoredXorb]) -> Option<Vec<ChunkTable>> {
        xorbs.iter().map(|xorb| self.known_table(xorb)).collect()
    }

    /// Makes sure that the tables of these xorbs, each a view names, were read; returns them in the same order.
    pub(super) async fn chunk_tables(
        &self,
        conn: &mut Conn,
        xorbs: &[StoredXorb],
    ) -> Result<Vec<ChunkTable>> {
        let mut found: Vec<Option<ChunkTable>> =
            xorbs.iter().map(|xorb| self.known_table(xorb)).collect();
        let missing = || {
            xorbs.iter().zip(&found).filter(|(_, table)| table.is_none()).map(|(xorb, _)| xorb.id)
        };
        let missing: Vec<i64> = missing().collect();
        if !missing.is_empty() {
            for (id, packed) in xet::xorb_tables(conn, &missing).await? {
                let table = ChunkTable::from_packed(Bytes::from(packed)).map_err(broken)?;
                for (xorb, slot) in xorbs.iter().zip(&mut found).filter(|(xorb, _)| xorb.id == id) {
                    self.xet().views.tables.insert((id, xorb.generation), table.clone());
                    *slot = Some(table.clone());
                }
            }
        }
        let with_id = xorbs.iter().zip(found);
        with_id
            .map(|(xorb, table)| {
                table.ok_or_else(|| broken(format!("xorb {} has no chunk table", xorb.hash)))
            })
            .collect()
    }

    /// Forgets what is in memory of a file.
    pub(super) fn forget_file(&self, file_id: i64) {
        self.xet().views.files.invalidate(&file_id);
    }
}

/// The stores do not fit each other.
pub(super) fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::internal(error)
}
