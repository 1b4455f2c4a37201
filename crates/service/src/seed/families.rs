//! The families of models a catalogue is made of: the well-known architectures with their sizes, what they are trained
//! for, and how often one meets them.

/// Models of one architecture.
#[derive(Debug)]
pub(super) struct Family {
    /// The first part of its models' names.
    pub(super) name: &'static str,
    /// `model_type` of `config.json`; empty where there is none.
    pub(super) model_type: &'static str,
    /// The library that loads them.
    pub(super) library: &'static str,
    /// What is made of it: the first is what the foundation model does.
    pub(super) heads: &'static [(Head, u32)],
    /// The sizes it comes in: the label in names, millions of parameters.
    pub(super) sizes: &'static [(&'static str, u64)],
    /// The foundation models' licence.
    pub(super) license: &'static str,
    /// Tokens it takes at once; 0 where that means nothing.
    pub(super) context: u32,
    /// How often models are made of it.
    pub(super) weight: u32,
}

/// A task and the class that does it: of transformers, or a pipeline of diffusers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) task: &'static str,
    pub(super) class: &'static str,
}

const fn head(task: &'static str, class: &'static str) -> Head {
    Head { task, class }
}

/// A family of transformers.
const fn transformers(
    (name, model_type): (&'static str, &'static str),
    heads: &'static [(Head, u32)],
    sizes: &'static [(&'static str, u64)],
    (license, context, weight): (&'static str, u32, u32),
) -> Family {
    Family { name, model_type, library: "transformers", heads, sizes, license, context, weight }
}

/// A family of another library, without context.
const fn other(
    (name, library): (&'static str, &'static str),
    heads: &'static [(Head, u32)],
    sizes: &'static [(&'static str, u64)],
    (license, weight): (&'static str, u32),
) -> Family {
    Family { name, model_type: "", library, heads, sizes, license, context: 0, weight }
}

