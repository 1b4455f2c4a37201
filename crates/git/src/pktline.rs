//! pkt-line, the framing of every git protocol message: four hexadecimal digits of length, then the data.
//!
//! Writing appends to a buffer. Reading comes in two forms: [`decode_all`] walks a complete buffer, and
//! [`Assembler`] takes chunks as they arrive and never consumes a byte beyond the packet it returns, so that
//! raw data (a pack) may follow on the same stream.

#[cfg(test)]
mod tests;

use crate::protocol::ProtocolError;

/// Longest packet, its four length digits included.
pub const PACKET_BYTES_MAX: usize = 65520;
/// Most data in one packet.
pub const DATA_BYTES_MAX: usize = PACKET_BYTES_MAX - HEADER_BYTES;
/// Most data in one side-band packet; one byte names the band.
pub const BAND_BYTES_MAX: usize = DATA_BYTES_MAX - 1;
/// Ends a message.
pub const FLUSH: &[u8; 4] = b"0000";
/// Separates the sections of a protocol v2 message.
pub const DELIM: &[u8; 4] = b"0001";
/// Ends a response of a stateless protocol v2 connection.
pub const RESPONSE_END: &[u8; 4] = b"0002";

const HEADER_BYTES: usize = 4;
/// Messages for people are cut here, far below the limit of a packet.
const MESSAGE_BYTES_MAX: usize = 4096;

/// One packet; `T` holds the data without its length digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet<T> {
    /// A packet with data, possibly empty.
    Data(T),
    /// `0000`.
    Flush,
    /// `0001`.
    Delim,
    /// `0002`.
    ResponseEnd,
}

/// The channels of a side-band stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Band {
    /// The payload: a pack or a report.
    Data = 1,
    /// Text that the client shows after `remote: `.
    Progress = 2,
    /// A fatal error; the client shows it and gives up.
    Error = 3,
}

/// Appends one packet.
///
/// # Panics
/// When `data` is longer than [`DATA_BYTES_MAX`]: the callers in this crate bound what they frame.
pub fn write_data(out: &mut Vec<u8>, data: &[u8]) {
    assert!(data.len() <= DATA_BYTES_MAX, "a packet carries at most {DATA_BYTES_MAX} bytes");
    write_length(out, data.len());
    out.extend_from_slice(data);
}

/// Appends one packet of text, ended by a newline as git does.
///
/// # Panics
/// As [`write_data`].
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    assert!(text.len() < DATA_BYTES_MAX, "a packet carries at most {DATA_BYTES_MAX} bytes");
    write_length(out, text.len() + 1);
    out.extend_from_slice(text.as_bytes());
    out.push(b'\n');
}

/// Appends `data` on `band`, split into as many packets as it takes.
pub fn write_band(out: &mut Vec<u8>, band: Band, data: &[u8]) {
    for part in data.chunks(BAND_BYTES_MAX) {
        write_length(out, part.len() + 1);
        out.push(band as u8);
        out.extend_from_slice(part);
    }
}

/// One `ERR` packet: the client prints `message` and stops. Control characters are replaced, long texts cut.
pub fn err_packet(message: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write_text(&mut out, &format!("ERR {}", one_line(message, MESSAGE_BYTES_MAX)));
    out
}

/// Makes `text` one line of at most `bytes_max` bytes without control characters.
pub(crate) fn one_line(text: &str, bytes_max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(bytes_max));
    for c in text.trim().chars() {
        if line.len() + c.len_utf8() > bytes_max {
            break;
        }
        line.push(if c.is_control() { ' ' } else { c });
    }
    line
}

/// Strips the one newline that text packets end with.
pub fn chomp(data: &[u8]) -> &[u8] {
    data.strip_suffix(b"\n").unwrap_or(data)
}

/// Walks the packets of a complete buffer.
///
/// A packet that is cut off yields [`ProtocolError::Incomplete`]; after any error the walk ends.
pub fn decode_all(input: &[u8]) -> Packets<'_> {
    Packets { input, position: 0 }
}

