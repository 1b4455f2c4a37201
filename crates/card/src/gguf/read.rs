//! Walking over the bytes of a GGUF header.

use super::GgufError;

/// Why reading stopped: more bytes are needed, or none will help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    Short,
    Invalid(GgufError),
}

impl Stop {
    pub(super) fn malformed(rule: &'static str) -> Self {
        Self::Invalid(GgufError::Malformed(rule))
    }
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// So many bytes; whole numbers say whether they have a sign.
    Fixed {
        bytes: u64,
        whole: bool,
        signed: bool,
    },
    Text,
    Array,
}

impl Kind {
    fn of(number: u32) -> Result<Self, Stop> {
        let fixed = |bytes, whole, signed| Ok(Self::Fixed { bytes, whole, signed });
        match number {
            0 => fixed(1, true, false),
            1 => fixed(1, true, true),
            2 => fixed(2, true, false),
            3 => fixed(2, true, true),
            4 => fixed(4, true, false),
            5 => fixed(4, true, true),
            6 => fixed(4, false, true),
            7 => fixed(1, false, false),
            8 => Ok(Self::Text),
            9 => Ok(Self::Array),
            10 => fixed(8, true, false),
            11 => fixed(8, true, true),
            12 => fixed(8, false, true),
            _ => Err(Stop::malformed("a value has an unknown type")),
        }
    }

    pub(super) fn is_array(self) -> bool {
        self == Self::Array
    }
}

/// A value, as far as anybody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found<'a> {
    Number(u64),
    Text(&'a [u8]),
    Other,
}

impl<'a> Found<'a> {
    pub(super) fn number(self) -> Option<u64> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }

    pub(super) fn text(self) -> Option<&'a [u8]> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

/// An array of strings that is known to be whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strings<'a> {
    bytes: &'a [u8],
    count: u64,
}

impl<'a> Strings<'a> {
    pub(super) fn get(self, index: u64) -> Option<&'a [u8]> {
        if index >= self.count {
            return None;
        }
        let mut reader = Reader { rest: self.bytes };
        for _ in 0..index {
            reader.string().ok()?;
        }
        reader.string().ok()
    }
}

pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Magic, version, and the numbers of tensors and of key-value pairs.
    pub(super) fn opening(&mut self) -> Result<(u64, u64), Stop> {
        let here = self.rest.len().min(4);
        if self.rest[..here] != b"GGUF"[..here] {
            return Err(Stop::Invalid(GgufError::Magic));
        }
        self.take(4)?;
        match self.u32()? {
            // Version 1 had 32-bit counts and was gone within weeks; big-endian files show as huge versions.
            2 | 3 => Ok((self.u64()?, self.u64()?)),
            other => Err(Stop::Invalid(GgufError::Version(other))),
        }
    }

    pub(super) fn kind(&mut self) -> Result<Kind, Stop> {
        Kind::of(self.u32()?)
    }

    pub(super) fn string(&mut self) -> Result<&'a [u8], Stop> {
        let length = self.u64()?;
        self.take(length)
    }

    /// Reads a value and keeps it if it is a number or a text.
    pub(super) fn value(&mut self, kind: Kind) -> Result<Found<'a>, Stop> {
        match kind {
            Kind::Text => Ok(Found::Text(self.string()?)),
            Kind::Array => {
                let (kind, count) = self.array()?;
                self.skip(kind, count)?;
                Ok(Found::Other)
            }
            Kind::Fixed { bytes, whole, signed } => {
                let raw = self.take(bytes)?;
                let mut wide = [0; 8];
                wide[..raw.len()].copy_from_slice(raw);
                let negative = signed && raw.last().is_some_and(|byte| byte & 0x80 != 0);
                let number = u64::from_le_bytes(wide);
                Ok(if whole && !negative { Found::Number(number) } else { Found::Other })
            }
        }
    }

    /// Walks over an array; if it holds strings, remembers where.
    pub(super) fn strings(&mut self) -> Result<Option<Strings<'a>>, Stop> {
        let (kind, count) = self.array()?;
        let bytes = self.rest;
        self.skip(kind, count)?;
        Ok((kind == Kind::Text).then_some(Strings { bytes, count }))
    }

    /// Reads the description of a tensor and counts its parameters.
    pub(super) fn tensor(&mut self, dimensions_max: u32) -> Result<u64, Stop> {
        self.string()?;
        let dimensions = self.u32()?;
        if dimensions > dimensions_max {
            return Err(Stop::malformed("a tensor has too many dimensions"));
        }
        let mut count = 1_u64;
        for _ in 0..dimensions {
            let product = count.checked_mul(self.u64()?);
            count = product.ok_or(Stop::malformed("a tensor has too many elements"))?;
        }
        // The type and the offset.
        self.take(4 + 8)?;
        Ok(count)
    }

    fn array(&mut self) -> Result<(Kind, u64), Stop> {
        let kind = self.kind()?;
        if kind.is_array() {
            return Err(Stop::malformed("arrays of arrays are not used"));
        }
        Ok((kind, self.u64()?))
    }

    fn skip(&mut self, kind: Kind, count: u64) -> Result<(), Stop> {
        if let Kind::Fixed { bytes, .. } = kind {
            let total = count.checked_mul(bytes);
            self.take(total.ok_or(Stop::malformed("an array is too long"))?)?;
            return Ok(());
        }
        // Every string takes at least the eight bytes of its length, so the count is bounded by the bytes.
        for _ in 0..count {
            self.string()?;
        }
        Ok(())
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8], Stop> {
        if count > super::HEADER_BYTES_MAX {
            return Err(Stop::Invalid(GgufError::TooLong));
        }
        let taken = usize::try_from(count).ok().and_then(|count| self.rest.split_at_checked(count));
        let (taken, rest) = taken.ok_or(Stop::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, Stop> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Stop::Short)?;
        self.rest = rest;
        Ok(u32::from_le_bytes(*bytes))
    }

    fn u64(&mut self) -> Result<u64, Stop> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Stop::Short)?;
        self.rest = rest;
        Ok(u64::from_le_bytes(*bytes))
    }
}
