//! Headers of safetensors files and the index of a model split over several of them.
//!
//! A file starts with eight bytes, the little-endian length of a JSON header; the header names every tensor with
//! its type, shape and place. Only the header is ever read, and it is checked before it is believed.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};
use steelyard_core::RepoPath;

/// Longest header that is read, in bytes: what the Python client reads (`SAFETENSORS_MAX_HEADER_LENGTH`).
pub const HEADER_BYTES_MAX: u64 = 25_000_000;
/// Largest index file that is read, in bytes.
pub const INDEX_BYTES_MAX: usize = 100_000_000;
/// Most files one model may be split into.
pub const SHARDS_MAX: usize = 10_000;
/// Bytes before the header.
const LENGTH_BYTES: u64 = 8;
/// Longest name of a tensor that errors show.
const NAME_CHARS_MAX: usize = 200;
/// Most dimensions of a tensor.
const DIMENSIONS_MAX: usize = 64;

/// Why a header or an index cannot be believed.
#[derive(Debug, thiserror::Error)]
pub enum SafetensorsError {
    /// The header is too long to be read.
    #[error("safetensors header of {length} bytes is longer than {HEADER_BYTES_MAX}")]
    HeaderTooLong {
        /// What the file says.
        length: u64,
    },
    /// The index is too large to be read.
    #[error("safetensors index is larger than {INDEX_BYTES_MAX} bytes")]
    IndexTooLarge,
    /// The header or index is not the JSON it should be.
    #[error("safetensors {part} is not valid: {source}")]
    Json {
        /// `header` or `index`.
        part: &'static str,
        /// What the parser says.
        #[source]
        source: serde_json::Error,
    },
    /// A tensor contradicts itself.
    #[error("tensor \"{name}\" {rule}")]
    Tensor {
        /// The tensor.
        name: String,
        /// What is wrong with it.
        rule: &'static str,
    },
    /// The tensors together have more parameters than can be counted.
    #[error("safetensors header counts more parameters than fit")]
    TooManyParameters,
    /// The file is shorter than its header says.
    #[error("safetensors file has {size} bytes where its header needs {needed}")]
    FileTooShort {
        /// The size of the file.
        size: u64,
        /// The size the header needs.
        needed: u64,
    },
    /// The index names a file that cannot be in a repository, or too many.
    #[error("safetensors index names {shard}")]
    Shard {
        /// What it names.
        shard: String,
    },
}

/// Whether the bytes at hand suffice to read the header.
#[derive(Debug, Clone, PartialEq)]
pub enum HeaderNeed {
    /// So many bytes from the start of the file are needed.
    More(u64),
    /// The header.
    Done(SafetensorsHeader),
}

/// One tensor of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// The type of its numbers (`F32`, `BF16`, `I8`, ...).
    pub dtype: String,
    /// Its dimensions; none for a scalar.
    pub shape: Vec<u64>,
    /// Where its bytes start and end, counted from the end of the header.
    pub data_offsets: (u64, u64),
    /// The product of its dimensions.
    pub parameters: u64,
}

/// The header of one file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SafetensorsHeader {
    /// Free words of whoever wrote the file.
    pub metadata: Map<String, Value>,
    /// The tensors in the order of the header.
    pub tensors: Vec<Tensor>,
    /// How many bytes stand before the data.
    pub data_start: u64,
    /// How many parameters there are of each type.
    pub parameters: ParameterCount,
}

/// Parameters by type: the `safetensors` field of a model.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ParameterCount {
    /// Type to number of parameters, as `{"F32": 22713216}`.
    pub parameters: Map<String, Value>,
    /// Their sum.
    pub total: u64,
}

impl ParameterCount {
    /// Counts `count` more parameters of a type.
    pub fn add(&mut self, dtype: &str, count: u64) -> Result<(), SafetensorsError> {
        let known = self.parameters.get(dtype).and_then(Value::as_u64).unwrap_or(0);
        let sum = known.checked_add(count).ok_or(SafetensorsError::TooManyParameters)?;
        self.total = self.total.checked_add(count).ok_or(SafetensorsError::TooManyParameters)?;
        self.parameters.insert(dtype.to_owned(), sum.into());
        Ok(())
    }

