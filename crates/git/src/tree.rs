//! Folders: parse, look up, encode.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use bytes::Bytes;
use steelyard_core::Oid;

use crate::GitError;
use crate::object::ObjectKind;

/// The id of the empty folder, which every repository contains without storing it.
pub const EMPTY_TREE: Oid = Oid::new([
    0x4b, 0x82, 0x5d, 0xc6, 0x42, 0xcb, 0x6e, 0xb9, 0xa0, 0x60, 0xe5, 0x4b, 0xf8, 0xd6, 0x92, 0x88,
    0xfb, 0xee, 0x49, 0x04,
]);

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryMode {
    /// A file, 100644.
    File,
    /// An executable file, 100755.
    Executable,
    /// A symbolic link, 120000.
    Symlink,
    /// A folder, 40000.
    Tree,
    /// A commit of another repository (submodule), 160000.
    Gitlink,
}

impl EntryMode {
    /// The octal digits as trees store them.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "100644",
            Self::Executable => "100755",
            Self::Symlink => "120000",
            Self::Tree => "40000",
            Self::Gitlink => "160000",
        }
    }

    /// Reads octal digits; permissions that only old tools wrote (100664, 100600) count as those git uses today.
    pub fn parse(digits: &[u8]) -> Option<Self> {
        let mut mode = 0u32;
        for digit in digits {
            if !(b'0'..=b'7').contains(digit) || mode > 0o777_777 {
                return None;
            }
            mode = mode << 3 | u32::from(digit - b'0');
        }
        match mode & 0o170_000 {
            0o100_000 if mode & 0o100 != 0 => Some(Self::Executable),
            0o100_000 => Some(Self::File),
            0o120_000 => Some(Self::Symlink),
            0o040_000 => Some(Self::Tree),
            0o160_000 => Some(Self::Gitlink),
            _ => None,
        }
        .filter(|_| mode <= 0o177_777)
    }

    /// True for a folder.
    pub const fn is_tree(self) -> bool {
        matches!(self, Self::Tree)
    }

    /// True for a regular file, executable or not.
    pub const fn is_file(self) -> bool {
        matches!(self, Self::File | Self::Executable)
    }

    /// The kind of the object the entry names; `None` for a submodule, whose commit is elsewhere.
    pub const fn object_kind(self) -> Option<ObjectKind> {
        match self {
            Self::Tree => Some(ObjectKind::Tree),
            Self::Gitlink => None,
            _ => Some(ObjectKind::Blob),
        }
    }
}

impl fmt::Display for EntryMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An entry that borrows from its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryRef<'a> {
    /// What the entry is.
    pub mode: EntryMode,
    /// The name within the folder.
    pub name: &'a [u8],
    /// The object.
    pub oid: Oid,
}

impl EntryRef<'_> {
    /// A copy that owns its name.
    pub fn to_entry(self) -> TreeEntry {
        TreeEntry { mode: self.mode, name: Bytes::copy_from_slice(self.name), oid: self.oid }
    }
}

/// An entry of a folder. Names are bytes because git does not demand UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// What the entry is.
    pub mode: EntryMode,
    /// The name within the folder.
    pub name: Bytes,
    /// The object.
    pub oid: Oid,
}

impl TreeEntry {
    /// The name as text; bytes that are not UTF-8 are replaced.
    pub fn name_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.name)
    }
}

/// Longest name in a folder that [`Tree::leaves_little_room`].
const PLAIN_NAME_BYTES_MAX: usize = 32;

/// A folder: the bytes of its object and where each entry starts.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    data: Bytes,
    starts: Vec<u32>,
}

impl Tree {
    /// Parses a folder; entries must be in git's order, without duplicates, with plain names.
    pub fn parse(data: Bytes) -> Result<Self, GitError> {
        if u32::try_from(data.len()).is_err() {
            return Err(GitError::TooLarge { what: "tree", limit: u32::MAX.into() });
        }
        let mut starts = Vec::with_capacity(data.len() / 40 + 1);
        let mut entries = Scan::new(&data);
        let mut order = OrderCheck::default();
        loop {
            let start = entries.offset();
            let Some(entry) = entries.next_entry()? else { break };
            order.check(entry.name, entry.mode.is_tree())?;
            starts.push(u32::try_from(start).expect("the length of the data fits u32"));
        }
        Ok(Self { data, starts })
    }

