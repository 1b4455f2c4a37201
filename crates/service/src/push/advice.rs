//! What a client's screen shows of a push that landed: warnings about the cards in it.

use bytes::Bytes;
use steelyard_core::Oid;
use steelyard_core::limits::REGULAR_FILE_BYTES_MAX;
use steelyard_git::{ObjectSource as _, read};

use super::receive::{Checked, Push};
use crate::history::{History, broken};
use crate::{Hub, Result};

/// Branches of one push whose cards are looked at.
const BRANCHES_MAX: usize = 4;

impl Hub {
    /// Adds the warnings about cards that this push changed. It never fails: the push has landed.
    pub(super) async fn advise(&self, push: &mut Push<'_>, checked: &Checked) {
        let moved: Vec<(Oid, Option<Oid>)> = checked
            .planned
            .iter()
            .filter(|plan| plan.change.name.branch_name().is_some())
            .filter_map(|plan| Some((plan.tree?, plan.old_tree)))
            .take(BRANCHES_MAX)
            .collect();
        for (tree, old_tree) in moved {
            match changed_card(&checked.view, tree, old_tree) {
                Ok(Some(card)) => {
                    let access = push.access;
                    let lines = self.advice(&access.actor, &access.repo, &card).await;
                    push.messages.extend(lines);
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "a card was not looked at"),
            }
        }
    }
}

/// The card of a tree, if it is another one than in the old tree.
fn changed_card(view: &History, tree: Oid, old_tree: Option<Oid>) -> Result<Option<Bytes>> {
    let find = |tree: Oid| read::lookup_path(view, &tree, "README.md").map_err(broken);
    let Some(card) = find(tree)?.filter(|entry| entry.mode.is_file()) else { return Ok(None) };
    let before = old_tree.map(find).transpose()?.flatten();
    if before.is_some_and(|before| before.oid == card.oid) {
        return Ok(None);
    }
    let size = view.header(&card.oid).map_err(broken)?.map_or(0, |(_, size)| size);
    if size > REGULAR_FILE_BYTES_MAX {
        return Ok(None);
    }
    Ok(view.read(&card.oid).map_err(broken)?.map(|object| object.data))
}
