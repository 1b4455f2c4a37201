//! What values were before: so that a listing that is being read stays as it was when its first page was shown.

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::orders::LANES;

/// How long values are remembered.
const KEPT_MICROS: i64 = 3600 * 1_000_000;
/// How many changes of one order are remembered.
const CHANGES_MAX: usize = 200_000;

/// What slots were sorted by at a moment, where that differs from now; `None`: not there yet.
pub(crate) type Overrides = HashMap<u32, Option<u64>>;

#[derive(Debug, Clone, Copy)]
struct Change {
    at: i64,
    slot: u32,
    old_key: u64,
}

/// The changes of one order, oldest first.
#[derive(Debug, Default)]
struct Lane {
    changes: VecDeque<Change>,
    /// Everything later than this moment is remembered.
    floor: i64,
}

/// The changes of all orders.
#[derive(Debug, Default)]
pub(crate) struct History {
    lanes: [Lane; LANES],
    created: Lane,
    now: i64,
}

impl History {
    /// Begins with nothing to remember.
    pub(crate) fn starting_at(micros: i64) -> Self {
        let lane = || Lane { changes: VecDeque::new(), floor: micros };
        Self { lanes: std::array::from_fn(|_| lane()), created: lane(), now: micros }
    }

    /// The moment of the latest change, in microseconds.
    pub(crate) fn now(&self) -> i64 {
        self.now
    }

    /// Begins a batch of changes that happened at `millis`, and later than everything before.
    pub(crate) fn advance(&mut self, millis: i64) {
        self.now = millis.saturating_mul(1000).max(self.now.saturating_add(1));
    }

    pub(crate) fn created(&mut self, slot: u32) {
        let now = self.now;
        self.created.push(Change { at: now, slot, old_key: 0 });
    }

    pub(crate) fn changed(&mut self, lane: usize, slot: u32, old_key: u64) {
        let now = self.now;
        self.lanes[lane].push(Change { at: now, slot, old_key });
    }

    /// What was different at `moment`; nothing when that is too long ago to be known.
    pub(crate) fn since(&self, lane: usize, moment: i64) -> Overrides {
        let mut overrides = Overrides::new();
        let values = &self.lanes[lane];
        if moment >= self.now || moment < values.floor || moment < self.created.floor {
            return overrides;
        }
        for change in self.created.later_than(moment) {
            overrides.insert(change.slot, None);
        }
        // Changes of a slot that was created since belong to it or to what was there before: neither counts.
        for change in values.later_than(moment) {
            let was = overrides.entry(change.slot).or_insert(Some(change.old_key));
            if was.is_some() {
                *was = Some(change.old_key);
            }
        }
        overrides
    }

    pub(crate) fn bytes(&self) -> usize {
        let lanes = self.lanes.iter().chain([&self.created]);
        lanes.map(|lane| lane.changes.capacity() * size_of::<Change>()).sum()
    }
}

impl Lane {
    fn push(&mut self, change: Change) {
        while let Some(oldest) = self.changes.front() {
            if self.changes.len() < CHANGES_MAX
                && oldest.at >= change.at.saturating_sub(KEPT_MICROS)
            {
                break;
            }
            self.floor = oldest.at;
            self.changes.pop_front();
        }
        self.changes.push_back(change);
    }

    /// The changes after a moment, latest first.
    fn later_than(&self, moment: i64) -> impl Iterator<Item = &Change> {
        self.changes.iter().rev().take_while(move |change| change.at > moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_change_after_the_moment_tells_what_was() {
        let mut history = History::starting_at(0);
        history.advance(10);
        history.changed(2, 5, 100);
        let moment = history.now();
        history.advance(10);
        assert_eq!(history.now(), moment + 1, "two batches of one millisecond are told apart");
        history.changed(2, 5, 101);
        history.advance(20);
        history.changed(2, 5, 102);
        history.changed(3, 6, 1);
        history.created(7);
        history.changed(2, 7, 9);
        assert_eq!(history.since(2, moment), Overrides::from_iter([(5, Some(101)), (7, None)]));
        assert_eq!(history.since(2, history.now()), Overrides::new());
        assert_eq!(history.since(2, i64::MAX), Overrides::new());
        assert_eq!(history.since(2, -1), Overrides::new());
        history.advance(20 + 2 * 3_600_000);
        history.changed(2, 1, 1);
        assert_eq!(history.since(2, moment), Overrides::new(), "an hour later it is forgotten");
    }
}
