//! An immutable snapshot of the packs of one repository.

use std::sync::Arc;

use bytes::Bytes;
use steelyard_core::Oid;

use super::{DeltaChain, ObjectSource};
use crate::GitError;
use crate::delta;
use crate::object::{OBJECT_BYTES_MAX, Object, ObjectKind};
use crate::pack::{DELTA_DEPTH_MAX, EntryKind, Pack, zlib};

/// Packs of at most that many objects are indexed together.
const SMALL_PACK_OBJECTS_MAX: usize = 4096;
/// Most records in one shared index; beyond it, another is begun.
const RUN_RECORDS_MAX: usize = 1 << 17;

/// The packs of a repository at one moment. Cloning it or adding a pack shares everything that was there.
///
/// Small packs are indexed together in runs of geometrically growing size, so that a thousand one-commit packs
/// are searched in about ten steps.
#[derive(Debug, Clone, Default)]
pub struct PackSet {
    runs: Vec<Arc<Run>>,
    large: Vec<Arc<Pack>>,
    packs: usize,
    bytes: u64,
}

/// Some small packs and the places of all their objects, sorted by id.
#[derive(Debug)]
struct Run {
    records: Vec<Record>,
    packs: Vec<Arc<Pack>>,
}

#[derive(Debug, Clone, Copy)]
struct Record {
    oid: Oid,
    pack: u32,
    offset: u32,
}

/// Supplies bases of deltas that are at hand.
type KnownBases<'a> = dyn Fn(&Oid) -> Option<Object> + 'a;

#[derive(Clone, Copy)]
struct Place<'a> {
    pack: &'a Arc<Pack>,
    offset: u32,
}

impl PackSet {
    /// No packs.
    pub fn empty() -> Self {
        Self::default()
    }

    /// All of `packs`, oldest first.
    pub fn from_packs(packs: impl IntoIterator<Item = Arc<Pack>>) -> Self {
        packs.into_iter().fold(Self::empty(), |set, pack| set.with_pack(pack))
    }

    /// These packs and one more.
    #[must_use]
    pub fn with_pack(&self, pack: Arc<Pack>) -> Self {
        let mut set = self.clone();
        set.packs += 1;
        set.bytes += pack.data().bytes().len() as u64;
        if pack.toc().len() > SMALL_PACK_OBJECTS_MAX {
            set.large.push(pack);
            return set;
        }
        let mut run = Arc::new(Run::of(pack));
        while let Some(previous) = set.runs.last()
            && previous.records.len() < 2 * run.records.len()
            && previous.records.len() + run.records.len() <= RUN_RECORDS_MAX
        {
            run = Arc::new(Run::merge(previous, &run));
            set.runs.pop();
        }
        set.runs.push(run);
        set
    }

    /// Number of packs.
    pub fn len(&self) -> usize {
        self.packs
    }

    /// True when there is no pack.
    pub fn is_empty(&self) -> bool {
        self.packs == 0
    }

    /// Bytes of all packs together.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The packs, large ones first.
    pub fn packs(&self) -> impl Iterator<Item = &Arc<Pack>> {
        self.large.iter().chain(self.runs.iter().flat_map(|run| &run.packs))
    }

    /// The ids that start with a hexadecimal prefix, in order.
    pub fn lookup_prefix(&self, prefix: &str) -> Vec<Oid> {
        let mut found: Vec<Oid> =
            self.packs().flat_map(|pack| pack.toc().lookup_prefix(prefix)).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// How many deltas must be applied to read an object; writers stop at
    /// [`DELTA_DEPTH_WRITTEN_MAX`](crate::pack::DELTA_DEPTH_WRITTEN_MAX).
    pub fn delta_depth(&self, oid: &Oid) -> Result<Option<u32>, GitError> {
        Ok(self.delta_chain(oid)?.map(|chain| chain.depth))
    }

    /// Reads an object; `known` may supply bases of deltas that are at hand.
    pub(crate) fn read_with(
        &self,
        oid: &Oid,
        known: &KnownBases<'_>,
    ) -> Result<Option<Object>, GitError> {
        let Some(place) = self.locate(oid) else { return Ok(None) };
        self.resolve(place, Some(known)).map(Some)
    }

    /// Where an object is stored.
    fn locate(&self, oid: &Oid) -> Option<Place<'_>> {
        self.runs.iter().rev().find_map(|run| run.locate(oid)).or_else(|| {
            self.large.iter().rev().find_map(|pack| {
                pack.toc().find(oid).map(|entry| Place { pack, offset: entry.offset })
            })
        })
    }

