//! The front and the back of a push: parsing the commands before the pack, and reporting what became of them.

#[cfg(test)]
mod tests;

use steelyard_core::Oid;
use steelyard_core::limits::PUSH_COMMANDS_MAX;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

use super::ProtocolError;
use crate::pktline::{self, Assembler, Band, FLUSH, Packet};

/// Most bytes before the pack.
pub const COMMAND_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longest reason in a report.
const REASON_BYTES_MAX: usize = 1024;

/// A change of one ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefCommand {
    /// The ref as the client wrote it, not yet checked against the rules for names.
    pub name: String,
    /// What the client takes the ref for; zero when it is to be created.
    pub old: Oid,
    /// What it shall become; zero when it is to be deleted.
    pub new: Oid,
}

impl RefCommand {
    /// True when the ref is to be created.
    pub fn is_create(&self) -> bool {
        self.old.is_zero() && !self.new.is_zero()
    }

    /// True when the ref is to be deleted.
    pub fn is_delete(&self) -> bool {
        self.new.is_zero()
    }
}

/// What the client can do, out of what was advertised; anything else it may say is ignored, as git does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushCapabilities {
    /// Wants [`report_status`], in either version.
    pub report_status: bool,
    /// Reads reports and messages on a side band.
    pub side_band_64k: bool,
    /// Wants no progress.
    pub quiet: bool,
    /// All commands or none.
    pub atomic: bool,
    /// The client's name for itself.
    pub agent: Option<String>,
}

/// Everything that precedes the pack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceiveRequest {
    /// The changes; none when the client only tries its credentials.
    pub commands: Vec<RefCommand>,
    /// What the client can do.
    pub capabilities: PushCapabilities,
    /// Where the client's history ends, if it is a shallow clone.
    pub shallow: Vec<Oid>,
}

impl ReceiveRequest {
    /// True when a pack follows: clients send none if they only delete.
    pub fn expects_pack(&self) -> bool {
        self.commands.iter().any(|command| !command.is_delete())
    }
}

/// Parses the head of a push from chunks, and leaves the pack alone.
#[derive(Debug, Default)]
pub struct ReceiveParser {
    packets: Assembler,
    request: ReceiveRequest,
    done: bool,
}

impl ReceiveParser {
    /// A parser at the start of a request.
    pub fn new() -> Self {
        Self::default()
    }

    /// Consumes from `input` what belongs to the commands. True once they are complete: what is left in `input`,
    /// and all that follows, is the pack.
    pub fn feed(&mut self, input: &mut &[u8]) -> Result<bool, ProtocolError> {
        while !self.done {
            let Some(packet) = self.packets.next(input)? else { break };
            match packet {
                Packet::Flush => self.done = true,
                Packet::Data(line) => self.line(&line)?,
                Packet::Delim | Packet::ResponseEnd => {
                    return Err(ProtocolError::unexpected(
                        "push",
                        "only data and a flush may come before the pack",
                    ));
                }
            }
            if self.packets.offset() > COMMAND_BYTES_MAX as u64 {
                let field = "bytes of commands in a push";
                return Err(ProtocolError::TooMany { field, limit: COMMAND_BYTES_MAX });
            }
        }
        Ok(self.done)
    }

