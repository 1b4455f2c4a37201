//! Headers of weights as tables: what is in the file, and what it weighs.

use std::collections::BTreeMap;

use serde_json::Value;
use steelyard_card::gguf::{GgufContents, GgufHeader};
use steelyard_card::safetensors::SafetensorsHeader;

use crate::{format, hits};

/// Tensors that are shown.
const TENSORS_MAX: usize = 3000;
/// Keys of a GGUF header that are shown.
const GGUF_KEYS_MAX: usize = 300;

/// A tensor.
#[derive(Debug)]
pub(crate) struct TensorRow {
    pub(crate) name: String,
    pub(crate) dtype: String,
    pub(crate) shape: String,
    pub(crate) parameters: String,
    pub(crate) bytes: String,
}

/// What tensors of one type sum up to.
#[derive(Debug)]
pub(crate) struct Total {
    pub(crate) dtype: String,
    pub(crate) parameters: String,
    pub(crate) share: String,
    pub(crate) bytes: String,
}

/// The tensors of a file.
#[derive(Debug)]
pub(crate) struct Tensors {
    pub(crate) totals: Vec<Total>,
    pub(crate) total: String,
    /// What all of them take.
    pub(crate) bytes: String,
    pub(crate) count: String,
    /// With a filter: how many tensors it lets through, and their parameters.
    pub(crate) found: Option<(String, String)>,
    pub(crate) rows: Vec<TensorRow>,
    /// Free words of whoever wrote the file.
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) is_cut: bool,
    pub(crate) filter: String,
}

/// A tensor of either format.
struct Row<'a> {
    name: &'a str,
    dtype: &'a str,
    shape: &'a [u64],
    parameters: u64,
    bytes: Option<u64>,
}

/// The tensors whose names contain a text, in the order of the file.
pub(crate) fn of_safetensors(header: &SafetensorsHeader, filter: &str) -> Tensors {
    let rows = header.tensors.iter().map(|tensor| Row {
        name: &tensor.name,
        dtype: &tensor.dtype,
        shape: &tensor.shape,
        parameters: tensor.parameters,
        bytes: Some(tensor.data_offsets.1.saturating_sub(tensor.data_offsets.0)),
    });
    let word = |value: &Value| match value {
        Value::String(text) => text.chars().take(500).collect(),
        other => other.to_string().chars().take(500).collect(),
    };
    let metadata = header.metadata.iter().take(50).map(|(key, value)| (key.clone(), word(value)));
    Tensors { metadata: metadata.collect(), ..table(rows, filter) }
}

