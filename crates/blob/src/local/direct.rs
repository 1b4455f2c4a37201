//! Writing past the system's cache.
//!
//! An object that nobody reads soon only pushes others out of the cache, and to find memory for it there takes longer than
//! to hash it. So it goes to the disk directly. Not every file system can do that; then it goes the usual way.

use std::fs::File;
use std::io::{self, Write as _};

use rustix::fs::OFlags;
use tempfile::NamedTempFile;

/// What direct writes must start at and be a multiple of, in memory and in the file: no disk wants more.
const ALIGN: usize = 4096;
/// What is written at once; a multiple of [`ALIGN`].
const PIECE_BYTES: usize = 1024 * 1024;

/// A new file that is written from its start to its end.
#[derive(Debug)]
pub(super) struct DirectWriter {
    file: NamedTempFile,
    is_direct: bool,
    /// Room for one piece, from `start` on, where it is aligned; `held` bytes of it are taken.
    room: Vec<u8>,
    start: usize,
    held: usize,
}

impl DirectWriter {
    pub(super) fn new(file: NamedTempFile) -> Self {
        let is_direct = set_direct(file.as_file(), true).is_ok();
        let room = vec![0; ALIGN + PIECE_BYTES];
        let start = room.as_ptr().align_offset(ALIGN);
        Self { file, is_direct, room, start, held: 0 }
    }

    /// Takes the next bytes.
    pub(super) fn write(&mut self, mut data: &[u8]) -> io::Result<()> {
        while !data.is_empty() {
            let (head, rest) = data.split_at(data.len().min(PIECE_BYTES - self.held));
            let at = self.start + self.held;
            self.room[at..at + head.len()].copy_from_slice(head);
            self.held += head.len();
            data = rest;
            if self.held == PIECE_BYTES {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Writes what is held, and gives the file back. It is not durable yet.
    pub(super) fn finish(mut self) -> io::Result<NamedTempFile> {
        self.flush()?;
        self.write_usually()?;
        Ok(self.file)
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut written = 0;
        let whole = self.held - self.held % ALIGN;
        while self.is_direct && written < whole {
            match self.file.write(&self.room[self.start + written..self.start + whole]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => written += taken,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // This is how file systems say that they cannot.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    self.write_usually()?;
                }
                Err(error) => return Err(error),
            }
            if !written.is_multiple_of(ALIGN) {
                self.write_usually()?;
            }
        }
        if written < self.held {
            // The end of the file, which need not fill a block, or what could not go directly.
            self.write_usually()?;
            self.file.write_all(&self.room[self.start + written..self.start + self.held])?;
        }
        self.held = 0;
        Ok(())
    }

    fn write_usually(&mut self) -> io::Result<()> {
        if self.is_direct {
            set_direct(self.file.as_file(), false)?;
            self.is_direct = false;
        }
        Ok(())
    }
}

fn set_direct(file: &File, is_direct: bool) -> io::Result<()> {
    let mut flags = rustix::fs::fcntl_getfl(file)?;
    flags.set(OFlags::DIRECT, is_direct);
    Ok(rustix::fs::fcntl_setfl(file, flags)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_arrives_whole_in_whatever_pieces() {
        // Where the folder for temporary files is one in memory, only the usual way is taken.
        let folders = [std::env::temp_dir(), env!("CARGO_MANIFEST_DIR").into()];
        let data: Vec<u8> = (0..2 * PIECE_BYTES + 5000).map(|n| (n % 251) as u8).collect();
        for (folder, pieces) in
            folders.iter().flat_map(|f| [1000, 700_000, 3_000_000].map(|n| (f, n)))
        {
            for length in [0, 1, ALIGN - 1, ALIGN, ALIGN + 1, PIECE_BYTES, data.len()] {
                let file = NamedTempFile::new_in(folder).unwrap();
                let mut writer = DirectWriter::new(file);
                data[..length].chunks(pieces).for_each(|piece| writer.write(piece).unwrap());
                let file = writer.finish().unwrap();
                assert!(std::fs::read(file.path()).unwrap() == data[..length], "{length} bytes");
            }
        }
    }
}