/// The families, those of the most popular foundation models first.
pub(super) const FAMILIES: &[Family] = &[
    transformers(
        ("bert-base", "bert"),
        &[
            (head("fill-mask", "BertForMaskedLM"), 2),
            (head("text-classification", "BertForSequenceClassification"), 6),
            (head("token-classification", "BertForTokenClassification"), 3),
            (head("question-answering", "BertForQuestionAnswering"), 2),
        ],
        &[("uncased", 110), ("cased", 108), ("multilingual-cased", 179)],
        ("apache-2.0", 512, 60),
    ),
    transformers(
        ("Llama-3.1", "llama"),
        &[(head("text-generation", "LlamaForCausalLM"), 1)],
        &[("8B", 8030), ("70B", 70554), ("405B", 405_853)],
        ("llama3.1", 131_072, 130),
    ),
    other(
        ("stable-diffusion-xl-base", "diffusers"),
        &[(head("text-to-image", "StableDiffusionXLPipeline"), 1)],
        &[("1.0", 3470), ("0.9", 3470), ("turbo", 3470)],
        ("openrail++", 70),
    ),
    transformers(
        ("Qwen2.5", "qwen2"),
        &[(head("text-generation", "Qwen2ForCausalLM"), 1)],
        &[("7B", 7616), ("0.5B", 494), ("32B", 32764)],
        ("apache-2.0", 32768, 150),
    ),
    transformers(
        ("distilbert-base", "distilbert"),
        &[
            (head("fill-mask", "DistilBertForMaskedLM"), 1),
            (head("text-classification", "DistilBertForSequenceClassification"), 9),
            (head("token-classification", "DistilBertForTokenClassification"), 2),
            (head("question-answering", "DistilBertForQuestionAnswering"), 2),
        ],
        &[("uncased", 67), ("cased", 65), ("multilingual-cased", 135)],
        ("apache-2.0", 512, 50),
    ),
    transformers(
        ("whisper", "whisper"),
        &[(head("automatic-speech-recognition", "WhisperForConditionalGeneration"), 1)],
        &[("small", 242), ("large-v3", 1543), ("tiny", 38)],
        ("apache-2.0", 448, 30),
    ),
    transformers(
        ("Mistral", "mistral"),
        &[(head("text-generation", "MistralForCausalLM"), 1)],
        &[("7B-v0.3", 7248), ("Small-24B", 23572), ("Nemo-12B", 12248)],
        ("apache-2.0", 32768, 60),
    ),
    other(
        ("all-MiniLM", "sentence-transformers"),
        &[(head("sentence-similarity", "BertModel"), 1)],
        &[("L6-v2", 23), ("L12-v2", 33), ("L3-v2", 17)],
        ("apache-2.0", 30),
    ),
    transformers(
        ("roberta", "roberta"),
        &[
            (head("fill-mask", "RobertaForMaskedLM"), 1),
            (head("text-classification", "RobertaForSequenceClassification"), 6),
            (head("token-classification", "RobertaForTokenClassification"), 2),
            (head("question-answering", "RobertaForQuestionAnswering"), 1),
        ],
        &[("base", 125), ("large", 355), ("small", 84)],
        ("mit", 512, 30),
    ),
    transformers(
        ("gemma-2", "gemma2"),
        &[(head("text-generation", "Gemma2ForCausalLM"), 1)],
        &[("2b", 2614), ("9b", 9242), ("27b", 27227)],
        ("gemma", 8192, 40),
    ),
    other(
        ("FLUX.1", "diffusers"),
        &[(head("text-to-image", "FluxPipeline"), 1)],
        &[("dev", 11901), ("schnell", 11891), ("lite", 8160)],
        ("other", 60),
    ),
    transformers(
        ("xlm-roberta", "xlm-roberta"),
        &[
            (head("fill-mask", "XLMRobertaForMaskedLM"), 1),
            (head("text-classification", "XLMRobertaForSequenceClassification"), 4),
            (head("token-classification", "XLMRobertaForTokenClassification"), 3),
        ],
        &[("base", 278), ("large", 560), ("small", 117)],
        ("mit", 512, 20),
    ),
    transformers(
        ("vit-base", "vit"),
        &[(head("image-classification", "ViTForImageClassification"), 1)],
        &[("patch16-224", 86), ("patch32-384", 88), ("patch8-224", 86)],
        ("apache-2.0", 0, 35),
    ),
    transformers(
        ("wav2vec2", "wav2vec2"),
        &[
            (head("automatic-speech-recognition", "Wav2Vec2ForCTC"), 4),
            (head("audio-classification", "Wav2Vec2ForSequenceClassification"), 1),
        ],
        &[("base", 94), ("large", 317), ("xls-r-300m", 315)],
        ("apache-2.0", 0, 25),
    ),
    transformers(
        ("t5", "t5"),
        &[
            (head("summarization", "T5ForConditionalGeneration"), 3),
            (head("translation", "T5ForConditionalGeneration"), 2),
        ],
        &[("small", 61), ("base", 223), ("large", 738)],
        ("apache-2.0", 512, 25),
    ),
    transformers(
        ("Qwen2-VL", "qwen2_vl"),
        &[(head("image-text-to-text", "Qwen2VLForConditionalGeneration"), 1)],
        &[("2B", 2209), ("7B", 8291), ("72B", 73406)],
        ("apache-2.0", 32768, 25),
    ),
    other(
        ("stable-diffusion", "diffusers"),
        &[
            (head("text-to-image", "StableDiffusionPipeline"), 9),
            (head("image-to-image", "StableDiffusionImg2ImgPipeline"), 1),
        ],
        &[("v1-5", 1066), ("v1-4", 1066), ("2-1", 1290)],
        ("creativeml-openrail-m", 35),
    ),
    transformers(
        ("Phi-3", "phi3"),
        &[(head("text-generation", "Phi3ForCausalLM"), 1)],
        &[("mini-4k", 3821), ("medium-128k", 13960), ("small-8k", 7392)],
        ("mit", 4096, 30),
    ),
    transformers(
        ("deberta-v3", "deberta-v2"),
        &[
            (head("fill-mask", "DebertaV2ForMaskedLM"), 1),
            (head("text-classification", "DebertaV2ForSequenceClassification"), 6),
            (head("token-classification", "DebertaV2ForTokenClassification"), 1),
        ],
        &[("base", 184), ("small", 141), ("large", 435)],
        ("mit", 512, 15),
    ),
    transformers(
        ("gpt2", "gpt2"),
        &[(head("text-generation", "GPT2LMHeadModel"), 1)],
        &[("small", 124), ("medium", 355), ("xl", 1558)],
        ("mit", 1024, 30),
    ),
    transformers(
        ("bart", "bart"),
        &[(head("summarization", "BartForConditionalGeneration"), 1)],
        &[("base", 139), ("large", 406), ("large-cnn", 406)],
        ("apache-2.0", 1024, 12),
    ),
    other(
        ("bge", "sentence-transformers"),
        &[
            (head("feature-extraction", "BertModel"), 1),
            (head("sentence-similarity", "BertModel"), 1),
        ],
        &[("small-en-v1.5", 33), ("base-en-v1.5", 109), ("large-en-v1.5", 335)],
        ("mit", 20),
    ),
    transformers(
        ("segformer", "segformer"),
        &[(head("image-segmentation", "SegformerForSemanticSegmentation"), 1)],
        &[("b0", 4), ("b2", 27), ("b5", 85)],
        ("other", 0, 6),
    ),
    transformers(
        ("detr-resnet", "detr"),
        &[(head("object-detection", "DetrForObjectDetection"), 1)],
        &[("50", 41), ("101", 60), ("34", 38)],
        ("apache-2.0", 0, 8),
    ),
    other(
        ("ppo", "stable-baselines3"),
        &[(head("reinforcement-learning", ""), 1)],
        &[("LunarLander-v2", 0), ("CartPole-v1", 0), ("Walker2d-v4", 0)],
        ("mit", 40),
    ),
    other(
        ("resnet", "timm"),
        &[(head("image-classification", ""), 1)],
        &[("50.a1_in1k", 26), ("18.a1_in1k", 12), ("101.a1h_in1k", 45)],
        ("apache-2.0", 8),
    ),
    transformers(
        ("vits", "vits"),
        &[(head("text-to-speech", "VitsModel"), 1)],
        &[("base", 36), ("ljs", 36), ("multi", 40)],
        ("cc-by-nc-4.0", 0, 10),
    ),
    other(
        ("forest", "sklearn"),
        &[(head("tabular-classification", ""), 2), (head("tabular-regression", ""), 1)],
        &[("small", 0), ("medium", 0), ("large", 0)],
        ("mit", 6),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_in_the_vocabularies() {
        for family in FAMILIES {
            assert!(steelyard_card::vocab::find_library(family.library).is_some(), "{family:?}");
            assert!(steelyard_card::vocab::find_license(family.license).is_some(), "{family:?}");
            assert_eq!(family.sizes.len(), 3, "{family:?}");
            for (Head { task, class }, _) in family.heads {
                assert!(steelyard_card::vocab::find_pipeline_tag(task).is_some(), "{task}");
                let is_transformers = family.library == "transformers";
                let found = steelyard_card::vocab::find_architecture(class);
                assert!(!is_transformers || found.is_some(), "{class}");
            }
        }
    }
}
