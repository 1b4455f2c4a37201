//! The LZ4 frame around the bytes of a chunk.

use std::io::Read;

use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};
use lz4_flex::frame::FrameDecoder;

use super::{DecompressError, check_length};

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
    ([0x40, 0x60, 0x96], 1 << 20),
    ([0x40, 0x70, 0xdf], 1 << 22),
];
/// Flag of a frame whose blocks do not refer to each other.
const INDEPENDENT: u8 = 0x20;
/// How far back a linked block may refer.
const LINK_BYTES: usize = 64 * 1024;
/// Marks the length of a block that is stored as it is.
const STORED: u32 = 1 << 31;

/// Writes frames, with buffers it keeps.
pub(super) struct FrameWriter {
    table: CompressTable,
    block: Vec<u8>,
    frame: Vec<u8>,
}

impl FrameWriter {
    pub(super) fn new() -> Self {
        Self { table: CompressTable::large(), block: Vec::new(), frame: Vec::new() }
    }

    /// The frame that the protocol's own client writes: independent blocks, no checksums.
    pub(super) fn write(&mut self, data: &[u8]) -> &[u8] {
        let (header, block_bytes) =
            if data.len() <= 1 << 16 { (BLOCKS_64K, 1 << 16) } else { (BLOCKS_256K, 1 << 18) };
        self.frame.clear();
        self.frame.extend_from_slice(&MAGIC);
        self.frame.extend_from_slice(&header);
        data.chunks(block_bytes).for_each(|piece| self.write_block(piece));
        self.frame.extend_from_slice(&[0; 4]);
        &self.frame
    }

    fn write_block(&mut self, piece: &[u8]) {
        let room = get_maximum_output_size(piece.len());
        if self.block.len() < room {
            self.block.resize(room, 0);
        }
        let len = compress_into_with_table(piece, &mut self.block, &mut self.table)
            .expect("the block has room for the worst case");
        let (mark, bytes) =
            if len < piece.len() { (0, &self.block[..len]) } else { (STORED, piece) };
        self.frame.extend_from_slice(&(bytes.len() as u32 | mark).to_le_bytes());
        self.frame.extend_from_slice(bytes);
    }
}

/// Reads one frame that is all of `stored` and fills all of `out`.
pub(super) fn read_frame(stored: &[u8], out: &mut [u8]) -> Result<(), DecompressError> {
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
    // That decoder also reads a form of frames from before the format was settled, which others do not.
    if !stored.starts_with(&MAGIC) {
        return Err(DecompressError::Malformed("it does not start like one".into()));
    }
    let malformed = |error: std::io::Error| DecompressError::Malformed(error.to_string());
    let mut decoder = FrameDecoder::new(Source { rest: stored, is_exhausted: false });
    let mut filled = 0;
    while filled < out.len() {
        match decoder.read(&mut out[filled..]).map_err(malformed)? {
            0 => break,
            read => filled += read,
        }
    }
    // The end mark, and the checksum behind it, are only read when more is asked for.
    if filled == out.len() && decoder.read(&mut [0]).map_err(malformed)? != 0 {
        return Err(DecompressError::Longer { expected: out.len() });
    }
    let source = decoder.get_ref();
    if source.is_exhausted {
        return Err(cut());
    }
    if !source.rest.is_empty() {
        return Err(DecompressError::Trailing(source.rest.len()));
    }
    check_length(filled, out.len())
}

/// Remembers that more was asked for than there is: the decoder takes that for the end of the frame.
struct Source<'a> {
    rest: &'a [u8],
    is_exhausted: bool,
}

impl Read for Source<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.is_exhausted |= self.rest.is_empty() && !out.is_empty();
        self.rest.read(out)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};

    use super::*;
    use crate::compress::{Scheme, decompress_into};

    fn frame(info: FrameInfo, data: &[u8]) -> Vec<u8> {
        let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    /// Repeats itself over more than a block, so that linked blocks do refer to the one before.
    fn data() -> Vec<u8> {
        let line = |n: u32| format!("{n} {} ", n.wrapping_mul(2_654_435_761) >> 7);
        let half: String = (0..3000).map(line).collect();
        [half.as_bytes(), half.as_bytes(), half.as_bytes()].concat()
    }

    #[test]
    fn plain_frames_of_every_size_and_mode_are_known_and_read() {
        use BlockSize::{Max1MB, Max4MB, Max64KB, Max256KB};
        let data = data();
        assert!(data.len() > 100_000);
        for size in [Max64KB, Max256KB, Max1MB, Max4MB] {
            for mode in [BlockMode::Independent, BlockMode::Linked] {
                let stored = frame(FrameInfo::new().block_size(size).block_mode(mode), &data);
                let known = PLAIN_HEADERS.iter().find(|(header, _)| stored[4..7] == *header);
                let (header, block_bytes) = known.expect("the header is in the table");
                assert_eq!(header[0] & INDEPENDENT == 0, mode == BlockMode::Linked);
                assert_eq!(*block_bytes, 1 << (8 + 2 * (header[1] >> 4)));
                let mut out = vec![0; data.len()];
                assert_eq!(read_frame(&stored, &mut out), Ok(()));
                assert!(out == data, "{size:?} {mode:?}");
            }
        }
    }

    #[test]
    fn frames_with_options_are_read_too() {
        let data = data();
        let summed = FrameInfo::new().block_checksums(true).content_checksum(true);
        let sized = FrameInfo::new().content_size(Some(data.len() as u64));
        for stored in [frame(summed, &data), frame(sized, &data)] {
            let cut_off = read_frame(&stored[..stored.len() - 8], &mut vec![0; data.len()]);
            assert!(matches!(cut_off, Err(DecompressError::Malformed(_))), "{cut_off:?}");
            let mut out = Vec::new();
            decompress_into(Scheme::Lz4, &stored, data.len(), &mut out).unwrap();
            assert!(out == data);
            let short = decompress_into(Scheme::Lz4, &stored, data.len() - 1, &mut out);
            assert_eq!(short, Err(DecompressError::Longer { expected: data.len() - 1 }));
            let long = decompress_into(Scheme::Lz4, &stored, data.len() + 1, &mut out);
            let expected = data.len() + 1;
            assert_eq!(long, Err(DecompressError::Shorter { expected, actual: data.len() }));
        }
    }
}
