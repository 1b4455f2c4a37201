//! Annotated tags: parse and encode.

use bytes::Bytes;
use steelyard_core::Oid;

use crate::GitError;
use crate::commit::{Headers, Signature, encode_extra, part};
use crate::object::ObjectKind;

/// An annotated tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// What is tagged.
    pub target: Oid,
    /// The kind of what is tagged.
    pub target_kind: ObjectKind,
    /// The name, without `refs/tags/`.
    pub name: Bytes,
    /// Who tagged it; tags of old gits lack it.
    pub tagger: Option<Signature>,
    /// Further headers in order.
    pub extra: Vec<(Bytes, Bytes)>,
    /// The message, with the signature that may end it.
    pub message: Bytes,
}

impl Tag {
    /// Parses the content of a tag object.
    pub fn parse(data: &Bytes) -> Result<Self, GitError> {
        let malformed = |rule| GitError::malformed("tag", rule);
        let mut lines = Headers { rest: data };
        let target = lines.oid(b"object").ok_or_else(|| malformed("must start with its object"))?;
        let kind = lines.value(b"type").ok_or_else(|| malformed("must name the object's kind"))?;
        let target_kind = ObjectKind::parse(kind)?;
        let name = lines.value(b"tag").ok_or_else(|| malformed("must have a name"))?;
        let name = part(data, name);
        let tagger = lines.value(b"tagger").map(|line| Signature::parse(data, line));
        let extra = lines.extra(data);
        let message = part(data, lines.message());
        Ok(Self { target, target_kind, name, tagger, extra, message })
    }

    /// Writes the content of the tag object.
    pub fn encode(&self) -> Bytes {
        let mut out =
            format!("object {}\ntype {}\ntag ", self.target, self.target_kind).into_bytes();
        out.extend(self.name.iter().filter(|byte| !b"\n\0".contains(byte)));
        out.push(b'\n');
        if let Some(tagger) = &self.tagger {
            out.extend_from_slice(b"tagger ");
            tagger.encode(&mut out);
            out.push(b'\n');
        }
        encode_extra(&self.extra, &mut out);
        out.push(b'\n');
        out.extend_from_slice(&self.message);
        out.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_round_trip_with_and_without_tagger() {
        let head = "object 4b825dc642cb6eb9a060e54bf8d69288fbee4904\ntype tree\ntag v1.0\n";
        for rest in ["tagger A <a@b> 12 +0100\n\nMessage\n", "\nMessage\n", "\n"] {
            let data = Bytes::from(format!("{head}{rest}"));
            let tag = Tag::parse(&data).unwrap();
            assert_eq!(tag.encode(), data);
            assert_eq!(tag.target_kind, ObjectKind::Tree);
            assert_eq!(tag.name, "v1.0");
        }
        assert!(Tag::parse(&Bytes::from_static(b"object 12\n")).is_err());
    }
}
