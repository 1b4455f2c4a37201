//! Bringing packs into a bare repository.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use steelyard_git::cache_dir::{self, FileSource};
use steelyard_git::pack::{EntryKind, concat};
use steelyard_git::{GitError, ObjectSource, Pack, PackData, Toc};

use crate::history::broken;
use crate::{Error, Result};

/// Packs up to this size are joined: git gets slower with every file it has to look into.
const JOINED_PACK_BYTES_MAX: usize = 256 * 1024;
/// Most bytes that are joined in memory at once; a larger single pack stands alone.
const JOIN_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A pack that is not in the directory yet.
pub(super) struct Incoming {
    pub(super) id: String,
    pub(super) pack: Arc<Pack>,
    /// Where its bytes lie as a file, if they do.
    pub(super) file: Option<PathBuf>,
}

/// What was added to a directory.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Added {
    pub(super) files: usize,
    pub(super) bytes: u64,
}

/// Installs `incoming` in the bare repository `dir`: large packs as they are, the rest joined. Git demands that every
/// delta finds its base in its own pack; where ours does not, joining adds the base from `bases`.
pub(super) fn install(
    dir: &Path,
    incoming: &[Incoming],
    bases: &dyn ObjectSource,
) -> Result<Added> {
    let mut added = Added::default();
    let (mut batch, mut batch_bytes) = (Vec::new(), 0);
    for pack in incoming {
        let bytes = pack.pack.data().bytes().len();
        if bytes > JOINED_PACK_BYTES_MAX && is_self_contained(&pack.pack)? {
            added.link(dir, pack)?;
            continue;
        }
        if batch_bytes + bytes > JOIN_BYTES_MAX {
            added.join(dir, &batch, bases)?;
            batch.clear();
            batch_bytes = 0;
        }
        batch.push((pack.pack.data(), pack.pack.toc()));
        batch_bytes += bytes;
    }
    added.join(dir, &batch, bases)?;
    Ok(added)
}

impl Added {
    fn link(&mut self, dir: &Path, incoming: &Incoming) -> Result<()> {
        let data = incoming.pack.data();
        let idx = incoming.pack.toc().to_idx_v2(&data.trailer());
        let name = format!("pack-{}", incoming.id);
        let source = match &incoming.file {
            Some(path) if path.is_file() => FileSource::Path(path),
            _ => FileSource::Bytes(data.bytes()),
        };
        cache_dir::install_pack(dir, &name, source, FileSource::Bytes(&idx))
            .map_err(Error::internal)?;
        self.count(data.bytes().len() + idx.len());
        Ok(())
    }

    fn join(
        &mut self,
        dir: &Path,
        batch: &[(&PackData, &Toc)],
        bases: &dyn ObjectSource,
    ) -> Result<()> {
        if batch.iter().all(|(_, toc)| toc.is_empty()) {
            return Ok(());
        }
        let joined = concat(batch, bases).map_err(broken)?;
        let idx = joined.toc.to_idx_v2(&joined.trailer);
        let name = format!("pack-{}", joined.trailer);
        let (pack, idx) = (FileSource::Bytes(&joined.bytes), FileSource::Bytes(&idx));
        cache_dir::install_pack(dir, &name, pack, idx).map_err(Error::internal)?;
        self.count(joined.bytes.len() + joined.toc.encode().len());
        Ok(())
    }

    fn count(&mut self, bytes: usize) {
        self.files += 1;
        self.bytes += bytes as u64;
    }
}

/// True when every delta of the pack has its base in the pack.
fn is_self_contained(pack: &Pack) -> Result<bool> {
    let reaches_out = |entry: steelyard_git::pack::TocEntry| -> Result<bool, GitError> {
        match pack.data().entry(entry.offset)?.kind {
            EntryKind::RefDelta { base } => Ok(pack.toc().find(&base).is_none()),
            EntryKind::Whole(_) | EntryKind::OfsDelta { .. } => Ok(false),
        }
    };
    for entry in pack.toc().iter() {
        if reaches_out(entry).map_err(broken)? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use steelyard_git::store::NoObjects;
    use steelyard_git::{ObjectKind, PackBuilder, PackSet};

    use super::*;

    fn pack_of(blobs: &[Vec<u8>]) -> Arc<Pack> {
        let mut builder = PackBuilder::new();
        for blob in blobs {
            builder.add(ObjectKind::Blob, blob).unwrap();
        }
        Arc::new(builder.finish().unwrap().into_pack())
    }

    fn noise(bytes: usize, seed: u64) -> Vec<u8> {
        let mut state = seed | 1;
        let next = |_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        };
        (0..bytes).map(next).collect()
    }

    fn incoming(id: &str, pack: Arc<Pack>, file: Option<PathBuf>) -> Incoming {
        Incoming { id: id.to_owned(), pack, file }
    }

    #[test]
    fn small_packs_are_joined_and_large_ones_linked() {
        let dir = tempfile::tempdir().unwrap();
        let bare = dir.path().join("bare");
        cache_dir::write_skeleton(&bare).unwrap();
        let large = pack_of(&[noise(JOINED_PACK_BYTES_MAX + 100, 7)]);
        let stored = dir.path().join("stored.pack");
        fs::write(&stored, large.data().bytes()).unwrap();
        let small = (0..5).map(|n| incoming(&format!("s{n}"), pack_of(&[noise(50, n)]), None));
        let mut all: Vec<Incoming> = small.collect();
        all.push(incoming("0123-large", large, Some(stored.clone())));
        let added = install(&bare, &all, &NoObjects).unwrap();
        assert_eq!(added.files, 2);
        use std::os::unix::fs::MetadataExt as _;
        let linked = bare.join("objects/pack/pack-0123-large.pack");
        assert_eq!(fs::metadata(&linked).unwrap().ino(), fs::metadata(&stored).unwrap().ino());
        assert_eq!(fs::read_dir(bare.join("objects/pack")).unwrap().count(), 4);
    }

    #[test]
    fn a_large_pack_whose_base_lies_elsewhere_is_completed() {
        let dir = tempfile::tempdir().unwrap();
        cache_dir::write_skeleton(dir.path()).unwrap();
        let base = noise(1000, 3);
        let base_pack = pack_of(std::slice::from_ref(&base));
        let base_oid = base_pack.toc().entry(0).oid;
        let mut builder = PackBuilder::new();
        builder.add(ObjectKind::Blob, &noise(JOINED_PACK_BYTES_MAX + 1, 4)).unwrap();
        // Copy all 1000 bytes of the base, then insert one.
        let delta = [&[0xe8, 0x07, 0xe9, 0x07, 0xb0, 0xe8, 0x03, 0x01][..], b"x"].concat();
        let content = [base.as_slice(), b"x"].concat();
        let oid = builder.add_ref_delta(base_oid, &delta, ObjectKind::Blob, &content).unwrap();
        let thin = Arc::new(builder.finish().unwrap().into_pack());
        assert!(!is_self_contained(&thin).unwrap());
        let all = PackSet::from_packs([base_pack, Arc::clone(&thin)]);
        assert_eq!(all.read(&oid).unwrap().unwrap().data, content);
        let added = install(dir.path(), &[incoming("thin", thin, None)], &all).unwrap();
        assert_eq!(added.files, 1);
        let folder = dir.path().join("objects/pack");
        let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let idx = files.find(|path| path.extension().is_some_and(|end| end == "idx")).unwrap();
        let (toc, _) = Toc::from_idx_v2(&fs::read(idx).unwrap()).unwrap();
        assert!(toc.find(&base_oid).is_some() && toc.find(&oid).is_some());
    }
}
