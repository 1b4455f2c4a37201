//! The commits of one repository that wait on this replica.
//!
//! One writer per replica and repository has the turn; losing races against ourselves would only burn CPU. Whoever
//! comes meanwhile waits here, and the next turn takes all of them as one group: one look at the refs, one
//! transaction, one flush to the disk. The turn belongs to a task of its own, not to one of those who wait: who hangs
//! up takes nobody along, and what was begun is finished.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::commit::Committed;
use super::plan::Plan;
use crate::{Error, Hub, Result};

/// Most commits of one group.
const GROUP_PLANS_MAX: usize = 32;
/// Most bytes of files in one group; a larger commit goes alone.
const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A plan, and who waits for what becomes of it.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) plan: Arc<Plan>,
    pub(super) answer: oneshot::Sender<Result<Committed>>,
}

impl Waiting {
    /// Says what became of the plan; nobody may be listening any more.
    pub(super) fn settle(self, outcome: Result<Committed>) {
        self.answer.send(outcome).ok();
    }
}

/// The commits of one repository that wait for their turn.
#[derive(Debug, Default)]
pub(crate) struct CommitQueue {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// True while a task takes groups from here.
    is_served: bool,
}

impl CommitQueue {
    /// Puts a plan at the end; true when the caller must see to it that the queue is served.
    fn push(&self, waiting: Waiting) -> bool {
        let mut state = self.state.lock();
        state.waiting.push_back(waiting);
        !std::mem::replace(&mut state.is_served, true)
    }

    /// The next group, in order. `None`, and from then on nobody serves the queue, when nobody waits.
    fn next_group(&self) -> Option<Vec<Waiting>> {
        let mut state = self.state.lock();
        let mut group: Vec<Waiting> = Vec::new();
        let mut bytes = 0;
        while let Some(next) = state.waiting.pop_front() {
            // Who hung up before the work began wants nothing any more.
            if next.answer.is_closed() {
                continue;
            }
            bytes += next.plan.weight();
            let is_alone = next.plan.pull_request.is_some();
            let fits = !is_alone && group.len() < GROUP_PLANS_MAX && bytes <= GROUP_BYTES_MAX;
            if !group.is_empty() && !fits {
                state.waiting.push_front(next);
                break;
            }
            group.push(next);
            if is_alone {
                break;
            }
        }
        if group.is_empty() {
            state.is_served = false;
            return None;
        }
        Some(group)
    }
}

impl Hub {
    /// Waits until the plan had its turn, and says what became of it.
    pub(super) async fn queue_commit(&self, plan: Plan) -> Result<Committed> {
        let repo_id = plan.repo.id;
        let queue = self.histories().commits(repo_id);
        let (answer, outcome) = oneshot::channel();
        if queue.push(Waiting { plan: Arc::new(plan), answer }) {
            tokio::spawn(self.clone().serve_commits(repo_id, queue));
        }
        let gone = || Error::internal("the task that makes commits ended without an answer");
        outcome.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Takes groups until nobody waits.
    async fn serve_commits(self, repo_id: i64, queue: Arc<CommitQueue>) {
        loop {
            let slot = self.histories().writer(repo_id);
            let _writing = slot.lock().await;
            let Some(group) = queue.next_group() else { return };
            // A fault of ours costs the group its answers, not the ones behind it.
            let work = AssertUnwindSafe(self.commit_group(group)).catch_unwind();
            if work.await.is_err() {
                tracing::error!(repo_id, "making a group of commits panicked");
            }
        }
    }
}

#[cfg(test)]
mod tests;
