//! The store in a directory of one machine: every object a file, written elsewhere first and renamed when durable.

use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::FlockOperation;
use steelyard_core::Timestamp;
use steelyard_core::fault::crash_point;
use tempfile::{NamedTempFile, TempPath};
use tokio::task::JoinHandle;

use crate::error::Result;
use crate::faulty::Faults;
use crate::hashing::{blocking, join};
use crate::stream::{self, BlobStream, FileRange, Gauge};
use crate::{BlobError, BlobInfo, BlobReader, Family, Key};

mod aside;
mod direct;
mod list;

pub(crate) use aside::Aside;

/// Unfinished files, on the same file system as the finished ones.
const TMP: &str = "tmp";
const LOCK: &str = "lock";

#[derive(Debug, Clone)]
pub(crate) struct LocalStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    faults: Faults,
    gauge: Gauge,
    /// Holds a shared lock on the directory for as long as the store is open.
    _lock: Arc<File>,
}

impl LocalStore {
    pub(crate) async fn open(root: PathBuf) -> Result<Self> {
        blocking(move || Self::open_now(&root)).await
    }

    fn open_now(root: &Path) -> Result<Self> {
        let failed = |source| BlobError::io("open the directory", source);
        fs::create_dir_all(root.join(TMP)).map_err(failed)?;
        let root = root.canonicalize().map_err(failed)?;
        let lock = File::create(root.join(LOCK)).map_err(failed)?;
        // Nobody else has the store open, so the unfinished files are those of a process that died.
        if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            remove_files(&root.join(TMP)).map_err(failed)?;
        }
        rustix::fs::flock(&lock, FlockOperation::LockShared)
            .map_err(|errno| failed(errno.into()))?;
        for family in Family::ALL {
            make_durable_dir(&root, &root.join(family.prefix())).map_err(failed)?;
        }
        sync_dir(&root).map_err(failed)?;
        Ok(Self(Arc::new(Inner {
            root,
            faults: Faults::default(),
            gauge: Gauge::default(),
            _lock: Arc::new(lock),
        })))
    }

    pub(crate) fn with_faults(&self, faults: Faults) -> Self {
        let inner = &*self.0;
        let (root, gauge) = (inner.root.clone(), inner.gauge.clone());
        Self(Arc::new(Inner { root, faults, gauge, _lock: Arc::clone(&inner._lock) }))
    }

    pub(crate) fn path(&self, key: &Key) -> PathBuf {
        self.0.root.join(key.to_string())
    }

    pub(crate) async fn probe(&self) -> Result<()> {
        let store = self.clone();
        blocking(move || {
            let tmp = store.0.root.join(TMP);
            let writable = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
            store
                .step(|| rustix::fs::access(&tmp, writable).map_err(Into::into))
                .map_err(|source| BlobError::io("write to its directory", source))
        })
        .await
    }

    pub(crate) async fn put(&self, key: Key, data: Bytes) -> Result<()> {
        let store = self.clone();
        blocking(move || {
            let write = || {
                let mut file = store.temp_file()?;
                store.step(|| file.write_all(&data))?;
                store.step(|| file.as_file().sync_all())?;
                crash_point("blob.put.synced");
                store.persist(file.into_temp_path(), &key)
            };
            write().map_err(|source| BlobError::io("write an object", source))
        })
        .await
    }

    pub(crate) async fn get(&self, key: Key) -> Result<Option<Bytes>> {
        let store = self.clone();
        blocking(move || {
            found(store.step(|| fs::read(store.path(&key))), "read an object")
                .map(|data| data.map(Bytes::from))
        })
        .await
    }

    pub(crate) async fn get_range(&self, key: Key, range: Range<u64>) -> Result<Option<Bytes>> {
        let store = self.clone();
        blocking(move || {
            let Some((file, info)) = store.open_file(&key)? else { return Ok(None) };
            check_range(&key, &range, info.size)?;
            let length = usize::try_from(range.end - range.start)
                .map_err(|_| BlobError::BadRange { key, range: range.clone() })?;
            let data = store
                .step(|| stream::read_exact_at(&file, range.start, length))
                .map_err(|source| BlobError::io("read an object", source))?;
            Ok(Some(data.into()))
        })
        .await
    }

    pub(crate) async fn head(&self, key: Key) -> Result<Option<BlobInfo>> {
        let store = self.clone();
        blocking(move || {
            let metadata = store.step(|| fs::metadata(store.path(&key)));
            Ok(found(metadata, "look up an object")?.map(|metadata| info(&metadata)))
        })
        .await
    }

    pub(crate) async fn delete(&self, key: Key) -> Result<()> {
        let store = self.clone();
        blocking(move || {
            found(store.step(|| fs::remove_file(store.path(&key))), "delete an object").map(drop)
        })
        .await
    }

    pub(crate) async fn rename(&self, from: Key, to: Key) -> Result<()> {
        let store = self.clone();
        blocking(move || {
            let failed = |source| BlobError::io("rename an object", source);
            let (source, target) = (store.path(&from), store.path(&to));
            store.make_parent(&target).map_err(failed)?;
            match store.step(|| fs::rename(&source, &target)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    // An earlier call may have got this far and no further.
                    if !target.exists() {
                        return Err(BlobError::NotFound { key: from });
                    }
                }
                renamed => renamed.map_err(failed)?,
            }
            for path in [&target, &source] {
                store.step(|| sync_dir(parent(path))).map_err(failed)?;
            }
            Ok(())
        })
        .await
    }

    pub(crate) async fn list(
        &self,
        family: Family,
        after: Option<Key>,
        limit: usize,
    ) -> Result<Vec<(Key, BlobInfo)>> {
        let store = self.clone();
        blocking(move || {
            store
                .step(|| list::page(&store.0.root, family, after, limit))
                .map_err(|source| BlobError::io("list objects", source))
        })
        .await
    }

    /// Opens the bytes of `range`, or of everything.
    pub(crate) async fn open_stream(
        &self,
        key: Key,
        range: Option<Range<u64>>,
    ) -> Result<Option<(BlobInfo, BlobStream)>> {
        let store = self.clone();
        blocking(move || {
            let Some((file, info)) = store.open_file(&key)? else { return Ok(None) };
            let range = range.unwrap_or(0..info.size);
            check_range(&key, &range, info.size)?;
            let (gauge, faults) = (store.0.gauge.clone(), store.0.faults.clone());
            Ok(Some((info, stream::from_file(file, range, gauge, faults)?)))
        })
        .await
    }

    pub(crate) async fn open_reader(&self, key: Key) -> Result<Option<BlobReader>> {
        let store = self.clone();
        blocking(move || {
            let Some((file, info)) = store.open_file(&key)? else { return Ok(None) };
            let (gauge, faults) = (store.0.gauge.clone(), store.0.faults.clone());
            Ok(Some(BlobReader::of_file(FileRange::new(file, &(0..info.size), gauge, faults))))
        })
        .await
    }

    /// Begins a file that becomes an object when it is finished.
    pub(crate) async fn begin(&self) -> Result<LocalWriter> {
        let store = self.clone();
        blocking(move || {
            let file =
                store.temp_file().map_err(|error| BlobError::io("begin an upload", error))?;
            let (file, path) = file.into_parts();
            Ok(LocalWriter { store, file: Arc::new(file), path: Some(path), job: None })
        })
        .await
    }

    fn open_file(&self, key: &Key) -> Result<Option<(File, BlobInfo)>> {
        let opened = self.step(|| {
            let file = File::open(self.path(key))?;
            let metadata = file.metadata()?;
            Ok((file, info(&metadata)))
        });
        found(opened, "open an object")
    }

    fn temp_file(&self) -> io::Result<NamedTempFile> {
        self.step(|| NamedTempFile::new_in(self.0.root.join(TMP)))
    }

    /// Gives a durable file its final name, durably.
    fn persist(&self, temp: TempPath, key: &Key) -> io::Result<()> {
        let path = self.path(key);
        self.make_parent(&path)?;
        self.step(|| temp.persist(&path).map_err(|error| error.error))?;
        self.step(|| sync_dir(parent(&path)))
    }

    fn make_parent(&self, path: &Path) -> io::Result<()> {
        self.step(|| make_durable_dir(&self.0.root, parent(path)))
    }

    fn step<T>(&self, step: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.0.faults.step(step)
    }
}

