//! What clients are told to fetch to put a file together themselves, and the fetching.
//!
//! A file is found through the link of the token's repository and by no other way: knowing its hash gives nothing. What is
//! handed out are addresses for exactly the runs of chunks that the file consists of, because a xorb holds chunks of other
//! files too, which may be private to somebody else.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use steelyard_blob::{BlobStream, Key, PresignedGet};
use steelyard_core::{Timestamp, XetHash};
use steelyard_db::Conn;
use steelyard_db::xet;
use steelyard_xet::Cut;
use steelyard_xet::plan::ReconstructionTerm;

use super::views::{FileView, StoredXorb, broken};
use super::{XetScope, XetToken};
use crate::{Error, Hub, Missing, Result};

/// Most ranges behind one address.
pub const FETCH_RANGES_MAX: usize = 128;
/// Most terms in one answer, which has some 200 bytes for each.
const TERMS_MAX: usize = 1 << 18;
/// Most ranges for which addresses of the object store are given out: each takes some 700 bytes and a signature.
const DIRECT_RANGES_MAX: usize = 4096;

/// What to fetch, and how to put a file or a range of it together from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconstruction {
    /// Bytes of the first term before the range starts.
    pub offset_into_first_range: u64,
    /// Runs of chunks, whose bytes one after the other hold the range.
    pub terms: Vec<TermPlan>,
    /// Where the chunks are. Each term lies within one range; a xorb may come several times.
    pub xorbs: Vec<XorbFetch>,
    /// When the addresses end.
    pub expires_at: Timestamp,
}

/// One run of chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermPlan {
    /// The xorb.
    pub xorb: XetHash,
    /// Bytes of the run, uncompressed.
    pub unpacked_length: u32,
    /// The chunks by their position in the xorb.
    pub chunks: Range<u32>,
}

/// Ranges of one xorb behind one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XorbFetch {
    /// The xorb.
    pub xorb: XetHash,
    /// In the order of the xorb; at most [`FETCH_RANGES_MAX`].
    pub ranges: Vec<FetchRange>,
    /// The address.
    pub way: FetchWay,
}

/// A run of chunks to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRange {
    /// The chunks by their position in the xorb.
    pub chunks: Range<u32>,
    /// Where they lie in the stored xorb.
    pub bytes: Range<u64>,
}

/// Where ranges are fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchWay {
    /// From the hub: [`Hub::open_xorb`], by an address signed for these ranges.
    Hub {
        /// The generation of the xorb.
        generation: u32,
    },
    /// From the object store itself, which gives out exactly these bytes.
    Store {
        /// The address.
        url: String,
    },
}

impl Hub {
    /// How to put a file of the token's repository together; `range` is in its bytes and may reach beyond its end. `None`
    /// when nothing of the file lies in the range.
    pub async fn reconstruct_file(
        &self,
        token: &XetToken,
        file: &XetHash,
        range: Option<Range<u64>>,
    ) -> Result<Option<Reconstruction>> {
        self.xet_repo(token, XetScope::Read).await?;
        let mut conn = self.db().read().await?;
        let Some(view) = self.view_of(&mut conn, token, file).await? else { return Err(no_file()) };
        let cut = match range {
            None => Some(Cut::whole(view.terms())),
            Some(range) => Cut::range(view.terms(), range),
        };
        let Some(cut) = cut else { return Ok(None) };
        let plan = self.plan(&mut conn, &view, &cut).await?;
        drop(conn);
        self.with_addresses(&view, plan).await.map(Some)
    }

    /// How to put several files together; the error is the same whichever of them the repository does not have.
    pub async fn reconstruct_files(
        &self,
        token: &XetToken,
        files: &[XetHash],
    ) -> Result<Vec<(XetHash, Reconstruction)>> {
        self.xet_repo(token, XetScope::Read).await?;
        let mut conn = self.db().read().await?;
        let (mut found, mut terms) = (Vec::with_capacity(files.len()), 0);
        for file in files {
            let Some(view) = self.view_of(&mut conn, token, file).await? else {
                return Err(no_file());
            };
            terms += view.terms().len();
            check_terms(terms)?;
            let plan = self.plan(&mut conn, &view, &Cut::whole(view.terms())).await?;
            found.push((*file, view, plan));
        }
        drop(conn);
        let mut answers = Vec::with_capacity(found.len());
        for (file, view, plan) in found {
            answers.push((file, self.with_addresses(&view, plan).await?));
        }
        Ok(answers)
    }

    /// The size of a file of the token's repository, in bytes.
    pub async fn file_size(&self, token: &XetToken, file: &XetHash) -> Result<u64> {
        self.xet_repo(token, XetScope::Read).await?;
        let mut conn = self.db().read().await?;
        let found = xet::find_repo_file(&mut conn, token.repo_id, file).await?;
        found.map(|found| found.file.size_bytes).ok_or_else(no_file)
    }

