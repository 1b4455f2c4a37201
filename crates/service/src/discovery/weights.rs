//! What the headers of weights say: parameters by dtype, and what GGUF tells of itself.
//!
//! Headers lie in large files, which a commit's transaction does not read. Whoever first brings the commit into an index
//! reads them, by range, and keeps what they say with a key of the files it came from.

use std::time::Duration;

use serde_json::{Value, json};
use steelyard_card::gguf::GgufHeader;
use steelyard_db::catalogue::{self, IndexRow};
use steelyard_db::repo;

use crate::revisions::{Snapshot, WEIGHTS_KEY, facts_with};
use crate::{Error, Hub, Result};

/// How long the headers of one repository may take while others wait.
const TIME_MAX: Duration = Duration::from_secs(2);

/// Whether the headers on record are not those of the files on record.
pub(super) fn are_stale(row: &IndexRow) -> bool {
    let Some(wanted) = key_of(Some(&row.facts)) else { return false };
    key_of(row.weights.as_deref()).is_none_or(|known| known != wanted)
}

/// Whether nothing is on record although there are headers; a look that costs nearly nothing.
pub(super) fn are_missing(row: &IndexRow) -> bool {
    row.weights.is_none() && row.facts.contains(WEIGHTS_KEY)
}

fn key_of(text: Option<&str>) -> Option<String> {
    let value: Value = serde_json::from_str(text?).ok()?;
    value.get(WEIGHTS_KEY)?.as_str().map(str::to_owned)
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
        let Some(row) = repo::find_repo_by_id(&mut conn, repo_id).await? else { return Ok(()) };
        drop(conn);
        let Some(snapshot) = self.head(row).await? else { return Ok(()) };
        let (safetensors, gguf) =
            (self.safetensors_parameters(&snapshot).await?, self.gguf_header(&snapshot).await?);
        let facts = match &gguf {
            Some(header) => self.facts_with_header(&snapshot, header)?,
            None => None,
        };
        let weights = json!({
            WEIGHTS_KEY: snapshot.repo.facts.get(WEIGHTS_KEY),
            "safetensors": safetensors,
            "gguf": gguf,
        });
        let mut tx = self.db().write().await?;
        if let Some(facts) = facts {
            repo::replace_facts(&mut tx, repo_id, &snapshot.repo.facts, &facts).await?;
        }
        catalogue::save_weights(&mut tx, repo_id, snapshot.commit, &weights).await?;
        Ok(tx.commit().await?)
    }

    /// The facts when the header is known too, where that makes a difference.
    fn facts_with_header(&self, snapshot: &Snapshot, header: &Value) -> Result<Option<Value>> {
        let Ok(header) = serde_json::from_value::<GgufHeader>(header.clone()) else {
            return Ok(None);
        };
        let (kind, owner) = (snapshot.repo.kind, &snapshot.repo.repo.namespace);
        let facts = facts_with(kind, owner, &snapshot.history, snapshot.tree, Some(&header))?.facts;
        Ok((facts != snapshot.repo.facts).then_some(facts))
    }
}
