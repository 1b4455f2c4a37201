//! Commits: parse and encode.

use std::borrow::Cow;
use std::fmt::Write as _;

use bytes::Bytes;
use steelyard_core::{Oid, Timestamp};

use crate::GitError;
use crate::object::{ObjectKind, hash_object};

/// Most parents of a commit that is read; git itself stops at 16 for an octopus merge.
const PARENTS_MAX: usize = 1024;

/// Who did something, and when.
///
/// Names are bytes because old histories are not always UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The name.
    pub name: Bytes,
    /// The mail address.
    pub email: Bytes,
    /// The moment; git keeps whole seconds.
    pub time: Timestamp,
    /// Offset of the local time from UTC, in minutes.
    pub offset_minutes: i32,
}

impl Signature {
    /// A signature in UTC.
    pub fn new(name: &str, email: &str, time: Timestamp) -> Self {
        let clean = |text: &str| Bytes::from(text.trim().to_owned());
        Self { name: clean(name), email: clean(email), time, offset_minutes: 0 }
    }

    /// The name as text; bytes that are not UTF-8 are replaced.
    pub fn name_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.name)
    }

    /// The mail address as text; bytes that are not UTF-8 are replaced.
    pub fn email_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.email)
    }

    /// Reads `Name <mail> seconds +hhmm`; like git, it makes the best of what old tools left behind.
    pub(crate) fn parse(data: &Bytes, line: &[u8]) -> Self {
        let Some(open) = memchr::memchr(b'<', line) else {
            let time = Timestamp::from_secs(0);
            return Self { name: part(data, line), email: Bytes::new(), time, offset_minutes: 0 };
        };
        let name = line[..open].strip_suffix(b" ").unwrap_or(&line[..open]);
        let rest = &line[open + 1..];
        let close = memchr::memchr(b'>', rest).unwrap_or(rest.len());
        let date = memchr::memrchr(b'>', rest).map_or(&b""[..], |last| &rest[last + 1..]);
        let mut fields = date.split(|byte| *byte == b' ').filter(|field| !field.is_empty());
        let seconds = fields.next().and_then(parse_number).unwrap_or(0);
        let offset_minutes = fields.next().and_then(parse_offset).unwrap_or(0);
        let time = Timestamp::from_secs(seconds);
        let email = part(data, &rest[..close]);
        Self { name: part(data, name), email, time, offset_minutes }
    }

    /// Writes the line; characters that would end the name or the line early are left out.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let clean = |text: &Bytes| {
            text.iter().copied().filter(|byte| !b"<>\n\r\0".contains(byte)).collect()
        };
        let (name, email): (Vec<u8>, Vec<u8>) = (clean(&self.name), clean(&self.email));
        out.extend_from_slice(&name);
        out.extend_from_slice(b" <");
        out.extend_from_slice(&email);
        let sign = if self.offset_minutes < 0 { '-' } else { '+' };
        let offset = self.offset_minutes.unsigned_abs().min(99 * 60 + 59);
        let seconds = self.time.secs().max(0);
        let tail = format!("> {seconds} {sign}{:02}{:02}", offset / 60, offset % 60);
        out.extend_from_slice(tail.as_bytes());
    }
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The root folder.
    pub tree: Oid,
    /// The parents, first parent first.
    pub parents: Vec<Oid>,
    /// Who wrote the change.
    pub author: Signature,
    /// Who made the commit.
    pub committer: Signature,
    /// Further headers in order (`encoding`, `gpgsig`, `mergetag`, ...), line breaks without their indentation.
    pub extra: Vec<(Bytes, Bytes)>,
    /// The message.
    pub message: Bytes,
}

