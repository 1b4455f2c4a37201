//! Headers of weights as tables: what is in the file, and what it weighs.

use std::collections::BTreeMap;

use serde_json::Value;
use steelyard_card::safetensors::SafetensorsHeader;

use crate::format;

/// Tensors that are shown.
const TENSORS_MAX: usize = 3000;

/// A tensor.
#[derive(Debug)]
pub(crate) struct TensorRow {
    pub(crate) name: String,
    pub(crate) dtype: String,
    pub(crate) shape: String,
    pub(crate) parameters: String,
    pub(crate) bytes: String,
}

/// The header of a safetensors file.
#[derive(Debug)]
pub(crate) struct Tensors {
    /// Type, parameters, share.
    pub(crate) totals: Vec<(String, String, String)>,
    pub(crate) total: String,
    pub(crate) count: String,
    pub(crate) rows: Vec<TensorRow>,
    /// Free words of whoever wrote the file.
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) is_cut: bool,
    pub(crate) filter: String,
}

/// The tensors whose names contain a text, in the order of the file.
pub(crate) fn of_safetensors(header: &SafetensorsHeader, filter: &str) -> Tensors {
    let total = header.parameters.total;
    let mut by_type: BTreeMap<&str, u64> = BTreeMap::new();
    for tensor in &header.tensors {
        *by_type.entry(&tensor.dtype).or_default() += tensor.parameters;
    }
    let share = |count: u64| format!("{:.2} %", count as f64 / total.max(1) as f64 * 100.0);
    let fits = |name: &str| name.to_ascii_lowercase().contains(&filter.to_ascii_lowercase());
    let found: Vec<_> = header.tensors.iter().filter(|tensor| fits(&tensor.name)).collect();
    let row = |tensor: &&steelyard_card::safetensors::Tensor| TensorRow {
        name: tensor.name.clone(),
        dtype: tensor.dtype.clone(),
        shape: shape(&tensor.shape),
        parameters: format::full(tensor.parameters),
        bytes: format::bytes(tensor.data_offsets.1.saturating_sub(tensor.data_offsets.0)),
    };
    let word = |value: &Value| match value {
        Value::String(text) => text.chars().take(500).collect(),
        other => other.to_string().chars().take(500).collect(),
    };
    Tensors {
        totals: by_type
            .into_iter()
            .map(|(dtype, count)| (dtype.to_owned(), format::full(count), share(count)))
            .collect(),
        total: format::full(total),
        count: format::full(header.tensors.len() as u64),
        is_cut: found.len() > TENSORS_MAX,
        rows: found.iter().take(TENSORS_MAX).map(row).collect(),
        metadata: header
            .metadata
            .iter()
            .take(50)
            .map(|(key, value)| (key.clone(), word(value)))
            .collect(),
        filter: filter.to_owned(),
    }
}

fn shape(dimensions: &[u64]) -> String {
    if dimensions.is_empty() {
        return "scalar".to_owned();
    }
    let dimensions: Vec<String> = dimensions.iter().map(|size| format::full(*size)).collect();
    dimensions.join(" × ")
}

/// The header of a GGUF file: label and value of what it tells, and its chat template.
pub(crate) fn of_gguf(header: &Value) -> (Vec<(&'static str, String)>, Option<String>) {
    let fields: &[(&str, &'static str)] = &[
        ("architecture", "Architecture"),
        ("total", "Parameters"),
        ("tensors", "Tensors"),
        ("context_length", "Context, tokens"),
        ("file_type", "File type"),
        ("split_count", "Files"),
        ("bos_token", "First token"),
        ("eos_token", "Last token"),
        ("quantize_imatrix_file", "Importance matrix"),
    ];
    let text = |value: &Value| match value {
        Value::Number(number) => number.as_u64().map(format::full),
        Value::String(text) => Some(text.chars().take(500).collect()),
        _ => None,
    };
    let rows = fields.iter().filter_map(|(key, label)| Some((*label, text(header.get(*key)?)?)));
    let template = header.get("chat_template").and_then(Value::as_str).map(str::to_owned);
    (rows.collect(), template)
}
