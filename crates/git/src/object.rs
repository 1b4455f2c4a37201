//! Objects and their ids.

use std::fmt;

use bytes::Bytes;
use steelyard_core::Oid;

use crate::GitError;

/// Largest object that is ever inflated, in bytes.
pub const OBJECT_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// The four kinds of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// A commit.
    Commit,
    /// A folder.
    Tree,
    /// A file's content.
    Blob,
    /// An annotated tag.
    Tag,
}

impl ObjectKind {
    /// The name git uses (`commit`, `tree`, `blob`, `tag`).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }

    /// Reads the name git uses.
    pub fn parse(name: &[u8]) -> Result<Self, GitError> {
        match name {
            b"commit" => Ok(Self::Commit),
            b"tree" => Ok(Self::Tree),
            b"blob" => Ok(Self::Blob),
            b"tag" => Ok(Self::Tag),
            _ => Err(GitError::malformed("object kind", "must be commit, tree, blob or tag")),
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An object: its kind and its content without the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The kind.
    pub kind: ObjectKind,
    /// The content.
    pub data: Bytes,
}

impl Object {
    /// The content, provided that the object is of the kind its place demands.
    pub fn expect_kind(self, oid: &Oid, expected: ObjectKind) -> Result<Bytes, GitError> {
        if self.kind == expected {
            Ok(self.data)
        } else {
            Err(GitError::WrongKind { oid: *oid, expected, found: self.kind })
        }
    }
}

/// Computes the id of an object; content that bears the marks of a SHA-1 collision attack is an error.
pub fn hash_object(kind: ObjectKind, data: &[u8]) -> Result<Oid, GitError> {
    use sha1_checked::{Digest, Sha1};
    let mut header = [0; 32];
    let header = write_header(&mut header, kind, data.len());
    let mut hasher = Sha1::new();
    hasher.update(header);
    hasher.update(data);
    let outcome = hasher.try_finalize();
    if outcome.has_collision() {
        return Err(GitError::Collision);
    }
    Ok(Oid::new((*outcome.hash()).into()))
}

/// Computes the id of a folder this crate has put together, several times as fast: without looking for the marks of a
/// collision attack. For what makes that safe see [`crate::Tree`]'s `leaves_little_room`.
pub(crate) fn hash_built_tree(data: &[u8]) -> Oid {
    use sha1::{Digest, Sha1};
    let mut header = [0; 32];
    let mut hasher = Sha1::new();
    hasher.update(write_header(&mut header, ObjectKind::Tree, data.len()));
    hasher.update(data);
    Oid::new(hasher.finalize().into())
}

/// Plain SHA-1, for pack trailers: they guard against bit rot, not against attackers.
pub(crate) fn checksum(data: &[u8]) -> Oid {
    use sha1::{Digest, Sha1};
    Oid::new(Sha1::digest(data).into())
}

/// Writes `"<kind> <size>\0"` without allocating.
fn write_header(buffer: &mut [u8; 32], kind: ObjectKind, size: usize) -> &[u8] {
    let name = kind.as_str().as_bytes();
    let mut start = buffer.len() - 1;
    buffer[start] = 0;
    let mut rest = size;
    loop {
        start -= 1;
        buffer[start] = b'0' + u8::try_from(rest % 10).expect("a digit fits a byte");
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    start -= 1;
    buffer[start] = b' ';
    start -= name.len();
    buffer[start..start + name.len()].copy_from_slice(name);
    &buffer[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_git() {
        let id = |kind, data: &[u8]| hash_object(kind, data).unwrap().to_string();
        assert_eq!(id(ObjectKind::Tree, b""), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
        assert_eq!(id(ObjectKind::Blob, b""), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert_eq!(id(ObjectKind::Blob, b"hello\n"), "ce013625030ba8dba906f756967f9e9ca394464a");
    }

    #[test]
    fn a_built_folder_has_the_same_id_either_way() {
        for size in [0, 1, 55, 64, 5000] {
            let data = vec![b'x'; size];
            assert_eq!(hash_built_tree(&data), hash_object(ObjectKind::Tree, &data).unwrap());
        }
    }

    #[test]
    fn kinds_round_trip() {
        for kind in [ObjectKind::Commit, ObjectKind::Tree, ObjectKind::Blob, ObjectKind::Tag] {
            assert_eq!(ObjectKind::parse(kind.as_str().as_bytes()).unwrap(), kind);
        }
        assert!(ObjectKind::parse(b"blobs").is_err());
    }
}
