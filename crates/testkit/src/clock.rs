use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use steelyard_core::{Clock, Timestamp};

/// A clock that stands still until a test moves it, or moves by a fixed step at every reading.
#[derive(Debug)]
pub struct TestClock {
    millis: AtomicI64,
    step_millis: AtomicI64,
}

impl TestClock {
    /// 2026-01-02T03:04:05Z: every field differs, so a mixed-up one shows.
    pub const START: Timestamp = Timestamp::from_secs(1_767_323_045);

    /// Stands still at [`TestClock::START`].
    pub fn new() -> Self {
        Self::at(Self::START)
    }

    /// Stands still at `start`.
    pub fn at(start: Timestamp) -> Self {
        Self { millis: AtomicI64::new(start.millis()), step_millis: AtomicI64::new(0) }
    }

    /// Moves on by `step` after every reading, so that no two readings are the same.
    #[must_use]
    pub fn with_step(self, step: Duration) -> Self {
        self.step_millis.store(whole_millis(step), Ordering::SeqCst);
        self
    }

    /// Jumps to `now`, backwards too.
    pub fn set(&self, now: Timestamp) {
        self.millis.store(now.millis(), Ordering::SeqCst);
    }

    /// Moves on by `by`.
    pub fn advance(&self, by: Duration) {
        self.millis.fetch_add(whole_millis(by), Ordering::SeqCst);
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let step = self.step_millis.load(Ordering::SeqCst);
        Timestamp::from_millis(self.millis.fetch_add(step, Ordering::SeqCst))
    }
}

fn whole_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stands_still_until_moved() {
        let clock = TestClock::new();
        assert_eq!(clock.now(), clock.now());
        assert_eq!(clock.now().to_string(), "2026-01-02T03:04:05.000Z");
        clock.advance(Duration::from_millis(1500));
        assert_eq!(clock.now().millis(), TestClock::START.millis() + 1500);
        clock.set(Timestamp::from_secs(7));
        assert_eq!(clock.now(), Timestamp::from_secs(7));
    }

    #[test]
    fn steps_at_every_reading() {
        let clock = TestClock::at(Timestamp::from_secs(0)).with_step(Duration::from_secs(1));
        let read: Vec<i64> = (0..3).map(|_| clock.now().secs()).collect();
        assert_eq!(read, [0, 1, 2]);
    }
}
