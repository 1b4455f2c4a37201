//! Numbers with units, intervals, lengths of time and days.

use super::ast::{Bounds, End};
use super::error::QueryError;
use super::scan::Piece;

/// Largest number of bytes, parameters or anything else that is counted.
const COUNT_MAX: f64 = 1e19;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What a number counts, and so which units it may have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Unit {
    /// `KB` is 10^3, `KiB` is 2^10.
    Bytes,
    /// `K`, `M`, `B`, `T`.
    Count,
    /// `32k` may be 32,000 or 32,768, so it is all between them.
    Tokens,
    /// A value as reported, or with `%`.
    Score,
    /// `4bit`.
    Bits,
}

/// A number as it was written.
struct Measured {
    low: f64,
    /// Differs from `low` where the unit can be read in two ways.
    high: f64,
    /// Half of what its last digit counts: what is nearer than this rounds to it. None for a plain whole number.
    half: Option<(f64, f64)>,
}

impl Unit {
    /// A decimal exponent and a binary factor for a suffix in lower case: what it means at least, and at most.
    fn read(self, suffix: &str) -> Option<[(i32, f64); 2]> {
        let same = |exponent, factor| Some([(exponent, factor); 2]);
        let step = match suffix.chars().next() {
            Some('k') => 1,
            Some('m') => 2,
            Some('g') if self == Self::Bytes => 3,
            Some('b') if matches!(self, Self::Count | Self::Tokens) => 3,
            Some('t') => 4,
            _ => 0,
        };
        let rest = if step > 0 { &suffix[1..] } else { suffix };
        match (self, step, rest) {
            (_, 0, "") | (Self::Bytes, 0, "b") => same(0, 1.0),
            (Self::Bytes, 1.., "" | "b") => same(3 * step, 1.0),
            (Self::Bytes, 1.., "i" | "ib") => same(0, 1024f64.powi(step)),
            (Self::Count, 1.., "") => same(3 * step, 1.0),
            (Self::Tokens, 1.., "") => Some([(3 * step, 1.0), (0, 1024f64.powi(step))]),
            (Self::Score, 0, "%") => same(-2, 1.0),
            (Self::Bits, 0, "bit" | "bits" | "-bit" | "-bits") => same(0, 1.0),
            _ => None,
        }
    }

    fn units(self) -> &'static str {
        match self {
            Self::Bytes => "KB, MB, GB, TB, KiB, MiB, GiB or TiB",
            Self::Count => "K, M, B or T",
            Self::Tokens => "k, M or B",
            Self::Score => "% or nothing",
            Self::Bits => "bit",
        }
    }

    fn sample(self) -> &'static str {
        match self {
            Self::Bytes => "100MB",
            Self::Count => "1.5B",
            Self::Tokens => "32k",
            Self::Score => "0.9 or 90%",
            Self::Bits => "4bit",
        }
    }

    /// Reads a number with its unit.
    fn measure(self, piece: &Piece<'_>) -> Result<Measured, QueryError> {
        let text = piece.text().to_lowercase();
        let negative = usize::from(self == Self::Score && text.starts_with('-'));
        let is_digit = |char: char| char.is_ascii_digit() || char == '.';
        let digits_end =
            text[negative..].find(|char| !is_digit(char)).map_or(text.len(), |end| end + negative);
        let (digits, suffix) = text.split_at(digits_end);
        let refuse = |message: String| QueryError::new(piece.span.clone(), message);
        let is_number = digits.bytes().any(|byte| byte.is_ascii_digit())
            && digits.bytes().filter(|byte| *byte == b'.').count() < 2;
        if !is_number {
            let what = if text.is_empty() {
                "a number is missing here".into()
            } else {
                format!("\"{text}\" is not a number")
            };
            return Err(refuse(what).hint(format!("write it like {}", self.sample())));
        }
        let Some([(low_exponent, low_factor), (high_exponent, high_factor)]) = self.read(suffix)
        else {
            return Err(refuse(format!("\"{suffix}\" is not a unit here"))
                .hint(format!("use {}", self.units())));
        };
        let decimals = digits.split_once('.').map_or(0, |(_, after)| after.len());
        // The exponent goes into the text, so that 1.1B is exactly 1,100,000,000 and 90% exactly 0.9.
        let scaled = |digits: &str, exponent: i32, factor: f64| {
            format!("{digits}e{exponent}").parse::<f64>().unwrap_or(f64::INFINITY) * factor
        };
        let low = scaled(digits, low_exponent, low_factor);
        let high = scaled(digits, high_exponent, high_factor);
        if high.abs() > COUNT_MAX {
            return Err(refuse("this number is too large".into()));
        }
        let is_plain = suffix.is_empty() && decimals == 0 || self == Self::Bits;
        let place = i32::try_from(decimals).unwrap_or(i32::MAX);
        let half = |exponent: i32, factor| scaled("0.5", exponent.saturating_sub(place), factor);
        let halves = (half(low_exponent, low_factor), half(high_exponent, high_factor));
        Ok(Measured { low, high, half: (!is_plain).then_some(halves) })
    }
}

fn end(value: f64, is_inclusive: bool) -> Option<End> {
    // Zero has no sign here: `-0` and `0` are one bound.
    Some(End { value: value + 0.0, is_inclusive })
}