    /// The request; fails when the stream ended before the commands did.
    pub fn finish(self) -> Result<ReceiveRequest, ProtocolError> {
        if self.done {
            Ok(self.request)
        } else {
            Err(ProtocolError::Incomplete { offset: self.packets.offset() })
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<(), ProtocolError> {
        let (command, capabilities) = match line.iter().position(|byte| *byte == 0) {
            Some(end) => (&line[..end], Some(pktline::chomp(&line[end + 1..]))),
            None => (pktline::chomp(line), None),
        };
        if let Some(oid) = command.strip_prefix(b"shallow ") {
            let rule = || ProtocolError::unexpected("shallow", "must be followed by an object id");
            self.request.shallow.push(parse_oid(oid).ok_or_else(rule)?);
            return Ok(());
        }
        if let Some(list) = capabilities {
            self.request.capabilities = parse_capabilities(list)?;
        }
        if command.starts_with(b"push-cert") {
            return Err(ProtocolError::unexpected("push", "signed pushes are not supported"));
        }
        if self.request.commands.len() >= PUSH_COMMANDS_MAX {
            return Err(ProtocolError::TooMany {
                field: "ref updates in a push",
                limit: PUSH_COMMANDS_MAX,
            });
        }
        self.request.commands.push(parse_command(command)?);
        Ok(())
    }
}

/// Reads the head of a push; `reader` stands at the first byte of the pack afterwards.
pub async fn read_request<R: AsyncBufRead + Unpin>(
    reader: &mut R,
) -> Result<ReceiveRequest, ProtocolError> {
    let mut parser = ReceiveParser::new();
    loop {
        let buffer = reader.fill_buf().await.map_err(ProtocolError::Read)?;
        if buffer.is_empty() {
            return parser.finish();
        }
        let mut rest = buffer;
        let done = parser.feed(&mut rest)?;
        let consumed = buffer.len() - rest.len();
        reader.consume(consumed);
        if done {
            return parser.finish();
        }
    }
}

fn parse_oid(hex: &[u8]) -> Option<Oid> {
    Oid::parse(std::str::from_utf8(hex).ok()?).ok()
}

fn parse_command(line: &[u8]) -> Result<RefCommand, ProtocolError> {
    const HEX: usize = Oid::LEN * 2;
    let rule = || ProtocolError::unexpected("command", "must be \"<old id> <new id> <ref>\"");
    if line.len() <= 2 * HEX + 2 || line[HEX] != b' ' || line[2 * HEX + 1] != b' ' {
        return Err(rule());
    }
    let old = parse_oid(&line[..HEX]).ok_or_else(rule)?;
    let new = parse_oid(&line[HEX + 1..2 * HEX + 1]).ok_or_else(rule)?;
    let name = std::str::from_utf8(&line[2 * HEX + 2..])
        .map_err(|_| ProtocolError::unexpected("ref", "must be UTF-8"))?;
    Ok(RefCommand { name: name.to_owned(), old, new })
}

fn parse_capabilities(list: &[u8]) -> Result<PushCapabilities, ProtocolError> {
    let mut capabilities = PushCapabilities::default();
    for word in String::from_utf8_lossy(list).split_ascii_whitespace() {
        match word.split_once('=').unwrap_or((word, "")) {
            ("report-status" | "report-status-v2", _) => capabilities.report_status = true,
            ("side-band-64k", _) => capabilities.side_band_64k = true,
            ("quiet", _) => capabilities.quiet = true,
            ("atomic", _) => capabilities.atomic = true,
            ("agent", agent) => capabilities.agent = Some(pktline::one_line(agent, 256)),
            ("object-format", format) if format != "sha1" => {
                return Err(ProtocolError::unexpected("object-format", "must be sha1"));
            }
            _ => {}
        }
    }
    Ok(capabilities)
}

/// The answer to a push: whether the pack was accepted, and what became of each ref.
///
/// Serves `report-status` and `report-status-v2` alike: they differ only by option lines, and no push is ever
/// redirected to another ref here. With `side_band` the report travels on band 1 and a flush ends the stream.
pub fn report_status(
    unpack: Result<(), &str>,
    results: &[(String, Result<(), String>)],
    side_band: bool,
) -> Vec<u8> {
    let reason = |text: &str| match pktline::one_line(text, REASON_BYTES_MAX) {
        line if line.is_empty() => "failed".to_owned(),
        line => line,
    };
    let mut report = Vec::new();
    match unpack {
        Ok(()) => pktline::write_text(&mut report, "unpack ok"),
        Err(text) => pktline::write_text(&mut report, &format!("unpack {}", reason(text))),
    }
    for (name, result) in results {
        match result {
            Ok(()) => pktline::write_text(&mut report, &format!("ok {name}")),
            Err(text) => {
                // A name fits, as it came in a packet; name and reason together might not.
                let room = pktline::DATA_BYTES_MAX.saturating_sub(name.len() + 8);
                let text = pktline::one_line(&reason(text), room);
                pktline::write_text(&mut report, &format!("ng {name} {text}"));
            }
        }
    }
    report.extend_from_slice(FLUSH);
    if !side_band {
        return report;
    }
    let mut out = Vec::with_capacity(report.len() + 16);
    pktline::write_band(&mut out, Band::Data, &report);
    out.extend_from_slice(FLUSH);
    out
}
