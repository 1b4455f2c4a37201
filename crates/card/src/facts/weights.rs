//! The weights of a model: which files they are, and how many bytes one loads.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::files::name;
use super::gguf_quants::{GgufQuant, quant_bits, quant_label, rank};

/// Most weight files that are listed.
const FILES_MAX: usize = 200;

/// Most quantizations that are told apart.
const QUANTS_MAX: usize = 100;

/// The formats in the order in which one would load them.
const PREFERENCE: [&str; 17] = [
    "safetensors",
    "pytorch",
    "gguf",
    "onnx",
    "tf",
    "keras",
    "jax",
    "tflite",
    "coreml",
    "openvino",
    "nemo",
    "mlx",
    "skops",
    "pickle",
    "rust",
    "dduf",
    "wheel",
];

/// The names under which libraries look for weights; they win over whatever lies beside them.
const CANONICAL: [&str; 14] = [
    "model.safetensors",
    "diffusion_pytorch_model.safetensors",
    "adapter_model.safetensors",
    "pytorch_lora_weights.safetensors",
    "pytorch_model.bin",
    "diffusion_pytorch_model.bin",
    "adapter_model.bin",
    "open_clip_model.safetensors",
    "tf_model.h5",
    "flax_model.msgpack",
    "model.onnx",
    "model.keras",
    "openvino_model.bin",
    "model.tflite",
];

/// One file of weights, or the shards of one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightFile {
    /// The path; of shards that of the first.
    pub path: String,
    /// The format (`safetensors`, `pytorch`, `gguf`, `onnx`, ...).
    pub format: String,
    /// The size of all its files together; 0 when it is not known.
    pub size_bytes: u64,
    /// How many files it is split into.
    pub files: u32,
}

/// The weights, the shards of one model together.
#[derive(Debug)]
pub(super) struct Weights<'a> {
    groups: Vec<Group<'a>>,
    is_diffusers: bool,
}

#[derive(Debug)]
struct Group<'a> {
    /// The path of the first file.
    path: &'a str,
    /// The path without the marks of shards.
    key: String,
    format: &'static str,
    bytes: u64,
    files: u32,
}

impl Group<'_> {
    fn depth(&self) -> usize {
        self.key.matches('/').count()
    }

    fn folder(&self) -> &str {
        self.key.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Where it stands among the names libraries look for.
    fn rank(&self) -> usize {
        let name = name(&self.key);
        CANONICAL.iter().position(|known| *known == name).unwrap_or(CANONICAL.len())
    }

    fn label(&self) -> Option<String> {
        if is_companion(self.path) { None } else { quant_label(self.path) }
    }
}

