//! Chooses a page of a result: by walking the order until enough is found, or by sorting what there is.

use std::ops::{Bound, ControlFlow};

use crate::history::Overrides;
use crate::orders::{Entry, Order, key};
use crate::request::Direction;
use crate::search::check::{Check, narrow};
use crate::search::set::Set;
use crate::state::State;

/// Which part of which order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) lane: usize,
    pub(super) direction: Direction,
    pub(super) after: Option<(u64, i64)>,
    pub(super) moment: i64,
    pub(super) limit: usize,
}

/// An order as it was at a moment.
struct Listing<'a> {
    state: &'a State,
    order: &'a Order,
    lane: usize,
    /// Where it was otherwise than now.
    overrides: Overrides,
    /// The same, sorted by what it was.
    moved: Vec<Entry>,
}

impl State {
    /// The page, and one more hit if there is any. May finish `checks` on `set`.
    pub(super) fn page_by_order(
        &self,
        set: &mut Set,
        checks: &mut Vec<Check>,
        window: &Window,
    ) -> Vec<Entry> {
        let listing = self.listing(window.lane, window.moment);
        let (hits, all) = (set.len() as usize, self.slots.len() as usize);
        // Steps until enough is found if hits lie evenly; four times as many are tried before giving up.
        let expected = (window.limit + 1) * all / hits.max(1);
        if expected * 2 < hits
            && let Some(found) = listing.walk(set, checks, window, expected * 4 + 10_000)
        {
            return found;
        }
        narrow(set, checks, &self.slots);
        listing.gather(set, window)
    }

    fn listing(&self, lane: usize, moment: i64) -> Listing<'_> {
        let overrides = self.history.since(lane, moment);
        let mut moved: Vec<Entry> = overrides
            .iter()
            .filter(|(slot, _)| self.slots.live.contains(**slot))
            .filter_map(|(slot, key)| Some(((*key)?, self.slots.repo_ids[*slot as usize], *slot)))
            .collect();
        moved.sort_unstable();
        Listing { state: self, order: &self.orders[lane], lane, overrides, moved }
    }

    /// What a slot was sorted by at a moment, for orders that are worked out while searching.
    pub(super) fn overrides_at(&self, window: &Window) -> Overrides {
        self.history.since(window.lane, window.moment)
    }
}