/// A file on its way to become an object. Dropped unfinished, it is removed.
#[derive(Debug)]
pub(crate) struct LocalWriter {
    store: LocalStore,
    file: Arc<File>,
    /// Always there but while dropping.
    path: Option<TempPath>,
    job: Option<JoinHandle<io::Result<()>>>,
}

impl LocalWriter {
    /// Writes `batch` after everything before it; returns when that has begun.
    pub(crate) async fn push(&mut self, batch: Vec<Bytes>) -> Result<()> {
        self.settle().await?;
        let (store, file) = (self.store.clone(), Arc::clone(&self.file));
        self.job = Some(tokio::task::spawn_blocking(move || {
            store.step(|| batch.iter().try_for_each(|piece| (&*file).write_all(piece)))
        }));
        Ok(())
    }

    /// Makes the bytes durable and gives them their final name; returns the object's entity tag.
    pub(crate) async fn finish(mut self, key: Key) -> Result<String> {
        self.settle().await?;
        let path = self.path.take();
        let (store, file) = (self.store.clone(), Arc::clone(&self.file));
        blocking(move || {
            let path = path.expect("a writer is finished once");
            let finish = || {
                store.step(|| file.sync_all())?;
                crash_point("blob.upload.synced");
                let etag = info(&file.metadata()?).etag;
                store.persist(path, &key)?;
                crash_point("blob.upload.visible");
                Ok(etag)
            };
            finish().map_err(|source| BlobError::io("finish an upload", source))
        })
        .await
    }

