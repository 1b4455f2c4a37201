//! Committing upon a state that may have gone on meanwhile.

use steelyard_core::{Oid, Revision};
use steelyard_service::commits::{Committed, Operation};
use steelyard_service::revisions::Snapshot;
use steelyard_service::{Error, Result};

use super::ground::{Ground, Message, holds, is_unchanged};
use crate::frame::Visit;

/// Attempts while others commit to the same branch.
const ATTEMPTS_MAX: usize = 4;

/// What became of a change.
pub(super) enum Saved {
    /// It is there.
    Done(Committed),
    /// Somebody else changed the same file: what the branch is now.
    Conflict(Box<Snapshot>),
}

impl Ground {
    /// Commits upon `parent`. That the branch went on is no reason to refuse as long as the paths the change is about
    /// are as they were; and who sent the same form twice finds it done.
    pub(super) async fn save(
        &self,
        visit: &Visit,
        message: &Message,
        operations: &[Operation],
        parent: Oid,
    ) -> Result<Saved> {
        let mut upon = parent;
        for _ in 0..ATTEMPTS_MAX {
            match self.commit(visit, message, operations.to_vec(), Some(upon)).await {
                Err(Error::Stale) => {}
                other => return other.map(Saved::Done),
            }
            let now = self.now(visit).await?;
            if holds(&now, operations)? {
                return Ok(Saved::Done(Committed { oid: now.commit, pull_request: None }));
            }
            let before = self.at(visit, &Revision::Commit(parent)).await?;
            for operation in operations {
                if !is_unchanged(&before, &now, operation.path().as_str())? {
                    return Ok(Saved::Conflict(Box::new(now)));
                }
            }
            upon = now.commit;
        }
        Err(Error::conflict("the branch changes too fast; try again"))
    }
}

/// The commit that a form was made upon.
pub(super) fn parent_of(text: &str) -> Result<Oid> {
    Oid::parse(text).map_err(|_| Error::invalid("parent", "must be the id of a commit"))
}
