//! How many tokens a model takes at once.

use serde_json::{Map, Value};

/// The keys of configurations, the most telling first.
const KEYS: [&str; 8] = [
    "max_position_embeddings",
    "n_positions",
    "n_ctx",
    "max_seq_len",
    "seq_length",
    "max_sequence_length",
    "model_max_length",
    "max_target_positions",
];
/// Where models of several parts keep the part that reads text.
const PARTS: [&str; 5] =
    ["text_config", "llm_config", "language_config", "thinker_config", "decoder"];
/// More tokens than any model takes; tokenizers write 1e30 where they do not know.
const TOKENS_MAX: u64 = 100_000_000;

/// The context of `config.json`, widened as it says; else what the tokenizer allows.
pub(super) fn tokens(
    config: Option<&Map<String, Value>>,
    tokenizer: Option<&Map<String, Value>>,
) -> Option<u32> {
    let allowed = tokenizer.and_then(|tokenizer| number(tokenizer.get("model_max_length")?));
    let Some((positions, part)) = config.and_then(|config| positions(config, 0)) else {
        return allowed;
    };
    // RoBERTa counts two positions that hold no token.
    if allowed.is_some_and(|allowed| allowed + 2 == positions) {
        return allowed;
    }
    Some(scaled(positions, part))
}

fn positions(config: &Map<String, Value>, depth: usize) -> Option<(u32, &Map<String, Value>)> {
    let own = KEYS.iter().find_map(|key| number(config.get(*key)?));
    if let Some(own) = own {
        return Some((own, config));
    }
    if depth >= 2 {
        return None;
    }
    PARTS.iter().find_map(|part| positions(config.get(*part)?.as_object()?, depth + 1))
}

/// Applies `rope_scaling` (`rope_parameters` since transformers 5) as inference servers do.
fn scaled(positions: u32, config: &Map<String, Value>) -> u32 {
    let scaling = ["rope_scaling", "rope_parameters"]
        .into_iter()
        .find_map(|key| config.get(key)?.as_object());
    let Some(scaling) = scaling else { return positions };
    let kind = scaling.get("rope_type").or_else(|| scaling.get("type")).and_then(Value::as_str);
    let factor = scaling.get("factor").and_then(Value::as_f64).filter(|factor| *factor > 1.0);
    let Some(factor) = factor else { return positions };
    // Gemma 3 writes the length that it reaches by scaling.
    let model = config.get("model_type").and_then(Value::as_str).unwrap_or_default();
    let base = match kind {
        Some("linear" | "dynamic") if !model.starts_with("gemma3") => positions,
        Some("yarn") => {
            let original = scaling.get("original_max_position_embeddings");
            original.and_then(number).unwrap_or(positions)
        }
        // The others (llama3, longrope, mrope) write the length that they reach.
        _ => return positions,
    };
    whole(f64::from(base) * factor).unwrap_or(positions)
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().or_else(|| whole(value.as_f64()?).map(u64::from)).and_then(sane)
}

/// A number of tokens that can be meant.
pub(super) fn sane(tokens: u64) -> Option<u32> {
    u32::try_from(tokens).ok().filter(|tokens| *tokens > 0 && u64::from(*tokens) <= TOKENS_MAX)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
fn whole(number: f64) -> Option<u32> {
    (1.0..=1.0e8).contains(&number).then_some(number as u32)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lengths_of_real_configurations() {
        let cases = [
            (json!({"max_position_embeddings": 512}), json!({}), Some(512)),
            (json!({"n_positions": 1024, "n_ctx": 1024}), json!({}), Some(1024)),
            (json!({"max_seq_len": 2048}), json!({}), Some(2048)),
            // RoBERTa.
            (json!({"max_position_embeddings": 514}), json!({"model_max_length": 512}), Some(512)),
            // Qwen2.5 with YaRN.
            (
                json!({"max_position_embeddings": 32768, "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}}),
                json!({}),
                Some(131_072),
            ),
            // DeepSeek V3, which writes the scaled length.
            (
                json!({"max_position_embeddings": 163_840, "rope_scaling": {"type": "yarn", "factor": 40, "original_max_position_embeddings": 4096}}),
                json!({}),
                Some(163_840),
            ),
            // Llama 3.1, likewise.
            (
                json!({"max_position_embeddings": 131_072, "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 8192}}),
                json!({}),
                Some(131_072),
            ),
            // Vicuna 16k.
            (
                json!({"max_position_embeddings": 4096, "rope_scaling": {"type": "linear", "factor": 4.0}}),
                json!({}),
                Some(16_384),
            ),
            // Gemma 3.
            (
                json!({"text_config": {"model_type": "gemma3_text", "max_position_embeddings": 131_072, "rope_scaling": {"rope_type": "linear", "factor": 8.0}}}),
                json!({}),
                Some(131_072),
            ),
            (
                json!({"thinker_config": {"text_config": {"max_position_embeddings": 32768}}}),
                json!({}),
                Some(32768),
            ),
            (
                json!({"max_position_embeddings": 32768, "rope_scaling": null}),
                json!({}),
                Some(32768),
            ),
            (json!({}), json!({"model_max_length": 2048}), Some(2048)),
            (json!({}), json!({"model_max_length": 1e30}), None),
            (json!({"max_position_embeddings": -1}), json!({}), None),
            (json!({"max_position_embeddings": 0}), json!({}), None),
            (json!({"max_position_embeddings": 18_446_744_073_709_551_615_u64}), json!({}), None),
            (json!({"max_position_embeddings": "many"}), json!({}), None),
            (
                json!({"max_position_embeddings": 4096, "rope_scaling": {"type": "linear", "factor": 1e300}}),
                json!({}),
                Some(4096),
            ),
        ];
        for (config, tokenizer, expected) in cases {
            assert_eq!(tokens(config.as_object(), tokenizer.as_object()), expected, "{config}");
        }
        assert_eq!(tokens(None, None), None);
    }
}
