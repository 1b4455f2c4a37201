//! Whether a request is a download.

use hmac::Mac as _;
use steelyard_card::counting;
use steelyard_core::{RepoKind, Timestamp};
use steelyard_db::downloads::{Who, day_of};
use steelyard_db::repo::RepoRow;

use super::tally::{Counters, Kind, Request};
use crate::{Actor, Hub};

/// A request for a file that was granted.
#[derive(Debug, Clone, Copy)]
pub struct Download<'a> {
    /// The repository.
    pub repo: &'a RepoRow,
    /// The path of the file.
    pub path: &'a str,
    /// Only the headers are asked for.
    pub is_head: bool,
    /// It asks for a range that does not begin with the file.
    pub is_continued: bool,
    /// Who asks,
    pub actor: &'a Actor,
    /// from where,
    pub address: &'a str,
    /// and by which program.
    pub user_agent: &'a str,
    /// The value of `X-HF-Download-Counter`.
    pub counter: Option<&'a str>,
}

impl Hub {
    /// Counts a download, if it is one. Takes no time to speak of and cannot fail.
    pub fn count_download(&self, download: &Download<'_>) {
        let now = self.now();
        let counters = self.counters();
        if let Some(request) = counters.judge(download, now) {
            counters.add(&request, now);
        }
    }
}

impl Counters {
    /// What the request adds to the tally; `None` when nothing.
    fn judge(&self, download: &Download<'_>, now: Timestamp) -> Option<Request> {
        if download.is_continued
            || download.counter.is_some_and(|value| ["0", "false"].contains(&value))
        {
            return None;
        }
        let kind = match download.repo.kind {
            RepoKind::Model => {
                let library =
                    download.repo.facts.get("library_name").and_then(|name| name.as_str());
                if !counting::counts(library, download.path) {
                    return None;
                }
                self.file_request(download)?
            }
            // Kernels are loaded file by file as datasets are.
            RepoKind::Dataset | RepoKind::Kernel => {
                Kind::Window(self.hash(&[b"window", download.address.as_bytes()]))
            }
            RepoKind::Space => return None,
        };
        let day = day_of(now);
        let is_ci = counting::is_ci(download.user_agent);
        let person = match download.actor.id() {
            Some(id) => self.hash(&[b"user", &day.to_le_bytes(), &id.to_le_bytes()]),
            None => self.hash(&[b"address", &day.to_le_bytes(), download.address.as_bytes()]),
        };
        Some(Request {
            repo_id: download.repo.id,
            day,
            kind,
            is_ci,
            person: (!is_ci).then_some(person),
        })
    }

    /// A client asks for the headers of a file, then perhaps for the file: that is one download.
    ///
    /// huggingface_hub (which says so, and from 1.33 on sends `X-HF-Download-Counter`) always asks for the headers first, so
    /// of its requests only those count, whichever replica the second one reaches. Of others, this replica remembers.
    fn file_request(&self, download: &Download<'_>) -> Option<Kind> {
        if download.counter.is_some() || download.user_agent.contains("hf_hub/") {
            return download.is_head.then_some(Kind::Each);
        }
        let id = download.repo.id.to_le_bytes();
        let (path, address) = (download.path.as_bytes(), download.address.as_bytes());
        let agent = download.user_agent.as_bytes();
        let client = self.hash(&[b"pair", &id, path, b"\0", address, b"\0", agent]);
        Some(if download.is_head { Kind::Head(client) } else { Kind::Get(client) })
    }

    /// A keyed hash of which nobody without the key can tell what went in.
    fn hash(&self, parts: &[&[u8]]) -> Who {
        let mut keyed = self.key.clone();
        for part in parts {
            keyed.update(part);
        }
        let mut who = Who::default();
        who.copy_from_slice(&keyed.finalize().into_bytes()[..16]);
        who
    }
}
