//! Deflate and inflate whole buffers, with the big tables of the compressor reused within a thread.

use std::cell::RefCell;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::GitError;

/// Deflate cannot shrink anything by more than this factor.
const EXPANSION_MAX: usize = 1032;

thread_local! {
    static COMPRESS: RefCell<Compress> = RefCell::new(Compress::new(Compression::new(3), true));
    static DECOMPRESS: RefCell<Decompress> = RefCell::new(Decompress::new(true));
}

/// Appends the zlib stream of `data` to `out`.
pub(crate) fn deflate(data: &[u8], out: &mut Vec<u8>) {
    COMPRESS.with_borrow_mut(|stream| {
        stream.reset();
        // The usual bound of zlib for incompressible data.
        out.reserve(data.len() + data.len() / 1000 + 64);
        loop {
            let done = usize::try_from(stream.total_in()).expect("it was in memory");
            let status = stream
                .compress_vec(&data[done..], out, FlushCompress::Finish)
                .expect("deflate fails only on misuse of its parameters");
            if status == Status::StreamEnd {
                return;
            }
            out.reserve(4096);
        }
    });
}

/// Inflates the zlib stream at the start of `input`, which must yield exactly `size` bytes; says how much it used.
///
/// No more memory is reserved than the input could fill.
pub(crate) fn inflate(input: &[u8], size: u64) -> Result<(Vec<u8>, usize), GitError> {
    let size = usize::try_from(size).map_err(|_| malformed("size overflows"))?;
    let reachable = input.len().saturating_mul(EXPANSION_MAX);
    if size > reachable {
        return Err(malformed("is too short for its size"));
    }
    DECOMPRESS.with_borrow_mut(|stream| {
        stream.reset(true);
        // One byte more than announced shows streams that hold too much.
        let mut out = Vec::with_capacity(size + 1);
        loop {
            let (read, written) = (stream.total_in(), stream.total_out());
            let done = usize::try_from(read).expect("it was in memory");
            let status = stream
                .decompress_vec(&input[done..], &mut out, FlushDecompress::None)
                .map_err(|_| malformed("is damaged"))?;
            if status == Status::StreamEnd {
                break;
            }
            if out.len() > size || (stream.total_in(), stream.total_out()) == (read, written) {
                return Err(malformed("does not end where it should"));
            }
        }
        if out.len() != size {
            return Err(malformed("yields another size than announced"));
        }
        Ok((out, usize::try_from(stream.total_in()).expect("it was in memory")))
    })
}

/// Inflates as much as fits into `out`; says how much came.
pub(crate) fn inflate_head(input: &[u8], out: &mut [u8]) -> Result<usize, GitError> {
    DECOMPRESS.with_borrow_mut(|stream| {
        stream.reset(true);
        stream
            .decompress(input, out, FlushDecompress::None)
            .map_err(|_| malformed("is damaged"))?;
        Ok(usize::try_from(stream.total_out()).expect("it fits the buffer"))
    })
}

fn malformed(rule: &str) -> GitError {
    GitError::malformed("zlib stream", rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_round_trip_and_must_have_the_announced_size() {
        for data in [&b""[..], b"x", &[7; 100_000]] {
            let mut stream = Vec::new();
            deflate(data, &mut stream);
            let length = stream.len();
            stream.extend_from_slice(b"what follows");
            let size = data.len() as u64;
            assert_eq!(inflate(&stream, size).unwrap(), (data.to_vec(), length));
            assert!(inflate(&stream, size + 1).is_err());
            assert!(size == 0 || inflate(&stream, size - 1).is_err());
            assert!(inflate(&stream[..length - 1], size).is_err());
            let mut head = [0; 4];
            let got = inflate_head(&stream, &mut head).unwrap();
            assert_eq!(&head[..got], &data[..data.len().min(4)]);
        }
    }

    #[test]
    fn an_announced_size_out_of_reach_reserves_nothing() {
        assert!(inflate(b"\x78\x9c", u64::MAX).is_err());
        assert!(inflate(b"", 0).is_err());
    }
}
