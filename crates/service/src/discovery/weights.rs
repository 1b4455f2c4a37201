//! What the headers of weights say: parameters by dtype, and what GGUF tells of itself.
//!
//! Headers lie in large files, which a commit's transaction does not read. Whoever first brings the commit into an index
//! reads them, by range, and keeps what they say with a key of the files it came from.
//!
//! That is told in the log of events, so every replica shows it from the same moment on. A commit that leaves the weights
//! alone reads no header; what the header says of the repository is then joined with the new facts from what was kept.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use steelyard_card::gguf::GgufHeader;
use steelyard_db::catalogue::{self, IndexRow};
use steelyard_db::{event, repo};

use crate::revisions::{HEADER_MARK, Parameters, Snapshot, WEIGHTS_KEY, facts_with};
use crate::{Error, Hub, Result};

/// How long the headers of one repository may take while others wait.
const TIME_MAX: Duration = Duration::from_secs(2);
/// How often the headers of one repository are tried. After that they are read when it changes, or the index is loaded
/// anew; until then it is found without what they say.
const TRIES_MAX: u32 = 6;
/// How long after the first failure they are tried again; twice as long after each further one.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What the facts, or what is kept of the headers, says of the headers.
#[derive(Debug, Default, Deserialize)]
struct Heads {
    weights_key: Option<String>,
    #[serde(default)]
    with_header: bool,
    gguf: Option<IgnoredAny>,
}

impl Heads {
    fn of_text(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    fn of(value: &Value) -> Self {
        Self::deserialize(value).unwrap_or_default()
    }

    /// Of facts: whether the headers that are kept are not those of their files, or they do not say what these say.
    fn are_without(&self, kept: &Self) -> bool {
        self.weights_key.is_some()
            && (self.weights_key != kept.weights_key || kept.gguf.is_some() && !self.with_header)
    }
}

/// Whether the headers on record are not those of the files on record, or the facts do not say what they say.
pub(super) fn are_unread(row: &IndexRow) -> bool {
    let kept = row.weights.as_deref().map(Heads::of_text).unwrap_or_default();
    Heads::of_text(&row.facts).are_without(&kept)
}

/// Whether [`are_unread`] is worth asking; a look that costs nearly nothing.
pub(super) fn may_be_unread(row: &IndexRow) -> bool {
    row.facts.contains(WEIGHTS_KEY)
        && row.weights.as_ref().is_none_or(|known| {
            !known.contains(r#""gguf":null"#) && !row.facts.contains(HEADER_MARK)
        })
}

/// Repositories whose headers are to be read: the oldest first, those that failed after a while.
#[derive(Debug, Default)]
pub(super) struct Unread {
    queue: BinaryHeap<Reverse<(Instant, i64, u32)>>,
}

/// A repository whose headers are to be read now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Next {
    pub(super) repo_id: i64,
    tries: u32,
}

impl Unread {
    pub(super) fn extend(&mut self, repo_ids: impl Iterator<Item = i64>) {
        let now = Instant::now();
        self.queue.extend(repo_ids.map(|repo_id| Reverse((now, repo_id, 0))));
    }

    /// Takes the next one whose time has come.
    pub(super) fn next(&mut self, now: Instant) -> Option<Next> {
        let due = self.queue.peek().is_some_and(|Reverse((at, ..))| *at <= now);
        let Reverse((_, repo_id, tries)) = if due { self.queue.pop()? } else { return None };
        Some(Next { repo_id, tries })
    }

    /// Puts back one that failed, unless it did so too often.
    pub(super) fn put_off(&mut self, failed: Next, now: Instant) {
        if failed.tries + 1 < TRIES_MAX {
            let at = now + AGAIN_AFTER * 2_u32.pow(failed.tries);
            self.queue.push(Reverse((at, failed.repo_id, failed.tries + 1)));
        }
    }
}

impl Hub {
    /// Reads the headers of a repository's weights and keeps what they say. What cannot be read is kept as nothing said.
    pub(super) async fn refresh_weights(&self, repo_id: i64) -> Result<()> {
        match tokio::time::timeout(TIME_MAX, self.read_weights(repo_id)).await {
            Ok(done) => done,
            Err(_) => {
                Err(Error::Unavailable("reading the headers of weights took too long".into()))
            }
        }
    }