    /// Wraps bytes whose entries, in order, are known to start at `starts`.
    pub(crate) fn from_parts(data: Bytes, starts: Vec<u32>) -> Self {
        Self { data, starts }
    }

    /// Sorts the entries and makes a folder of them.
    pub fn from_entries(mut entries: Vec<TreeEntry>) -> Result<Self, GitError> {
        entries.sort_by(|a, b| order((&a.name, a.mode.is_tree()), (&b.name, b.mode.is_tree())));
        let mut data = Vec::with_capacity(entries.len() * 48);
        for entry in &entries {
            encode_entry(entry.mode, &entry.name, &entry.oid, &mut data);
        }
        Self::parse(data.into())
    }

    /// The content of the tree object.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// True when there is no entry.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// True when a folder that the hub builds itself may be hashed without a search for the marks of a SHA-1 collision
    /// attack.
    ///
    /// What makes that safe is not the folder. A collision does harm only if both halves of it come in, and one that
    /// comes from outside, whatever kind of object it is, is searched for the marks that each half bears: by git, or
    /// by [`crate::hash_object`]. What the hub builds is compared with what has its id already. So two folders built
    /// here cannot take each other's place either.
    ///
    /// What this asks for only keeps attackers from making one half here, which other people's git would refuse to
    /// fetch. With names of at most [`PLAIN_NAME_BYTES_MAX`] bytes, of any 64 bytes at least 20 belong to ids of
    /// objects (at least 8 in the first block of the hash, where the header is), and 7 or more of them in a row. None
    /// of the 32 kinds of attack that the search knows leaves so many bytes in a row alike in both halves. Their
    /// values must come from ids of objects that exist, which nobody can choose but by trying. That is no proof: the
    /// other half may be of another kind, or hold its ids elsewhere, and some bits of an id can be had by trying. The
    /// id of a submodule can be chosen freely, so a folder with one does not qualify.
    pub(crate) fn leaves_little_room(&self) -> bool {
        const ENTRY_BYTES_MAX: usize = "100644 ".len() + PLAIN_NAME_BYTES_MAX + 1 + Oid::LEN;
        let bytes = self.data.as_ref();
        let ends = self.starts.iter().skip(1).map(|start| *start as usize).chain([bytes.len()]);
        self.starts.iter().zip(ends).all(|(start, end)| {
            let start = *start as usize;
            let is_object =
                [&b"100"[..], b"40000 ", b"12"].iter().any(|mode| bytes[start..].starts_with(mode));
            end - start <= ENTRY_BYTES_MAX && is_object
        })
    }

    /// Bytes of memory it occupies, about.
    pub fn memory_bytes(&self) -> usize {
        self.data.len() + self.starts.len() * size_of::<u32>() + size_of::<Self>()
    }

    /// The entry at `index`, which must be below [`Self::len`].
    pub fn entry(&self, index: usize) -> EntryRef<'_> {
        let bytes = &self.data[self.range(index)];
        let (head, oid) = bytes.split_at(bytes.len() - Oid::LEN);
        let space = memchr::memchr(b' ', head).expect("parse found the space");
        let mode = EntryMode::parse(&head[..space]).expect("parse checked the mode");
        let oid = Oid::from_slice(oid).expect("the slice has the length of an id");
        EntryRef { mode, name: &head[space + 1..head.len() - 1], oid }
    }

    /// The entries in git's order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = EntryRef<'_>> + ExactSizeIterator {
        (0..self.len()).map(|index| self.entry(index))
    }

    /// Where the entry at `index` lies in [`Self::data`].
    pub(crate) fn range(&self, index: usize) -> std::ops::Range<usize> {
        self.start(index)..self.start(index + 1)
    }

    /// Where the entry at `index` starts; the length of the data for the index after the last.
    pub(crate) fn start(&self, index: usize) -> usize {
        self.starts.get(index).map_or(self.data.len(), |start| *start as usize)
    }

    /// Where the entries start.
    pub(crate) fn starts(&self) -> &[u32] {
        &self.starts
    }

    /// The index of the first entry that does not sort before `name` taken as a folder or not.
    pub(crate) fn position(&self, name: &[u8], is_tree: bool) -> Result<usize, usize> {
        self.search(|entry| order((entry.name, entry.mode.is_tree()), (name, is_tree)))
    }

    /// Binary search with the order of an entry relative to what is sought.
    pub(crate) fn search(&self, f: impl Fn(EntryRef<'_>) -> Ordering) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match f(self.entry(middle)) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }

    /// The index of the entry called `name`, file or folder.
    pub fn index_of(&self, name: &[u8]) -> Option<usize> {
        self.position(name, false).or_else(|_| self.position(name, true)).ok()
    }

    /// The entry called `name`.
    pub fn find(&self, name: impl AsRef<[u8]>) -> Option<EntryRef<'_>> {
        self.index_of(name.as_ref()).map(|index| self.entry(index))
    }
}