/// Takes `<`, `<=`, `>`, `>=` or `=` off the front.
fn comparison<'a>(piece: &Piece<'a>) -> (&'static str, Piece<'a>) {
    for (wanted, sign) in [('≤', "<="), ('≥', ">="), ('=', "=")] {
        if piece.starts_with(|char| char == wanted) {
            return (sign, piece.cut(0, 1).1);
        }
    }
    for (wanted, sign, sign_equal) in [('<', "<", "<="), ('>', ">", ">=")] {
        if piece.starts_with(|char| char == wanted) {
            let rest = piece.cut(0, 1).1;
            return if rest.starts_with(|char| char == '=') {
                (sign_equal, rest.cut(0, 1).1)
            } else {
                (sign, rest)
            };
        }
    }
    ("", piece.clone())
}

/// Reads `<1GB`, `>=1GB`, `=1GB`, `1GB..2GB`, `>1GB..<2GB`, `1GB..`, or a bare number: all that rounds to it.
pub(super) fn bounds(piece: &Piece<'_>, unit: Unit) -> Result<Bounds, QueryError> {
    let (sign, rest) = comparison(piece);
    let found = match (rest.find_dots(), sign) {
        (Some(dots), "" | "=" | ">" | ">=") => range(&rest.cut(dots, 2), sign, unit)?,
        (Some(_), _) => {
            let error = QueryError::new(piece.span.clone(), "a range cannot begin with <");
            return Err(error.hint("write the smaller number first, as in 1..<5"));
        }
        (None, sign) => compared(sign, &unit.measure(&rest)?),
    };
    let is_empty = match (found.min, found.max) {
        (Some(min), Some(max)) => {
            min.value > max.value
                || min.value == max.value && !(min.is_inclusive && max.is_inclusive)
        }
        _ => false,
    };
    if is_empty {
        return Err(QueryError::new(piece.span.clone(), "nothing lies in this range")
            .hint("write the smaller number first"));
    }
    Ok(found)
}

fn compared(sign: &str, number: &Measured) -> Bounds {
    let (min, max) = match sign {
        "<" => (None, end(number.low, false)),
        "<=" => (None, end(number.high, true)),
        ">" => (end(number.high, false), None),
        ">=" => (end(number.low, true), None),
        _ => match number.half {
            Some((low, high)) if sign.is_empty() && number.high + high > number.high => {
                (end((number.low - low).max(0.0), true), end(number.high + high, false))
            }
            _ => (end(number.low, true), end(number.high, true)),
        },
    };
    Bounds { min, max }
}

fn range(
    (left, right): &(Piece<'_>, Piece<'_>),
    sign: &str,
    unit: Unit,
) -> Result<Bounds, QueryError> {
    let (right_sign, right) = comparison(right);
    if !matches!(right_sign, "" | "<" | "<=") {
        let error = QueryError::new(right.span, "the end of a range can only have < or <=");
        return Err(error.hint("as in 1..<5"));
    }
    if left.is_empty() && right.is_empty() {
        let error = QueryError::new(
            left.span.start..right.span.end,
            "a range needs a number on one side at least",
        );
        return Err(error.hint(format!("write it like {}..", unit.sample())));
    }
    let min_sign = if sign == ">" { ">" } else { ">=" };
    let max_sign = if right_sign == "<" { "<" } else { "<=" };
    let one = |piece: &Piece<'_>, sign: &str, is_needed: bool| {
        if piece.is_empty() && !is_needed {
            return Ok(Bounds::default());
        }
        Ok(compared(sign, &unit.measure(piece)?))
    };
    let min = one(left, min_sign, matches!(sign, ">" | ">="))?.min;
    let max = one(&right, max_sign, !right_sign.is_empty())?.max;
    Ok(Bounds { min, max })
}

/// The units of time, longest first; a month is a twelfth of a year of 365 days, so that `12mo` is `1y`.
pub(super) const SPANS: [(&str, i64); 6] = [
    ("y", 365 * DAY_MS),
    ("mo", 365 * DAY_MS / 12),
    ("w", 7 * DAY_MS),
    ("d", DAY_MS),
    ("h", DAY_MS / 24),
    ("ms", 1),
];

/// Reads a length of time (`12mo`) as milliseconds.
pub(super) fn duration(text: &str) -> Option<i64> {
    let unit_at = text.find(|char: char| !char.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let millis = SPANS.iter().find(|(known, _)| *known == unit)?.1;
    number.parse::<i64>().ok().filter(|number| *number > 0)?.checked_mul(millis)
}

/// Reads a day (`2025-01-31`) as a count of days since 1970-01-01.
pub(super) fn day(text: &str) -> Option<i32> {
    let is_shaped = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !is_shaped {
        return None;
    }
    let [year, month, day] = [0..4, 5..7, 8..10].map(|part| text[part].parse::<i32>().unwrap_or(0));
    let days = days_of(year, month, day);
    (1970..=9999).contains(&year).then_some(days).filter(|days| date_text(*days) == text)
}

/// Days since 1970-01-01 in the Gregorian calendar, whose year is taken to begin in March.
fn days_of(year: i32, month: i32, day: i32) -> i32 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// The day of that number, as `2025-01-31`.
pub(super) fn date_text(days: i32) -> String {
    let days = i64::from(days) + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
