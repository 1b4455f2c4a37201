//! The last requests that this process refused, by their ids.
//!
//! An id is given out with the refusal alone, in `X-Request-Id`; one that nobody could guess is its own permission to read
//! what was refused. Neither queries nor tokens are kept.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

/// Refusals that are kept, and for how long.
const KEPT: u64 = 5_000;
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(3600);
/// Longest path and user agent that are kept.
const TEXT_BYTES_MAX: usize = 300;

/// What was refused.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) host: String,
    pub(crate) user_agent: String,
    pub(crate) had_token: bool,
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

/// The last refusals. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Refusals(Cache<String, Arc<Refused>>);

impl Default for Refusals {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(KEPT).time_to_live(KEPT_FOR).build())
    }
}

impl Refusals {
    /// Keeps a refusal, unless its id is one that a client made up and others could guess.
    pub(crate) fn note(&self, id: &str, refused: Refused) {
        if is_unguessable(id) {
            self.0.insert(id.to_owned(), Arc::new(refused));
        }
    }

    /// What was refused under that id.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Refused>> {
        self.0.get(id.trim())
    }
}

/// As long as a text is kept.
pub(crate) fn short(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_BYTES_MAX)].to_owned()
}

/// A UUID, whether the hub or the client made it.
fn is_unguessable(id: &str) -> bool {
    let digits = id.bytes().filter(u8::is_ascii_hexdigit).count();
    id.len() == 36 && digits == 32 && id.bytes().filter(|byte| *byte == b'-').count() == 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_can_be_guessed_are_not_kept() {
        let refusals = Refusals::default();
        let refused = Refused {
            method: "GET".into(),
            path: "/a/b".into(),
            host: String::new(),
            user_agent: String::new(),
            had_token: false,
            status: 404,
            code: String::new(),
            message: String::new(),
        };
        let id = "0193a7c0-0000-7000-8000-0123456789ab";
        for id in ["1", "none", "abc", id] {
            refusals.note(id, refused.clone());
        }
        assert!(refusals.find("1").is_none() && refusals.find("none").is_none());
        assert_eq!(refusals.find(&format!(" {id} ")).unwrap().path, "/a/b");
    }
}
