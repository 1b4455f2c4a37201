//! What all changes of refs have in common.

use serde_json::json;
use steelyard_db::repo::RepoRow;
use steelyard_db::{Tx, event, refs};

use crate::history::Change;
use crate::{Actor, Hub, Result};

impl Hub {
    /// Writes the event of changed refs, and asks for a clean-up where history was cut off.
    pub(crate) async fn record_refs(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        repo: &RepoRow,
        changes: &[Change],
    ) -> Result<()> {
        let text = |oid: Option<steelyard_core::Oid>| oid.map(|oid| oid.to_string());
        let updated: Vec<_> = changes
            .iter()
            .map(|change| json!({"ref": change.name.as_str(), "oldSha": text(change.old), "newSha": text(change.new)}))
            .collect();
        if changes.iter().any(|change| change.old.is_some() && change.new.is_none()) {
            refs::want_drop(tx, repo.id).await?;
        }
        let payload = json!({"updatedRefs": updated});
        event::append_event(tx, "repo.content", actor.id(), Some(repo.id), &payload, self.now())
            .await?;
        Ok(())
    }
}