/// Looks for `name` in the raw bytes of a tree, without parsing or checking the rest of it.
pub fn find_entry<'a>(data: &'a [u8], name: &[u8]) -> Result<Option<EntryRef<'a>>, GitError> {
    let mut entries = Scan::new(data);
    while let Some(entry) = entries.next_entry()? {
        if entry.name == name {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// Compares two entries as git sorts them: a folder's name counts as if `/` followed it.
pub(crate) fn order(a: (&[u8], bool), b: (&[u8], bool)) -> Ordering {
    let shared = a.0.len().min(b.0.len());
    a.0[..shared].cmp(&b.0[..shared]).then_with(|| {
        let next = |(name, is_tree): (&[u8], bool)| {
            name.get(shared).copied().unwrap_or(if is_tree { b'/' } else { 0 })
        };
        // Two equal names of equal kind are the same entry; the lengths decide when a '/' hides in a longer name.
        next(a).cmp(&next(b)).then_with(|| a.0.len().cmp(&b.0.len()))
    })
}

/// Appends one entry as trees store it.
pub(crate) fn encode_entry(mode: EntryMode, name: &[u8], oid: &Oid, out: &mut Vec<u8>) {
    out.extend_from_slice(mode.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(name);
    out.push(0);
    out.extend_from_slice(oid.as_bytes());
}

/// Reads the raw bytes of a tree entry by entry.
pub(crate) struct Scan<'a> {
    data: &'a [u8],
    offset: usize,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { data, offset: 0 }
    }

    /// Where the next entry starts.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// The next entry; `None` at the end.
    pub(crate) fn next_entry(&mut self) -> Result<Option<EntryRef<'a>>, GitError> {
        let rest = &self.data[self.offset..];
        if rest.is_empty() {
            return Ok(None);
        }
        // A mode has six digits, with padding by old tools a few more.
        let space = memchr::memchr(b' ', &rest[..rest.len().min(10)])
            .ok_or_else(|| malformed("an entry must start with its mode"))?;
        let mode = EntryMode::parse(&rest[..space])
            .ok_or_else(|| malformed("an entry has a mode that git does not know"))?;
        let name = &rest[space + 1..];
        let end =
            memchr::memchr(0, name).ok_or_else(|| malformed("the name of an entry must end"))?;
        let oid = name
            .get(end + 1..end + 1 + Oid::LEN)
            .ok_or_else(|| malformed("an entry must end with an object id"))?;
        let oid = Oid::from_slice(oid).expect("the slice has the length of an id");
        self.offset += space + 1 + end + 1 + Oid::LEN;
        Ok(Some(EntryRef { mode, name: &name[..end], oid }))
    }
}

/// Checks names, order and duplicates while a tree is read.
///
/// A file `a` and a folder `a` need not be neighbours (`a`, `a.b`, `a/`), so files whose name starts the name of a
/// later entry wait on a stack, as in git's fsck.
#[derive(Default)]
struct OrderCheck<'a> {
    previous: Option<(&'a [u8], bool)>,
    candidates: Vec<&'a [u8]>,
}

