//! The hashes of the protocol: keyed BLAKE3, with a key for each purpose, over bytes or over the text of other hashes.
//!
//! A chunk is hashed by its bytes. A xorb and a file are hashed by their chunks: the pairs of hash and length are grouped
//! by two to nine, each group is written as text and hashed to one pair of the level above, until one is left. Where
//! a group ends is decided by the hashes themselves, so that equal runs of chunks give equal subtrees.

use steelyard_core::XetHash;

/// Key of the hash of a chunk's bytes (`merklehash::compute_data_hash`).
const CHUNK_KEY: [u8; 32] = [
    102, 151, 245, 119, 91, 149, 80, 222, 49, 53, 203, 172, 165, 151, 24, 28, 157, 228, 33, 16,
    155, 235, 43, 88, 180, 208, 176, 75, 147, 173, 242, 41,
];
/// Key of the hash of a group (`merklehash::compute_internal_node_hash`).
const NODE_KEY: [u8; 32] = [
    1, 126, 197, 199, 165, 71, 41, 150, 253, 148, 102, 102, 180, 138, 2, 230, 93, 221, 83, 111, 55,
    199, 109, 210, 248, 99, 82, 230, 74, 83, 113, 63,
];
/// Key of the hash by which a term of a shard proves knowledge of its chunks (`chunk_verification::VERIFICATION_KEY`).
const RANGE_KEY: [u8; 32] = [
    127, 24, 87, 214, 206, 86, 237, 102, 18, 127, 249, 19, 231, 165, 195, 243, 164, 205, 38, 213,
    181, 219, 73, 230, 65, 36, 152, 127, 40, 251, 148, 195,
];
/// One chunk in so many may be asked for in a dedup query (`MDB_SHARD_GLOBAL_DEDUP_CHUNK_MODULUS`).
const DEDUP_MODULUS: u64 = 1024;
/// Groups have this many members on average.
const BRANCHING: u64 = 4;
/// A group does not end before it has this many members, unless its level does.
pub(crate) const GROUP_MIN: usize = 3;
/// A group ends here at the latest.
pub(crate) const GROUP_MAX: usize = 2 * BRANCHING as usize + 1;
/// The longest text of one member: 64 digits, `" : "`, a number of up to 20 digits, a line feed.
const MEMBER_TEXT_MAX: usize = 64 + 3 + 20 + 1;

/// Hash of a chunk: of its uncompressed bytes.
pub fn chunk_hash(data: &[u8]) -> XetHash {
    XetHash::new(*blake3::keyed_hash(&CHUNK_KEY, data).as_bytes())
}

/// Hash of a xorb: of its chunks' hashes and uncompressed lengths, in order. Zero when there are none.
pub fn xorb_hash(chunks: &[(XetHash, u64)]) -> XetHash {
    tree_of(chunks).root()
}

/// Hash of a file: of its chunks' hashes and lengths, in order. Zero for the empty file.
pub fn file_hash(chunks: &[(XetHash, u64)]) -> XetHash {
    FileHasher { tree: tree_of(chunks) }.finish()
}

/// Hash that the term of a shard carries for its run of chunks: who can compute it knows the chunks' hashes.
pub fn range_hash(chunks: &[XetHash]) -> XetHash {
    let mut hasher = blake3::Hasher::new_keyed(&RANGE_KEY);
    chunks.iter().for_each(|hash| {
        hasher.update(hash.as_bytes());
    });
    XetHash::new(*hasher.finalize().as_bytes())
}

/// The hash under a key, as answers to dedup queries hide hashes from who does not know them (`MerkleHash::hmac`).
pub fn keyed(hash: &XetHash, key: &[u8; 32]) -> XetHash {
    XetHash::new(*blake3::keyed_hash(key, hash.as_bytes()).as_bytes())
}

/// True for the chunks that clients may ask for in dedup queries, one in 1024. The first chunk of a file may be asked
/// for as well, whatever its hash.
pub fn is_dedup_eligible(hash: &XetHash) -> bool {
    last_word(hash).is_multiple_of(DEDUP_MODULUS)
}

/// Computes the hash of a file while its chunks come, in memory of a few nodes for each level.
#[derive(Debug, Clone, Default)]
pub struct FileHasher {
    tree: Tree,
}

impl FileHasher {
    /// Starts with no chunk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next chunk: its hash and its uncompressed length in bytes.
    pub fn push(&mut self, hash: XetHash, len: u64) {
        self.tree.push(hash, len);
    }

