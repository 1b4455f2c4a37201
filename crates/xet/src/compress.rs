//! How the bytes of a chunk may be stored: as they are, as an LZ4 frame, or as an LZ4 frame of their byte planes.
//!
//! Byte grouping puts all first bytes of groups of four behind each other, then all second ones, and so on. In
//! weights of 16 or 32 bits this gathers exponents, which repeat, apart from mantissas, which do not.
//!
//! A decompressor here never writes more than the length it was told: a frame that holds more is refused without
//! being inflated any further.

mod frame;
mod planes;

use frame::{FrameWriter, read_frame};

/// How a chunk is stored (`CompressionScheme` of the protocol).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scheme {
    /// Its bytes as they are.
    #[default]
    None = 0,
    /// One LZ4 frame of its bytes.
    Lz4 = 1,
    /// One LZ4 frame of its four byte planes.
    Bg4Lz4 = 2,
}

impl Scheme {
    /// The scheme of a byte in a chunk's header; `None` for bytes that name no scheme.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::None),
            1 => Some(Self::Lz4),
            2 => Some(Self::Bg4Lz4),
            _ => None,
        }
    }

    /// The byte in a chunk's header.
    pub const fn byte(self) -> u8 {
        self as u8
    }
}

/// Stored bytes that do not give the chunk they promise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecompressError {
    /// More bytes than the promised length.
    #[error("inflates to more than the {expected} bytes it should have")]
    Longer {
        /// The promised length.
        expected: usize,
    },
    /// Fewer bytes than the promised length.
    #[error("inflates to {actual} bytes, but should have {expected}")]
    Shorter {
        /// The promised length.
        expected: usize,
        /// The length that was found.
        actual: usize,
    },
    /// Bytes behind the end of the frame, which other decoders would take for the next chunk.
    #[error("has {0} bytes behind the end of its LZ4 frame")]
    Trailing(usize),
    /// No sound LZ4 frame.
    #[error("is no LZ4 frame: {0}")]
    Malformed(String),
}

/// Compresses chunks, with buffers it keeps.
pub struct Compressor {
    planes: Vec<u8>,
    frames: FrameWriter,
}

impl Default for Compressor {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compressor").finish_non_exhaustive()
    }
}

impl Compressor {
    /// Starts with empty buffers.
    pub fn new() -> Self {
        Self { planes: Vec::new(), frames: FrameWriter::new() }
    }

    /// The bytes to store for `data` under this scheme. They may be more than `data` has.
    pub fn compress<'s>(&'s mut self, scheme: Scheme, data: &'s [u8]) -> &'s [u8] {
        match scheme {
            Scheme::None => data,
            Scheme::Lz4 => self.frames.write(data),
            Scheme::Bg4Lz4 => {
                self.planes.resize(data.len(), 0);
                planes::split(data, &mut self.planes);
                self.frames.write(&self.planes)
            }
        }
    }
}

/// Decompresses chunks, with buffers it keeps.
#[derive(Debug, Default)]
pub struct Decompressor {
    planes: Vec<u8>,
    raw: Vec<u8>,
}

impl Decompressor {
    /// Starts with empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// The chunk of exactly `raw_len` bytes that is stored as `stored`: those bytes themselves when they are not
    /// compressed, else in a buffer of the decompressor.
    pub fn decompress<'s>(
        &'s mut self,
        scheme: Scheme,
        stored: &'s [u8],
        raw_len: usize,
    ) -> Result<&'s [u8], DecompressError> {
        if scheme == Scheme::None {
            check_length(stored.len(), raw_len)?;
            return Ok(stored);
        }
        self.raw.resize(raw_len, 0);
        inflate(scheme, stored, &mut self.planes, &mut self.raw)?;
        Ok(&self.raw)
    }

    /// Appends the chunk of exactly `raw_len` bytes that is stored as `stored`. After an error `out` is as before.
    pub fn decompress_into(
        &mut self,
        scheme: Scheme,
        stored: &[u8],
        raw_len: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), DecompressError> {
        if scheme == Scheme::None {
            check_length(stored.len(), raw_len)?;
            out.extend_from_slice(stored);
            return Ok(());
        }
        let start = out.len();
        out.resize(start + raw_len, 0);
        let result = inflate(scheme, stored, &mut self.planes, &mut out[start..]);
        if result.is_err() {
            out.truncate(start);
        }
        result
    }
}

/// Appends the chunk of exactly `raw_len` bytes that is stored as `stored`. After an error `out` is as before. For
/// more than one chunk, a [`Decompressor`] spares the buffers.
pub fn decompress_into(
    scheme: Scheme,
    stored: &[u8],
    raw_len: usize,
    out: &mut Vec<u8>,
) -> Result<(), DecompressError> {
    Decompressor::new().decompress_into(scheme, stored, raw_len, out)
}

fn check_length(actual: usize, expected: usize) -> Result<(), DecompressError> {
    match actual.cmp(&expected) {
        std::cmp::Ordering::Less => Err(DecompressError::Shorter { expected, actual }),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(DecompressError::Longer { expected }),
    }
}

fn inflate(
    scheme: Scheme,
    stored: &[u8],
    planes: &mut Vec<u8>,
    out: &mut [u8],
) -> Result<(), DecompressError> {
    if scheme == Scheme::Lz4 {
        return read_frame(stored, out);
    }
    planes.resize(out.len(), 0);
    read_frame(stored, planes)?;
    planes::join(planes, out);
    Ok(())
}