fn table<'a>(rows: impl Iterator<Item = Row<'a>>, filter: &str) -> Tensors {
    let mut by_type: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let (mut total, mut count, mut found) = (0_u64, 0_u64, Vec::new());
    let (mut found_parameters, mut found_count) = (0_u64, 0_u64);
    let wanted = filter.to_ascii_lowercase();
    for row in rows {
        count += 1;
        total = total.saturating_add(row.parameters);
        let of_type = by_type.entry(row.dtype).or_default();
        of_type.0 = of_type.0.saturating_add(row.parameters);
        of_type.1 = of_type.1.saturating_add(row.bytes.unwrap_or_default());
        if !row.name.to_ascii_lowercase().contains(&wanted) {
            continue;
        }
        found_count += 1;
        found_parameters = found_parameters.saturating_add(row.parameters);
        if found.len() < TENSORS_MAX {
            found.push(TensorRow {
                name: row.name.to_owned(),
                dtype: row.dtype.to_owned(),
                shape: shape(row.shape),
                parameters: format::full(row.parameters),
                bytes: row.bytes.map(format::bytes).unwrap_or_default(),
            });
        }
    }
    let share = |count: u64| format!("{:.2} %", count as f64 / total.max(1) as f64 * 100.0);
    let bytes = by_type.values().fold(0_u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
    Tensors {
        bytes: format::bytes(bytes),
        totals: by_type
            .into_iter()
            .map(|(dtype, (count, bytes))| Total {
                dtype: dtype.to_owned(),
                parameters: format::full(count),
                share: share(count),
                bytes: format::bytes(bytes),
            })
            .collect(),
        total: format::full(total),
        count: format::full(count),
        found: (!filter.is_empty())
            .then(|| (format::full(found_count), format::full(found_parameters))),
        is_cut: found_count > TENSORS_MAX as u64,
        rows: found,
        metadata: Vec::new(),
        filter: filter.to_owned(),
    }
}

impl Tensors {
    /// The same as tables in Markdown.
    pub(crate) fn as_markdown(&self) -> String {
        let mut text =
            format!("{} tensors, {} parameters, {}\n\n", self.count, self.total, self.bytes);
        text.push_str("| type | parameters | share | size |\n|---|--:|--:|--:|\n");
        for Total { dtype, parameters, share, bytes } in &self.totals {
            let dtype = hits::escape_cell(dtype);
            text.push_str(&format!("| {dtype} | {parameters} | {share} | {bytes} |\n"));
        }
        text.push_str("\n| tensor | type | shape | parameters | size |\n|---|---|--:|--:|--:|\n");
        for TensorRow { name, dtype, shape, parameters, bytes } in &self.rows {
            let (name, dtype) = (hits::escape_cell(name), hits::escape_cell(dtype));
            text.push_str(&format!("| {name} | {dtype} | {shape} | {parameters} | {bytes} |\n"));
        }
        text
    }
}

fn shape(dimensions: &[u64]) -> String {
    if dimensions.is_empty() {
        return "scalar".to_owned();
    }
    let dimensions: Vec<String> = dimensions.iter().map(|size| format::full(*size)).collect();
    dimensions.join(" × ")
}

/// What of a GGUF file stands above its table: label and value.
pub(crate) fn gguf_facts(header: &GgufHeader) -> Vec<(&'static str, String)> {
    let number = |number: Option<u64>| number.map(format::full);
    let text = |text: &Option<String>| text.as_ref().map(|text| text.chars().take(500).collect());
    let bits = header.bits().map(|bits| format!(" · {bits} bit")).unwrap_or_default();
    let facts: [(&str, Option<String>); 8] = [
        ("Architecture", text(&header.architecture)),
        ("Quantization", header.quantization().map(|label| format!("{label}{bits}"))),
        ("Parameters", number(Some(header.total))),
        ("Context, tokens", number(header.context_length)),
        ("Files", number(header.split_count)),
        ("First token", text(&header.bos_token)),
        ("Last token", text(&header.eos_token)),
        ("Importance matrix", text(&header.quantize_imatrix_file)),
    ];
    facts.into_iter().filter_map(|(label, value)| Some((label, value?))).collect()
}

/// The tensors of a GGUF file whose names contain a text, and every key of its header.
pub(crate) fn of_gguf(contents: &GgufContents, filter: &str) -> Tensors {
    let rows = contents.tensors.iter().map(|tensor| Row {
        name: &tensor.name,
        dtype: &tensor.dtype,
        shape: &tensor.shape,
        parameters: tensor.parameters,
        bytes: tensor.bytes,
    });
    let metadata = contents.metadata.iter().filter(|(key, _)| key != "tokenizer.chat_template");
    let mut table = table(rows, filter);
    table.metadata = metadata.take(GGUF_KEYS_MAX).cloned().collect();
    table.is_cut |= contents.is_cut;
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_types_together_have_a_size() {
        let row = |dtype, bytes| Row { name: "a", dtype, shape: &[2], parameters: 2, bytes };
        let rows = [row("F32", Some(8)), row("F16", Some(4)), row("?", None)];
        let table = table(rows.into_iter(), "nothing has this name");
        assert_eq!((table.total.as_str(), table.bytes.as_str()), ("6", "12 B"));
        assert!(table.as_markdown().starts_with("3 tensors, 6 parameters, 12 B\n"));
    }
}
