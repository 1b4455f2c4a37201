//! What an operator can set about large files.

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// Most parts of one upload; the names of parts and S3 end there.
pub(crate) const PARTS_MAX: u64 = 10_000;

/// Bytes per part for clients that take nothing but parts: pages in a browser, whose uploads are cut more often than those of
/// programs and begin again with the last part.
const SMALL_PART_BYTES: u64 = 16 * MIB;

/// What an operator can set about large files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LfsSettings {
    /// Clients that can are asked to send files larger than this in parts, in bytes.
    pub multipart_threshold: u64,
    /// Bytes per part; more where a file would otherwise have over 10,000 parts.
    pub part_size: u64,
}

impl Default for LfsSettings {
    fn default() -> Self {
        Self { multipart_threshold: 5 * GIB, part_size: 64 * MIB }
    }
}

impl LfsSettings {
    /// Bytes per part of a file of `size` bytes.
    pub(crate) fn part_size_of(&self, size: u64) -> u64 {
        self.part_size.max(size.div_ceil(PARTS_MAX)).max(1)
    }

    /// As [`Self::part_size_of`], for clients that take nothing but parts.
    pub(crate) fn small_part_size_of(&self, size: u64) -> u64 {
        self.part_size.min(SMALL_PART_BYTES).max(size.div_ceil(PARTS_MAX)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_has_more_parts_than_can_be_named() {
        let settings = LfsSettings::default();
        assert_eq!(settings.part_size_of(1), 64 * MIB);
        assert_eq!(settings.part_size_of(6 * GIB), 64 * MIB);
        for size in [624 * GIB, 625 * GIB, 626 * GIB, 1024 * GIB] {
            let parts = size.div_ceil(settings.part_size_of(size));
            assert!(parts <= PARTS_MAX, "{size} bytes are {parts} parts");
        }
        assert_eq!(settings.small_part_size_of(1), 16 * MIB);
        assert!((200 * GIB).div_ceil(settings.small_part_size_of(200 * GIB)) <= PARTS_MAX);
        let zero = LfsSettings { part_size: 0, ..settings };
        assert_eq!(zero.part_size_of(0), 1);
    }
}
