use std::fs::File;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::{self, BoxStream, StreamExt};
use rustix::fs::Advice;
use tokio::task::JoinHandle;

use crate::BlobError;
use crate::error::Result;
use crate::faulty::Faults;
use crate::hashing::poll_job;

/// What is read at once. Measured against `sendfile`, smaller and larger reads and memory maps: the fastest, and unlike
/// a memory map it reports a broken disk as an error.
const CHUNK_BYTES: u64 = 512 * 1024;
/// What is read at once, and not ahead, while the chunks of all streams together take more than [`AMPLE_BYTES`].
const SMALL_CHUNK_BYTES: u64 = 64 * 1024;
const AMPLE_BYTES: u64 = 32 * 1024 * 1024;

/// The bytes of an object, in order.
pub struct BlobStream(BoxStream<'static, Result<Bytes>>);

impl BlobStream {
    pub(crate) fn new(stream: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Self {
        Self(stream.boxed())
    }
}

impl Stream for BlobStream {
    type Item = Result<Bytes, BlobError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

impl std::fmt::Debug for BlobStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BlobStream")
    }
}

/// Counts the memory that chunks take until their receivers are done with them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gauge(Arc<AtomicU64>);

impl Gauge {
    fn is_ample(&self) -> bool {
        self.0.load(Relaxed) < AMPLE_BYTES
    }

    fn counted(&self, data: Vec<u8>) -> Bytes {
        self.0.fetch_add(data.len() as u64, Relaxed);
        Bytes::from_owner(Counted { data, gauge: self.clone() })
    }
}

struct Counted {
    data: Vec<u8>,
    gauge: Gauge,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.gauge.0.fetch_sub(self.data.len() as u64, Relaxed);
    }
}

/// Streams a range of a file; must be called on a blocking thread, because it reads the first chunk.
pub(crate) fn from_file(
    file: File,
    range: Range<u64>,
    gauge: Gauge,
    faults: Faults,
) -> Result<BlobStream> {
    let file = Arc::new(FileRange::new(file, &range, gauge, faults));
    let first = file.read(range.start)?;
    if first.len() as u64 == range.end - range.start {
        let whole = (!first.is_empty()).then_some(Ok(first));
        return Ok(BlobStream::new(stream::iter(whole)));
    }
    let next = range.start + first.len() as u64;
    Ok(BlobStream::new(stream::iter([Ok(first)]).chain(ReadAhead { file, next, job: None })))
}

#[derive(Debug)]
pub(crate) struct FileRange {
    file: File,
    end: u64,
    gauge: Gauge,
    faults: Faults,
}

impl FileRange {
    pub(crate) fn new(file: File, range: &Range<u64>, gauge: Gauge, faults: Faults) -> Self {
        if range.end - range.start > CHUNK_BYTES {
            // Only a hint to the kernel, so a refusal changes nothing.
            rustix::fs::fadvise(&file, range.start, None, Advice::Sequential).ok();
        }
        Self { file, end: range.end, gauge, faults }
    }

    /// How many bytes there are from `start` on.
    pub(crate) fn bytes_from(&self, start: u64) -> u64 {
        self.end.saturating_sub(start)
    }

    /// Appends bytes that must all be there; `buffer` is not counted as a chunk in the memory of streams.
    pub(crate) fn append(&self, start: u64, length: u64, buffer: &mut Vec<u8>) -> Result<()> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        self.faults
            .step(|| append_exact_at(&self.file, start, length, buffer))
            .map_err(|source| BlobError::io("read an object", source))
    }

    /// Reads one chunk, or what is left.
    fn read(&self, start: u64) -> Result<Bytes> {
        let most = if self.gauge.is_ample() { CHUNK_BYTES } else { SMALL_CHUNK_BYTES };
        let length = usize::try_from(most.min(self.end - start)).unwrap_or(usize::MAX);
        let read = || read_exact_at(&self.file, start, length);
        let chunk =
            self.faults.step(read).map_err(|source| BlobError::io("read an object", source))?;
        Ok(self.gauge.counted(chunk))
    }
}

/// Reads `length` bytes of a file, which must all be there, into memory that nobody filled with zeros before.
pub(crate) fn read_exact_at(file: &File, start: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    append_exact_at(file, start, length, &mut data)?;
    Ok(data)
}

fn append_exact_at(file: &File, start: u64, length: usize, data: &mut Vec<u8>) -> io::Result<()> {
    let before = data.len();
    data.reserve_exact(length);
    while data.len() - before < length {
        let at = start + (data.len() - before) as u64;
        match rustix::io::pread(file, rustix::buffer::spare_capacity(data), at) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    // The allocation may be larger than asked for, and the file than the range.
    data.truncate(before + length);
    Ok(())
}

/// Reads the next chunk on a blocking thread while the last one is sent. Holds no thread while the receiver is slow.
struct ReadAhead {
    file: Arc<FileRange>,
    next: u64,
    job: Option<JoinHandle<Result<Bytes>>>,
}

impl ReadAhead {
    fn start(&mut self) {
        if self.next < self.file.end {
            let (file, start) = (Arc::clone(&self.file), self.next);
            self.job = Some(tokio::task::spawn_blocking(move || file.read(start)));
        }
    }
}

impl Stream for ReadAhead {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.job.is_none() {
            self.start();
        }
        let Some(job) = &mut self.job else { return Poll::Ready(None) };
        let chunk = ready!(poll_job(job, context));
        self.job = None;
        match &chunk {
            Ok(bytes) => {
                self.next += bytes.len() as u64;
                if self.file.gauge.is_ample() {
                    self.start();
                }
            }
            Err(_) => self.next = self.file.end,
        }
        Poll::Ready(Some(chunk))
    }
}
