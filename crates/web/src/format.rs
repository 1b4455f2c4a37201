//! Numbers, sizes and dates as people read them. Every column of a table uses one of these, so that it aligns.

use steelyard_core::Timestamp;

/// A count in three figures and a letter: `987`, `12.3k`, `22.7M`, `7.24B`.
pub(crate) fn short(count: u64) -> String {
    scaled(count, 1000.0, &["", "k", "M", "B", "T", "P"])
}

/// Bytes in three figures and a decimal unit: `90.9 MB`.
pub(crate) fn bytes(count: u64) -> String {
    scaled(count, 1000.0, &[" B", " kB", " MB", " GB", " TB", " PB"])
}

fn scaled(count: u64, step: f64, units: &[&str]) -> String {
    let (mut value, mut unit) = (count as f64, 0);
    // 999.5 would be shown as 1000.
    while value >= 999.5 && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    let digits = match value {
        _ if unit == 0 => 0,
        value if value < 9.995 => 2,
        value if value < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$}{}", units[unit])
}

/// A count in full, in groups of three: `22,713,216`.
pub(crate) fn full(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `2026-11-21`.
pub(crate) fn date(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

/// How long ago something was, in one unit: `5 min`, `3 days`, `2 years`.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> String {
    let secs = (now.secs() - at.secs()).max(0);
    let (count, unit) = match secs {
        0..60 => return "just now".to_owned(),
        60..3_600 => return format!("{} min ago", secs / 60),
        3_600..86_400 => (secs / 3_600, "hour"),
        86_400..2_592_000 => (secs / 86_400, "day"),
        2_592_000..31_536_000 => (secs / 2_592_000, "month"),
        _ => (secs / 31_536_000, "year"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural} ago")
}

/// How long something takes, in one or two units: `12 s`, `5 min`, `3 h 20 min`, `2 days`.
pub(crate) fn span(secs: i64) -> String {
    match secs.max(0) {
        secs @ 0..60 => format!("{secs} s"),
        secs @ 60..3_600 => format!("{} min", secs / 60),
        secs @ 3_600..172_800 => match (secs / 3_600, secs % 3_600 / 60) {
            (hours, 0) => format!("{hours} h"),
            (hours, minutes) => format!("{hours} h {minutes} min"),
        },
        secs => format!("{} days", secs / 86_400),
    }
}

/// One value of a measurement: no more figures than were reported, four after the point at most.
pub(crate) fn measured(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e9 {
        return format!("{value}");
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_three_figures() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1_000, "1.00k"),
            (12_345, "12.3k"),
            (999_499, "999k"),
            (999_500, "1.00M"),
            (22_713_216, "22.7M"),
            (7_241_732_096, "7.24B"),
        ];
        for (count, text) in cases {
            assert_eq!(short(count), text);
        }
        assert_eq!(bytes(90_868_376), "90.9 MB");
        assert_eq!(bytes(u64::MAX), "18447 PB");
        assert_eq!(full(22_713_216), "22,713,216");
        assert_eq!(full(999), "999");
    }

    #[test]
    fn ages_have_one_unit() {
        let now = Timestamp::from_secs(1_000_000_000);
        let ago = |secs: i64| ago(now.plus_secs(-secs), now);
        assert_eq!(ago(-5), "just now");
        assert_eq!(ago(61), "1 min ago");
        assert_eq!(ago(86_400), "1 day ago");
        assert_eq!(ago(86_400 * 65), "2 months ago");
        assert_eq!(ago(86_400 * 800), "2 years ago");
    }

    #[test]
    fn spans_have_two_units_at_most() {
        let cases = [
            (-3, "0 s"),
            (59, "59 s"),
            (600, "10 min"),
            (3_600, "1 h"),
            (86_399, "23 h 59 min"),
            (172_800, "2 days"),
        ];
        for (secs, text) in cases {
            assert_eq!(span(secs), text);
        }
    }

    #[test]
    fn measurements_keep_their_figures() {
        assert_eq!(measured(68.06), "68.06");
        assert_eq!(measured(0.912_345_6), "0.9123");
        assert_eq!(measured(75.0), "75");
    }
}
