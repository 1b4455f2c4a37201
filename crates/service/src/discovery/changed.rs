//! What is done to the index for a run of events, and as of when.

use std::collections::BTreeMap;

use steelyard_core::Timestamp;
use steelyard_db::catalogue::IndexRow;
use steelyard_db::event::EventRow;
use steelyard_index::{Change, Counters, Document, Index};

use super::document::counters;

/// Repositories that changed, each with the times of its first and its last change among those that were read together.
pub(super) struct Changed {
    times: BTreeMap<i64, (Timestamp, Timestamp)>,
}

/// What is done to the index at a time.
pub(super) enum Step {
    Change(Change),
    Count(i64, Counters),
}

impl Changed {
    /// What these events, in the order of the log, say has changed.
    pub(super) fn of(events: &[EventRow]) -> Self {
        let mut times = BTreeMap::new();
        for event in events {
            if let Some(repo_id) = event.repo_id {
                times.entry(repo_id).or_insert((event.at, event.at)).1 = event.at;
            }
        }
        Self { times }
    }

    /// The repositories, in order of key.
    pub(super) fn ids(&self) -> impl Iterator<Item = i64> {
        self.times.keys().copied()
    }

    /// What is to be done, each at the time at which it happened, so that all replicas show the same to whoever is in
    /// the middle of a listing, however many events each of them reads together.
    pub(super) fn steps(
        &self,
        index: &Index,
        rows: &[IndexRow],
        documents: Vec<Document>,
        gone: &[i64],
    ) -> Vec<(Timestamp, Step)> {
        let mut steps = Vec::new();
        for (row, document) in rows.iter().zip(documents) {
            let Some((first, last)) = self.times.get(&row.repo_id).copied() else { continue };
            if first < last && !index.contains(row.repo_id) {
                // It came and then changed: whoever looks as of a time between sees it as it came.
                let came = Document { last_modified: first, ..document.clone() };
                steps.push((first, Step::Change(Change::Put(Box::new(came)))));
            }
            steps.push((last, Step::Change(Change::Put(Box::new(document)))));
            let counted = row.stats.updated_at.max(first);
            steps.push((counted, Step::Count(row.repo_id, counters(&row.stats))));
        }
        let removed = gone.iter().filter_map(|id| Some((self.times.get(id)?.1, *id)));
        steps.extend(removed.map(|(at, id)| (at, Step::Change(Change::Remove(id)))));
        steps.sort_by_key(|(at, _)| *at);
        steps
    }
}
