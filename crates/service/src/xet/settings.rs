//! What an operator can set about Xet.

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// What an operator can set about Xet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XetSettings {
    /// Memory that the bodies of all xorbs and shards in work take together, in bytes.
    pub memory_bytes: u64,
    /// Bytes of xorbs that one user may have stored and not used in a file yet.
    pub unreferenced_bytes_max: u64,
    /// How long a xorb that no file uses is kept for the user who uploaded it, in seconds. Clients refer to xorbs from
    /// their own cache for 21 days without asking, so it must be longer.
    pub unreferenced_keep_secs: i64,
    /// Files up to this size are read before their registration is answered, to see whether they have the SHA-256 they are
    /// said to have, in bytes. Of one shard, files of sixteen times as much together. A job reads the others.
    pub verify_now_bytes_max: u64,
    /// How long a token for the content store is good, in seconds. Clients fetch the next one half a minute before.
    pub token_ttl_secs: i64,
    /// How long the addresses are good by which clients fetch stored bytes, in seconds.
    pub address_ttl_secs: i64,
}

impl XetSettings {
    /// The least memory with which one shard of the largest size can be taken in.
    pub const MEMORY_BYTES_MIN: u64 = 256 * MIB;
    /// The shortest time for which xorbs without a file are kept, in seconds.
    pub const UNREFERENCED_KEEP_SECS_MIN: i64 = 22 * 24 * 3600;
    /// The shortest life of a token or address, in seconds: below, clients do nothing but ask for new ones.
    pub const TTL_SECS_MIN: i64 = 5;
    /// The longest, in seconds: what was given out is not taken back, and S3 signs for seven days at most.
    pub const TTL_SECS_MAX: i64 = 24 * 3600;
}

impl Default for XetSettings {
    fn default() -> Self {
        Self {
            memory_bytes: 512 * MIB,
            unreferenced_bytes_max: 200 * GIB,
            unreferenced_keep_secs: 30 * 24 * 3600,
            verify_now_bytes_max: 64 * MIB,
            token_ttl_secs: 30 * 60,
            address_ttl_secs: 3600,
        }
    }
}
