use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const UNITS: [(&str, u64); 5] =
    [("d", 24 * 60 * 60 * 1000), ("h", 60 * 60 * 1000), ("m", 60 * 1000), ("s", 1000), ("ms", 1)];

/// A length of time, written with its unit: `30s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    millis: u64,
}

impl Period {
    /// So many seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self { millis: seconds.saturating_mul(1000) }
    }

    /// The same as a standard duration.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.millis)
    }
}

impl FromStr for Period {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "must be a whole number and a unit (ms, s, m, h, d), such as 30s";
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or(RULE)?;
        let (number, unit) = (&text[..digits], text[digits..].trim_start());
        let number: u64 = number.parse().map_err(|_| RULE)?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(RULE)?;
        number
            .checked_mul(*factor)
            .map(|millis| Self { millis })
            .ok_or("is longer than 64 bits can count")
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, factor): &&(&str, u64)| {
            self.millis >= *factor && self.millis.is_multiple_of(*factor)
        };
        let (unit, factor) = UNITS.iter().find(fits).unwrap_or(&("s", 1000));
        write!(f, "{}{unit}", self.millis / factor)
    }
}

super::text_value!(Period, expecting "a time with its unit, such as \"30s\"", example "30s");
