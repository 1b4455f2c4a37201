//! Storing xorbs that the hub has made itself.

use steelyard_blob::{BlobWriter, Key};
use steelyard_core::fault::crash_point;
use steelyard_db::xet::{self, NewXorb, XorbInsert};
use steelyard_xet::{BuiltXorb, ChunkTable, Term, Terms};

use crate::{Error, Hub, Result};

/// A xorb that is stored and has a row.
pub(super) struct OwnXorb {
    /// Its row.
    pub(super) id: i64,
    /// With the hash, the key of its object.
    pub(super) generation: u32,
    /// Where its chunks lie in the stored object, which may be another one than was built: two objects of the same chunks
    /// can be compressed differently.
    pub(super) table: ChunkTable,
}

impl Hub {
    /// Stores a xorb, the object first, unless the hub has it.
    pub(super) async fn store_own_xorb(&self, mut xorb: BuiltXorb) -> Result<OwnXorb> {
        let generation = self.fresh_generation();
        let key = Key::xorb(&xorb.hash, generation);
        self.blobs().put(&key, std::mem::take(&mut xorb.bytes)).await?;
        self.record_own_xorb(&xorb, generation).await
    }

    /// As [`Self::store_own_xorb`], for a xorb of which all bytes were written.
    pub(super) async fn finish_own_xorb(
        &self,
        written: BlobWriter,
        xorb: &BuiltXorb,
    ) -> Result<OwnXorb> {
        let generation = self.fresh_generation();
        written.finish(&Key::xorb(&xorb.hash, generation)).await?;
        self.record_own_xorb(xorb, generation).await
    }

    async fn record_own_xorb(&self, xorb: &BuiltXorb, generation: u32) -> Result<OwnXorb> {
        crash_point("xet.own_xorb.durable");
        let new = NewXorb {
            hash: xorb.hash,
            generation,
            uploader_id: None,
            n_chunks: xorb.table.len(),
            raw_bytes: u64::from(xorb.table.raw_bytes()),
            stored_bytes: u64::from(xorb.table.stored_bytes()),
            packed: xorb.table.packed(),
        };
        let mut tx = self.db().write().await?;
        let inserted = xet::insert_xorb(&mut tx, &new, self.now()).await?;
        tx.commit().await?;
        match inserted {
            XorbInsert::Inserted(id) | XorbInsert::Revived(id) => {
                Ok(OwnXorb { id, generation, table: xorb.table.clone() })
            }
            XorbInsert::Exists(row) => {
                // What a crash leaves of the duplicate is swept as an orphan.
                self.blobs().delete(&Key::xorb(&xorb.hash, generation)).await?;
                let mut conn = self.db().read().await?;
                let packed = xet::xorb_tables(&mut conn, &[row.id]).await?.pop();
                let (_, packed) =
                    packed.ok_or_else(|| Error::internal("a xorb has no chunk table"))?;
                let table = ChunkTable::from_packed(packed.into()).map_err(Error::internal)?;
                Ok(OwnXorb { id: row.id, generation: row.generation, table })
            }
        }
    }

    /// A number that no object of a xorb had before, by all odds.
    pub(super) fn fresh_generation(&self) -> u32 {
        let mut random = [0; 4];
        self.rng().fill(&mut random);
        u32::from_be_bytes(random)
    }
}

/// The same runs of chunks, where they lie in the objects that are stored.
pub(super) fn as_stored(terms: &Terms, stored: &[OwnXorb]) -> Result<Terms> {
    let moved = terms.iter().map(|term| {
        let Some(xorb) = stored.iter().find(|xorb| xorb.id == term.xorb_id) else {
            return Ok(term);
        };
        let range = xorb.table.stored_range(term.chunks.clone());
        let range = range.ok_or_else(|| Error::internal("a term leaves its xorb"))?;
        Ok(Term { stored: range, ..term })
    });
    Terms::pack(moved.collect::<Result<Vec<_>>>()?).map_err(Error::internal)
}
