//! What a client's screen shows of a push that landed: warnings about the cards in it.

use steelyard_core::Oid;

use super::inspect::changed_card;
use super::receive::{Checked, Push};
use crate::Hub;

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
