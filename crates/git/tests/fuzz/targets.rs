//! One function for each kind of input from outside: it must not panic whatever the bytes are, and must keep what it
//! promises about them. Driven by `main.rs` here and by libFuzzer in `fuzz/`.

use std::sync::Arc;

use bytes::Bytes;
use sha1::{Digest, Sha1};
use steelyard_git::attributes::Attributes;
use steelyard_git::ignore::Ignore;
use steelyard_git::pack::{VerifyLimits, verify};
use steelyard_git::pktline::{self, Assembler, Packet};
use steelyard_git::protocol::ls_refs::parse_v2_command;
use steelyard_git::protocol::receive::ReceiveParser;
use steelyard_git::store::NoObjects;
use steelyard_git::{
    Commit, ObjectKind, ObjectSource, Pack, PackData, PackSet, Tag, Toc, Tree, delta, hash_object,
    lfs_pointer,
};

/// What a hostile pack may inflate to.
pub const LIMITS: VerifyLimits =
    VerifyLimits { object_bytes_max: 1 << 20, total_bytes_max: 8 << 20 };

/// Packets come out the same however the stream is cut into chunks.
pub fn pkt_line(data: &[u8]) {
    let whole: Vec<Result<Packet<Vec<u8>>, String>> = pktline::decode_all(data)
        .map(|packet| match packet {
            Ok(Packet::Data(data)) => Ok(Packet::Data(data.to_vec())),
            Ok(Packet::Flush) => Ok(Packet::Flush),
            Ok(Packet::Delim) => Ok(Packet::Delim),
            Ok(Packet::ResponseEnd) => Ok(Packet::ResponseEnd),
            Err(error) => Err(error.to_string()),
        })
        .collect();
    let mut assembler = Assembler::new();
    let mut found = Vec::new();
    'stream: for chunk in data.chunks(usize::from(data.first().copied().unwrap_or(0) % 9) + 1) {
        let mut rest = chunk;
        loop {
            match assembler.next(&mut rest) {
                Ok(Some(packet)) => found.push(Ok(packet)),
                Ok(None) => break,
                Err(error) => {
                    found.push(Err(error.to_string()));
                    break 'stream;
                }
            }
        }
    }
    if let (Some(Err(_)), true) = (whole.last(), found.len() + 1 == whole.len()) {
        // The stream ended in the middle of a packet, which only the whole buffer can tell.
        assert!(!assembler.is_between_packets());
        found.push(whole[found.len()].clone());
    }
    assert_eq!(found, whole);
}

/// A push's commands come out the same however the stream is cut, and the pack is left alone.
pub fn receive(data: &[u8]) {
    let feed = |size: usize| {
        let mut parser = ReceiveParser::new();
        let mut left = 0;
        for chunk in data.chunks(size.max(1)) {
            let mut rest = chunk;
            match parser.feed(&mut rest) {
                Ok(false) => assert!(rest.is_empty()),
                Ok(true) => left += rest.len(),
                Err(error) => return Err(error.to_string()),
            }
        }
        parser.finish().map(|request| (request, left)).map_err(|error| error.to_string())
    };
    assert_eq!(feed(data.len()), feed(usize::from(data.first().copied().unwrap_or(0) % 7) + 1));
    // The same text as a fetch.
    let _ = parse_v2_command(data);
}

/// A pack is refused, or every object in it can be read and is what its id says. The trailer is made to fit, because
/// nobody can be kept from computing it.
pub fn pack(data: &[u8]) {
    let mut bytes = data.to_vec();
    if let Some(end) = bytes.len().checked_sub(20) {
        let trailer: [u8; 20] = Sha1::digest(&bytes[..end]).into();
        bytes[end..].copy_from_slice(&trailer);
    }
    let bytes = Bytes::from(bytes);
    let Ok(toc) = verify(bytes.clone(), &NoObjects, LIMITS) else { return };
    let data = PackData::new(bytes).expect("it was read a moment ago");
    let (same, trailer) = Toc::from_idx_v2(&toc.to_idx_v2(&data.trailer())).expect("our own index");
    assert!(same.iter().eq(toc.iter()) && trailer == data.trailer());
    let set = PackSet::from_packs([Arc::new(Pack::new(data, toc.clone()).expect("verified"))]);
    for entry in toc.iter() {
        let object = set.read(&entry.oid).expect("verified").expect("listed");
        assert_eq!(hash_object(object.kind, &object.data).expect("small"), entry.oid);
        let (kind, size) = set.header(&entry.oid).expect("verified").expect("listed");
        assert_eq!((kind, size), (object.kind, object.data.len() as u64));
        objects(&object.data);
    }
}

/// Tables of contents and indexes, which come from the stores: damage is an error.
pub fn tables(data: &[u8]) {
    for toc in [
        Toc::decode(Bytes::copy_from_slice(data)).ok(),
        Toc::from_idx_v2(data).ok().map(|(toc, _)| toc),
    ] {
        let Some(toc) = toc else { continue };
        for entry in toc.iter() {
            assert_eq!(toc.find(&entry.oid).map(|found| found.oid), Some(entry.oid));
        }
        assert!(toc.lookup_prefix("00").len() <= toc.len());
    }
}

/// Objects of every kind, from the same bytes.
pub fn objects(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    if let Ok(commit) = Commit::parse(&bytes) {
        let _ = (commit.title().len(), commit.body().len(), commit.author.name_text().len());
        // What is malformed in it is left out when it is written; the rest stays.
        let again = Commit::parse(&commit.encode()).expect("our own commit");
        assert_eq!((again.tree, &again.parents), (commit.tree, &commit.parents));
    }
    if let Ok(tag) = Tag::parse(&bytes) {
        let again = Tag::parse(&tag.encode()).expect("our own tag");
        assert_eq!((again.target, again.target_kind), (tag.target, tag.target_kind));
    }
    if let Ok(tree) = Tree::parse(bytes) {
        for (index, entry) in tree.iter().enumerate() {
            assert_eq!(entry.name, tree.entry(index).name);
            let _ = tree.find(entry.name);
        }
        assert!(tree.memory_bytes() <= 1024 + 8 * data.len());
    }
    if let Some((sha256, size)) = lfs_pointer::parse(data) {
        assert!(data.len() < lfs_pointer::POINTER_BYTES_MAX);
        assert_eq!(
            lfs_pointer::parse(lfs_pointer::format(&sha256, size).as_bytes()),
            Some((sha256, size))
        );
    }
    let _ = hash_object(ObjectKind::Blob, data);
}

/// The first half is a base and the second a delta: what comes out is never larger than allowed.
pub fn deltas(data: &[u8]) {
    let (base, code) = data.split_at(data.len() / 2);
    for limit in [0, 100, 1 << 20] {
        if let Ok(result) = delta::apply(base, code, limit) {
            assert!(result.len() as u64 <= limit);
        }
    }
    // Ours, between any two texts, leads from one to the other.
    let ours = delta::tree_delta(base, code);
    assert_eq!(delta::apply(base, &ours, u64::MAX).expect("our own delta"), code);
}

/// Attributes and ignore rules, with a path from the same text.
pub fn patterns(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let path = text.lines().last().unwrap_or("a/b");
    let _ = Attributes::parse(data).is_lfs(path);
    let _ = Ignore::parse(data).should_ignore(path);
}