impl<'a> Weights<'a> {
    /// Finds the weights among the files; sizes may be missing.
    pub(super) fn of(files: &[&'a str], sizes: &[u64]) -> Self {
        let mut groups: Vec<Group<'a>> = Vec::new();
        let mut known: HashMap<(&'static str, String), usize> = HashMap::new();
        for (at, path) in files.iter().copied().enumerate() {
            let Some(format) = format_of(path) else { continue };
            if is_leftover(path) {
                continue;
            }
            let key = without_shard(path);
            let bytes = sizes.get(at).copied().unwrap_or(0);
            let index = *known.entry((format, key.clone())).or_insert_with(|| {
                groups.push(Group { path, key, format, bytes: 0, files: 0 });
                groups.len() - 1
            });
            groups[index].bytes = groups[index].bytes.saturating_add(bytes);
            groups[index].files += 1;
        }
        Self { groups, is_diffusers: files.contains(&"model_index.json") }
    }

    /// The size of what one would load: the preferred format, the smallest of several quantizations.
    pub(super) fn bytes_to_load(&self) -> Option<u64> {
        let components = if self.is_diffusers { self.components() } else { None };
        let bytes =
            components.or_else(|| PREFERENCE.iter().find_map(|format| self.of_format(format)));
        bytes.filter(|bytes| *bytes > 0)
    }

    fn of_format(&self, format: &str) -> Option<u64> {
        let of_format = self.groups.iter().filter(|group| group.format == format);
        match format {
            "gguf" => {
                of_format.filter(|group| !is_companion(group.path)).map(|group| group.bytes).min()
            }
            "onnx" => onnx(of_format),
            _ => {
                let found: Vec<&Group<'_>> = of_format.collect();
                let depth = found.iter().map(|group| group.depth()).min()?;
                let top = found.iter().copied().filter(|group| group.depth() == depth);
                let main = best(top)?.bytes;
                // Modules of sentence-transformers beside the main model, as `2_Dense`.
                let modules = found.iter().filter(|group| depth == 0 && is_module(group.folder()));
                Some(modules.fold(main, |sum, group| sum.saturating_add(group.bytes)))
            }
        }
    }

    /// A pipeline of diffusers: of each folder one set of weights.
    fn components(&self) -> Option<u64> {
        let mut folders: Vec<(&str, &Group<'_>)> = Vec::new();
        let loaded = self.groups.iter().filter(|group| {
            group.depth() == 1 && matches!(group.format, "safetensors" | "pytorch")
        });
        for group in loaded {
            let folder = group.folder();
            match folders.iter_mut().find(|(known, _)| *known == folder) {
                Some((_, kept)) if beats(group, kept) => *kept = group,
                Some(_) => {}
                None => folders.push((folder, group)),
            }
        }
        let sum = folders.iter().fold(0_u64, |sum, (_, group)| sum.saturating_add(group.bytes));
        (!folders.is_empty()).then_some(sum)
    }

    /// The quantizations among GGUF files, the biggest first; of several files with one label the smallest.
    pub(super) fn gguf_quants(&self) -> Vec<GgufQuant> {
        let mut quants: Vec<GgufQuant> = Vec::new();
        for group in self.groups.iter().filter(|group| group.format == "gguf") {
            let Some(label) = group.label() else { continue };
            let Some(bits) = quant_bits(&label) else { continue };
            match quants.iter().position(|quant| quant.label == label) {
                Some(at) => quants[at].bytes = quants[at].bytes.min(group.bytes),
                None if quants.len() >= QUANTS_MAX => {}
                None => quants.push(GgufQuant { label, bits, bytes: group.bytes }),
            }
        }
        quants.sort_by(|a, b| (rank(&a.label), &a.label).cmp(&(rank(&b.label), &b.label)));
        quants
    }

    /// The list of weight files.
    pub(super) fn into_files(self) -> Vec<WeightFile> {
        let groups = self.groups.into_iter().take(FILES_MAX);
        groups
            .map(|group| WeightFile {
                path: group.path.to_owned(),
                format: group.format.to_owned(),
                size_bytes: group.bytes,
                files: group.files,
            })
            .collect()
    }
}

/// The models in safetensors at the root, each with its shards: the one that libraries look for where there is one, else
/// all of them. Adapters are no models, and copies under other names beside the model count for nothing.
pub fn safetensors_models<'a>(files: &[&'a str]) -> Vec<Vec<&'a str>> {
    let mut groups: Vec<(usize, String, Vec<&'a str>)> = Vec::new();
    for path in files.iter().copied() {
        let is_model = path.ends_with(".safetensors") && !path.starts_with("adapter_");
        if !is_model || path.contains('/') || is_leftover(path) {
            continue;
        }
        let key = without_shard(path);
        match groups.iter_mut().find(|(_, known, _)| *known == key) {
            Some((.., shards)) => shards.push(path),
            None => {
                let rank = CANONICAL.iter().position(|known| *known == key);
                groups.push((rank.unwrap_or(CANONICAL.len()), key, vec![path]));
            }
        }
    }
    let best = groups.iter().map(|(rank, ..)| *rank).min().unwrap_or_default();
    let wanted = groups.into_iter().filter(|(rank, ..)| *rank == best);
    wanted.map(|(.., shards)| shards).collect()
}

/// How many shards a model has, by the name of one of them.
pub fn shards_of(path: &str) -> Option<usize> {
    path.rsplit_once('.')?.0.rsplit_once("-of-")?.1.parse().ok()
}

/// What a library would load: the name it looks for, else the largest.
fn best<'g, 'a: 'g>(groups: impl Iterator<Item = &'g Group<'a>>) -> Option<&'g Group<'a>> {
    let mut best: Option<&Group<'_>> = None;
    for group in groups {
        if best.is_none_or(|kept| beats(group, kept)) {
            best = Some(group);
        }
    }
    best
}

fn beats(group: &Group<'_>, kept: &Group<'_>) -> bool {
    let key = |group: &Group<'_>| {
        let format = PREFERENCE.iter().position(|format| *format == group.format);
        (format, group.rank())
    };
    key(group) < key(kept) || (key(group) == key(kept) && group.bytes > kept.bytes)
}

