//! Which local apps can run a model.

use super::Facts;
use crate::gguf::GgufHeader;
use crate::vocab;

/// What the rules look at, asked once.
struct Model<'a> {
    facts: &'a Facts,
    /// llama.cpp can load it: a GGUF file of a model of text.
    llama_cpp: bool,
    mlx: bool,
    /// Text comes out, perhaps after images went in.
    text: bool,
}

/// The ids of the apps that can run the model, in the order of the list of apps.
pub(super) fn of(facts: &Facts, gguf: Option<&GgufHeader>) -> Vec<String> {
    let task = facts.pipeline_tag.as_deref();
    let text = matches!(task, Some("text-generation" | "image-text-to-text"));
    // The header tells for certain; without it, GGUF files of anything but pictures and sound are taken for text.
    let of_text = match gguf {
        Some(header) => header.context_length.is_some(),
        None => task.is_none_or(|task| {
            let modality = vocab::find_pipeline_tag(task).map(|tag| tag.modality);
            text || !matches!(modality, Some("cv" | "audio" | "multimodal"))
        }),
    };
    let model = Model {
        facts,
        llama_cpp: has(&facts.formats, "gguf") && of_text,
        mlx: has(&facts.tags, "mlx"),
        text,
    };
    let apps = vocab::local_apps().iter().filter(|app| model.runs_in(app.id));
    apps.map(|app| app.id.to_owned()).collect()
}

impl Model<'_> {
    fn runs_in(&self, app: &str) -> bool {
        let tag = |tag: &str| has(&self.facts.tags, tag);
        let diffusers = self.facts.library_name.as_deref() == Some("diffusers");
        let to_image = self.facts.pipeline_tag.as_deref() == Some("text-to-image");
        match app {
            "llama.cpp" | "node-llama-cpp" | "localai" | "jan" | "backyard" | "sanctum"
            | "msty" | "recursechat" | "ollama" => self.llama_cpp,
            "lmstudio" | "atomic-chat" => self.llama_cpp || self.mlx,
            "vllm" => self.text && (self.is_served() || self.llama_cpp),
            "sglang" => self.text && self.is_served(),
            "docker-model-runner" => self.llama_cpp || (self.text && self.is_served()),
            "tgi" => tag("text-generation-inference") || (self.text && self.is_served_by_tgi()),
            "mlx-lm" => self.mlx && self.facts.pipeline_tag.as_deref() == Some("text-generation"),
            "unsloth" => self.llama_cpp || tag("unsloth"),
            "lemonade" => self.llama_cpp || tag("ryzenai-hybrid") || tag("ryzenai-npu"),
            "jellybox" => {
                let picture = diffusers && has(&self.facts.formats, "safetensors");
                self.llama_cpp || (picture && (to_image || tag("lora")))
            }
            "drawthings" => diffusers && (to_image || tag("lora")),
            "diffusionbee" => diffusers && to_image,
            "joyfusion" => tag("coreml") && tag("joyfusion") && to_image,
            "pi" | "hermes-agent" | "openclaw" => self.is_agent(),
            _ => false,
        }
    }

    /// Whether servers that load what transformers loads can load it: whole weights, and a quantization they know.
    fn is_served(&self) -> bool {
        let known = ["awq", "gptq", "aqlm", "marlin"];
        let quantization = self.facts.quantization.as_ref();
        quantization.is_some_and(|quantization| known.contains(&quantization.method.as_str()))
            || has(&self.facts.tags, "transformers")
    }

    fn is_served_by_tgi(&self) -> bool {
        has(&self.facts.tags, "transformers")
            && has(&self.facts.formats, "safetensors")
            && !has(&self.facts.tags, "custom_code")
    }

    /// Agents on one's own machine need a chat that takes tools.
    fn is_agent(&self) -> bool {
        let takes_tools = self.facts.tokenizer.as_ref().is_some_and(|facts| facts.takes_tools);
        (self.llama_cpp || self.mlx) && has(&self.facts.tags, "conversational") && takes_tools
    }
}

fn has(words: &[String], word: &str) -> bool {
    words.iter().any(|known| known == word)
}