impl Commit {
    /// Parses the content of a commit object.
    pub fn parse(data: &Bytes) -> Result<Self, GitError> {
        let mut lines = Headers { rest: data };
        let tree = lines.oid(b"tree").ok_or_else(|| malformed("must start with its tree"))?;
        let mut parents = Vec::new();
        while let Some(parent) = lines.oid(b"parent") {
            if parents.len() == PARENTS_MAX {
                return Err(GitError::TooLarge {
                    what: "number of parents",
                    limit: PARENTS_MAX as u64,
                });
            }
            parents.push(parent);
        }
        let author = lines.value(b"author").ok_or_else(|| malformed("must name its author"))?;
        let author = Signature::parse(data, author);
        let committer =
            lines.value(b"committer").ok_or_else(|| malformed("must name its committer"))?;
        let committer = Signature::parse(data, committer);
        let extra = lines.extra(data);
        let message = part(data, lines.message());
        Ok(Self { tree, parents, author, committer, extra, message })
    }

    /// Writes the content of the commit object.
    pub fn encode(&self) -> Bytes {
        let mut head = String::with_capacity(256);
        write!(head, "tree {}", self.tree).expect("writing to a string cannot fail");
        for parent in &self.parents {
            write!(head, "\nparent {parent}").expect("writing to a string cannot fail");
        }
        head.push_str("\nauthor ");
        let mut out = head.into_bytes();
        self.author.encode(&mut out);
        out.extend_from_slice(b"\ncommitter ");
        self.committer.encode(&mut out);
        out.push(b'\n');
        encode_extra(&self.extra, &mut out);
        out.push(b'\n');
        out.extend_from_slice(&self.message);
        out.into()
    }

    /// The id of the commit as it would be written.
    pub fn oid(&self) -> Result<Oid, GitError> {
        hash_object(ObjectKind::Commit, &self.encode())
    }

    /// The first line of the message.
    pub fn title(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(split_message(&self.message).0)
    }

    /// The message after its first line, without the blank lines between.
    pub fn body(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(split_message(&self.message).1)
    }
}

/// The headers of a commit or tag, eaten line by line.
pub(crate) struct Headers<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Headers<'a> {
    /// The value of the next line when its key is `key`.
    pub(crate) fn value(&mut self, key: &[u8]) -> Option<&'a [u8]> {
        let value = self.rest.strip_prefix(key)?.strip_prefix(b" ")?;
        let end = memchr::memchr(b'\n', value).unwrap_or(value.len());
        self.rest = value.get(end + 1..).unwrap_or_default();
        Some(&value[..end])
    }

    /// The id on the next line when its key is `key`.
    pub(crate) fn oid(&mut self, key: &[u8]) -> Option<Oid> {
        let before = self.rest;
        let oid = self.value(key).and_then(|text| std::str::from_utf8(text).ok());
        let oid = oid.and_then(|text| Oid::parse(text).ok());
        if oid.is_none() {
            self.rest = before;
        }
        oid
    }

    /// All further headers up to the blank line.
    pub(crate) fn extra(&mut self, data: &Bytes) -> Vec<(Bytes, Bytes)> {
        let mut extra: Vec<(Bytes, Bytes)> = Vec::new();
        while !self.rest.is_empty() && self.rest[0] != b'\n' {
            let end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
            let mut line = &self.rest[..end];
            let mut after = self.rest.get(end + 1..).unwrap_or_default();
            let split = memchr::memchr(b' ', line).unwrap_or(line.len());
            let key = part(data, &line[..split]);
            line = line.get(split + 1..).unwrap_or_default();
            let mut value = part(data, line);
            if after.first() == Some(&b' ') {
                let mut joined = line.to_vec();
                while let Some(next) = after.strip_prefix(b" ") {
                    let end = memchr::memchr(b'\n', next).unwrap_or(next.len());
                    joined.push(b'\n');
                    joined.extend_from_slice(&next[..end]);
                    after = next.get(end + 1..).unwrap_or_default();
                }
                value = joined.into();
            }
            extra.push((key, value));
            self.rest = after;
        }
        extra
    }

    /// What follows the blank line.
    pub(crate) fn message(&self) -> &'a [u8] {
        self.rest.strip_prefix(b"\n").unwrap_or(self.rest)
    }
}

