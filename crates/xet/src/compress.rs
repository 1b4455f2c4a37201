//! How the bytes of a chunk may be stored: as they are, as an LZ4 frame, or as an LZ4 frame of their byte planes.
//!
//! Byte grouping puts all first bytes of groups of four behind each other, then all second ones, and so on. In
//! weights of 16 or 32 bits this gathers exponents, which repeat, apart from mantissas, which do not.
//!
//! A decompressor here never writes more than the length it was told: a frame that holds more is refused without
//! being inflated any further.

use std::io::Read;

use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};
use lz4_flex::frame::FrameDecoder;

mod planes;

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

const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
/// The rest of the header of a frame of independent blocks of up to 64 KiB, without options: flags, block size, check byte.
const BLOCKS_64K: [u8; 3] = [0x60, 0x40, 0x82];
/// The same for blocks of up to 256 KiB.
const BLOCKS_256K: [u8; 3] = [0x60, 0x50, 0xfb];
/// The same for independent blocks of up to 1 and 4 MiB, and for linked blocks of all sizes, with the size of blocks.
const PLAIN_HEADERS: [([u8; 3], usize); 8] = [
    (BLOCKS_64K, 1 << 16),
    (BLOCKS_256K, 1 << 18),
    ([0x60, 0x60, 0x51], 1 << 20),
    ([0x60, 0x70, 0x73], 1 << 22),
    ([0x40, 0x40, 0xc0], 1 << 16),
    ([0x40, 0x50, 0x77], 1 << 18),
    ([0x40, 0x60, 0xcd], 1 << 20),
    ([0x40, 0x70, 0xdf], 1 << 22),
];
/// Flag of a frame whose blocks do not refer to each other.
const INDEPENDENT: u8 = 0x20;
/// How far back a linked block may refer.
const LINK_BYTES: usize = 64 * 1024;
/// Marks the length of a block that is stored as it is.
const STORED: u32 = 1 << 31;

/// Compresses chunks, with buffers it keeps.
pub struct Compressor {
    table: CompressTable,
    planes: Vec<u8>,
    block: Vec<u8>,
    frame: Vec<u8>,
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
        Self {
            table: CompressTable::large(),
            planes: Vec::new(),
            block: Vec::new(),
            frame: Vec::new(),
        }
    }

    /// The bytes to store for `data` under this scheme. They may be more than `data` has.
    pub fn compress<'s>(&'s mut self, scheme: Scheme, data: &'s [u8]) -> &'s [u8] {
        match scheme {
            Scheme::None => return data,
            Scheme::Lz4 => {
                write_frame(data, &mut self.table, &mut self.block, &mut self.frame);
            }
            Scheme::Bg4Lz4 => {
                self.planes.resize(data.len(), 0);
                planes::split(data, &mut self.planes);
                write_frame(&self.planes, &mut self.table, &mut self.block, &mut self.frame);
            }
        }
        &self.frame
    }
}

/// Writes the frame that the protocol's own client writes: independent blocks, no checksums.
fn write_frame(data: &[u8], table: &mut CompressTable, block: &mut Vec<u8>, frame: &mut Vec<u8>) {
    let (header, block_bytes) =
        if data.len() <= 1 << 16 { (BLOCKS_64K, 1 << 16) } else { (BLOCKS_256K, 1 << 18) };
    frame.clear();
    frame.extend_from_slice(&MAGIC);
    frame.extend_from_slice(&header);
    for piece in data.chunks(block_bytes) {
        let room = get_maximum_output_size(piece.len());
        if block.len() < room {
            block.resize(room, 0);
        }
        let len = compress_into_with_table(piece, block, table)
            .expect("the block has room for the worst case");
        if len < piece.len() {
            frame.extend_from_slice(&(len as u32).to_le_bytes());
            frame.extend_from_slice(&block[..len]);
        } else {
            frame.extend_from_slice(&(piece.len() as u32 | STORED).to_le_bytes());
            frame.extend_from_slice(piece);
        }
    }
    frame.extend_from_slice(&[0; 4]);
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

/// Reads one frame that is all of `stored` and fills all of `out`.
fn read_frame(stored: &[u8], out: &mut [u8]) -> Result<(), DecompressError> {
    let header = stored.strip_prefix(&MAGIC).and_then(|rest| rest.split_first_chunk::<3>());
    let plain = header.and_then(|(header, blocks)| {
        let (_, block_bytes) = PLAIN_HEADERS.iter().find(|(known, _)| known == header)?;
        Some((header[0] & INDEPENDENT == 0, *block_bytes, blocks))
    });
    match plain {
        Some((is_linked, block_bytes, blocks)) => {
            PlainFrame { is_linked, block_bytes, rest: blocks }.read(out)
        }
        None => read_any_frame(stored, out),
    }
}

/// The blocks of a frame without checksums, sizes or dictionaries: what all known clients write. Read straight into
/// its place, which takes a third of the time of a general reader with buffers of its own.
struct PlainFrame<'a> {
    is_linked: bool,
    block_bytes: usize,
    rest: &'a [u8],
}

