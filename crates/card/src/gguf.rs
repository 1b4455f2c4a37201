//! The header of a GGUF file: what the model is, how it was quantized, how it talks.
//!
//! The format (ggml `docs/gguf.md`): magic, version, counts, then typed key-value pairs and the descriptions of
//! the tensors. Vocabularies make headers megabytes long, so values are walked over, not kept.

use serde::{Deserialize, Serialize};

mod contents;
mod read;

pub use contents::{GgufContents, GgufTensor, parse_contents};

use read::{Reader, Stop};

/// Longest header that is read, in bytes.
pub const HEADER_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Most key-value pairs.
const PAIRS_MAX: u64 = 65_536;
/// Most tensors.
const TENSORS_MAX: u64 = 1_000_000;
/// Most dimensions of a tensor; ggml itself has four.
const DIMENSIONS_MAX: u32 = 8;
/// Longest text that is kept, in bytes.
const TEXT_BYTES_MAX: usize = 1024 * 1024;
/// What is asked for first: most headers without a vocabulary fit.
const FIRST_READ_BYTES: u64 = 1024 * 1024;

/// Why a header cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GgufError {
    /// The file is something else.
    #[error("file does not start as GGUF does")]
    Magic,
    /// The version is unknown.
    #[error("gguf version {0} is not supported")]
    Version(u32),
    /// The header is too long to be read.
    #[error("gguf header is longer than {HEADER_BYTES_MAX} bytes")]
    TooLong,
    /// The header contradicts itself.
    #[error("gguf header is not valid: {0}")]
    Malformed(&'static str),
}

/// Whether the bytes at hand suffice to read the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderNeed {
    /// So many bytes from the start of the file should be read next. Fewer are fine when the file is shorter;
    /// a file that ends before its header does is broken.
    More(u64),
    /// The header.
    Done(Box<GgufHeader>),
}

/// What the header tells: the `gguf` field of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GgufHeader {
    /// The number of parameters.
    pub total: u64,
    /// The architecture (`llama`, `qwen2`, ...).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// The longest context the model was made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_length: Option<u64>,
    /// The number of the quantization (`general.file_type`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_type: Option<u64>,
    /// The importance matrix used to quantize.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantize_imatrix_file: Option<String>,
    /// The template for chats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_template: Option<String>,
    /// The text of the token that starts a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bos_token: Option<String>,
    /// The text of the token that ends a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eos_token: Option<String>,
    /// How many tensors this file holds.
    pub tensors: u64,
    /// How many files the model is split into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split_count: Option<u64>,
}

impl GgufHeader {
    /// The label of the quantization (`Q4_K_M`), where the header tells it.
    pub fn quantization(&self) -> Option<&'static str> {
        crate::facts::quant_of_file_type(self.file_type?)
    }

    /// Bits per weight, nominally.
    pub fn bits(&self) -> Option<u8> {
        crate::facts::quant_bits(self.quantization()?)
    }
}

/// Reads the header from the first bytes of a file, or says how many bytes to try next.
pub fn parse_header(head: &[u8]) -> Result<HeaderNeed, GgufError> {
    let have = head.len() as u64;
    match Parser::new(head).parse() {
        Ok(header) => Ok(HeaderNeed::Done(Box::new(header))),
        Err(Stop::Invalid(error)) => Err(error),
        Err(Stop::Short) if have >= HEADER_BYTES_MAX => Err(GgufError::TooLong),
        Err(Stop::Short) => {
            let next = have.saturating_mul(2).max(FIRST_READ_BYTES);
            Ok(HeaderNeed::More(next.min(HEADER_BYTES_MAX)))
        }
    }
}

struct Parser<'a> {
    reader: Reader<'a>,
    header: GgufHeader,
    /// Where the token texts stand, to look up the few that are shown.
    tokens: Option<read::Strings<'a>>,
    bos_id: Option<u64>,
    eos_id: Option<u64>,
    /// Context lengths come under the architecture's name, which may come after them.
    context_lengths: Vec<(String, u64)>,
}

impl<'a> Parser<'a> {
    fn new(head: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(head),
            header: GgufHeader::default(),
            tokens: None,
            bos_id: None,
            eos_id: None,
            context_lengths: Vec::new(),
        }
    }

    fn parse(mut self) -> Result<GgufHeader, Stop> {
        let (tensors, pairs) = self.reader.opening()?;
        if tensors > TENSORS_MAX || pairs > PAIRS_MAX {
            return Err(Stop::malformed("it counts too many tensors or keys"));
        }
        for _ in 0..pairs {
            let key = self.reader.string()?;
            let kind = self.reader.kind()?;
            self.take_pair(key, kind)?;
        }
        for _ in 0..tensors {
            let count = self.reader.tensor(DIMENSIONS_MAX)?;
            let sum = self.header.total.checked_add(count);
            self.header.total = sum.ok_or(Stop::malformed("it counts too many parameters"))?;
        }
        self.header.tensors = tensors;
        let token = |id: Option<u64>| self.tokens?.get(id?).map(text);
        self.header.bos_token = token(self.bos_id);
        self.header.eos_token = token(self.eos_id);
        if let Some(architecture) = &self.header.architecture {
            let mut lengths = self.context_lengths.into_iter();
            let found = lengths.find(|(name, _)| name == architecture);
            self.header.context_length = found.map(|(_, length)| length);
        }
        Ok(self.header)
    }

    fn take_pair(&mut self, key: &[u8], kind: read::Kind) -> Result<(), Stop> {
        if key == b"tokenizer.ggml.tokens" && kind.is_array() {
            self.tokens = self.reader.strings()?;
            return Ok(());
        }
        let value = self.reader.value(kind)?;
        match key {
            b"general.architecture" => self.header.architecture = value.text().map(text),
            b"general.file_type" => self.header.file_type = value.number(),
            b"quantize.imatrix.file" => self.header.quantize_imatrix_file = value.text().map(text),
            b"tokenizer.chat_template" => self.header.chat_template = value.text().map(text),
            b"tokenizer.ggml.bos_token_id" => self.bos_id = value.number(),
            b"tokenizer.ggml.eos_token_id" => self.eos_id = value.number(),
            b"split.count" => self.header.split_count = value.number().filter(|count| *count > 0),
            _ => {
                let name = key.strip_suffix(b".context_length");
                if let (Some(name), Some(length)) = (name, value.number()) {
                    self.context_lengths.push((text(name), length));
                }
            }
        }
        Ok(())
    }
}

/// Text to be shown: UTF-8 as far as it is, and not without end.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(TEXT_BYTES_MAX)]).into_owned()
}

#[cfg(test)]
mod tests;
