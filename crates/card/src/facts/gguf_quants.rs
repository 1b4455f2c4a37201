//! The quantizations of GGUF files, as their names tell them.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::vocab;

/// One quantization a repository holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GgufQuant {
    /// Its label (`Q4_K_M`, `UD-Q4_K_XL`), as llama.cpp takes it after a colon.
    pub label: String,
    /// Bits per weight, nominally.
    pub bits: u8,
    /// The size of its files together.
    pub bytes: u64,
}

/// No label is longer.
const LABEL_BYTES_MAX: usize = 13;

/// One row of `data/gguf_quants.csv`, which lists the biggest first.
struct Known {
    label: &'static str,
    file_type: Option<u64>,
    bits: u8,
}

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    vocab::rows(include_str!("../../data/gguf_quants.csv"))
        .map(|row| Known {
            label: row.raw(0),
            file_type: row.raw(1).parse().ok(),
            bits: row.raw(2).parse().expect("the data file holds numbers of bits"),
        })
        .collect()
});

/// The label in a path: the last one, as clients read it, with Unsloth's mark before and variations after it.
pub fn quant_label(path: &str) -> Option<String> {
    let text = path.to_ascii_uppercase();
    let bytes = text.as_bytes();
    let mut at = bytes.len();
    while at > 0 {
        at -= 1;
        // A label starts with one of these letters, so most places cost one look.
        if !matches!(bytes[at], b'F' | b'B' | b'Q' | b'I' | b'T' | b'M' | b'N') {
            continue;
        }
        if longest_at(&text[at..]).is_none() {
            continue;
        }
        let (start, known) = covering(&text, at)?;
        let prefix = if text[..start].ends_with("UD-") { "UD-" } else { "" };
        let rest = &text[start + known.label.len()..];
        return Some(format!("{prefix}{}{}", known.label, variation(rest)));
    }
    None
}

/// The label that starts first and still covers `at`: in `BF16` the `F16` is no label.
fn covering(text: &str, at: usize) -> Option<(usize, &'static Known)> {
    let from = at.saturating_sub(LABEL_BYTES_MAX);
    let starts = (from..=at).filter(|start| text.is_char_boundary(*start));
    let mut found = starts.filter_map(|start| Some((start, longest_at(&text[start..])?)));
    found.find(|(start, known)| start + known.label.len() > at)
}

/// `_XL` and the like behind a label.
fn variation(rest: &str) -> &str {
    let letters = rest
        .strip_prefix('_')
        .map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_uppercase).count());
    if letters == 0 { "" } else { &rest[..=letters] }
}

fn longest_at(text: &str) -> Option<&'static Known> {
    let fits = KNOWN.iter().filter(|known| text.starts_with(known.label));
    fits.max_by_key(|known| known.label.len())
}

fn known(label: &str) -> Option<(usize, &'static Known)> {
    let label = label.strip_prefix("UD-").unwrap_or(label);
    let exact = KNOWN.iter().position(|known| known.label == label);
    let at = exact.or_else(|| {
        let longest = longest_at(label)?;
        KNOWN.iter().position(|known| known.label == longest.label)
    })?;
    Some((at, &KNOWN[at]))
}

/// Bits per weight of a label.
pub fn quant_bits(label: &str) -> Option<u8> {
    known(label).map(|(_, known)| known.bits)
}

/// The label of the number that GGUF headers give as `general.file_type`.
pub fn quant_of_file_type(file_type: u64) -> Option<&'static str> {
    KNOWN.iter().find(|known| known.file_type == Some(file_type)).map(|known| known.label)
}

/// Where a label stands in the list of the biggest first.
pub(super) fn rank(label: &str) -> usize {
    known(label).map_or(usize::MAX, |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_names_in_the_wild() {
        let cases = [
            ("llama-3.2-1b-instruct-q4_k_m.gguf", Some("Q4_K_M")),
            ("Qwen3-8B-UD-Q4_K_XL.gguf", Some("UD-Q4_K_XL")),
            ("model-Q2_K_L.gguf", Some("Q2_K_L")),
            ("gpt-oss-20b-MXFP4.gguf", Some("MXFP4")),
            ("x-MXFP4_MOE.gguf", Some("MXFP4_MOE")),
            ("BF16/x-BF16-00001-of-00002.gguf", Some("BF16")),
            ("mistral.F16.gguf", Some("F16")),
            ("phi-Q4_0_4_4.gguf", Some("Q4_0_4_4")),
            ("m-IQ3_XXS.gguf", Some("IQ3_XXS")),
            ("Q8_0-notes/m-Q5_K_S.gguf", Some("Q5_K_S")),
            ("Q6_K/model-00001-of-00003.gguf", Some("Q6_K")),
            ("tq1_0.gguf", Some("TQ1_0")),
            ("a-Q4_1_SOME_F16.gguf", Some("Q4_1_SOME_F16")),
            ("model.gguf", None),
            ("", None),
            ("é-q8_0.gguf", Some("Q8_0")),
        ];
        for (path, label) in cases {
            assert_eq!(quant_label(path).as_deref(), label, "{path}");
        }
    }

    #[test]
    fn bits_and_numbers() {
        let cases = [
            ("F32", 32),
            ("BF16", 16),
            ("Q8_0", 8),
            ("IQ4_XS", 4),
            ("UD-Q2_K_XL", 2),
            ("Q2_K_L", 2),
            ("TQ1_0", 1),
            ("NVFP4", 4),
        ];
        for (label, bits) in cases {
            assert_eq!(quant_bits(label), Some(bits), "{label}");
        }
        assert_eq!(quant_bits("gptq"), None);
        assert_eq!(quant_of_file_type(15), Some("Q4_K_M"));
        assert_eq!(quant_of_file_type(0), Some("F32"));
        assert_eq!(quant_of_file_type(1000), None);
        assert!(
            rank("F32") < rank("Q8_0")
                && rank("Q8_0") < rank("Q4_K_M")
                && rank("Q4_K_M") < rank("IQ1_S")
        );
    }
}
