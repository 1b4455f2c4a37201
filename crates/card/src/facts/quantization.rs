//! How weights were made smaller, as configurations tell it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How the weights were made smaller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantization {
    /// The method in small letters: `gptq`, `awq`, `bitsandbytes`, `fp8`, `mlx`, ...
    pub method: String,
    /// Bits per weight, rounded up, where they can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<u8>,
}

/// Longest name of a method.
const METHOD_BYTES_MAX: usize = 64;

/// Reads `config.json`; `quantize_config.json` alone gives away that it was GPTQ.
pub(super) fn read(
    config: Option<&Map<String, Value>>,
    quantize_config: bool,
) -> Option<Quantization> {
    let gptq = || Quantization { method: "gptq".to_owned(), bits: None };
    let config = match config {
        Some(config) => config,
        None => return quantize_config.then(gptq),
    };
    let found = config.get("quantization_config").and_then(Value::as_object);
    if let Some(found) = found.filter(|found| !found.is_empty()) {
        let method = method(found);
        return Some(Quantization { bits: bits(found, &method), method });
    }
    // MLX writes its own under `quantization`.
    let mlx = config.get("quantization").and_then(Value::as_object);
    if let Some(mlx) = mlx.filter(|mlx| mlx.contains_key("bits")) {
        return Some(Quantization { method: "mlx".to_owned(), bits: number(mlx.get("bits")) });
    }
    quantize_config.then(gptq)
}

fn method(config: &Map<String, Value>) -> String {
    let text = |key: &str| config.get(key).and_then(Value::as_str).map(str::to_lowercase);
    let loaded = |key: &str| config.get(key).and_then(Value::as_bool) == Some(true);
    let method = text("quant_method").or_else(|| {
        let bnb = loaded("load_in_4bit") || loaded("load_in_8bit");
        bnb.then(|| "bitsandbytes".to_owned())
    });
    let method = method.filter(|method| !method.is_empty() && method.len() <= METHOD_BYTES_MAX);
    method.unwrap_or_else(|| "unknown".to_owned())
}

/// The bits where each method writes them.
fn bits(config: &Map<String, Value>, method: &str) -> Option<u8> {
    let loaded = |key: &str| config.get(key).and_then(Value::as_bool) == Some(true);
    if loaded("load_in_4bit") || loaded("_load_in_4bit") {
        return Some(4);
    }
    if loaded("load_in_8bit") || loaded("_load_in_8bit") {
        return Some(8);
    }
    let direct = ["bits", "w_bit", "nbits", "weight_bits", "num_bits"];
    direct
        .into_iter()
        .find_map(|key| number(config.get(key)))
        .or_else(|| of_groups(config))
        .or_else(|| of_hqq(config))
        .or_else(|| {
            ["weights", "quant_type", "quant_algo", "fmt"]
                .into_iter()
                .find_map(|key| of_word(config.get(key)?.as_str()?))
        })
        .or_else(|| of_word(method))
}

/// compressed-tensors: `config_groups.group_0.weights.num_bits`.
fn of_groups(config: &Map<String, Value>) -> Option<u8> {
    let groups = config.get("config_groups")?.as_object()?;
    groups.values().find_map(|group| number(group.get("weights")?.get("num_bits")))
}

/// HQQ: `quant_config.weight_quant_params.nbits`.
fn of_hqq(config: &Map<String, Value>) -> Option<u8> {
    number(config.get("quant_config")?.get("weight_quant_params")?.get("nbits"))
}

/// Words that say how many bits: `int4`, `float8`, `fp8`, `nvfp4`, `int4_weight_only`.
fn of_word(word: &str) -> Option<u8> {
    let word = word.to_ascii_lowercase();
    let marks: [(u8, &[&str]); 5] = [
        (4, &["int4", "fp4", "nf4", "float4", "uint4", "w4"]),
        (8, &["int8", "fp8", "float8", "e4m3", "e5m2", "eetq", "w8"]),
        (2, &["int2", "bitnet"]),
        (6, &["fp6"]),
        (3, &["int3"]),
    ];
    let found = marks.iter().find(|(_, words)| words.iter().any(|mark| word.contains(mark)));
    found.map(|(bits, _)| *bits)
}

/// A sane number of bits; EXL2 and its like have fractions.
fn number(value: Option<&Value>) -> Option<u8> {
    let bits = value?.as_f64()?.ceil();
    (1_u8..=32).find(|whole| f64::from(*whole) >= bits && bits >= 1.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(config: &Value) -> Option<(String, Option<u8>)> {
        let found = read(config.as_object(), false)?;
        Some((found.method, found.bits))
    }

    #[test]
    fn every_method_writes_its_bits_elsewhere() {
        let cases = [
            (json!({"quant_method": "gptq", "bits": 4, "group_size": 128}), "gptq", Some(4)),
            (json!({"quant_method": "AWQ", "w_bit": 4}), "awq", Some(4)),
            (
                json!({"quant_method": "bitsandbytes", "load_in_4bit": true, "load_in_8bit": false}),
                "bitsandbytes",
                Some(4),
            ),
            (json!({"load_in_8bit": true}), "bitsandbytes", Some(8)),
            (
                json!({"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128]}),
                "fp8",
                Some(8),
            ),
            (
                json!({"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": {"num_bits": 8}}}}),
                "compressed-tensors",
                Some(8),
            ),
            (json!({"quant_method": "mxfp4"}), "mxfp4", Some(4)),
            (json!({"quant_method": "exl2", "bits": 4.65}), "exl2", Some(5)),
            (
                json!({"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 3}}}),
                "hqq",
                Some(3),
            ),
            (json!({"quant_method": "quanto", "weights": "int4"}), "quanto", Some(4)),
            (json!({"quant_method": "modelopt", "quant_algo": "NVFP4"}), "modelopt", Some(4)),
            (
                json!({"quant_method": "torchao", "quant_type": "int8_weight_only"}),
                "torchao",
                Some(8),
            ),
            (json!({"quant_method": "new", "bits": 4096}), "new", None),
            (json!({"bits": -3}), "unknown", None),
        ];
        for (config, method, bits) in cases {
            let found = of(&json!({"quantization_config": config}));
            assert_eq!(found, Some((method.to_owned(), bits)), "{config}");
        }
        let mlx = json!({"quantization": {"group_size": 64, "bits": 4}});
        assert_eq!(of(&mlx), Some(("mlx".to_owned(), Some(4))));
        for none in
            [json!({}), json!({"quantization_config": {}}), json!({"quantization_config": null})]
        {
            assert_eq!(of(&none), None, "{none}");
        }
        assert_eq!(read(None, true).map(|found| found.method).as_deref(), Some("gptq"));
    }
}