/// The iterator of [`decode_all`].
#[derive(Debug, Clone)]
pub struct Packets<'a> {
    input: &'a [u8],
    position: usize,
}

impl Packets<'_> {
    /// Bytes consumed so far.
    pub fn consumed(&self) -> usize {
        self.position
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<&'a [u8]>, ProtocolError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.input[self.position..];
        if rest.is_empty() {
            return None;
        }
        let offset = self.position as u64;
        let result = decode(rest, offset);
        match result {
            Ok((packet, length)) => {
                self.position += length;
                Some(Ok(packet))
            }
            Err(error) => {
                self.position = self.input.len();
                Some(Err(error))
            }
        }
    }
}

fn decode(rest: &[u8], offset: u64) -> Result<(Packet<&[u8]>, usize), ProtocolError> {
    let incomplete = ProtocolError::Incomplete { offset };
    let Some(header) = rest.first_chunk::<HEADER_BYTES>() else {
        return Err(incomplete);
    };
    match decode_header(header, offset)? {
        Header::Data(length) => match rest.get(HEADER_BYTES..length) {
            Some(data) => Ok((Packet::Data(data), length)),
            None => Err(incomplete),
        },
        Header::Flush => Ok((Packet::Flush, HEADER_BYTES)),
        Header::Delim => Ok((Packet::Delim, HEADER_BYTES)),
        Header::ResponseEnd => Ok((Packet::ResponseEnd, HEADER_BYTES)),
    }
}

/// Assembles packets from chunks that may break anywhere.
#[derive(Debug, Default)]
pub struct Assembler {
    partial: Vec<u8>,
    offset: u64,
}

impl Assembler {
    /// An assembler at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the next packet, or `None` once all of `input` is consumed and the packet is not complete.
    ///
    /// Advances `input` past what it consumed: never beyond the end of the returned packet.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Packet<Vec<u8>>>, ProtocolError> {
        if !self.fill(input, HEADER_BYTES) {
            return Ok(None);
        }
        let header = self.partial.first_chunk().expect("filled above");
        let (packet, length) = match decode_header(header, self.offset)? {
            Header::Data(length) => {
                if !self.fill(input, length) {
                    return Ok(None);
                }
                (Packet::Data(self.partial.split_off(HEADER_BYTES)), length)
            }
            Header::Flush => (Packet::Flush, HEADER_BYTES),
            Header::Delim => (Packet::Delim, HEADER_BYTES),
            Header::ResponseEnd => (Packet::ResponseEnd, HEADER_BYTES),
        };
        self.partial.clear();
        self.offset += length as u64;
        Ok(Some(packet))
    }

    /// Bytes of the complete packets returned so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// True when the stream may end here: no packet is half read.
    pub fn is_between_packets(&self) -> bool {
        self.partial.is_empty()
    }

    fn fill(&mut self, input: &mut &[u8], length: usize) -> bool {
        let missing = length.saturating_sub(self.partial.len());
        let (taken, rest) = input.split_at(missing.min(input.len()));
        self.partial.extend_from_slice(taken);
        *input = rest;
        self.partial.len() >= length
    }
}

enum Header {
    Data(usize),
    Flush,
    Delim,
    ResponseEnd,
}

fn decode_header(header: &[u8; HEADER_BYTES], offset: u64) -> Result<Header, ProtocolError> {
    let bad = || ProtocolError::BadLength { offset, found: header.escape_ascii().to_string() };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let length = header.iter().try_fold(0, |sum, byte| Some(sum * 16 + digit(byte)?));
    match length.ok_or_else(bad)? as usize {
        0 => Ok(Header::Flush),
        1 => Ok(Header::Delim),
        2 => Ok(Header::ResponseEnd),
        length @ HEADER_BYTES..=PACKET_BYTES_MAX => Ok(Header::Data(length)),
        _ => Err(bad()),
    }
}

fn write_length(out: &mut Vec<u8>, data_len: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let length = data_len + HEADER_BYTES;
    out.extend([12, 8, 4, 0].map(|shift| DIGITS[(length >> shift) & 0xf]));
}