/// Writes further headers; the lines of a value after its first are indented by one space.
pub(crate) fn encode_extra(extra: &[(Bytes, Bytes)], out: &mut Vec<u8>) {
    for (key, value) in extra {
        out.extend_from_slice(key);
        for (number, line) in value.split(|byte| *byte == b'\n').enumerate() {
            out.extend_from_slice(if number == 0 { b" " } else { b"\n " });
            out.extend_from_slice(line);
        }
        out.push(b'\n');
    }
}

/// A part of `data` that shares its memory.
pub(crate) fn part(data: &Bytes, slice: &[u8]) -> Bytes {
    if slice.is_empty() { Bytes::new() } else { data.slice_ref(slice) }
}

fn split_message(message: &[u8]) -> (&[u8], &[u8]) {
    let message = message.trim_ascii();
    let end = memchr::memchr(b'\n', message).unwrap_or(message.len());
    (message[..end].trim_ascii_end(), message[end..].trim_ascii_start())
}

fn parse_number(digits: &[u8]) -> Option<i64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn parse_offset(text: &[u8]) -> Option<i32> {
    let (sign, digits) = match text.split_first()? {
        (b'+', digits) => (1, digits),
        (b'-', digits) => (-1, digits),
        _ => return None,
    };
    if digits.len() > 4 {
        return None;
    }
    let number = i32::try_from(parse_number(digits)?).ok()?;
    Some(sign * (number / 100 * 60 + number % 100))
}

fn malformed(rule: &str) -> GitError {
    GitError::malformed("commit", rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

    #[test]
    fn a_signed_merge_round_trips() {
        let text = format!(
            "tree {TREE}\nparent {TREE}\nparent {TREE}\nauthor Ä B. <a@b> 1700000000 -0330\n\
             committer C <> 1700000001 +0530\nencoding latin1\ngpgsig -----BEGIN\n \n line\n -----END\n\
             \nTitle\n\nBody\nmore\n"
        );
        let data = Bytes::from(text);
        let commit = Commit::parse(&data).unwrap();
        assert_eq!(commit.encode(), data);
        assert_eq!(commit.parents.len(), 2);
        assert_eq!(commit.author.offset_minutes, -210);
        assert_eq!(commit.author.name_text(), "Ä B.");
        assert_eq!(commit.committer.time.secs(), 1_700_000_001);
        assert_eq!(commit.extra[1].1, "-----BEGIN\n\nline\n-----END");
        assert_eq!((commit.title(), commit.body()), ("Title".into(), "Body\nmore".into()));
    }

    #[test]
    fn names_cannot_break_out_of_their_line() {
        let time = Timestamp::from_secs(5);
        let author = Signature::new(" E<v>il\nparent 0 ", "a>b", time);
        let tree = Oid::parse(TREE).unwrap();
        let message = Bytes::from_static(b"m");
        let commit = Commit {
            tree,
            parents: vec![],
            author: author.clone(),
            committer: author,
            extra: vec![],
            message,
        };
        let read = Commit::parse(&commit.encode()).unwrap();
        assert_eq!(read.author.name_text(), "Evilparent 0");
        assert_eq!(read.author.email_text(), "ab");
        assert!(read.parents.is_empty());
    }

    #[test]
    fn odd_commits_are_errors_or_read_leniently() {
        for bad in ["", "tree", "tree 12\n", &format!("tree {TREE}\nauthor A <b> 1 +0000\n")] {
            assert!(Commit::parse(&Bytes::from(bad.to_owned())).is_err(), "{bad}");
        }
        let odd = format!("tree {TREE}\nauthor nobody\ncommitter A <b\n\n");
        let commit = Commit::parse(&Bytes::from(odd)).unwrap();
        assert_eq!(commit.author.name_text(), "nobody");
        assert_eq!(commit.title(), "");
    }
}
