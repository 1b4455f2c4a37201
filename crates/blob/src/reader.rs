use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;

use crate::error::Result;
use crate::hashing::blocking;
use crate::stream::{BlobStream, FileRange};

/// Reads an object from its start to its end into buffers of the caller's, for work that goes through large objects: with
/// memory of their own for each piece ([`BlobStream`]), fetching it from the system takes longer than reading.
#[derive(Debug)]
pub struct BlobReader(Source);

#[derive(Debug)]
enum Source {
    File {
        file: Arc<FileRange>,
        next: u64,
    },
    Stream {
        stream: BlobStream,
        /// What came and did not fit.
        rest: Bytes,
    },
}

impl BlobReader {
    pub(crate) fn of_file(file: FileRange) -> Self {
        Self(Source::File { file: Arc::new(file), next: 0 })
    }

    pub(crate) fn of_stream(stream: BlobStream) -> Self {
        Self(Source::Stream { stream, rest: Bytes::new() })
    }

    /// Appends the next `most` bytes to `buffer`; fewer only when the object ends. When the future is dropped or an error
    /// comes, so many may be skipped: begin anew then.
    pub async fn read(&mut self, mut buffer: Vec<u8>, most: usize) -> Result<Vec<u8>> {
        match &mut self.0 {
            Source::File { file, next } => {
                let (file, start) = (Arc::clone(file), *next);
                let length = file.bytes_from(start).min(most as u64);
                *next += length;
                blocking(move || {
                    file.append(start, length, &mut buffer)?;
                    Ok(buffer)
                })
                .await
            }
            Source::Stream { stream, rest } => {
                let mut missing = most;
                while missing > 0 {
                    if rest.is_empty() {
                        match stream.next().await.transpose()? {
                            Some(piece) => *rest = piece,
                            None => break,
                        }
                    }
                    let taken = rest.split_to(rest.len().min(missing));
                    buffer.extend_from_slice(&taken);
                    missing -= taken.len();
                }
                Ok(buffer)
            }
        }
    }
}