    async fn read_weights(&self, repo_id: i64) -> Result<()> {
        let mut conn = self.db().read().await?;
        let Some(repo) = repo::find_repo_by_id(&mut conn, repo_id).await? else { return Ok(()) };
        let kept = catalogue::find_weights(&mut conn, repo_id).await?.map(|(_, kept)| kept);
        drop(conn);
        let facts = Heads::of(&repo.facts);
        let heads = kept.as_ref().map(Heads::of).unwrap_or_default();
        if !facts.are_without(&heads) {
            // Another replica was faster.
            return Ok(());
        }
        let Some(snapshot) = self.head(repo).await? else { return Ok(()) };
        let weights = match kept.filter(|_| heads.weights_key == facts.weights_key) {
            Some(kept) => kept,
            None => {
                let Parameters { found, faults } = self.read_parameters(&snapshot).await?;
                json!({
                    WEIGHTS_KEY: snapshot.repo.facts.get(WEIGHTS_KEY),
                    "safetensors": found,
                    "gguf": self.gguf_header(&snapshot).await?,
                    "faults": faults,
                })
            }
        };
        self.save_weights(&snapshot, &weights).await
    }

    /// Keeps what the headers say, unless the head changed meanwhile: then they are read again for that.
    async fn save_weights(&self, snapshot: &Snapshot, weights: &Value) -> Result<()> {
        let (repo_id, old) = (snapshot.repo.id, &snapshot.repo.facts);
        let facts = match weights.get("gguf").filter(|header| !header.is_null()) {
            Some(header) => self.facts_with_header(snapshot, header)?,
            None => old.clone(),
        };
        let mut tx = self.db().write().await?;
        if repo::replace_facts(&mut tx, repo_id, old, &facts).await? {
            catalogue::save_weights(&mut tx, repo_id, snapshot.commit, weights).await?;
            let payload = json!({"commit": snapshot.commit.to_string()});
            event::append_event(&mut tx, "repo.weights", None, Some(repo_id), &payload, self.now())
                .await?;
        }
        Ok(tx.commit().await?)
    }

    /// The facts when the header is known too.
    fn facts_with_header(&self, snapshot: &Snapshot, header: &Value) -> Result<Value> {
        let header = serde_json::from_value::<GgufHeader>(header.clone());
        let header = header.map_err(Error::internal)?;
        let (kind, owner) = (snapshot.repo.kind, &snapshot.repo.repo.namespace);
        Ok(facts_with(kind, owner, &snapshot.history, snapshot.tree, Some(&header))?.facts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_waits_longer_each_time_and_not_forever() {
        let (mut unread, start) = (Unread::default(), Instant::now());
        unread.extend([7].into_iter());
        let mut now = Instant::now();
        let mut tries = 0;
        while let Some(next) = unread.next(now) {
            tries += 1;
            unread.put_off(next, now);
            assert!(unread.next(now).is_none(), "it is not tried again at once");
            now += AGAIN_AFTER * 2_u32.pow(tries - 1);
        }
        assert_eq!(tries, TRIES_MAX);
        assert!(now - start >= Duration::from_secs(31));
    }

    #[test]
    fn what_failed_holds_up_nobody() {
        let mut unread = Unread::default();
        unread.extend([7].into_iter());
        let failed = unread.next(Instant::now()).expect("it waits");
        unread.put_off(failed, Instant::now());
        unread.extend([3, 9].into_iter());
        let now = Instant::now();
        let order: Vec<i64> = std::iter::from_fn(|| Some(unread.next(now)?.repo_id)).collect();
        assert_eq!(order, [3, 9]);
    }
}
