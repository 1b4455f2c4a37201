//! The trend: what was used lately, as one number whose order stays when nothing happens.
//!
//! Each like weighs 1 and each different downloader of a day 0.05, and both lose half of their weight in seven days. Instead
//! of making all old weights smaller all the time, what happens later weighs more: at the time `t` the weight is
//! multiplied by `2^((t - EPOCH) / 7 days)`, and only when a score is shown it is divided by that of now. So a trend is
//! stored once, is sorted by as it is, and needs no job. A like that is taken back takes its weight along. Machines that
//! build and test do not count, nor does how often somebody downloads.

use steelyard_core::Timestamp;

/// What a like weighs.
pub const LIKE: f64 = 1.0;
/// What a different downloader of a day weighs.
pub const PERSON: f64 = 0.05;
/// Days in which a weight loses half.
pub const HALF_LIFE_DAYS: i64 = 7;

/// 2026-01-01T00:00:00Z, when a weight is itself.
const EPOCH: Timestamp = Timestamp::from_secs(1_767_225_600);
/// Half-lives after which weights would leave what a number can hold; in the year 2045 the trend stands still.
const HALF_LIVES_MAX: f64 = 1000.0;

/// By what the weight of something is multiplied that happens at `at`.
pub fn growth(at: Timestamp) -> f64 {
    // Milliseconds of a century have 42 bits, so they are exact.
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 milliseconds")]
    let millis = (at.millis() - EPOCH.millis()) as f64;
    #[expect(clippy::cast_precision_loss, reason = "a small constant")]
    let half_life = (HALF_LIFE_DAYS * 24 * 3600 * 1000) as f64;
    (millis / half_life).clamp(-HALF_LIVES_MAX, HALF_LIVES_MAX).exp2()
}

/// A stored trend as it is shown now, in hundredths.
pub fn score(trend: f64, now: Timestamp) -> f64 {
    (trend / growth(now) * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= b.abs() * 1e-9
    }

    #[test]
    fn a_week_halves_what_is_shown() {
        let then = Timestamp::from_secs(1_790_000_000);
        let trend = LIKE * growth(then);
        let shown: Vec<_> =
            (0..4).map(|weeks| score(trend, then.plus_secs(weeks * 604_800))).collect();
        assert_eq!(shown, [1.0, 0.5, 0.25, 0.13]);
    }

    #[test]
    fn the_order_of_two_stays_as_time_passes() {
        let start = Timestamp::from_secs(1_790_000_000);
        let old = 10.0 * growth(start);
        let young = 3.0 * growth(start.plus_secs(2 * 604_800));
        assert!(young > old, "ten likes are two and a half after two weeks");
        for weeks in 2..8 {
            let now = start.plus_secs(weeks * 604_800);
            assert!(score(young, now) >= score(old, now));
        }
    }

    #[test]
    fn a_like_that_is_taken_back_leaves_what_was_there() {
        let (first, second) =
            (Timestamp::from_secs(1_767_225_600), Timestamp::from_secs(1_850_000_000));
        let trend = LIKE * growth(first) + LIKE * growth(second) - LIKE * growth(second);
        assert!(trend >= 0.0 && trend <= growth(first));
        assert!(close(growth(first), 1.0));
    }

    #[test]
    fn far_times_stay_finite() {
        for secs in [0, 4_000_000_000, i64::MAX / 2000] {
            assert!(growth(Timestamp::from_secs(secs)).is_finite());
            assert!(
                score(growth(Timestamp::from_secs(secs)), Timestamp::from_secs(secs)).is_finite()
            );
        }
    }
}