impl Listing<'_> {
    fn entry(&self, slot: u32) -> Option<Entry> {
        let slots = &self.state.slots;
        let key = match self.overrides.get(&slot) {
            Some(was) => (*was)?,
            None => key(slots, self.lane, slot),
        };
        Some((key, slots.repo_ids[slot as usize], slot))
    }

    /// Sorts all of `set` that lies in the window; takes its beginning and one more.
    fn gather(&self, set: &Set, window: &Window) -> Vec<Entry> {
        let mut found = Vec::new();
        set.for_each(|slot| {
            found.extend(
                self.entry(slot).filter(|(key, repo_id, _)| is_after(window, (*key, *repo_id))),
            );
        });
        take_first(found, window)
    }

    /// Goes along the order; gives up after `steps_max`.
    fn walk(
        &self,
        set: &Set,
        checks: &[Check],
        window: &Window,
        steps_max: usize,
    ) -> Option<Vec<Entry>> {
        let mut found = Vec::with_capacity(window.limit + 1);
        let mut steps = 0;
        let slots = &self.state.slots;
        let flow = self.visit(window, |slot| {
            steps += 1;
            if set.contains(slot) && checks.iter().all(|check| check.holds(slots, slot)) {
                found.extend(self.entry(slot));
            }
            if found.len() > window.limit || steps > steps_max {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        (flow.is_continue() || found.len() > window.limit).then_some(found)
    }

    /// Calls `visit` with every slot of the window in order.
    fn visit(&self, window: &Window, visit: impl FnMut(u32) -> ControlFlow<()>) -> ControlFlow<()> {
        match window.direction {
            Direction::Descending => self.visit_descending(window.after, visit),
            Direction::Ascending => self.visit_ascending(window.after, visit),
        }
    }

    fn visit_descending(
        &self,
        after: Option<(u64, i64)>,
        mut visit: impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let end = after.map(|(key, repo_id)| (key, repo_id, 0));
        let fresh_end = end.map_or(Bound::Unbounded, Bound::Excluded);
        let mut fresh = self.fresh(Bound::Unbounded, fresh_end).rev().peekable();
        let moved_end =
            end.map_or(self.moved.len(), |end| self.moved.partition_point(|entry| *entry < end));
        let mut moved = self.moved[..moved_end].iter().copied().rev().peekable();
        let mut at = match after {
            Some(after) => self.position(|entry| entry < after),
            None => self.order.base.len(),
        };
        loop {
            let next = match (fresh.peek(), moved.peek()) {
                (Some(left), Some(right)) if left > right => fresh.next(),
                (Some(_), None) => fresh.next(),
                _ => moved.next(),
            };
            let until =
                next.map_or(0, |(key, repo_id, _)| self.position(|entry| entry < (key, repo_id)));
            while at > until {
                at -= 1;
                self.visit_base(at, &mut visit)?;
            }
            match next {
                Some((_, _, slot)) => visit(slot)?,
                None => return ControlFlow::Continue(()),
            }
        }
    }

    fn visit_ascending(
        &self,
        after: Option<(u64, i64)>,
        mut visit: impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let start = after.map(|(key, repo_id)| (key, repo_id, u32::MAX));
        let mut fresh = self
            .fresh(start.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
            .peekable();
        let moved_start =
            start.map_or(0, |start| self.moved.partition_point(|entry| *entry <= start));
        let mut moved = self.moved[moved_start..].iter().copied().peekable();
        let mut at = after.map_or(0, |after| self.position(|entry| entry <= after));
        loop {
            let next = match (fresh.peek(), moved.peek()) {
                (Some(left), Some(right)) if left < right => fresh.next(),
                (Some(_), None) => fresh.next(),
                _ => moved.next(),
            };
            let end = self.order.base.len();
            let until =
                next.map_or(end, |(key, repo_id, _)| self.position(|entry| entry < (key, repo_id)));
            while at < until {
                at += 1;
                self.visit_base(at - 1, &mut visit)?;
            }
            match next {
                Some((_, _, slot)) => visit(slot)?,
                None => return ControlFlow::Continue(()),
            }
        }
    }

    fn visit_base(
        &self,
        at: usize,
        visit: &mut impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let slot = self.order.base[at];
        if self.order.dirty.contains(slot) || self.is_overridden(slot) {
            return ControlFlow::Continue(());
        }
        visit(slot)
    }

    fn is_overridden(&self, slot: u32) -> bool {
        !self.overrides.is_empty() && self.overrides.contains_key(&slot)
    }

    fn fresh(
        &self,
        from: Bound<Entry>,
        to: Bound<Entry>,
    ) -> impl DoubleEndedIterator<Item = Entry> + '_ {
        let entries = self.order.fresh.range((from, to)).copied();
        entries.filter(|(_, _, slot)| !self.is_overridden(*slot))
    }

    fn position(&self, is_before: impl Fn((u64, i64)) -> bool) -> usize {
        self.order.position(&self.state.slots, self.lane, is_before)
    }
}

pub(super) fn is_after(window: &Window, entry: (u64, i64)) -> bool {
    match (window.after, window.direction) {
        (None, _) => true,
        (Some(after), Direction::Descending) => entry < after,
        (Some(after), Direction::Ascending) => entry > after,
    }
}

/// The first of `found` in the order of the window, sorted: a page and one more.
pub(super) fn take_first(mut found: Vec<Entry>, window: &Window) -> Vec<Entry> {
    let order = |left: &Entry, right: &Entry| match window.direction {
        Direction::Descending => right.cmp(left),
        Direction::Ascending => left.cmp(right),
    };
    if found.len() > window.limit + 1 {
        found.select_nth_unstable_by(window.limit, order);
        found.truncate(window.limit + 1);
    }
    found.sort_unstable_by(order);
    found
}
