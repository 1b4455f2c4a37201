//! What the names of files tell: formats of weights, libraries, formats of data.

/// Whether a path is evidence for something.
type Test = fn(&str) -> bool;

/// The formats of weights in the order their tags are listed, each with the test of its files.
const FORMATS: [(&str, Test); 12] = [
    ("pytorch", is_pytorch),
    ("tf", |path| name(path).starts_with("tf_model") && path.ends_with(".h5")),
    ("jax", |path| name(path).starts_with("flax_model") && path.ends_with(".msgpack")),
    ("tflite", |path| path.ends_with(".tflite")),
    ("coreml", |path| path.ends_with(".mlmodel") || path.contains(".mlpackage/")),
    ("rust", |path| name(path) == "rust_model.ot"),
    ("onnx", |path| path.ends_with(".onnx")),
    ("tensorboard", |path| name(path).contains("tfevents")),
    ("safetensors", |path| path.ends_with(".safetensors")),
    ("openvino", |path| name(path).starts_with("openvino") && path.ends_with(".xml")),
    ("gguf", |path| path.ends_with(".gguf")),
    ("dduf", |path| path.ends_with(".dduf")),
];

/// The files that tell the library, the most telling first.
const LIBRARIES: [(&str, Test); 9] = [
    ("nemo", |path| path.ends_with(".nemo")),
    ("diffusers", |path| path == "model_index.json"),
    ("sentence-transformers", |path| {
        path == "modules.json" || path == "config_sentence_transformers.json"
    }),
    ("peft", |path| path == "adapter_config.json"),
    ("keras", |path| path.ends_with(".keras")),
    ("sklearn", |path| path.ends_with(".skops") || path == "sklearn_model.joblib"),
    ("setfit", |path| path == "config_setfit.json"),
    ("coreml", |path| path.ends_with(".mlmodel")),
    ("mlx", |path| path == "weights.npz"),
];

/// The formats of data files by extension, and what they hold where the format tells.
const DATA_FORMATS: [(&str, Option<&str>, &[&str]); 11] = [
    ("parquet", None, &["parquet"]),
    ("csv", Some("tabular"), &["csv", "tsv"]),
    ("json", None, &["jsonl", "json", "ndjson"]),
    ("arrow", None, &["arrow"]),
    ("text", Some("text"), &["txt"]),
    ("webdataset", None, &["tar"]),
    ("imagefolder", Some("image"), &["png", "jpg", "jpeg", "gif", "webp", "bmp", "tiff", "tif"]),
    ("audiofolder", Some("audio"), &["wav", "mp3", "flac", "ogg", "aac", "opus", "m4a"]),
    ("videofolder", Some("video"), &["mp4", "mov", "avi", "mkv", "webm"]),
    ("pdffolder", Some("document"), &["pdf"]),
    ("lance", None, &["lance"]),
];
const COMPRESSIONS: [&str; 6] = ["gz", "zst", "bz2", "lz4", "xz", "zip"];
/// Files at the root that describe a repository and are no data of a dataset.
const NOT_DATA: [&str; 6] = [
    "dataset_infos.json",
    "dataset_dict.json",
    "state.json",
    "dataset_info.json",
    "croissant.json",
    "requirements.txt",
];

/// The files that hold nothing but a chat template.
const CHAT_TEMPLATES: [&str; 2] = ["chat_template.jinja", "chat_template.json"];

/// What the file names of a model tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    /// The formats of its weights, in tag order.
    pub(super) formats: Vec<&'static str>,
    /// The library, where a file gives it away.
    pub(super) library: Option<&'static str>,
    /// Whether it is an adapter.
    pub(super) adapter_config: bool,
    /// Whether GPTQ tools left their configuration.
    pub(super) quantize_config: bool,
    /// Whether mergekit left its recipe.
    pub(super) mergekit_config: bool,
    /// The file of its own in which it brings a chat template.
    pub(super) chat_template: Option<&'static str>,
}

