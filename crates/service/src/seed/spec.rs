//! What one repository of a catalogue is: its record, its files, what its weights would say and how it is used.

use std::borrow::Cow;

use serde_json::{Value, json};
use steelyard_core::{RepoKind, Timestamp};

use super::catalogue::Catalogue;
use super::chance::{Chance, Question, float, whole};
use super::words::Writer;
use super::{model, other_kinds};

/// A safetensors file without tensors: the length of its header, and the header.
const SAFETENSORS: &[u8] = b"\x20\0\0\0\0\0\0\0{\"__metadata__\":{\"format\":\"pt\"}}";

/// A file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) path: Cow<'static, str>,
    pub(super) content: Cow<'static, [u8]>,
}

impl File {
    pub(super) fn text(path: &'static str, content: String) -> Self {
        Self { path: path.into(), content: content.into_bytes().into() }
    }

    pub(super) fn bytes(path: &str, content: &'static [u8]) -> Self {
        Self { path: path.to_owned().into(), content: content.into() }
    }
}

/// What the weights of a model would be, were they there: the files are empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Weights {
    pub(super) parameters: Option<u64>,
    /// The type of numbers in safetensors.
    pub(super) dtype: Option<&'static str>,
    /// What the header of a GGUF file says: the architecture, and tokens the model takes at once.
    pub(super) gguf: Option<(&'static str, u32)>,
    /// Paths and bytes.
    pub(super) files: Vec<(String, u64)>,
}

impl Weights {
    /// A file of safetensors with so many numbers.
    pub(super) fn safetensors(
        path: &str,
        dtype: &'static str,
        numbers: u64,
    ) -> (Vec<File>, Option<Self>) {
        let width = if matches!(dtype, "F32" | "I32") { 4 } else { 2 };
        let weights = Self {
            parameters: Some(numbers),
            dtype: Some(dtype),
            gguf: None,
            files: vec![(path.to_owned(), numbers * width)],
        };
        (vec![File::bytes(path, SAFETENSORS)], Some(weights))
    }

    /// A file whose header nobody reads.
    pub(super) fn bin(path: &str, bytes: u64) -> Self {
        Self { parameters: None, dtype: None, gguf: None, files: vec![(path.to_owned(), bytes)] }
    }
}

/// How a repository is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) downloads_30d: u64,
    pub(super) downloads_all: u64,
    pub(super) people_30d: u64,
    pub(super) ci_30d: u64,
    pub(super) likes: u64,
}

/// One repository.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spec {
    pub(super) kind: RepoKind,
    /// The account that owns it, and the user who made it.
    pub(super) owner: u64,
    pub(super) creator: u64,
    pub(super) name: String,
    pub(super) is_private: bool,
    pub(super) gated: &'static str,
    pub(super) created_at: Timestamp,
    pub(super) last_modified: Timestamp,
    pub(super) settings: Value,
    pub(super) files: Vec<File>,
    pub(super) weights: Option<Weights>,
    pub(super) usage: Usage,
}

impl Catalogue {
    /// The repository at this place.
    pub(super) fn spec(&self, index: u64, writer: &Writer) -> Spec {
        let (kind, owner) = (self.kind(index), self.owner(index));
        let prose = self.prose(index, writer);
        let (mut settings, mut weights) = (json!({}), None);
        let files = match kind {
            RepoKind::Model | RepoKind::Kernel => {
                let (files, found) = model::files(self, index, &prose);
                weights = found;
                files
            }
            RepoKind::Dataset => other_kinds::dataset(self, index, &prose),
            RepoKind::Space => {
                settings = json!({"sdk": other_kinds::sdk(self, index)});
                other_kinds::space(self, index, &prose)
            }
        };
        let mut chance = self.chance(Question::Use, index);
        let is_private = !self.is_foundation(index) && chance.happens(0.03);
        let is_gateable = kind != RepoKind::Space && !is_private;
        let gated = match chance.unit() {
            draw if draw < 0.02 && is_gateable => "auto",
            draw if draw < 0.03 && is_gateable => "manual",
            _ => "",
        };
        Spec {
            kind,
            owner,
            creator: self.acting(owner),
            name: self.name(index),
            is_private,
            gated,
            created_at: self.created_at(index),
            last_modified: self.last_modified(index),
            settings,
            files,
            weights,
            usage: self.usage(index, is_private, &mut chance),
        }
    }

    /// The text of a card: 0.3 to 3 KB, most of them short.
    fn prose(&self, index: u64, writer: &Writer) -> String {
        let mut chance = self.chance(Question::Body, index);
        let bytes =
            usize::try_from(whole(300.0 * 10_f64.powf(chance.unit().powi(2)))).unwrap_or(300);
        let mut text = format!("# {}\n\n", self.name(index).replace('-', " "));
        let headings = match self.kind(index) {
            RepoKind::Dataset => [
                "Dataset description",
                "Uses",
                "Dataset structure",
                "Dataset creation",
                "Limitations",
            ],
            RepoKind::Space => ["What it does", "How to use it", "Models", "Limits", "Thanks"],
            RepoKind::Model | RepoKind::Kernel => {
                ["Model description", "Intended uses", "Training", "Evaluation", "Limitations"]
            }
        };
        for heading in &headings[..(bytes / 500).clamp(1, headings.len())] {
            if text.len() > bytes {
                break;
            }
            text.push_str(&format!("## {heading}\n\nAbout {}. ", self.topic(index)));
            writer.prose(&mut chance, bytes / (bytes / 500).clamp(1, headings.len()), &mut text);
        }
        text
    }

    fn usage(&self, index: u64, is_private: bool, chance: &mut Chance) -> Usage {
        // Most are hardly used, the first ones by everybody.
        let head = if self.is_foundation(index) { 1000.0 / (1.0 + float(index)) } else { 1.0 };
        let ceiling = if is_private { 200.0 } else { 2e8 };
        let downloads = ((chance.tailed(0.75) - 1.0) * head).min(ceiling);
        let downloads_30d = whole(downloads);
        let ci_30d = whole(downloads * 0.4 * chance.unit());
        let liked = 0.02 * downloads.powf(0.65) + chance.unit() / 0.92;
        let users = self.accounts();
        Usage {
            downloads_30d,
            downloads_all: whole(downloads * (1.0 + 20.0 * chance.unit())) + chance.zipf(50, 1.2),
            people_30d: whole(float(downloads_30d - ci_30d) * (0.3 + 0.7 * chance.unit())),
            ci_30d,
            likes: whole(liked).min(users / 2),
        }
    }
}