    /// Adds what another file of the same model holds.
    pub fn merge(&mut self, other: &Self) -> Result<(), SafetensorsError> {
        for (dtype, count) in &other.parameters {
            self.add(dtype, count.as_u64().unwrap_or(0))?;
        }
        Ok(())
    }
}

impl SafetensorsHeader {
    /// Checks that a file of this size holds all the tensors.
    pub fn check_file_size(&self, size: u64) -> Result<(), SafetensorsError> {
        let data = self.tensors.iter().map(|tensor| tensor.data_offsets.1).max().unwrap_or(0);
        let needed = self.data_start.saturating_add(data);
        if size < needed {
            return Err(SafetensorsError::FileTooShort { size, needed });
        }
        Ok(())
    }

    /// The header as JSON, as it stands in the file: `{"__metadata__"?, name: {dtype, shape, data_offsets}, ...}`.
    pub fn to_json(&self) -> Value {
        let mut json = Map::new();
        if !self.metadata.is_empty() {
            json.insert("__metadata__".to_owned(), Value::Object(self.metadata.clone()));
        }
        for tensor in &self.tensors {
            let place = [tensor.data_offsets.0, tensor.data_offsets.1];
            let value =
                json!({"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": place});
            json.insert(tensor.name.clone(), value);
        }
        Value::Object(json)
    }
}

/// Reads the header from the first bytes of a file, or says how many bytes that takes.
pub fn parse_header(head: &[u8]) -> Result<HeaderNeed, SafetensorsError> {
    let Some((length, rest)) = head.split_first_chunk::<8>() else {
        return Ok(HeaderNeed::More(LENGTH_BYTES));
    };
    let length = u64::from_le_bytes(*length);
    if length > HEADER_BYTES_MAX {
        return Err(SafetensorsError::HeaderTooLong { length });
    }
    let data_start = LENGTH_BYTES + length;
    let header = usize::try_from(length).ok().and_then(|length| rest.get(..length));
    let Some(header) = header else { return Ok(HeaderNeed::More(data_start)) };
    let raw: RawHeader = serde_json::from_slice(header)
        .map_err(|source| SafetensorsError::Json { part: "header", source })?;
    let mut parameters = ParameterCount::default();
    let mut tensors = Vec::with_capacity(raw.tensors.len());
    for (name, raw) in raw.tensors {
        let tensor = check_tensor(name, raw)?;
        parameters.add(&tensor.dtype, tensor.parameters)?;
        tensors.push(tensor);
    }
    check_overlap(&tensors)?;
    Ok(HeaderNeed::Done(SafetensorsHeader {
        metadata: raw.metadata,
        tensors,
        data_start,
        parameters,
    }))
}

#[derive(Deserialize)]
struct RawTensor {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

fn check_tensor(name: String, raw: RawTensor) -> Result<Tensor, SafetensorsError> {
    let RawTensor { dtype, shape, data_offsets } = raw;
    let (begin, end) = data_offsets;
    let parameters = shape.iter().try_fold(1_u64, |product, length| product.checked_mul(*length));
    let rule = match parameters {
        _ if shape.len() > DIMENSIONS_MAX => "has too many dimensions",
        _ if dtype.is_empty() || dtype.len() > 16 => "has no type",
        None => "has more elements than can be counted",
        Some(_) if end < begin => "ends before it begins",
        Some(count) if !fills(&dtype, count, end - begin) => "does not fill its place in the file",
        Some(parameters) => return Ok(Tensor { name, dtype, shape, data_offsets, parameters }),
    };
    Err(SafetensorsError::Tensor { name: name.chars().take(NAME_CHARS_MAX).collect(), rule })
}

/// No byte belongs to two tensors: a file that says so was made to deceive, or counts its parameters twice.
fn check_overlap(tensors: &[Tensor]) -> Result<(), SafetensorsError> {
    let with_bytes = tensors.iter().filter(|tensor| tensor.data_offsets.0 < tensor.data_offsets.1);
    let mut places: Vec<(u64, u64, &str)> = with_bytes
        .map(|tensor| (tensor.data_offsets.0, tensor.data_offsets.1, tensor.name.as_str()))
        .collect();
    places.sort_unstable();
    for pair in places.windows(2) {
        if pair[1].0 < pair[0].1 {
            let name = pair[1].2.chars().take(NAME_CHARS_MAX).collect();
            return Err(SafetensorsError::Tensor {
                name,
                rule: "shares bytes with another tensor",
            });
        }
    }
    Ok(())
}

/// Whether so many numbers take so many bytes. Types yet to be invented are believed.
fn fills(dtype: &str, count: u64, bytes: u64) -> bool {
    let bits = match dtype {
        "F4" => 4,
        "F6_E2M3" | "F6_E3M2" => 6,
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E4M3FNUZ"
        | "F8_E5M2FNUZ" => 8,
        "I16" | "U16" | "F16" | "BF16" => 16,
        "I32" | "U32" | "F32" => 32,
        "I64" | "U64" | "F64" | "C64" => 64,
        _ => return true,
    };
    u128::from(count) * bits == u128::from(bytes) * 8
}

/// The header as it stands; a visitor, because a name that comes twice must not pass.
struct RawHeader {
    metadata: Map<String, Value>,
    tensors: Vec<(String, RawTensor)>,
}

impl<'de> Deserialize<'de> for RawHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RawHeaderVisitor)
    }
}

