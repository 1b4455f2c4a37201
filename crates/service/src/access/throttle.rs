//! Slows down guessing: failed logins per client address.

use std::collections::HashMap;

use parking_lot::Mutex;
use steelyard_core::Timestamp;

/// Addresses remembered; when full, the table starts anew rather than grow.
const ADDRESSES_MAX: usize = 100_000;

/// When an address has failed too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottleSettings {
    /// Failures allowed per address and window.
    pub failures_max: u32,
    /// Length of the window, in seconds.
    pub window_secs: i64,
}

impl Default for ThrottleSettings {
    fn default() -> Self {
        Self { failures_max: 30, window_secs: 60 }
    }
}

/// Counts failed logins in the memory of this replica.
#[derive(Debug, Default)]
pub struct Throttle {
    settings: ThrottleSettings,
    windows: Mutex<HashMap<String, (Timestamp, u32)>>,
}

impl Throttle {
    /// A throttle that has seen no failure yet.
    pub fn new(settings: ThrottleSettings) -> Self {
        Self { settings, windows: Mutex::default() }
    }

    /// Seconds to wait when `address` has failed too often; `None` when it may try.
    pub fn blocked_secs(&self, address: &str, now: Timestamp) -> Option<u64> {
        let windows = self.windows.lock();
        let (start, failures) = windows.get(address)?;
        let left = start.plus_secs(self.settings.window_secs).secs() - now.secs();
        (*failures >= self.settings.failures_max && left > 0).then_some(left.unsigned_abs())
    }

    /// Counts a failure of `address`.
    pub fn record_failure(&self, address: &str, now: Timestamp) {
        let mut windows = self.windows.lock();
        if windows.len() >= ADDRESSES_MAX && !windows.contains_key(address) {
            windows.clear();
        }
        let window = windows.entry(address.to_owned()).or_insert((now, 0));
        if window.0.plus_secs(self.settings.window_secs) <= now {
            *window = (now, 0);
        }
        window.1 += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_blocks_after(throttle: &Throttle, failures: u32, window_secs: i64) {
        let start = Timestamp::from_secs(1000);
        for _ in 0..failures {
            assert_eq!(throttle.blocked_secs("a", start), None);
            throttle.record_failure("a", start);
        }
        let later = start.plus_secs(window_secs - 1);
        assert_eq!(throttle.blocked_secs("a", later), Some(1));
        assert_eq!(throttle.blocked_secs("b", later), None);
        assert_eq!(throttle.blocked_secs("a", start.plus_secs(window_secs)), None);
    }

    #[test]
    fn thirty_failures_block_an_address_for_the_rest_of_the_minute() {
        assert_blocks_after(&Throttle::default(), 30, 60);
    }

    #[test]
    fn an_operator_sets_how_many_failures_and_how_long() {
        assert_blocks_after(
            &Throttle::new(ThrottleSettings { failures_max: 3, window_secs: 600 }),
            3,
            600,
        );
    }
}
