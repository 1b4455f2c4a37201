//! Models: what their cards and configurations say.

use serde_json::{Value, json};
use steelyard_core::RepoKind;

use super::catalogue::{Catalogue, Kinship, Quantization, Relation};
use super::chance::{Chance, Question};
use super::evals;
use super::families::Family;
use super::front_matter::FrontMatter;
use super::spec::{File, Weights};

/// The licences of models whose makers choose freely.
pub(super) const LICENSES: &[(&str, u32)] = &[
    ("apache-2.0", 42),
    ("mit", 22),
    ("other", 6),
    ("openrail", 6),
    ("creativeml-openrail-m", 5),
    ("cc-by-nc-4.0", 6),
    ("cc-by-4.0", 4),
    ("llama3.1", 3),
    ("cc-by-sa-4.0", 2),
    ("gemma", 2),
    ("cc-by-nc-sa-4.0", 2),
    ("gpl-3.0", 2),
    ("afl-3.0", 1),
    ("agpl-3.0", 1),
    ("bsd-3-clause", 1),
    ("cc0-1.0", 1),
    ("cc-by-nc-nd-4.0", 1),
    ("bigscience-openrail-m", 1),
];

/// The languages of models and datasets.
pub(super) const LANGUAGES: &[(&str, u32)] = &[
    ("en", 60),
    ("zh", 9),
    ("fr", 5),
    ("de", 5),
    ("es", 5),
    ("ja", 4),
    ("ko", 4),
    ("ru", 3),
    ("pt", 3),
    ("it", 3),
    ("ar", 3),
    ("hi", 2),
    ("tr", 2),
    ("vi", 2),
    ("nl", 2),
    ("pl", 2),
    ("id", 2),
    ("fa", 1),
    ("sv", 1),
    ("uk", 1),
    ("cs", 1),
    ("fi", 1),
    ("ro", 1),
    ("da", 1),
    ("th", 1),
    ("bn", 1),
    ("ta", 1),
    ("te", 1),
    ("sw", 1),
    ("yo", 1),
    ("multilingual", 2),
    ("code", 1),
];

const KNOWN_DATASETS: &[(&str, u32)] = &[
    ("glue", 10),
    ("imdb", 8),
    ("squad", 8),
    ("emotion", 7),
    ("conll2003", 6),
    ("wikipedia", 6),
    ("HuggingFaceH4/ultrachat_200k", 5),
    ("Open-Orca/OpenOrca", 5),
    ("openai/gsm8k", 4),
    ("tatsu-lab/alpaca", 4),
    ("mozilla-foundation/common_voice_17_0", 4),
    ("ms_marco", 3),
    ("xsum", 3),
    ("cnn_dailymail", 3),
    ("c4", 3),
    ("laion/laion2B-en", 2),
    ("food101", 2),
    ("librispeech_asr", 2),
];

const TAGS: &[(&str, u32)] = &[
    ("generated_from_trainer", 30),
    ("trl", 12),
    ("sft", 10),
    ("unsloth", 9),
    ("text-generation-inference", 8),
    ("merge", 3),
    ("mergekit", 3),
    ("chat", 4),
    ("instruct", 4),
    ("dpo", 3),
    ("autotrain", 3),
    ("tensorboard", 3),
    ("endpoints-template", 1),
    ("custom", 1),
    ("research", 1),
    ("experimental", 1),
    ("not-for-all-audiences", 2),
];

/// The licence a model's card gives: many pass on their base's.
pub(super) fn license(catalogue: &Catalogue, index: u64, kin: &Kinship) -> Option<&'static str> {
    let mut line = std::iter::once(index).chain(kin.ancestors.iter().copied());
    line.find_map(|model| {
        if catalogue.is_foundation(model) {
            return Some(Some(kin.family.license));
        }
        let mut chance = catalogue.chance(Question::Trait, model ^ (1 << 59));
        let (is_root, draw) =
            (kin.ancestors.last().is_none_or(|root| *root == model), chance.unit());
        match draw {
            draw if draw < 0.2 => Some(None),
            draw if draw < 0.8 && !is_root => None,
            _ => Some(Some(*chance.weighted(LICENSES))),
        }
    })
    .flatten()
}