struct RawHeaderVisitor;

impl<'de> Visitor<'de> for RawHeaderVisitor {
    type Value = RawHeader;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping of tensor names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawHeader, A::Error> {
        let mut header = RawHeader { metadata: Map::new(), tensors: Vec::new() };
        let mut names = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !names.insert(name.clone()) {
                return Err(de::Error::custom("a name comes twice"));
            }
            if name == "__metadata__" {
                header.metadata = map.next_value_seed(Words)?;
            } else {
                header.tensors.push((name, map.next_value()?));
            }
        }
        Ok(header)
    }
}

/// `__metadata__`: strings by name, or null.
struct Words;

impl<'de> DeserializeSeed<'de> for Words {
    type Value = Map<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let words = Option::<Map<String, Value>>::deserialize(deserializer)?.unwrap_or_default();
        if words.values().all(Value::is_string) {
            Ok(words)
        } else {
            Err(de::Error::custom("__metadata__ may hold only strings"))
        }
    }
}

/// The index of a model split over several files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafetensorsIndex {
    /// The size of all tensors together, where the index tells.
    pub total_size: Option<u64>,
    /// The files, relative to the index, sorted.
    pub shards: Vec<String>,
    /// How many tensors the index places.
    pub tensors: usize,
}

/// Reads `model.safetensors.index.json`.
pub fn parse_index(bytes: &[u8]) -> Result<SafetensorsIndex, SafetensorsError> {
    #[derive(Deserialize)]
    struct RawIndex {
        #[serde(default)]
        metadata: Option<Map<String, Value>>,
        weight_map: Map<String, Value>,
    }
    if bytes.len() > INDEX_BYTES_MAX {
        return Err(SafetensorsError::IndexTooLarge);
    }
    let raw: RawIndex = serde_json::from_slice(bytes)
        .map_err(|source| SafetensorsError::Json { part: "index", source })?;
    let mut shards = BTreeSet::new();
    for file in raw.weight_map.values() {
        let file = file.as_str().unwrap_or_default();
        if shards.contains(file) {
            continue;
        }
        if RepoPath::parse(file).is_err() {
            let shard =
                format!("\"{}\", which is no path", file.chars().take(100).collect::<String>());
            return Err(SafetensorsError::Shard { shard });
        }
        if shards.len() >= SHARDS_MAX {
            return Err(SafetensorsError::Shard { shard: format!("more than {SHARDS_MAX} files") });
        }
        shards.insert(file.to_owned());
    }
    // Some writers put the size down as a float.
    let total_size = raw.metadata.as_ref().and_then(|metadata| metadata.get("total_size"));
    let total_size = total_size.and_then(|size| size.as_u64().or_else(|| whole(size.as_f64()?)));
    Ok(SafetensorsIndex {
        total_size,
        shards: shards.into_iter().collect(),
        tensors: raw.weight_map.len(),
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
fn whole(number: f64) -> Option<u64> {
    (number.fract() == 0.0 && (0.0..9.0e15).contains(&number)).then_some(number as u64)
}

#[cfg(test)]
mod tests;
