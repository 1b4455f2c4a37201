//! What a repository says of itself at a commit, derived from its own files.

use serde_json::Value;
use steelyard_card::{CardInput, derive};
use steelyard_core::limits::CARD_BYTES_MAX;
use steelyard_core::{Oid, RepoKind};
use steelyard_git::{GitError, ObjectSource, lfs_pointer, read};

use super::Snapshot;
use super::tree::list_files;
use crate::history::{History, broken};
use crate::{Hub, Result};

/// Files looked at for format tags; a repository with more is described by the first ones.
const FILES_MAX: usize = 2000;

/// Files whose contents facts are derived from.
const READ_FILES: &[&str] =
    &["README.md", "config.json", "tokenizer_config.json", "adapter_config.json"];
/// Endings of files whose presence tells a library or format.
const TELLING_ENDINGS: &[&str] = &[
    ".safetensors",
    ".bin",
    ".pt",
    ".pth",
    ".onnx",
    ".gguf",
    ".h5",
    ".msgpack",
    ".ot",
    ".tflite",
    ".keras",
    ".nemo",
    ".mlmodel",
    ".mlpackage",
    ".dduf",
    ".skops",
    ".joblib",
    ".parquet",
    ".csv",
    ".json",
    ".jsonl",
    ".arrow",
    ".xml",
];

/// True when adding, changing or deleting this path may change what the repository says of itself.
pub(crate) fn is_telling(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    READ_FILES.contains(&name)
        || TELLING_ENDINGS.iter().any(|end| name.ends_with(end))
        || name.contains("tfevents")
}

/// Derives the facts of a tree, as they are stored with the repository.
pub(crate) fn compute_facts(kind: RepoKind, history: &History, tree: Oid) -> Result<Value> {
    let listed = list_files(history, tree, FILES_MAX)?;
    let files: Vec<&str> =
        listed.iter().filter_map(|file| std::str::from_utf8(&file.path).ok()).collect();
    let [readme, config, tokenizer, adapter] =
        [0, 1, 2, 3].map(|index| small_file(history, tree, READ_FILES[index]));
    let (readme, config, tokenizer, adapter) = (readme?, config?, tokenizer?, adapter?);
    let readme_text = readme.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
    let facts = derive(
        kind,
        CardInput {
            readme: readme_text,
            files: &files,
            config_json: config.as_deref(),
            tokenizer_config_json: tokenizer.as_deref(),
            adapter_config_json: adapter.as_deref(),
        },
    );
    serde_json::to_value(facts).map_err(crate::Error::internal)
}

/// A regular file of moderate size; `None` for anything else.
fn small_file(history: &History, tree: Oid, path: &str) -> Result<Option<bytes::Bytes>> {
    let Some(entry) = read::lookup_path(history, &tree, path).map_err(broken)? else {
        return Ok(None);
    };
    if !entry.mode.is_file() {
        return Ok(None);
    }
    let missing = || broken(GitError::Missing(entry.oid));
    let (_, size) = history.header(&entry.oid).map_err(broken)?.ok_or_else(missing)?;
    if size > CARD_BYTES_MAX as u64 {
        return Ok(None);
    }
    let data = history.read(&entry.oid).map_err(broken)?.ok_or_else(missing)?.data;
    Ok(if lfs_pointer::parse(&data).is_some() { None } else { Some(data) })
}

impl Hub {
    /// What the repository says of itself at this commit. For the head of the default branch this is on record;
    /// elsewhere it is derived now.
    pub fn facts_of(&self, snapshot: &Snapshot) -> Result<Value> {
        if snapshot.is_head {
            return Ok(snapshot.repo.facts.clone());
        }
        let key = (snapshot.repo.id, snapshot.commit);
        if let Some(facts) = self.facts_cache().get(&key) {
            return Ok((*facts).clone());
        }
        let facts = compute_facts(snapshot.repo.kind, &snapshot.history, snapshot.tree)?;
        self.facts_cache().insert(key, std::sync::Arc::new(facts.clone()));
        Ok(facts)
    }
}
