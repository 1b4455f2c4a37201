use std::fmt;
use std::str::FromStr;

/// Units by what people write, largest of each family first; the first that divides a size prints it.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// A number of bytes, written with its unit: `64MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    /// So many bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "must be a whole number and a unit (B, kB, MB, GB, TB, KiB, MiB, GiB, TiB), such as 64MiB";
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or(RULE)?;
        let (number, unit) = (&text[..digits], text[digits..].trim_start());
        let number: u64 = number.parse().map_err(|_| RULE)?;
        let (_, factor) =
            UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or(RULE)?;
        number.checked_mul(*factor).map(Self).ok_or("is more bytes than 64 bits can count")
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, factor): &&(&str, u64)| self.0 >= *factor && self.0.is_multiple_of(*factor);
        let (unit, factor) = UNITS.iter().find(fits).unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

super::text_value!(ByteSize, expecting "a size with its unit, such as \"64MiB\"", example "64MiB");
