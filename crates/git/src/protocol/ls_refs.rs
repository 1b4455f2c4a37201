//! Protocol v2 requests: telling the commands apart, and answering `ls-refs` from a list of refs.

#[cfg(test)]
mod tests;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::{ProtocolError, RefRecord};
use crate::pktline::{self, FLUSH, Packet, Packets};

/// Longest `ls-refs` request, or head of another request, that is parsed.
pub const REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024;
/// From this many prefixes on git ignores them all, because a cut list would hide refs.
const PREFIXES_MAX: usize = 65_536;
/// Pull requests are listed only to clients that ask for them, so that plain clones do not see them.
const ON_REQUEST: &[u8] = b"refs/pr/";
const ON_REQUEST_PREFIX: &[u8] = b"refs/pr";

/// What a protocol v2 client wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum V2Command {
    /// A list of refs; answered by [`answer_ls_refs`].
    LsRefs(LsRefsRequest),
    /// Objects; the whole request goes to `git upload-pack`.
    Fetch,
    /// A command that is not offered.
    Other(String),
    /// No command: git sends a lone flush to try its credentials. The answer is empty.
    Empty,
}

/// The arguments of `ls-refs`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LsRefsRequest {
    /// Tell what annotated tags point to.
    pub peel: bool,
    /// Tell where symbolic refs point to.
    pub symrefs: bool,
    /// Tell where `HEAD` points to even if there is no such branch yet.
    pub unborn: bool,
    wanted: Prefixes,
    wanted_on_request: Prefixes,
}

impl LsRefsRequest {
    /// True when the client asked for the ref `name`.
    pub fn wants(&self, name: &str) -> bool {
        let name = name.as_bytes();
        if name.starts_with(ON_REQUEST) {
            self.wanted_on_request.matches(name)
        } else {
            self.wanted.0.is_empty() || self.wanted.matches(name)
        }
    }
}

/// Sorted prefixes none of which is a prefix of another, so that one binary search decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Prefixes(Vec<Vec<u8>>);

impl Prefixes {
    fn new(mut prefixes: Vec<Vec<u8>>) -> Self {
        prefixes.sort_unstable();
        prefixes.dedup_by(|later, kept| later.starts_with(kept));
        Self(prefixes)
    }

    fn matches(&self, name: &[u8]) -> bool {
        let after = self.0.partition_point(|prefix| prefix.as_slice() <= name);
        after.checked_sub(1).is_some_and(|last| name.starts_with(&self.0[last]))
    }
}

/// Reads as much of a request as it takes to know what it wants. Returns that and the bytes taken from `reader`: for
/// a fetch they have to be put back before the rest.
pub async fn read_v2_command<R: AsyncRead + Unpin>(
    reader: &mut R,
) -> Result<(V2Command, Vec<u8>), ProtocolError> {
    let mut body = Vec::with_capacity(8 * 1024);
    // Parsing again only after the body has doubled keeps the work linear.
    let mut parse_from = 0;
    loop {
        let is_end = reader.read_buf(&mut body).await.map_err(ProtocolError::Read)? == 0;
        if body.len() < parse_from && !is_end {
            continue;
        }
        parse_from = body.len() * 2;
        match parse_v2_command(&body) {
            Err(ProtocolError::Incomplete { .. }) if !is_end => {}
            result => return Ok((result?, body)),
        }
    }
}

/// Parses a protocol v2 request.
///
/// Reads no further than it must: a `fetch` is told from its head alone. [`ProtocolError::Incomplete`] means that
/// `body` has too few bytes yet.
pub fn parse_v2_command(body: &[u8]) -> Result<V2Command, ProtocolError> {
    match parse_head(body) {
        // Only here: whoever feeds a growing buffer must get an end even if the request has none.
        Err(ProtocolError::Incomplete { .. }) if body.len() > REQUEST_BYTES_MAX => {
            Err(ProtocolError::TooMany { field: "bytes of a request", limit: REQUEST_BYTES_MAX })
        }
        result => result,
    }
}