impl Evidence {
    pub(super) fn of(files: &[&str]) -> Self {
        let any = |test: &Test| files.iter().any(|path| test(path));
        let has = |path: &str| files.contains(&path);
        Self {
            formats: FORMATS.iter().filter(|(_, test)| any(test)).map(|(tag, _)| *tag).collect(),
            library: LIBRARIES.iter().find(|(_, test)| any(test)).map(|(id, _)| *id),
            adapter_config: has("adapter_config.json"),
            quantize_config: has("quantize_config.json"),
            mergekit_config: has("mergekit_config.yml") || has("mergekit_config.yaml"),
            chat_template: CHAT_TEMPLATES.into_iter().find(|path| has(path)),
        }
    }

    pub(super) fn has_format(&self, format: &str) -> bool {
        self.formats.contains(&format)
    }
}

/// The format most data files have and what it holds; the order of the table decides between equals.
pub(super) fn data_format(files: &[&str]) -> Option<(&'static str, Option<&'static str>)> {
    let mut counts = [0_usize; DATA_FORMATS.len()];
    for path in files.iter().filter(|path| is_data(path)) {
        let Some(extension) = extension(path) else { continue };
        let fits = |(_, _, extensions): &(_, _, &[&str])| {
            extensions.iter().any(|known| extension.eq_ignore_ascii_case(known))
        };
        if let Some(at) = DATA_FORMATS.iter().position(fits) {
            counts[at] += 1;
        }
    }
    let most = counts.iter().copied().max().filter(|most| *most > 0)?;
    let at = counts.iter().position(|count| *count == most)?;
    Some((DATA_FORMATS[at].0, DATA_FORMATS[at].1))
}

pub(super) fn is_data(path: &str) -> bool {
    let hidden = path.split('/').any(|part| part.starts_with(['.', '_']));
    !hidden && !NOT_DATA.contains(&name(path))
}

/// The extension, below a compression's where there is one.
fn extension(path: &str) -> Option<&str> {
    let (stem, last) = name(path).rsplit_once('.')?;
    if !COMPRESSIONS.iter().any(|known| last.eq_ignore_ascii_case(known)) {
        return Some(last);
    }
    Some(stem.rsplit_once('.')?.1)
}

fn is_pytorch(path: &str) -> bool {
    let name = name(path);
    let bin = name.starts_with("pytorch_model") || name.starts_with("adapter_model");
    (bin && name.ends_with(".bin")) || name.ends_with(".pt") || name.ends_with(".pth")
}

pub(super) fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_of_weights() {
        let files = [
            "onnx/model.onnx",
            "model.safetensors",
            "pytorch_model-00001-of-00002.bin",
            "runs/x/events.out.tfevents.1",
        ];
        assert_eq!(Evidence::of(&files).formats, ["pytorch", "onnx", "tensorboard", "safetensors"]);
        assert!(
            Evidence::of(&["training_args.bin", "model.bin", "notes.gguf.txt"]).formats.is_empty()
        );
        assert_eq!(
            Evidence::of(&["openvino/openvino_model.xml", "q4.gguf"]).formats,
            ["openvino", "gguf"]
        );
    }

    #[test]
    fn libraries_of_files() {
        let cases = [
            (vec!["a.nemo"], Some("nemo")),
            (vec!["model_index.json", "unet/config.json"], Some("diffusers")),
            (vec!["modules.json", "config.json"], Some("sentence-transformers")),
            (vec!["adapter_config.json"], Some("peft")),
            (vec!["x/model_index.json", "config.json"], None),
        ];
        for (files, library) in cases {
            assert_eq!(Evidence::of(&files).library, library, "{files:?}");
        }
    }

    #[test]
    fn formats_of_data() {
        let cases = [
            (vec!["data/train.parquet", "README.md"], Some(("parquet", None))),
            (vec!["a.jsonl.gz", "b.json.zst", "c.csv"], Some(("json", None))),
            (vec!["a.csv", "b.parquet"], Some(("parquet", None))),
            (vec!["img/1.PNG", "img/2.jpg", "metadata.csv"], Some(("imagefolder", Some("image")))),
            (vec!["dataset_infos.json", ".gitattributes", "README.md"], None),
            (vec![], None),
        ];
        for (files, format) in cases {
            assert_eq!(data_format(&files), format, "{files:?}");
        }
    }
}
