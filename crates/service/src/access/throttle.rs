//! Slows down guessing: failed logins per client address.

use std::collections::HashMap;

use parking_lot::Mutex;
use steelyard_core::Timestamp;

/// Failures allowed per address and window.
const FAILURES_MAX: u32 = 30;
/// Length of the window, in seconds.
const WINDOW_SECS: i64 = 60;
/// Addresses remembered; when full, the table starts anew rather than grow.
const ADDRESSES_MAX: usize = 100_000;

/// Counts failed logins in the memory of this replica.
#[derive(Debug, Default)]
pub struct Throttle {
    windows: Mutex<HashMap<String, (Timestamp, u32)>>,
}

impl Throttle {
    /// Seconds to wait when `address` has failed too often; `None` when it may try.
    pub fn blocked_secs(&self, address: &str, now: Timestamp) -> Option<u64> {
        let windows = self.windows.lock();
        let (start, failures) = windows.get(address)?;
        let left = start.plus_secs(WINDOW_SECS).secs() - now.secs();
        (*failures >= FAILURES_MAX && left > 0).then_some(left.unsigned_abs())
    }

    /// Counts a failure of `address`.
    pub fn record_failure(&self, address: &str, now: Timestamp) {
        let mut windows = self.windows.lock();
        if windows.len() >= ADDRESSES_MAX && !windows.contains_key(address) {
            windows.clear();
        }
        let window = windows.entry(address.to_owned()).or_insert((now, 0));
        if window.0.plus_secs(WINDOW_SECS) <= now {
            *window = (now, 0);
        }
        window.1 += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_failures_block_an_address_for_the_rest_of_the_minute() {
        let (throttle, start) = (Throttle::default(), Timestamp::from_secs(1000));
        for _ in 0..FAILURES_MAX {
            assert_eq!(throttle.blocked_secs("a", start), None);
            throttle.record_failure("a", start);
        }
        assert_eq!(throttle.blocked_secs("a", start.plus_secs(20)), Some(40));
        assert_eq!(throttle.blocked_secs("b", start), None);
        assert_eq!(throttle.blocked_secs("a", start.plus_secs(60)), None);
    }
}
