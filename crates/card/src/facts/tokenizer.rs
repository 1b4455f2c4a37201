//! How text becomes tokens: what snippets and traps need to know of a tokenizer.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::WORD_BYTES_MAX;
use super::config::{Configs, token_text};
use super::files::Evidence;

/// What `tokenizer_config.json` and the files beside it tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenizerFacts {
    /// The class that loads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The longest input it lets through, when it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_max_length: Option<u64>,
    /// On which side it pads: `left` or `right`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub padding_side: Option<String>,
    /// The token that starts a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bos_token: Option<String>,
    /// The token that ends a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eos_token: Option<String>,
    /// The token that fills up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pad_token: Option<String>,
    /// The token for what it does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unk_token: Option<String>,
    /// The file that holds the chat template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_template: Option<String>,
    /// Whether the chat template takes tools.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub takes_tools: bool,
}

/// Reads what there is; `None` when nothing is.
pub(super) fn read(
    configs: &Configs,
    evidence: &Evidence,
    jinja: Option<&[u8]>,
) -> Option<TokenizerFacts> {
    let mut facts = TokenizerFacts::default();
    if let Some(config) = configs.tokenizer() {
        let text = |key: &str| {
            let text = token_text(config.get(key)?)?.as_str()?.to_owned();
            (!text.is_empty() && text.len() <= WORD_BYTES_MAX).then_some(text)
        };
        let length = config.get("model_max_length").and_then(Value::as_u64);
        facts = TokenizerFacts {
            class: text("tokenizer_class"),
            model_max_length: length.filter(|length| (1..=100_000_000).contains(length)),
            padding_side: text("padding_side").filter(|side| side == "left" || side == "right"),
            bos_token: text("bos_token"),
            eos_token: text("eos_token"),
            pad_token: text("pad_token"),
            unk_token: text("unk_token"),
            ..facts
        };
        if let Some(template) = config.get("chat_template").filter(|value| !value.is_null()) {
            facts.chat_template = Some("tokenizer_config.json".to_owned());
            facts.takes_tools = template_takes_tools(template);
        }
    }
    // A file of its own wins over the key, as it does when transformers loads it.
    if let Some(file) = evidence.chat_template {
        facts.chat_template = Some(file.to_owned());
    }
    facts.takes_tools |= jinja.is_some_and(mentions_tools);
    (facts != TokenizerFacts::default()).then_some(facts)
}

/// One template, or a list of named ones.
fn template_takes_tools(template: &Value) -> bool {
    let text = |value: &Value| value.as_str().is_some_and(|text| mentions_tools(text.as_bytes()));
    match template {
        Value::Array(named) => named.iter().filter_map(|named| named.get("template")).any(text),
        other => text(other),
    }
}

fn mentions_tools(template: &[u8]) -> bool {
    template.windows(5).any(|window| window == b"tools")
}