/// Models of one part are `model.onnx`; those of several an encoder and a decoder, which may come merged. Variants
/// with fewer bits lie beside them.
fn onnx<'g, 'a: 'g>(groups: impl Iterator<Item = &'g Group<'a>>) -> Option<u64> {
    let groups: Vec<&Group<'_>> = groups.collect();
    let variants = ["_fp16", "_q4", "_q4f16", "_int8", "_uint8", "_bnb4", "_quantized", "_q8"];
    let is_variant = |group: &&Group<'_>| {
        let stem = name(&group.key).trim_end_matches(".onnx");
        variants.iter().any(|variant| stem.ends_with(variant))
            || stem.contains("_qint8")
            || stem.contains("_quint8")
            || stem.contains("model_O")
    };
    let plain: Vec<&Group<'_>> =
        groups.iter().copied().filter(|group| !is_variant(group)).collect();
    if plain.is_empty() {
        return groups.iter().map(|group| group.bytes).min();
    }
    if let Some(single) = plain.iter().find(|group| name(&group.key) == "model.onnx") {
        return Some(single.bytes);
    }
    let merged = plain.iter().any(|group| name(&group.key) == "decoder_model_merged.onnx");
    let doubled = ["decoder_model.onnx", "decoder_with_past_model.onnx"];
    let loaded = plain.iter().filter(|group| !(merged && doubled.contains(&name(&group.key))));
    Some(loaded.fold(0, |sum, group| sum.saturating_add(group.bytes)))
}

/// The format of a file of weights.
fn format_of(path: &str) -> Option<&'static str> {
    let name = name(path);
    let (stem, extension) = name.rsplit_once('.')?;
    let format = match extension {
        "safetensors" => "safetensors",
        "gguf" => "gguf",
        "bin" if stem.starts_with("openvino") => "openvino",
        "bin" if stem.contains("pytorch") || stem.starts_with("adapter_model") => "pytorch",
        "bin" if stem == "model" || stem.starts_with("model-") => "pytorch",
        "pt" | "pth" | "ckpt" => "pytorch",
        "h5" if stem.starts_with("tf_model") => "tf",
        "h5" | "hdf5" | "keras" => "keras",
        "msgpack" => "jax",
        "onnx" | "onnx_data" => "onnx",
        "data" if stem.ends_with(".onnx") => "onnx",
        "tflite" => "tflite",
        "mlmodel" => "coreml",
        "nemo" => "nemo",
        "npz" if stem == "weights" => "mlx",
        "skops" => "skops",
        "joblib" | "pkl" | "pickle" => "pickle",
        "ot" => "rust",
        "dduf" => "dduf",
        "whl" => "wheel",
        _ if path.contains(".mlpackage/") => "coreml",
        _ if extension.starts_with("onnx_data") => "onnx",
        _ => return None,
    };
    Some(format)
}

/// What training leaves behind, and what comes twice: no weights one would load.
fn is_leftover(path: &str) -> bool {
    let folder = |part: &str| {
        let numbered = |start: &str| {
            part.strip_prefix(start)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        numbered("checkpoint-")
            || numbered("global_step")
            || part == "original"
            || part.starts_with('.')
    };
    let mut parts = path.split('/').rev();
    let name = parts.next().unwrap_or_default();
    let starts = [
        "optimizer",
        "scheduler",
        "scaler",
        "rng_state",
        "random_states",
        "training_args",
        "trainer_state",
        "optim_",
    ];
    starts.iter().any(|start| name.starts_with(start)) || parts.any(folder)
}

/// GGUF files that go with a model and are none: projectors of images, importance matrices.
fn is_companion(path: &str) -> bool {
    let name = name(path).to_ascii_lowercase();
    name.contains("mmproj") || name.contains("imatrix")
}

fn is_module(folder: &str) -> bool {
    let digits = folder.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0 && folder[digits..].starts_with('_') && !folder.contains('/')
}

/// The path without `-00001-of-00003`, and a data file of ONNX under the name of its model.
fn without_shard(path: &str) -> String {
    if let Some((stem, _)) = path.rsplit_once(".onnx_data") {
        return format!("{stem}.onnx");
    }
    if let Some(stem) = path.strip_suffix(".onnx.data") {
        return format!("{stem}.onnx");
    }
    let Some((stem, extension)) = path.rsplit_once('.') else { return path.to_owned() };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((head, last)) = stem.rsplit_once("-of-")
        && let Some((model, first)) = head.rsplit_once(['-', '.'])
        && digits(last)
        && digits(first)
    {
        return format!("{model}.{extension}");
    }
    // `consolidated.00.pth`.
    match stem.rsplit_once('.') {
        Some((model, number)) if digits(number) && name(model) == "consolidated" => {
            format!("{model}.{extension}")
        }
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests;