    /// Where the base of an entry is stored; `None` when the entry holds its object whole.
    ///
    /// A pack that contains the base itself is always consistent; only packs of single commits reach beyond.
    fn base_of<'a>(
        &'a self,
        place: Place<'a>,
        kind: EntryKind,
    ) -> Result<Option<Place<'a>>, GitError> {
        match kind {
            EntryKind::Whole(_) => Ok(None),
            EntryKind::OfsDelta { base_offset } => Ok(Some(Place { offset: base_offset, ..place })),
            EntryKind::RefDelta { base } => {
                let own = place.pack.toc().find(&base);
                let own = own.map(|entry| Place { offset: entry.offset, ..place });
                own.or_else(|| self.locate(&base)).map(Some).ok_or(GitError::Missing(base))
            }
        }
    }

    fn resolve<'a>(
        &'a self,
        mut place: Place<'a>,
        known: Option<&KnownBases<'_>>,
    ) -> Result<Object, GitError> {
        let mut deltas: Vec<Vec<u8>> = Vec::new();
        let mut deltas_bytes = 0;
        let mut object = loop {
            let data = place.pack.data();
            let header = data.entry(place.offset)?;
            let content = data.inflate(&header, OBJECT_BYTES_MAX - deltas_bytes)?;
            if let EntryKind::Whole(kind) = header.kind {
                break Object { kind, data: content.into() };
            }
            deltas_bytes += content.len() as u64;
            deltas.push(content);
            check_depth(deltas.len())?;
            let base = known.and_then(|known| {
                let base = match header.kind {
                    EntryKind::RefDelta { base } => Some(base),
                    EntryKind::OfsDelta { base_offset } => place.pack.oid_at(base_offset),
                    EntryKind::Whole(_) => None,
                };
                known(&base?)
            });
            if let Some(base) = base {
                break base;
            }
            place = self.base_of(place, header.kind)?.expect("a delta has a base");
        };
        for delta in deltas.iter().rev() {
            object.data = Bytes::from(delta::apply(&object.data, delta, OBJECT_BYTES_MAX)?);
        }
        Ok(object)
    }
}

impl ObjectSource for PackSet {
    fn read(&self, oid: &Oid) -> Result<Option<Object>, GitError> {
        let Some(place) = self.locate(oid) else { return Ok(None) };
        self.resolve(place, None).map(Some)
    }

    fn header(&self, oid: &Oid) -> Result<Option<(ObjectKind, u64)>, GitError> {
        let Some(mut place) = self.locate(oid) else { return Ok(None) };
        let mut size = None;
        for depth in 0.. {
            check_depth(depth)?;
            let data = place.pack.data();
            let header = data.entry(place.offset)?;
            if let EntryKind::Whole(kind) = header.kind {
                return Ok(Some((kind, size.unwrap_or(header.size))));
            }
            if size.is_none() {
                let mut head = [0; 20];
                let length = zlib::inflate_head(&data.body()[header.data_offset..], &mut head)?;
                size = Some(delta::sizes(&head[..length])?.1);
            }
            place = self.base_of(place, header.kind)?.expect("a delta has a base");
        }
        Ok(None)
    }

    fn contains(&self, oid: &Oid) -> Result<bool, GitError> {
        Ok(self.locate(oid).is_some())
    }

    fn delta_chain(&self, oid: &Oid) -> Result<Option<DeltaChain>, GitError> {
        let Some(mut place) = self.locate(oid) else { return Ok(None) };
        let mut depth = 0;
        let mut root = Some(*oid);
        loop {
            let kind = place.pack.data().entry(place.offset)?.kind;
            let Some(base) = self.base_of(place, kind)? else {
                // Only now is an id looked up by its offset: that takes an index by offset.
                let root = root.or_else(|| place.pack.oid_at(place.offset));
                return Ok(root.map(|root| DeltaChain { depth, root }));
            };
            root = if let EntryKind::RefDelta { base } = kind { Some(base) } else { None };
            depth += 1;
            check_depth(depth as usize)?;
            place = base;
        }
    }
}

impl Run {
    fn of(pack: Arc<Pack>) -> Self {
        let record =
            |entry: crate::pack::TocEntry| Record { oid: entry.oid, pack: 0, offset: entry.offset };
        Self { records: pack.toc().iter().map(record).collect(), packs: vec![pack] }
    }

    /// Joins two runs; of an object that is in both, the older place is kept.
    fn merge(older: &Self, newer: &Self) -> Self {
        let shift = u32::try_from(older.packs.len()).expect("a run has few packs");
        let mut records = Vec::with_capacity(older.records.len() + newer.records.len());
        let mut fresh = newer.records.iter().peekable();
        for record in &older.records {
            while let Some(next) = fresh.next_if(|next| next.oid < record.oid) {
                records.push(Record { pack: next.pack + shift, ..*next });
            }
            fresh.next_if(|next| next.oid == record.oid);
            records.push(*record);
        }
        records.extend(fresh.map(|next| Record { pack: next.pack + shift, ..*next }));
        let packs = older.packs.iter().chain(&newer.packs).cloned().collect();
        Self { records, packs }
    }

    fn locate(&self, oid: &Oid) -> Option<Place<'_>> {
        let index = self.records.binary_search_by(|record| record.oid.cmp(oid)).ok()?;
        let record = self.records[index];
        Some(Place { pack: &self.packs[record.pack as usize], offset: record.offset })
    }
}

fn check_depth(depth: usize) -> Result<(), GitError> {
    if depth > DELTA_DEPTH_MAX as usize {
        return Err(GitError::TooLarge { what: "chain of deltas", limit: DELTA_DEPTH_MAX.into() });
    }
    Ok(())
}
