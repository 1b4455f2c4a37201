//! What the configuration files of a model tell.

use serde_json::{Map, Value, json};

use super::{CONFIG_BYTES_MAX, CardInput, TransformersInfo, WORD_BYTES_MAX};
use crate::{values, vocab};

/// Most model classes that are taken over.
const ARCHITECTURES_MAX: usize = 16;

/// The keys of `config.json` that listings show.
const PUBLIC_KEYS: [&str; 4] = ["architectures", "auto_map", "model_type", "quantization_config"];
/// The keys of `tokenizer_config.json` that listings show; tokens are shown as their text.
const TOKENIZER_KEYS: [&str; 9] = [
    "bos_token",
    "chat_template",
    "cls_token",
    "eos_token",
    "mask_token",
    "pad_token",
    "sep_token",
    "unk_token",
    "use_default_system_prompt",
];

/// The parsed configuration files; unreadable ones count as absent.
#[derive(Debug, Default)]
pub(super) struct Configs {
    model: Option<Map<String, Value>>,
    tokenizer: Option<Map<String, Value>>,
    adapter: Option<Map<String, Value>>,
    diffusers: Option<Map<String, Value>>,
}

impl Configs {
    pub(super) fn read(input: &CardInput<'_>) -> Self {
        Self {
            model: input.config_json.and_then(object),
            tokenizer: input.tokenizer_config_json.and_then(object),
            adapter: input.adapter_config_json.and_then(object),
            diffusers: input.model_index_json.and_then(object),
        }
    }

    /// `config.json`.
    pub(super) fn model(&self) -> Option<&Map<String, Value>> {
        self.model.as_ref()
    }

    /// `tokenizer_config.json`.
    pub(super) fn tokenizer(&self) -> Option<&Map<String, Value>> {
        self.tokenizer.as_ref()
    }

    /// The base model an adapter was trained on, where it is named by an id and not by somebody's folder.
    pub(super) fn adapter_base(&self) -> Option<String> {
        let base = self.adapter.as_ref()?.get("base_model_name_or_path")?.as_str()?.trim();
        (base.contains('/') && values::is_repo_id(base)).then(|| base.to_owned())
    }

    /// The task an adapter was trained for, in PEFT's words.
    pub(super) fn adapter_task(&self) -> Option<&str> {
        self.adapter.as_ref()?.get("task_type")?.as_str()
    }

    /// The pipeline class of diffusers.
    pub(super) fn diffusers_class(&self) -> Option<&str> {
        let class = self.diffusers.as_ref()?.get("_class_name")?.as_str()?;
        (!class.is_empty() && class.len() <= WORD_BYTES_MAX).then_some(class)
    }

    /// The model classes, as far as they are names.
    pub(super) fn architectures(&self) -> Vec<String> {
        let listed = self.get("architectures").and_then(Value::as_array);
        let names = listed.into_iter().flatten().filter_map(Value::as_str);
        let names = names.filter(|name| !name.is_empty() && name.len() <= WORD_BYTES_MAX);
        names.take(ARCHITECTURES_MAX).map(str::to_owned).collect()
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.model.as_ref()?.get(key)
    }

    pub(super) fn model_type(&self) -> Option<&str> {
        self.get("model_type")?.as_str().filter(|text| !text.is_empty())
    }

    pub(super) fn architecture(&self) -> Option<&str> {
        self.get("architectures")?.get(0)?.as_str()
    }

    /// Whether the transformers library wrote the configuration.
    pub(super) fn is_transformers(&self) -> bool {
        self.get("transformers_version").is_some_and(Value::is_string)
            || self.transformers_info().is_some()
    }

    /// Whether the model needs code from its repository.
    pub(super) fn has_custom_code(&self) -> bool {
        self.get("auto_map").and_then(Value::as_object).is_some_and(|map| !map.is_empty())
    }

    fn quantization(&self) -> Option<&Map<String, Value>> {
        self.get("quantization_config")?.as_object().filter(|config| !config.is_empty())
    }

    pub(super) fn is_quantized(&self) -> bool {
        // MLX writes its own under `quantization`.
        self.quantization().is_some() || self.get("quantization").is_some_and(Value::is_object)
    }

    /// `4-bit` or `8-bit` and the method, as far as the configuration tells.
    pub(super) fn quantization_tags(&self) -> Vec<String> {
        let Some(config) = self.quantization() else { return Vec::new() };
        let flag = |key: &str| config.get(key).and_then(Value::as_bool).unwrap_or(false);
        let bits = config.get("bits").and_then(Value::as_u64).or_else(|| {
            [("load_in_4bit", 4), ("load_in_8bit", 8)]
                .into_iter()
                .find_map(|(key, bits)| flag(key).then_some(bits))
        });
        let mut tags = Vec::new();
        tags.extend(bits.filter(|bits| (1..=16).contains(bits)).map(|bits| format!("{bits}-bit")));
        tags.extend(config.get("quant_method").and_then(Value::as_str).map(str::to_lowercase));
        tags
    }

