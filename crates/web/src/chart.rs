//! Small drawings beside numbers, as inline SVG: the beam and the sparkline. Colours come from the stylesheet.

use std::fmt::Write as _;

use steelyard_service::counters::DayRow;

/// The beam goes from a million to a trillion parameters.
const BEAM_DECADES: std::ops::RangeInclusive<i32> = 6..=12;
const BEAM_WIDTH: f64 = 96.0;
/// Days of a sparkline.
const DAYS: i64 = 30;
const DAY_WIDTH: i64 = 8;
const DAYS_HEIGHT: f64 = 36.0;

/// A steelyard's beam: a scale from a million to a trillion in powers of ten, with the poise where the model weighs in.
pub(crate) fn beam(parameters: u64) -> String {
    let (first, last) = (f64::from(*BEAM_DECADES.start()), f64::from(*BEAM_DECADES.end()));
    let place = ((parameters.max(1) as f64).log10() - first) / (last - first);
    let at = 2.0 + place.clamp(0.0, 1.0) * (BEAM_WIDTH - 4.0);
    let mut svg = format!(
        "<svg class=\"beam\" viewBox=\"0 0 {BEAM_WIDTH} 14\" width=\"{BEAM_WIDTH}\" height=\"14\" aria-hidden=\"true\"><path class=\"beam-scale\" d=\"M0 10.5H{BEAM_WIDTH}"
    );
    let steps = last - first;
    for decade in BEAM_DECADES {
        let x = 2.0 + (f64::from(decade) - first) / steps * (BEAM_WIDTH - 4.0);
        // Every third tick, a thousand, a million, a billion, is longer.
        let top = if decade % 3 == 0 { 5.0 } else { 8.0 };
        let _ = write!(svg, "M{x:.1} {top}V10.5");
    }
    let _ =
        write!(svg, "\"/><path class=\"beam-poise\" d=\"M{:.1} 2h5l-2.5 8.5z\"/></svg>", at - 2.5);
    svg
}

/// Downloads of the last 30 days, a bar for each; none when nobody downloaded anything.
pub(crate) fn downloads(days: &[DayRow], today: i64) -> Option<String> {
    let first = today - DAYS + 1;
    let max = days.iter().filter(|day| day.day >= first).map(|day| day.downloads).max()?;
    if max == 0 {
        return None;
    }
    let width = DAYS * DAY_WIDTH;
    let mut bars = String::new();
    for day in days.iter().filter(|day| (first..=today).contains(&day.day)) {
        let height = (day.downloads as f64 / max as f64 * (DAYS_HEIGHT - 2.0)).max(1.0);
        let x = (day.day - first) * DAY_WIDTH;
        let y = DAYS_HEIGHT - height;
        let _ = write!(bars, "M{x} {y:.1}h{}V{DAYS_HEIGHT}h-{}z", DAY_WIDTH - 2, DAY_WIDTH - 2);
    }
    Some(format!(
        "<svg class=\"spark\" viewBox=\"0 0 {width} {DAYS_HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"Downloads of the last 30 days, at most {max} a day\"><path d=\"{bars}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_poise_stays_on_the_beam() {
        assert!(beam(1).contains("d=\"M-0.5 2h5"));
        assert!(beam(u64::MAX).contains("d=\"M91.5 2h5"));
    }

    #[test]
    fn days_without_downloads_have_no_bar() {
        let day = |day, downloads| DayRow { day, downloads, people: 0, ci: 0 };
        assert_eq!(downloads(&[], 100), None);
        assert_eq!(downloads(&[day(99, 0)], 100), None);
        let svg = downloads(&[day(50, 9), day(71, 5), day(100, 10)], 100).unwrap();
        assert_eq!(svg.matches('M').count(), 2, "{svg}");
    }
}