    /// Bytes of a stored xorb, for whoever has an address that this hub signed for them.
    pub async fn open_xorb(
        &self,
        hash: &XetHash,
        generation: u32,
        range: Range<u64>,
    ) -> Result<BlobStream> {
        let stream = self.blobs().open(&Key::xorb(hash, generation), range).await?;
        stream.ok_or(Error::NotFound(Missing::Other("xorb")))
    }

    pub(super) async fn view_of(
        &self,
        conn: &mut Conn,
        token: &XetToken,
        file: &XetHash,
    ) -> Result<Option<Arc<FileView>>> {
        match xet::find_repo_file(conn, token.repo_id, file).await? {
            Some(found) => self.file_view(conn, found.file.id).await,
            None => Ok(None),
        }
    }

    /// Plans the fetching; reads at most two chunk tables.
    async fn plan(
        &self,
        conn: &mut Conn,
        view: &FileView,
        cut: &Cut<'_>,
    ) -> Result<steelyard_xet::Reconstruction> {
        check_terms(cut.term_count())?;
        let wanted: Vec<StoredXorb> =
            cut.xorbs_to_open().into_iter().map(|id| view.known_xorb(id)).collect();
        let tables = self.chunk_tables(conn, &wanted).await?;
        let table = |id: i64| {
            wanted.iter().zip(&tables).find(|(xorb, _)| xorb.id == id).map(|(_, table)| table)
        };
        cut.reconstruction(table).map_err(broken)
    }

    async fn with_addresses(
        &self,
        view: &FileView,
        plan: steelyard_xet::Reconstruction,
    ) -> Result<Reconstruction> {
        let count: usize = plan.fetches.iter().map(|fetch| fetch.ranges.len()).sum();
        let is_direct = count <= DIRECT_RANGES_MAX && self.signs_ranges().await?;
        let mut xorbs = Vec::with_capacity(plan.fetches.len());
        for fetch in plan.fetches {
            let xorb = view.known_xorb(fetch.xorb_id);
            let ranges = fetch.ranges.into_iter().map(|range| FetchRange {
                chunks: range.chunks,
                bytes: u64::from(range.stored.start)..u64::from(range.stored.end),
            });
            let ranges: Vec<FetchRange> = ranges.collect();
            if is_direct {
                for range in ranges {
                    xorbs.push(self.direct_fetch(&xorb, range).await?);
                }
            } else {
                let way = FetchWay::Hub { generation: xorb.generation };
                let parts = ranges.chunks(FETCH_RANGES_MAX);
                xorbs.extend(parts.map(|ranges| XorbFetch {
                    xorb: xorb.hash,
                    ranges: ranges.to_vec(),
                    way: way.clone(),
                }));
            }
        }
        let term = |term: ReconstructionTerm| TermPlan {
            xorb: view.known_xorb(term.xorb_id).hash,
            unpacked_length: term.raw_len,
            chunks: term.chunks,
        };
        Ok(Reconstruction {
            offset_into_first_range: plan.offset_into_first_range,
            terms: plan.terms.into_iter().map(term).collect(),
            xorbs,
            expires_at: self.now().plus_secs(self.settings().xet.address_ttl_secs),
        })
    }

    /// An address of the object store that is good for one range: clients send single ranges.
    async fn direct_fetch(&self, xorb: &StoredXorb, range: FetchRange) -> Result<XorbFetch> {
        let ttl = Duration::from_secs(self.settings().xet.address_ttl_secs.unsigned_abs());
        let wanted =
            PresignedGet { ttl, range: Some(range.bytes.clone()), ..PresignedGet::default() };
        let url = self.blobs().presign_get(&xorb.key(), &wanted).await?;
        let way = url
            .map_or(FetchWay::Hub { generation: xorb.generation }, |url| FetchWay::Store { url });
        Ok(XorbFetch { xorb: xorb.hash, ranges: vec![range], way })
    }

    /// Whether the object store itself gives ranges out, and nothing beside them.
    async fn signs_ranges(&self) -> Result<bool> {
        Ok(self.blobs().honours_signed_ranges(self.fresh_uuid()).await?)
    }
}

fn check_terms(terms: usize) -> Result<()> {
    if terms > TERMS_MAX {
        let rule = format!(
            "must be narrower: it takes {terms} terms, and one answer has at most {TERMS_MAX}"
        );
        return Err(Error::invalid("Range", rule));
    }
    Ok(())
}

pub(super) fn no_file() -> Error {
    Error::NotFound(Missing::Other("file"))
}