    pub(super) fn has_chat_template(&self) -> bool {
        let template = self.tokenizer.as_ref().and_then(|config| config.get("chat_template"));
        template.is_some_and(|template| !template.is_null())
    }

    pub(super) fn mask_token(&self) -> Option<String> {
        token_text(self.tokenizer.as_ref()?.get("mask_token")?)?.as_str().map(str::to_owned)
    }

    /// The part of the configuration that listings show.
    pub(super) fn public(&self) -> Option<Value> {
        let mut public = Map::new();
        for key in PUBLIC_KEYS {
            if let Some(value) = self.get(key).filter(|value| !value.is_null()) {
                public.insert(key.to_owned(), value.clone());
            }
        }
        if let Some(tokenizer) = &self.tokenizer {
            let shown = TOKENIZER_KEYS
                .iter()
                .filter_map(|key| Some(((*key).to_owned(), token_text(tokenizer.get(*key)?)?)));
            public.insert("tokenizer_config".to_owned(), Value::Object(shown.collect()));
        }
        if let Some(adapter) = &self.adapter {
            let get = |key: &str| adapter.get(key).filter(|value| value.is_string()).cloned();
            public.insert(
                "peft".to_owned(),
                json!({
                    "base_model_name_or_path": get("base_model_name_or_path"),
                    "task_type": get("task_type"),
                }),
            );
        }
        (!public.is_empty()).then_some(Value::Object(public))
    }

    /// How transformers loads the model: by its class, or by what `auto_map` names.
    pub(super) fn transformers_info(&self) -> Option<TransformersInfo> {
        let custom = self.custom_class();
        let known = self.architecture().and_then(vocab::find_architecture);
        if let Some((auto_model, class)) = custom {
            let task = known.map(|known| known.pipeline_tag).or_else(|| task_of_auto(&auto_model));
            return Some(TransformersInfo {
                auto_model,
                custom_class: Some(class),
                pipeline_tag: task.map(|task| self.current_task(task)),
                processor: None,
            });
        }
        let known = known?;
        let task = self.current_task(known.pipeline_tag);
        let processor = processor(&task).to_owned();
        Some(TransformersInfo {
            auto_model: known.auto_class.to_owned(),
            custom_class: None,
            pipeline_tag: Some(task),
            processor: Some(processor),
        })
    }

    /// The model class of `auto_map`: the most specific `AutoModel*` entry.
    fn custom_class(&self) -> Option<(String, String)> {
        let map = self.get("auto_map")?.as_object()?;
        let entries = map.iter().filter(|(auto, _)| auto.starts_with("AutoModel"));
        let (auto, class) = entries.max_by_key(|(auto, _)| {
            // With several, the one for generating text is what people load.
            (auto.as_str() == "AutoModelForCausalLM", auto.len())
        })?;
        let class = class.as_str().or_else(|| class.get(0)?.as_str())?;
        Some((auto.clone(), class.to_owned()))
    }

    /// The task by its present name: sequence-to-sequence models translate, summarize, or generate text.
    fn current_task(&self, task: &str) -> String {
        if task != "text2text-generation" {
            return task.to_owned();
        }
        let specific = self.get("task_specific_params").and_then(Value::as_object);
        let has = |start: &str| {
            specific.is_some_and(|params| params.keys().any(|key| key.starts_with(start)))
        };
        let task = if has("translation") {
            "translation"
        } else if has("summarization") {
            "summarization"
        } else {
            "text-generation"
        };
        task.to_owned()
    }
}

fn object(bytes: &[u8]) -> Option<Map<String, Value>> {
    if bytes.len() > CONFIG_BYTES_MAX {
        return None;
    }
    serde_json::from_slice(bytes).ok()
}

/// A special token as text; older files wrap it in an object.
pub(super) fn token_text(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Object(token) => token.get("content").filter(|text| text.is_string()).cloned(),
        other => Some(other.clone()),
    }
}

fn task_of_auto(auto: &str) -> Option<&'static str> {
    let task = match auto {
        "AutoModelForCausalLM" => "text-generation",
        "AutoModelForSeq2SeqLM" => "text2text-generation",
        "AutoModelForMaskedLM" => "fill-mask",
        "AutoModelForSequenceClassification" => "text-classification",
        "AutoModelForTokenClassification" => "token-classification",
        "AutoModelForQuestionAnswering" => "question-answering",
        "AutoModelForImageClassification" => "image-classification",
        "AutoModelForImageTextToText" | "AutoModelForVision2Seq" => "image-text-to-text",
        "AutoModelForSpeechSeq2Seq" | "AutoModelForCTC" => "automatic-speech-recognition",
        "AutoModel" => "feature-extraction",
        _ => return None,
    };
    Some(task)
}

/// The class that prepares the input, by the kind of input the task takes.
fn processor(task: &str) -> &'static str {
    match vocab::find_pipeline_tag(task).map(|tag| tag.modality) {
        Some("multimodal" | "audio") => "AutoProcessor",
        Some("cv") if task != "zero-shot-image-classification" => "AutoImageProcessor",
        Some("cv") => "AutoProcessor",
        _ => "AutoTokenizer",
    }
}