impl PlainFrame<'_> {
    fn read(mut self, out: &mut [u8]) -> Result<(), DecompressError> {
        let mut filled = 0;
        loop {
            let length = u32::from_le_bytes(*self.take()?);
            if length == 0 {
                break;
            }
            let (done, room) = out.split_at_mut(filled);
            let history = match self.is_linked {
                true => &done[done.len().saturating_sub(LINK_BYTES)..],
                false => &[],
            };
            filled += self.read_block(length, history, room)?;
        }
        if !self.rest.is_empty() {
            return Err(DecompressError::Trailing(self.rest.len()));
        }
        check_length(filled, out.len())
    }

    fn take<const N: usize>(&mut self) -> Result<&[u8; N], DecompressError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(cut)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Reads one block into the start of `room` and says how long it was.
    fn read_block(
        &mut self,
        length: u32,
        history: &[u8],
        room: &mut [u8],
    ) -> Result<usize, DecompressError> {
        let stored_len = (length & !STORED) as usize;
        if stored_len > self.block_bytes {
            return Err(DecompressError::Malformed(
                "a block is larger than its frame allows".into(),
            ));
        }
        let (block, rest) = self.rest.split_at_checked(stored_len).ok_or_else(cut)?;
        self.rest = rest;
        let expected = room.len();
        let room = &mut room[..expected.min(self.block_bytes)];
        let len = if length & STORED != 0 {
            let room = room.get_mut(..block.len()).ok_or(DecompressError::Longer { expected })?;
            room.copy_from_slice(block);
            block.len()
        } else {
            use lz4_flex::block::DecompressError as Lz4;
            lz4_flex::block::decompress_into_with_dict(block, room, history).map_err(|error| {
                match error {
                    Lz4::OutputTooSmall { .. } => DecompressError::Longer { expected },
                    other => DecompressError::Malformed(other.to_string()),
                }
            })?
        };
        match len {
            // Some decoders take such a block for the end of the frame and what follows for a chunk.
            0 => Err(DecompressError::Malformed("a block is empty".into())),
            len => Ok(len),
        }
    }
}

fn cut() -> DecompressError {
    DecompressError::Malformed("it is cut off".into())
}

/// Reads a frame with any options that the decoder of the protocol's own client understands.
fn read_any_frame(stored: &[u8], out: &mut [u8]) -> Result<(), DecompressError> {
    let malformed = |error: std::io::Error| DecompressError::Malformed(error.to_string());
    let mut decoder = FrameDecoder::new(stored);
    let mut filled = 0;
    while filled < out.len() {
        match decoder.read(&mut out[filled..]).map_err(malformed)? {
            0 => return Err(DecompressError::Shorter { expected: out.len(), actual: filled }),
            read => filled += read,
        }
    }
    // The end mark, and the checksum behind it, are only read when more is asked for.
    if decoder.read(&mut [0]).map_err(malformed)? != 0 {
        return Err(DecompressError::Longer { expected: out.len() });
    }
    match decoder.get_ref().len() {
        0 => Ok(()),
        left => Err(DecompressError::Trailing(left)),
    }
}
