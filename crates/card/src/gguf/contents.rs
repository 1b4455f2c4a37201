//! Everything a GGUF header lists: each key with its value, each tensor with its type and shape.
//!
//! [`super::parse_header`] walks over what it does not need; this keeps it, within limits, for people who want to see it.

use super::{DIMENSIONS_MAX, GgufError, PAIRS_MAX, TENSORS_MAX};

/// Keys and tensors that are kept.
const PAIRS_KEPT: usize = 2_000;
const TENSORS_KEPT: usize = 50_000;
/// Characters of one value, and elements of one list, that are kept.
const VALUE_CHARS: usize = 300;
const ELEMENTS: usize = 5;

/// A tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GgufTensor {
    /// Its name.
    pub name: String,
    /// Its type, such as `Q4_K`; `type 99` where it is not known.
    pub dtype: String,
    /// Its shape, the innermost dimension first, as GGUF has it.
    pub shape: Vec<u64>,
    /// Number of elements.
    pub parameters: u64,
    /// Bytes that they take; absent where the type is not known.
    pub bytes: Option<u64>,
}

/// What a header lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GgufContents {
    /// Each key, with its value in words.
    pub metadata: Vec<(String, String)>,
    /// The tensors in the order of the file.
    pub tensors: Vec<GgufTensor>,
    /// True when there is more than is kept.
    pub is_cut: bool,
}

/// Types of ggml: number, name, elements of a block, bytes of a block.
const TYPES: &[(u32, &str, u64, u64)] = &[
    (0, "F32", 1, 4),
    (1, "F16", 1, 2),
    (2, "Q4_0", 32, 18),
    (3, "Q4_1", 32, 20),
    (6, "Q5_0", 32, 22),
    (7, "Q5_1", 32, 24),
    (8, "Q8_0", 32, 34),
    (9, "Q8_1", 32, 36),
    (10, "Q2_K", 256, 84),
    (11, "Q3_K", 256, 110),
    (12, "Q4_K", 256, 144),
    (13, "Q5_K", 256, 176),
    (14, "Q6_K", 256, 210),
    (15, "Q8_K", 256, 292),
    (16, "IQ2_XXS", 256, 66),
    (17, "IQ2_XS", 256, 74),
    (18, "IQ3_XXS", 256, 98),
    (19, "IQ1_S", 256, 50),
    (20, "IQ4_NL", 32, 18),
    (21, "IQ3_S", 256, 110),
    (22, "IQ2_S", 256, 82),
    (23, "IQ4_XS", 256, 136),
    (24, "I8", 1, 1),
    (25, "I16", 1, 2),
    (26, "I32", 1, 4),
    (27, "I64", 1, 8),
    (28, "F64", 1, 8),
    (29, "IQ1_M", 256, 56),
    (30, "BF16", 1, 2),
    (34, "TQ1_0", 256, 54),
    (35, "TQ2_0", 256, 66),
    (39, "MXFP4", 32, 17),
];

