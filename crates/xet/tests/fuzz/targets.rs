//! One function for each kind of bytes from outside: it must not panic whatever the bytes are, and must keep what it
//! promises about them. Driven by `main.rs` here and by libFuzzer in `fuzz/`.

use std::io::Read;

use lz4_flex::frame::FrameDecoder;
use steelyard_core::XetHash;
use steelyard_xet::xorb::{CHUNK_HEADER_LEN, ChunkHeader};
use steelyard_xet::{
    CHUNK_BYTES_MAX, ChunkTable, Chunks, Scheme, StreamDecoder, XORB_CHUNKS_MAX, XorbError,
    check_xorb, chunk_hash, compress,
};

/// A xorb is refused, or every chunk in it can be read and is what the table says. Chunks come out the same from memory
/// and from a stream in pieces, errors included.
pub fn xorb(data: &[u8]) {
    let whole: Result<Vec<_>, _> = Chunks::new(data).collect();
    let mut stream = StreamDecoder::new();
    let mut out = Vec::new();
    let piece = usize::from(data.last().copied().unwrap_or(0)) + 1;
    let streamed = data
        .chunks(piece)
        .try_for_each(|piece| stream.push(piece, &mut out))
        .and_then(|()| stream.finish());
    match (whole, streamed) {
        (Ok(whole), Ok(())) => assert_eq!(whole.concat(), out),
        (whole, streamed) => assert_eq!(whole.err(), streamed.err()),
    }

    // Nobody can be kept from computing the hash that fits.
    let hash = match check_xorb(data, &XetHash::ZERO) {
        Err(XorbError::Hash { computed, .. }) => computed,
        Err(_) => return,
        Ok(_) => panic!("chunks with the hash zero"),
    };
    let Ok(checked) = check_xorb(data, &hash) else { return };
    let table = ChunkTable::from_packed(checked.table.packed().clone()).expect("a sound table");
    assert!((1..=XORB_CHUNKS_MAX as u32).contains(&table.len()));
    assert_eq!(table.stored_bytes() as usize, checked.stored_len);
    assert_eq!(table.raw_bytes(), checked.raw_len);
    let chunks = Chunks::new(&data[..checked.stored_len]);
    let chunks: Vec<_> = chunks.map(|chunk| chunk.expect("a sound chunk")).collect();
    assert_eq!(chunks.len(), table.len() as usize);
    for (chunk, entry) in chunks.iter().zip(table.entries()) {
        assert_eq!(chunk_hash(chunk), entry.hash);
        assert_eq!(chunk.len(), (entry.raw.end - entry.raw.start) as usize);
    }
}

/// A header is refused or survives; what follows it inflates to the length it says, or not at all, and what is
/// accepted is what a client's decoder reads.
pub fn chunk_header(data: &[u8]) {
    let Some((bytes, rest)) = data.split_first_chunk::<CHUNK_HEADER_LEN>() else { return };
    let Ok(header) = ChunkHeader::parse(bytes) else { return };
    assert_eq!(header.to_bytes(), *bytes);
    let raw_len = header.raw_len as usize;
    assert!((1..=CHUNK_BYTES_MAX).contains(&raw_len) && header.payload_len <= header.raw_len);
    let payload = &rest[..rest.len().min(header.payload_len as usize)];
    let mut out = b"before".to_vec();
    let result = compress::decompress_into(header.scheme, payload, raw_len, &mut out);
    assert_eq!(&out[..6], b"before");
    if result.is_err() {
        return assert_eq!(out.len(), 6);
    }
    assert_eq!(out.len(), 6 + raw_len);
    let mut decoded = Vec::new();
    let mut decoder = FrameDecoder::new(payload);
    match header.scheme {
        Scheme::None => decoded.extend_from_slice(payload),
        Scheme::Lz4 | Scheme::Bg4Lz4 => {
            decoder.read_to_end(&mut decoded).expect("a client reads what is accepted");
            assert!(decoder.get_ref().is_empty());
        }
    }
    if header.scheme == Scheme::Bg4Lz4 {
        let planes = std::mem::replace(&mut decoded, vec![0; raw_len]);
        let places = (0..4).flat_map(|plane| (plane..raw_len).step_by(4));
        places.zip(planes).for_each(|(place, byte)| decoded[place] = byte);
    }
    assert_eq!(&out[6..], decoded);
}