fn parse_head(body: &[u8]) -> Result<V2Command, ProtocolError> {
    let mut packets = pktline::decode_all(body);
    let mut command = None;
    let mut lines = 0;
    let has_arguments = loop {
        let line = match next(&mut packets)? {
            Packet::Data(data) => pktline::chomp(data),
            Packet::Flush => break false,
            Packet::Delim => break true,
            Packet::ResponseEnd => {
                return Err(ProtocolError::unexpected("request", "response-end has no place here"));
            }
        };
        lines += 1;
        if lines > 1000 {
            return Err(ProtocolError::TooMany { field: "capability lines", limit: 1000 });
        }
        if let Some(name) = line.strip_prefix(b"command=") {
            if command.is_some() {
                return Err(ProtocolError::unexpected("command", "must be given once"));
            }
            command = Some(String::from_utf8_lossy(name).into_owned());
        } else {
            check_capability(line)?;
        }
    };
    let Some(command) = command else {
        if lines == 0 && !has_arguments {
            return Ok(V2Command::Empty);
        }
        return Err(ProtocolError::unexpected("command", "is missing"));
    };
    match command.as_str() {
        "ls-refs" if has_arguments => parse_ls_refs(&mut packets).map(V2Command::LsRefs),
        "ls-refs" => Ok(V2Command::LsRefs(LsRefsRequest::default())),
        "fetch" => Ok(V2Command::Fetch),
        _ => Ok(V2Command::Other(command)),
    }
}

fn next<'a>(packets: &mut Packets<'a>) -> Result<Packet<&'a [u8]>, ProtocolError> {
    let offset = packets.consumed() as u64;
    packets.next().unwrap_or(Err(ProtocolError::Incomplete { offset }))
}

fn check_capability(line: &[u8]) -> Result<(), ProtocolError> {
    if let Some(format) = line.strip_prefix(b"object-format=") {
        if format != b"sha1" {
            return Err(ProtocolError::unexpected("object-format", "must be sha1"));
        }
        return Ok(());
    }
    let known = [b"agent=".as_slice(), b"server-option=", b"session-id="];
    if known.iter().any(|name| line.starts_with(name)) {
        return Ok(());
    }
    let shown = String::from_utf8_lossy(&line[..line.len().min(80)]);
    Err(ProtocolError::unexpected("capability", format!("unknown: {}", shown.escape_debug())))
}

fn parse_ls_refs(packets: &mut Packets<'_>) -> Result<LsRefsRequest, ProtocolError> {
    let mut request = LsRefsRequest::default();
    let mut prefixes = Vec::new();
    loop {
        let line = match next(packets)? {
            Packet::Data(data) => pktline::chomp(data),
            Packet::Flush => break,
            Packet::Delim | Packet::ResponseEnd => {
                return Err(ProtocolError::unexpected(
                    "ls-refs",
                    "arguments must end with a flush",
                ));
            }
        };
        match line {
            b"peel" => request.peel = true,
            b"symrefs" => request.symrefs = true,
            b"unborn" => request.unborn = true,
            _ => match line.strip_prefix(b"ref-prefix ") {
                Some(prefix) if prefixes.len() < PREFIXES_MAX => prefixes.push(prefix.to_vec()),
                Some(_) => {}
                None => {
                    let shown = String::from_utf8_lossy(&line[..line.len().min(80)]);
                    let rule = format!("unexpected argument: {}", shown.escape_debug());
                    return Err(ProtocolError::unexpected("ls-refs", rule));
                }
            },
        }
    }
    if prefixes.len() < PREFIXES_MAX {
        let asked = prefixes.iter().filter(|prefix| prefix.starts_with(ON_REQUEST_PREFIX));
        request.wanted_on_request = Prefixes::new(asked.cloned().collect());
        request.wanted = Prefixes::new(prefixes);
    }
    Ok(request)
}

/// Answers `ls-refs`: `HEAD` first, then `refs` in the order given.
///
/// `head_target` is the branch that `HEAD` points to, whether or not it is in `refs`.
pub fn answer_ls_refs(
    request: &LsRefsRequest,
    refs: &[RefRecord],
    head_target: Option<&str>,
) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(target) = head_target.filter(|_| request.wants("HEAD")) {
        write_head(&mut out, request, refs, target);
    }
    for record in refs.iter().filter(|record| request.wants(&record.name)) {
        let line = match record.peeled.filter(|_| request.peel) {
            Some(peeled) => format!("{} {} peeled:{peeled}", record.oid, record.name),
            None => format!("{} {}", record.oid, record.name),
        };
        pktline::write_text(&mut out, &line);
    }
    out.extend_from_slice(FLUSH);
    out
}

fn write_head(out: &mut Vec<u8>, request: &LsRefsRequest, refs: &[RefRecord], target: &str) {
    let symref = if request.symrefs { format!(" symref-target:{target}") } else { String::new() };
    match refs.iter().find(|record| record.name == target) {
        Some(record) => pktline::write_text(out, &format!("{} HEAD{symref}", record.oid)),
        None if request.unborn && request.symrefs => {
            pktline::write_text(out, &format!("unborn HEAD{symref}"));
        }
        None => {}
    }
}