impl<'a> OrderCheck<'a> {
    fn check(&mut self, name: &'a [u8], is_tree: bool) -> Result<(), GitError> {
        if name.is_empty() || memchr::memchr(b'/', name).is_some() {
            return Err(malformed("a name must not be empty or contain '/'"));
        }
        if matches!(name, b"." | b"..") || name.eq_ignore_ascii_case(b".git") {
            return Err(malformed("a name must not be \".\", \"..\" or \".git\""));
        }
        if let Some(previous) = self.previous {
            if order(previous, (name, is_tree)) != Ordering::Less || previous.0 == name {
                return Err(malformed("entries must be sorted and unique"));
            }
            if !previous.1 && name.starts_with(previous.0) {
                self.candidates.push(previous.0);
            }
        }
        if is_tree {
            while let Some(candidate) = self.candidates.last() {
                if *candidate == name {
                    return Err(malformed("entries must be sorted and unique"));
                }
                if name.starts_with(candidate) {
                    break;
                }
                self.candidates.pop();
            }
        }
        self.previous = Some((name, is_tree));
        Ok(())
    }
}

fn malformed(rule: &str) -> GitError {
    GitError::malformed("tree", rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(mode: EntryMode, name: &str) -> TreeEntry {
        TreeEntry { mode, name: Bytes::from(name.to_owned()), oid: EMPTY_TREE }
    }

    fn raw(entries: &[(&str, &str)]) -> Bytes {
        let mut data = Vec::new();
        for (mode, name) in entries {
            data.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            data.extend_from_slice(EMPTY_TREE.as_bytes());
        }
        data.into()
    }

    #[test]
    fn folders_sort_as_if_a_slash_followed() {
        let tree = Tree::from_entries(vec![
            entry(EntryMode::Tree, "a"),
            entry(EntryMode::File, "a.b"),
            entry(EntryMode::Executable, "a0"),
            entry(EntryMode::Symlink, "A"),
        ])
        .unwrap();
        let names: Vec<_> = tree.iter().map(|entry| entry.name).collect();
        assert_eq!(names, [b"A" as &[u8], b"a.b", b"a", b"a0"]);
        for name in ["A", "a", "a.b", "a0"] {
            assert_eq!(tree.find(name).unwrap().name, name.as_bytes());
            assert_eq!(find_entry(tree.data(), name.as_bytes()).unwrap().unwrap().oid, EMPTY_TREE);
        }
        assert!(tree.find("b").is_none() && tree.find("").is_none());
        assert!(find_entry(tree.data(), b"b").unwrap().is_none());
    }

    #[test]
    fn disorder_duplicates_and_bad_names_are_refused() {
        for bad in [
            &[("100644", "b"), ("100644", "a")][..],
            &[("100644", "a"), ("100644", "a")],
            &[("100644", "a"), ("40000", "a")],
            &[("100644", "a"), ("100644", "a.b"), ("40000", "a")],
            &[
                ("100644", "a"),
                ("100644", "a-"),
                ("100644", "a-b"),
                ("40000", "a-"),
                ("40000", "a"),
            ],
            &[("40000", "a"), ("100644", "a.b")],
            &[("100644", "a/b")],
            &[("100644", "")],
            &[("100644", "..")],
            &[("40000", ".GIT")],
            &[("100849", "a")],
            &[("200644", "a")],
            &[("0", "a")],
        ] {
            assert!(Tree::parse(raw(bad)).is_err(), "{bad:?}");
        }
        let good =
            raw(&[("100664", "a"), ("100644", "a.b"), ("0040000", "a.b.c"), ("160000", "b")]);
        assert_eq!(Tree::parse(good.clone()).unwrap().len(), 4);
        for end in 1..good.len() {
            let cut = Tree::parse(good.slice(..end));
            assert!(cut.is_err() || [29, 60, 94].contains(&end), "{end}");
        }
    }

    #[test]
    fn long_names_and_submodules_leave_room_for_an_attack() {
        let tree = |mode, name: &[u8]| {
            let name = Bytes::copy_from_slice(name);
            let plain = TreeEntry {
                mode: EntryMode::File,
                name: Bytes::from_static(b"z"),
                oid: EMPTY_TREE,
            };
            Tree::from_entries(vec![TreeEntry { mode, name, oid: EMPTY_TREE }, plain]).unwrap()
        };
        assert!(tree(EntryMode::File, &[b'a'; 32]).leaves_little_room());
        assert!(tree(EntryMode::Tree, b"folder").leaves_little_room());
        assert!(!tree(EntryMode::File, &[b'a'; 33]).leaves_little_room());
        assert!(!tree(EntryMode::Gitlink, b"a").leaves_little_room());
    }
}