/// Reads what a header lists from bytes that hold all of it.
pub fn parse_contents(head: &[u8]) -> Result<GgufContents, GgufError> {
    let mut reader = Reader { rest: head };
    if reader.take(4)? != b"GGUF" {
        return Err(GgufError::Magic);
    }
    let version = reader.u32()?;
    if !(2..=3).contains(&version) {
        return Err(GgufError::Version(version));
    }
    let (tensors, pairs) = (reader.u64()?, reader.u64()?);
    if tensors > TENSORS_MAX || pairs > PAIRS_MAX {
        return Err(GgufError::Malformed("it counts too many tensors or keys"));
    }
    let mut contents = GgufContents::default();
    for _ in 0..pairs {
        let key = lossy(reader.string()?);
        let kind = reader.u32()?;
        let value = reader.value(kind)?;
        match contents.metadata.len() < PAIRS_KEPT {
            true => contents.metadata.push((key, value)),
            false => contents.is_cut = true,
        }
    }
    for _ in 0..tensors {
        let tensor = reader.tensor()?;
        match contents.tensors.len() < TENSORS_KEPT {
            true => contents.tensors.push(tensor),
            false => contents.is_cut = true,
        }
    }
    Ok(contents)
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: u64) -> Result<&'a [u8], GgufError> {
        let bytes = usize::try_from(bytes).ok().filter(|bytes| *bytes <= self.rest.len());
        let bytes = bytes.ok_or(GgufError::Malformed("it ends too soon"))?;
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        let taken = self.take(N as u64)?;
        taken.try_into().map_err(|_| GgufError::Malformed("it ends too soon"))
    }

    fn u32(&mut self) -> Result<u32, GgufError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, GgufError> {
        self.array().map(u64::from_le_bytes)
    }

    fn string(&mut self) -> Result<&'a [u8], GgufError> {
        let length = self.u64()?;
        self.take(length)
    }

    /// A value in words.
    fn value(&mut self, kind: u32) -> Result<String, GgufError> {
        if kind != 9 {
            return self.single(kind);
        }
        let (kind, count) = (self.u32()?, self.u64()?);
        let shown = count.min(ELEMENTS as u64);
        let mut words = Vec::new();
        for _ in 0..shown {
            words.push(self.single(kind)?);
        }
        match width(kind) {
            Some(width) => {
                let bytes = (count - shown).checked_mul(width);
                self.take(bytes.ok_or(GgufError::Malformed("an array is too long"))?)?;
            }
            // Each takes at least the eight bytes of its length, so the bytes at hand bound the loop.
            None => {
                for _ in shown..count {
                    self.string()?;
                }
            }
        }
        let more = if count > shown { format!(", … ({count} in all)") } else { String::new() };
        Ok(format!("[{}{more}]", words.join(", ")))
    }

    fn single(&mut self, kind: u32) -> Result<String, GgufError> {
        Ok(match kind {
            0 => u8::from_le_bytes(self.array()?).to_string(),
            1 => i8::from_le_bytes(self.array()?).to_string(),
            2 => u16::from_le_bytes(self.array()?).to_string(),
            3 => i16::from_le_bytes(self.array()?).to_string(),
            4 => self.u32()?.to_string(),
            5 => i32::from_le_bytes(self.array()?).to_string(),
            6 => f32::from_le_bytes(self.array()?).to_string(),
            7 => (self.array::<1>()?[0] != 0).to_string(),
            8 => lossy(self.string()?),
            10 => self.u64()?.to_string(),
            11 => i64::from_le_bytes(self.array()?).to_string(),
            12 => f64::from_le_bytes(self.array()?).to_string(),
            _ => return Err(GgufError::Malformed("a value has a type that is not known")),
        })
    }

    fn tensor(&mut self) -> Result<GgufTensor, GgufError> {
        let name = lossy(self.string()?);
        let dimensions = self.u32()?;
        if dimensions > DIMENSIONS_MAX {
            return Err(GgufError::Malformed("a tensor has too many dimensions"));
        }
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            shape.push(self.u64()?);
        }
        let (number, _offset) = (self.u32()?, self.u64()?);
        let parameters = shape.iter().try_fold(1_u64, |product, size| product.checked_mul(*size));
        let parameters =
            parameters.ok_or(GgufError::Malformed("a tensor has too many elements"))?;
        let known = TYPES.iter().find(|(known, ..)| *known == number);
        Ok(GgufTensor {
            name,
            dtype: known.map_or_else(|| format!("type {number}"), |known| known.1.to_owned()),
            bytes: known.and_then(|(_, _, of, takes)| parameters.div_ceil(*of).checked_mul(*takes)),
            shape,
            parameters,
        })
    }
}

/// Bytes of a value of a type; none of those that say themselves how long they are.
fn width(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

fn lossy(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * VALUE_CHARS)]).into_owned();
    text.chars().take(VALUE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> Vec<u8> {
        [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
    }

    fn file() -> Vec<u8> {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend(1_u64.to_le_bytes());
        bytes.extend(2_u64.to_le_bytes());
        bytes.extend(
            [string("a.length"), 4_u32.to_le_bytes().into(), 7_u32.to_le_bytes().into()].concat(),
        );
        bytes.extend(
            [string("a.words"), 9_u32.to_le_bytes().into(), 8_u32.to_le_bytes().into()].concat(),
        );
        bytes.extend(7_u64.to_le_bytes());
        (0..7).for_each(|number| bytes.extend(string(&format!("w{number}"))));
        bytes.extend([string("blk.0"), 2_u32.to_le_bytes().into()].concat());
        bytes.extend([512_u64.to_le_bytes(), 2_u64.to_le_bytes()].concat());
        bytes.extend([&12_u32.to_le_bytes()[..], &0_u64.to_le_bytes()].concat());
        bytes
    }

    #[test]
    fn keys_and_tensors_are_listed() {
        let found = parse_contents(&file()).unwrap();
        assert_eq!(found.metadata[0], ("a.length".to_owned(), "7".to_owned()));
        assert_eq!(found.metadata[1].1, "[w0, w1, w2, w3, w4, … (7 in all)]");
        let tensor = &found.tensors[0];
        assert_eq!(
            (tensor.dtype.as_str(), tensor.parameters, tensor.bytes),
            ("Q4_K", 1024, Some(576))
        );
        assert_eq!(tensor.shape, [512, 2]);
    }

    #[test]
    fn no_prefix_and_no_changed_byte_brings_it_down() {
        let whole = file();
        for end in 0..whole.len() {
            assert!(parse_contents(&whole[..end]).is_err(), "{end}");
        }
        for at in 0..whole.len() {
            let mut broken = whole.clone();
            broken[at] ^= 0xff;
            let _ = parse_contents(&broken);
        }
    }
}