    /// The hash of the file; zero when no chunk was pushed.
    pub fn finish(self) -> XetHash {
        if self.tree.levels.is_empty() {
            return XetHash::ZERO;
        }
        // The protocol knows salted hashes of files; the salt of all known clients is zero.
        keyed(&self.tree.root(), &[0; 32])
    }
}

fn tree_of(chunks: &[(XetHash, u64)]) -> Tree {
    let mut tree = Tree::default();
    chunks.iter().for_each(|(hash, len)| tree.push(*hash, *len));
    tree
}

/// True for the hashes with which a group ends if it is long enough.
pub(crate) fn may_end_group(hash: &XetHash) -> bool {
    last_word(hash).is_multiple_of(BRANCHING)
}

/// The last of the hash's four little-endian words, by which groups end and chunks are eligible.
fn last_word(hash: &XetHash) -> u64 {
    let word = hash.as_bytes().last_chunk().expect("a hash has 32 bytes");
    u64::from_le_bytes(*word)
}

/// The tree over a run of chunks, of which only the unfinished group of each level is kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree {
    /// From the chunks upward; a level exists as soon as it has a node.
    levels: Vec<Level>,
}

#[derive(Debug, Clone, Default)]
struct Level {
    /// The members of the group that has not ended.
    open: Vec<(XetHash, u64)>,
    /// A group of this level has ended, so this is not the top.
    is_grouped: bool,
}

impl Tree {
    /// Adds the next chunk: its hash and raw length.
    pub(crate) fn push(&mut self, hash: XetHash, len: u64) {
        let mut node = (hash, len);
        for depth in 0.. {
            if depth == self.levels.len() {
                self.levels.push(Level::default());
            }
            let level = &mut self.levels[depth];
            level.open.push(node);
            let size = level.open.len();
            let ends_here = size >= GROUP_MIN && may_end_group(&node.0);
            if !ends_here && size < GROUP_MAX {
                return;
            }
            node = level.close();
        }
    }

    /// Ends every open group from the chunks upward; the level that has one node alone is the top.
    /// Zero when nothing was pushed.
    pub(crate) fn root(mut self) -> XetHash {
        let mut carried = None;
        let mut depth = 0;
        loop {
            if depth == self.levels.len() {
                match carried {
                    Some(_) => self.levels.push(Level::default()),
                    None => return XetHash::ZERO,
                }
            }
            let level = &mut self.levels[depth];
            level.open.extend(carried.take());
            match level.open.as_slice() {
                [(only, _)] if !level.is_grouped => return *only,
                [] => {}
                _ => carried = Some(level.close()),
            }
            depth += 1;
        }
    }
}

impl Level {
    fn close(&mut self) -> (XetHash, u64) {
        let node = group_hash(&self.open);
        self.open.clear();
        self.is_grouped = true;
        node
    }
}

/// Hash and length of a group of at most [`GROUP_MAX`] members: `"{hash} : {length}\n"` for each.
pub(crate) fn group_hash(members: &[(XetHash, u64)]) -> (XetHash, u64) {
    let mut text = GroupText { bytes: [0; GROUP_MAX * MEMBER_TEXT_MAX], len: 0 };
    let mut total = 0_u64;
    for (hash, len) in members {
        text.push_hash(hash);
        text.push(b" : ");
        text.push_decimal(*len);
        text.push(b"\n");
        total = total.saturating_add(*len);
    }
    let hash = blake3::keyed_hash(&NODE_KEY, &text.bytes[..text.len]);
    (XetHash::new(*hash.as_bytes()), total)
}

/// The text of a group in a buffer of its own: formatting through `fmt` took longer than the hash.
struct GroupText {
    bytes: [u8; GROUP_MAX * MEMBER_TEXT_MAX],
    len: usize,
}

impl GroupText {
    fn push(&mut self, piece: &[u8]) {
        let end = self.len + piece.len();
        self.bytes[self.len..end].copy_from_slice(piece);
        self.len = end;
    }

    fn push_hash(&mut self, hash: &XetHash) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (word, out) in hash.as_bytes().chunks_exact(8).zip(text.chunks_exact_mut(16)) {
            for (byte, pair) in word.iter().rev().zip(out.chunks_exact_mut(2)) {
                pair[0] = DIGITS[usize::from(byte >> 4)];
                pair[1] = DIGITS[usize::from(byte & 15)];
            }
        }
        self.push(&text);
    }

    fn push_decimal(&mut self, mut value: u64) {
        let mut digits = [0; 20];
        let mut start = digits.len();
        loop {
            start -= 1;
            digits[start] = b'0' + (value % 10) as u8;
            value /= 10;
            if value == 0 {
                break;
            }
        }
        self.push(&digits[start..]);
    }
}