/// A model's files and what they would weigh.
pub(super) fn files(
    catalogue: &Catalogue,
    index: u64,
    prose: &str,
) -> (Vec<File>, Option<Weights>) {
    let kin = catalogue.kinship(index);
    let mut chance = catalogue.chance(Question::Trait, index ^ (1 << 58));
    let maker = Maker { catalogue, index, kin };
    let (mut files, weights) = maker.weights(&mut chance);
    files.push(File::text("README.md", maker.card(&mut chance) + prose));
    (files, weights)
}

struct Maker<'a> {
    catalogue: &'a Catalogue,
    index: u64,
    kin: Kinship,
}

impl Maker<'_> {
    fn card(&self, chance: &mut Chance) -> String {
        let Self { catalogue, index, kin } = self;
        let (is_foundation, mut card) = (catalogue.is_foundation(*index), FrontMatter::default());
        // Many have a card with nothing but text.
        if !is_foundation && kin.ancestors.is_empty() && chance.happens(0.25) {
            return card.into_card();
        }
        let is_text = kin.family.context > 0 && kin.family.model_type != "whisper";
        if is_text && chance.happens(0.5) {
            card.list("language", &languages(chance));
        }
        if let Some(license) = license(catalogue, *index, kin) {
            card.word("license", license);
            if license == "other" {
                card.word("license_name", format_args!("{}-license", kin.family.name));
            }
        }
        if is_foundation || chance.happens(0.75) {
            card.word("library_name", self.library());
        }
        if is_foundation || chance.happens(0.7) {
            card.word("pipeline_tag", kin.head.task);
        }
        self.lineage(chance, &mut card);
        card.list("datasets", &self.datasets(chance));
        card.list("tags", &self.tags(chance));
        if kin.relation == Relation::Finetune {
            let mut chance = catalogue.chance(Question::Evals, *index);
            let name = catalogue.name(*index);
            evals::write(&mut chance, kin.head.task, &name, &mut card);
        }
        card.into_card()
    }

    fn lineage(&self, chance: &mut Chance, card: &mut FrontMatter) {
        let mut bases = self.bases(chance);
        let relation = match self.kin.relation {
            Relation::Finetune => "finetune",
            Relation::Adapter => "adapter",
            Relation::Quantized => "quantized",
            Relation::Merge => "merge",
        };
        if bases.is_empty() && !self.catalogue.is_foundation(self.index) && chance.happens(0.08) {
            // Made from something that is on another hub.
            bases.push(format!("elsewhere/{}-{}", self.kin.family.name, self.kin.size.0));
        }
        let is_picture_adapter =
            self.kin.relation == Relation::Adapter && self.kin.family.library == "diffusers";
        // Otherwise the files tell.
        let is_told = chance.happens(0.5) || self.kin.relation == Relation::Merge;
        match bases.as_slice() {
            [] => return,
            [base] => card.word("base_model", base),
            several => card.list("base_model", several),
        }
        if is_picture_adapter {
            let prompt = format!("a photo in the style of {}", self.catalogue.topic(self.index));
            card.word("instance_prompt", prompt);
        }
        if is_told {
            card.word("base_model_relation", relation);
        }
    }

    /// The bases by name; a merge has some that are relatives of the first.
    fn bases(&self, chance: &mut Chance) -> Vec<String> {
        let Some(first) = self.kin.ancestors.first() else { return Vec::new() };
        let mut bases = vec![*first];
        if self.kin.relation == Relation::Merge {
            let wanted = 1 + chance.between(1, 3);
            for _ in 0..12 {
                let other = self.catalogue.earlier(self.index, RepoKind::Model, chance);
                let is_kin = |other: &u64| {
                    self.catalogue.kinship(*other).family.name == self.kin.family.name
                };
                bases.extend(other.filter(|other| !bases.contains(other)).filter(is_kin));
                if bases.len() as u64 >= wanted {
                    break;
                }
            }
        }
        bases.into_iter().map(|base| self.catalogue.id(base)).collect()
    }

    fn datasets(&self, chance: &mut Chance) -> Vec<String> {
        if self.kin.relation == Relation::Quantized || !chance.happens(0.3) {
            return Vec::new();
        }
        let mut datasets = vec![(*chance.weighted(KNOWN_DATASETS)).to_owned()];
        if chance.happens(0.4) {
            let own = self.catalogue.earlier(self.index, RepoKind::Dataset, chance);
            datasets.extend(own.map(|dataset| self.catalogue.id(dataset)));
        }
        datasets
    }

    fn tags(&self, chance: &mut Chance) -> Vec<String> {
        let mut tags: Vec<String> = Vec::new();
        for _ in 0..chance.zipf(6, 0.9) {
            tags.push((*chance.weighted(TAGS)).to_owned());
        }
        match self.kin.relation {
            Relation::Adapter => tags.push("lora".to_owned()),
            Relation::Merge => tags.extend(["merge", "mergekit"].map(str::to_owned)),
            Relation::Quantized | Relation::Finetune => {}
        }
        if chance.happens(0.3) {
            tags.push(self.catalogue.topic(self.index).to_owned());
        }
        tags.sort();
        tags.dedup();
        tags
    }

    fn library(&self) -> &'static str {
        match (self.kin.relation, self.kin.family.library) {
            (Relation::Adapter, "transformers") => "peft",
            (Relation::Quantized, _) if self.is_gguf() => "gguf",
            (_, library) => library,
        }
    }

    fn is_gguf(&self) -> bool {
        self.kin.relation == Relation::Quantized
            && self.catalogue.quantization(self.index) == Quantization::Gguf
    }

    fn weights(&self, chance: &mut Chance) -> (Vec<File>, Option<Weights>) {
        let parameters = self.kin.size.1 * 1_000_000;
        // No two trainings have the very same number.
        let parameters = parameters - parameters / 1000 * chance.below(20) / 20;
        match (self.kin.relation, self.kin.family.library) {
            (_, "stable-baselines3") => (
                vec![File::bytes("model.zip", b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")],
                None,
            ),
            (_, "sklearn") => (vec![File::text("model.joblib", String::new())], None),
            (Relation::Quantized, _) if self.is_gguf() => gguf(chance, self.kin.family, parameters),
            (Relation::Adapter, "diffusers") => {
                Weights::safetensors("pytorch_lora_weights.safetensors", "F16", parameters / 200)
            }
            (Relation::Adapter, _) => {
                let (mut files, weights) =
                    Weights::safetensors("adapter_model.safetensors", "F32", parameters / 150);
                let base = self.kin.ancestors.first().map(|base| self.catalogue.id(*base));
                let task = (self.kin.head.task == "text-generation").then_some("CAUSAL_LM");
                let adapter = json!({"base_model_name_or_path": base, "peft_type": "LORA", "r": 16, "task_type": task});
                files.push(File::text("adapter_config.json", adapter.to_string()));
                (files, weights)
            }
            (_, "diffusers") => {
                let (mut files, weights) =
                    Weights::safetensors("diffusion_pytorch_model.safetensors", "F16", parameters);
                let index =
                    json!({"_class_name": self.kin.head.class, "_diffusers_version": "0.35.0"});
                files.push(File::text("model_index.json", index.to_string()));
                (files, weights)
            }
            _ => self.transformers(chance, parameters),
        }
    }

    fn transformers(&self, chance: &mut Chance, parameters: u64) -> (Vec<File>, Option<Weights>) {
        let is_large = parameters > 1_000_000_000;
        let dtype = match (self.kin.relation, is_large) {
            (Relation::Quantized, _) => "I32",
            (_, true) => "BF16",
            _ => "F32",
        };
        let stored =
            if self.kin.relation == Relation::Quantized { parameters / 8 } else { parameters };
        let (mut files, weights) = match is_large || chance.happens(0.8) {
            true => Weights::safetensors("model.safetensors", dtype, stored),
            false => (
                vec![File::text("pytorch_model.bin", String::new())],
                Some(Weights::bin("pytorch_model.bin", parameters * 4)),
            ),
        };
        files.push(File::text("config.json", format!("{:#}\n", self.config(parameters))));
        if self.kin.family.library == "sentence-transformers" {
            files.push(File::text("modules.json", "[]\n".to_owned()));
        }
        if self.kin.head.task == "text-generation" && chance.happens(0.5) {
            let tokenizer = json!({"bos_token": "<s>", "eos_token": "</s>", "chat_template": "{% for message in messages %}{{ message.content }}{% endfor %}"});
            files.push(File::text("tokenizer_config.json", tokenizer.to_string()));
        }
        (files, weights.map(|weights| Weights { parameters: Some(parameters), ..weights }))
    }

    fn config(&self, parameters: u64) -> Value {
        let family = self.kin.family;
        if family.library == "timm" {
            return json!({"architecture": "resnet50", "num_classes": 1000, "pretrained_cfg": {"input_size": [3, 224, 224]}});
        }
        let hidden = if parameters > 1_000_000_000 { 4096 } else { 768 };
        let model_type = if family.model_type.is_empty() { "bert" } else { family.model_type };
        let mut config = json!({
            "architectures": [self.kin.head.class],
            "model_type": model_type,
            "hidden_size": hidden,
            "num_hidden_layers": hidden / 64,
            "num_attention_heads": hidden / 64,
            "torch_dtype": if hidden == 4096 { "bfloat16" } else { "float32" },
            "transformers_version": "4.57.1",
            "vocab_size": 32000,
        });
        if family.context > 0 {
            config["max_position_embeddings"] = family.context.into();
        }
        if self.kin.relation == Relation::Quantized {
            config["quantization_config"] = match self.catalogue.quantization(self.index) {
                Quantization::Gptq => json!({"bits": 4, "group_size": 128, "quant_method": "gptq"}),
                Quantization::Awq => json!({"bits": 4, "group_size": 128, "quant_method": "awq"}),
                Quantization::Gguf | Quantization::BitsAndBytes => {
                    json!({"load_in_4bit": true, "quant_method": "bitsandbytes"})
                }
            };
        }
        config
    }
}

/// Some of the usual quantizations.
fn gguf(chance: &mut Chance, family: &Family, parameters: u64) -> (Vec<File>, Option<Weights>) {
    const ALL: [(&str, u64); 6] = [
        ("Q4_K_M", 485),
        ("Q8_0", 850),
        ("Q5_K_M", 569),
        ("Q3_K_M", 391),
        ("Q6_K", 656),
        ("IQ2_M", 270),
    ];
    let count = usize::try_from(chance.between(1, 5)).unwrap_or(1);
    let files: Vec<(String, u64)> = ALL[..count]
        .iter()
        .map(|(label, bits)| (format!("model-{label}.gguf"), parameters / 1000 * bits / 8 * 10))
        .collect();
    let gguf = Some((family.model_type, family.context)).filter(|_| !family.model_type.is_empty());
    // A header of version 3 with no tensors and no values.
    let header = b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let stubs = files.iter().map(|(path, _)| File::bytes(path, header)).collect();
    (stubs, Some(Weights { parameters: Some(parameters), dtype: None, gguf, files }))
}

/// One or a few languages.
pub(super) fn languages(chance: &mut Chance) -> Vec<&'static str> {
    let count = if chance.happens(0.85) { 1 } else { chance.between(2, 8) };
    let mut languages: Vec<&str> = (0..count).map(|_| *chance.weighted(LANGUAGES)).collect();
    languages.sort_unstable();
    languages.dedup();
    languages
}