    async fn settle(&mut self) -> Result<()> {
        match self.job.take() {
            Some(job) => {
                join(job).await?.map_err(|source| BlobError::io("write an upload", source))
            }
            None => Ok(()),
        }
    }
}

impl Drop for LocalWriter {
    fn drop(&mut self) {
        let Some(path) = self.path.take() else { return };
        // Freeing a large file takes the disk a while, so not on an async thread.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(move || drop(path));
        }
    }
}

pub(crate) fn check_range(key: &Key, range: &Range<u64>, size: u64) -> Result<()> {
    if range.start <= range.end && range.end <= size {
        return Ok(());
    }
    Err(BlobError::BadRange { key: *key, range: range.clone() })
}

fn info(metadata: &fs::Metadata) -> BlobInfo {
    let (secs, nanos) = (metadata.mtime(), metadata.mtime_nsec());
    BlobInfo {
        size: metadata.len(),
        modified: Timestamp::from_millis(
            secs.saturating_mul(1000).saturating_add(nanos / 1_000_000),
        ),
        etag: format!("{:x}-{secs:x}-{nanos:x}-{:x}", metadata.ino(), metadata.len()),
    }
}

fn found<T>(result: io::Result<T>, action: &'static str) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(BlobError::io(action, error)),
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().expect("every object lies in a folder of its family")
}

fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Makes a folder and those above it, up to `root`, so that they outlive a power failure.
fn make_durable_dir(root: &Path, path: &Path) -> io::Result<()> {
    if path.is_dir() || path == root {
        return Ok(());
    }
    let above = parent(path);
    make_durable_dir(root, above)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        // Whoever made it may not have made it durable yet.
        _made_now_or_meanwhile => {}
    }
    sync_dir(above)
}

fn remove_files(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
