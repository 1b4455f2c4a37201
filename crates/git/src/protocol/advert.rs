//! What `info/refs` answers: the capabilities and, before protocol v2, the refs.
//!
//! The lists are those of git 2.47 under the settings that [`crate::tool`] gives `git upload-pack`, because that
//! is what answers the request that follows; the tests compare them with the real git.

use std::fmt::Write as _;

use steelyard_core::Oid;

use super::RefRecord;
use crate::pktline::{self, FLUSH};

const UPLOAD_PACK_BEFORE_SYMREF: &str = "multi_ack thin-pack side-band side-band-64k ofs-delta shallow \
     deepen-since deepen-not deepen-relative no-progress include-tag multi_ack_detailed \
     allow-tip-sha1-in-want allow-reachable-sha1-in-want no-done";
const UPLOAD_PACK_AFTER_SYMREF: &str = "filter object-format=sha1";
const RECEIVE_PACK: &str = "report-status report-status-v2 delete-refs side-band-64k quiet atomic ofs-delta \
     object-format=sha1";

/// The protocol v2 advert for `git-upload-pack`. Like git's own, it has no `# service` line.
pub fn upload_pack_v2_advert(agent: &str) -> Vec<u8> {
    let mut out = Vec::new();
    pktline::write_text(&mut out, "version 2");
    pktline::write_text(&mut out, &format!("agent={}", printable(agent)));
    for capability in [
        "ls-refs=unborn",
        "fetch=shallow wait-for-done filter",
        "server-option",
        "object-format=sha1",
    ] {
        pktline::write_text(&mut out, capability);
    }
    out.extend_from_slice(FLUSH);
    out
}

/// The protocol v0 advert for `git-upload-pack`, with the `# service` line: `HEAD` if it is born, then `refs` in
/// the order given, which should be that of their names.
///
/// `head_target` is the branch that `HEAD` points to. Protocol v0 has no ref prefixes: the caller decides which
/// refs these clients see.
pub fn upload_pack_v0_advert(
    refs: &[RefRecord],
    head_target: Option<&str>,
    agent: &str,
) -> Vec<u8> {
    let head = head_target.and_then(|target| refs.iter().find(|record| record.name == target));
    let mut capabilities = UPLOAD_PACK_BEFORE_SYMREF.to_owned();
    if let Some(head) = head {
        // Writing to a String cannot fail.
        let _ = write!(capabilities, " symref=HEAD:{}", head.name);
    }
    let _ = write!(capabilities, " {UPLOAD_PACK_AFTER_SYMREF} agent={}", printable(agent));

    let mut lines = RefLines::new("git-upload-pack", capabilities);
    if let Some(head) = head {
        lines.push(head.oid, "HEAD");
    }
    for record in refs {
        lines.push(record.oid, &record.name);
        if let Some(peeled) = record.peeled {
            lines.push(peeled, &format!("{}^{{}}", record.name));
        }
    }
    lines.finish()
}

/// The advert for `git-receive-pack`, with the `# service` line; a push is protocol v0 whatever the client asks.
///
/// `refs` should hold every ref that may be pushed to, pull requests included: clients take the old value of an
/// update from here.
pub fn receive_pack_advert(refs: &[RefRecord], agent: &str) -> Vec<u8> {
    let capabilities = format!("{RECEIVE_PACK} agent={}", printable(agent));
    let mut lines = RefLines::new("git-receive-pack", capabilities);
    for record in refs {
        lines.push(record.oid, &record.name);
    }
    lines.finish()
}

/// The ref lines of a v0 advert; the first one carries the capabilities.
struct RefLines {
    out: Vec<u8>,
    capabilities: Option<String>,
}

impl RefLines {
    fn new(service: &str, capabilities: String) -> Self {
        let mut out = Vec::new();
        pktline::write_text(&mut out, &format!("# service={service}"));
        out.extend_from_slice(FLUSH);
        Self { out, capabilities: Some(capabilities) }
    }

    fn push(&mut self, oid: Oid, name: &str) {
        let line = match self.capabilities.take() {
            Some(capabilities) => format!("{oid} {name}\0{capabilities}"),
            None => format!("{oid} {name}"),
        };
        pktline::write_text(&mut self.out, &line);
    }

    fn finish(mut self) -> Vec<u8> {
        if self.capabilities.is_some() {
            self.push(Oid::ZERO, "capabilities^{}");
        }
        self.out.extend_from_slice(FLUSH);
        self.out
    }
}

/// An agent must be one word; git replaces what is not printable by dots.
fn printable(agent: &str) -> String {
    agent.chars().map(|c| if c.is_ascii_graphic() { c } else { '.' }).take(256).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_repositories_advertise_capabilities_alone() {
        let advert = receive_pack_advert(&[], "hub/1");
        let text = String::from_utf8(advert).unwrap();
        let zero = "0".repeat(40);
        assert!(text.starts_with("001f# service=git-receive-pack\n0000"), "{text}");
        assert!(text.contains(&format!("{zero} capabilities^{{}}\0report-status ")), "{text}");
        assert!(text.ends_with("agent=hub/1\n0000"), "{text}");
        let advert = upload_pack_v0_advert(&[], Some("refs/heads/main"), "hub/1");
        assert!(!String::from_utf8(advert).unwrap().contains("symref"));
    }

    #[test]
    fn an_agent_cannot_add_capabilities() {
        let advert = String::from_utf8(upload_pack_v2_advert("a b\nfetch=x")).unwrap();
        assert!(advert.contains("agent=a.b.fetch=x\n"), "{advert}");
    }
}
