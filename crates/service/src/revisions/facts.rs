//! What a repository says of itself at a commit, derived from its own files.

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use steelyard_card::facts::CONFIG_BYTES_MAX;
use steelyard_card::gguf::GgufHeader;
use steelyard_card::{Card, CardInput, Facts, derive, eval, front_matter};
use steelyard_core::limits::REGULAR_FILE_BYTES_MAX;
use steelyard_core::{Namespace, Oid, RepoKind, Timestamp};
use steelyard_db::evals::Eval;
use steelyard_db::lineage::BaseRow;
use steelyard_db::{DbError, Tx, catalogue, evals, lineage, repo};
use steelyard_git::read::ListedEntry;
use steelyard_git::{GitError, ObjectSource, lfs_pointer, read};

use super::Snapshot;
use super::entry::{EntryKind, describe};
use super::results;
use super::tree::list_files;
use crate::history::{History, broken};
use crate::{Hub, Result};

/// Files looked at for format tags; a repository with more is described by the first ones.
const FILES_MAX: usize = 2000;
/// Files of weights whose sizes are looked up.
const SIZED_FILES_MAX: usize = 500;
/// Files of a Space's code that are looked at.
const CODE_FILES_MAX: usize = 4;
/// Bytes of a file of a Space's code that are looked at.
const CODE_BYTES_MAX: u64 = 1024 * 1024;
/// Bytes of a card's text that are searched.
const CARD_TEXT_BYTES_MAX: usize = 32 * 1024;

/// Files at the root whose contents facts are derived from.
const READ_FILES: [&str; 7] = [
    "README.md",
    "config.json",
    "tokenizer_config.json",
    "adapter_config.json",
    "chat_template.jinja",
    "model_index.json",
    "eval.yaml",
];
/// Endings of files that hold weights: what a model weighs is the sum of some of them.
const WEIGHT_ENDINGS: &[&str] = &[
    ".safetensors",
    ".bin",
    ".pt",
    ".pth",
    ".ckpt",
    ".onnx",
    ".onnx_data",
    ".gguf",
    ".ggml",
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
    ".pkl",
    ".pb",
];
/// Endings of the files whose headers tell something.
const HEADER_ENDINGS: [&str; 3] = [".safetensors", ".gguf", ".safetensors.index.json"];
/// The name, beside the facts, of the key of the weights' headers.
pub(crate) const WEIGHTS_KEY: &str = "weights_key";
/// The name, beside the facts, of the mark that what the GGUF header says is among them.
pub(crate) const HEADER_MARK: &str = "with_header";
/// Endings of other files whose presence or content tells something.
const TELLING_ENDINGS: &[&str] = &[".parquet", ".csv", ".tsv", ".json", ".jsonl", ".arrow", ".xml"];
/// Endings of further files by which datasets are known: what they hold, looked at by name only.
const DATA_ENDINGS: [&str; 13] = [
    "txt", "jpg", "jpeg", "png", "webp", "wav", "mp3", "flac", "mp4", "tar", "pdf", "zip", "lance",
];
/// Endings of the code of Spaces.
const CODE_ENDINGS: [&str; 5] = ["py", "html", "js", "ts", "ini"];
/// Where a Space's code begins when its card does not say.
const APP_FILES: [&str; 3] = ["app.py", "streamlit_app.py", "index.html"];

/// What the head of a default branch says of its repository, as it is recorded with it.
#[derive(Debug)]
pub(crate) struct HeadFacts {
    /// The facts, as clients see parts of them.
    pub facts: Value,
    pub bases: Vec<BaseRow>,
    pub evals: Vec<Eval>,
    pub card_text: Option<String>,
}

/// True when adding, changing or deleting this path may change what the repository says of itself.
pub(crate) fn is_telling(kind: RepoKind, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    READ_FILES.contains(&name)
        || WEIGHT_ENDINGS.iter().chain(TELLING_ENDINGS).any(|end| name.ends_with(end))
        || name.contains("tfevents")
        || path.starts_with(results::FOLDER)
        || match kind {
            RepoKind::Model | RepoKind::Kernel => false,
            RepoKind::Dataset => ending_of(name).is_some_and(|end| DATA_ENDINGS.contains(&end)),
            RepoKind::Space => ending_of(name).is_some_and(|end| CODE_ENDINGS.contains(&end)),
        }
}

fn ending_of(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(_, ending)| ending)
}

/// Derives the facts of a tree, as they are recorded with the repository.
pub(crate) fn compute_facts(
    kind: RepoKind,
    owner: &Namespace,
    history: &History,
    tree: Oid,
) -> Result<HeadFacts> {
    facts_with(kind, owner, history, tree, None)
}

/// As [`compute_facts`], also from the header of its first GGUF file, which lies outside of git.
pub(crate) fn facts_with(
    kind: RepoKind,
    owner: &Namespace,
    history: &History,
    tree: Oid,
    gguf: Option<&GgufHeader>,
) -> Result<HeadFacts> {
    let source = Source { history, tree, gguf };
    let listed = list_files(history, tree, FILES_MAX)?;
    let readme = source.file(READ_FILES[0], REGULAR_FILE_BYTES_MAX)?;
    let readme = readme.as_deref().map(String::from_utf8_lossy);
    let readme = readme.as_deref();
    let facts = source.derive(kind, readme, &listed)?;
    let results = results::files_of(kind, &listed, |path| source.result_file(path))?;
    let weights_key = weights_key(&listed);
    Ok(HeadFacts {
        bases: bases_of(&facts),
        evals: results::collect(owner.as_str(), &facts, &results),
        card_text: readme.map(card_text),
        facts: marked(serde_json::to_value(facts), weights_key, gguf.is_some())?,
    })
}

/// The facts of a repository that holds nothing but this card.
pub(crate) fn facts_of_card(kind: RepoKind, owner: &Namespace, readme: &str) -> Result<HeadFacts> {
    let input = CardInput {
        readme: Some(readme),
        files: &[".gitattributes", "README.md"],
        sizes: &[0, 0],
        ..CardInput::default()
    };
    let facts = derive(kind, input);
    Ok(HeadFacts {
        bases: bases_of(&facts),
        evals: results::collect(owner.as_str(), &facts, &[]),
        card_text: Some(card_text(readme)),
        facts: serde_json::to_value(facts).map_err(crate::Error::internal)?,
    })
}

/// What a repository would say of itself if its card had this text.
pub(crate) fn facts_with_card(snapshot: &Snapshot, readme: &str) -> Result<Facts> {
    let history = &snapshot.history;
    let source = Source::new(history, snapshot.tree);
    let listed = list_files(history, snapshot.tree, FILES_MAX)?;
    source.derive(snapshot.repo.kind, Some(readme), &listed)
}

/// Records what the head of a default branch says, and that it changed.
pub(crate) async fn record_head(
    tx: &mut Tx,
    repo_id: i64,
    now: Timestamp,
    head: Option<&HeadFacts>,
) -> Result<(), DbError> {
    repo::touch_repo(tx, repo_id, now, head.map(|head| &head.facts)).await?;
    let Some(head) = head else { return Ok(()) };
    lineage::replace_bases(tx, repo_id, &head.bases).await?;
    evals::replace(tx, repo_id, None, &head.evals).await?;
    catalogue::save_card(tx, repo_id, head.card_text.as_deref()).await
}

/// A tree to read files from.
pub(super) struct Source<'a> {
    history: &'a History,
    tree: Oid,
    gguf: Option<&'a GgufHeader>,
}

impl<'a> Source<'a> {
    pub(super) fn new(history: &'a History, tree: Oid) -> Self {
        Self { history, tree, gguf: None }
    }

    fn derive(
        &self,
        kind: RepoKind,
        readme: Option<&str>,
        listed: &[ListedEntry],
    ) -> Result<Facts> {
        let mut contents: [Option<Bytes>; READ_FILES.len()] = Default::default();
        for (content, path) in contents.iter_mut().zip(READ_FILES).skip(1) {
            *content = self.file(path, CONFIG_BYTES_MAX as u64)?;
        }
        let [_, config, tokenizer, adapter, template, index, eval] = &contents;
        let (files, sizes) = self.sizes(listed)?;
        let code = if kind == RepoKind::Space { self.code(readme)? } else { Vec::new() };
        let code: Vec<(&str, &[u8])> =
            code.iter().map(|(path, bytes)| (path.as_str(), &**bytes)).collect();
        let input = CardInput {
            readme,
            files: &files,
            sizes: &sizes,
            config_json: config.as_deref(),
            tokenizer_config_json: tokenizer.as_deref(),
            adapter_config_json: adapter.as_deref(),
            chat_template_jinja: template.as_deref(),
            model_index_json: index.as_deref(),
            eval_yaml: eval.as_deref().filter(|_| kind == RepoKind::Dataset),
            code: &code,
            gguf: self.gguf,
        };
        Ok(derive(kind, input))
    }

    /// The paths, and the sizes of those that may be weights; the size of another file counts for nothing.
    fn sizes<'l>(&self, listed: &'l [ListedEntry]) -> Result<(Vec<&'l str>, Vec<u64>)> {
        let (mut files, mut sizes) = (Vec::new(), Vec::new());
        let mut sized = 0;
        for file in listed {
            let Ok(path) = std::str::from_utf8(&file.path) else { continue };
            let mut size = 0;
            if sized < SIZED_FILES_MAX && WEIGHT_ENDINGS.iter().any(|end| path.ends_with(end)) {
                sized += 1;
                let entry = describe(self.history, path.to_owned(), file.mode, file.oid)?;
                if let EntryKind::File { size: real, .. } = entry.kind {
                    size = real;
                }
            }
            files.push(path);
            sizes.push(size);
        }
        Ok((files, sizes))
    }

    /// A Space's code: the file its card names, else the usual ones.
    fn code(&self, readme: Option<&str>) -> Result<Vec<(String, Bytes)>> {
        let card = readme.and_then(|text| Card::parse(text).ok());
        let named = card.as_ref().and_then(|card| card.data.get("app_file")?.as_str());
        let paths = named.into_iter().chain(APP_FILES).take(CODE_FILES_MAX);
        let mut code = Vec::new();
        for path in paths {
            if code.iter().all(|(known, _)| known != path)
                && let Some(bytes) = self.file(path, CODE_BYTES_MAX)?
            {
                code.push((path.to_owned(), bytes));
            }
        }
        Ok(code)
    }

    pub(super) fn result_file(&self, path: &str) -> Result<Option<Bytes>> {
        self.file(path, eval::FILE_BYTES_MAX as u64)
    }

    /// A regular file of at most so many bytes; `None` for anything else.
    fn file(&self, path: &str, bytes_max: u64) -> Result<Option<Bytes>> {
        let history = self.history;
        let Some(entry) = read::lookup_path(history, &self.tree, path).map_err(broken)? else {
            return Ok(None);
        };
        if !entry.mode.is_file() {
            return Ok(None);
        }
        let missing = || broken(GitError::Missing(entry.oid));
        let (_, size) = history.header(&entry.oid).map_err(broken)?.ok_or_else(missing)?;
        if size > bytes_max {
            return Ok(None);
        }
        let data = history.read(&entry.oid).map_err(broken)?.ok_or_else(missing)?.data;
        Ok(if lfs_pointer::parse(&data).is_some() { None } else { Some(data) })
    }
}

/// Names the files whose headers tell something, as they are in this tree; `None` where there are none. What was read from
/// headers is good as long as this stays the same.
fn weights_key(listed: &[ListedEntry]) -> Option<String> {
    let mut key = Sha256::new();
    // Which rules they are read by; other rules read them anew.
    key.update([2]);
    let mut is_empty = true;
    for file in listed {
        if HEADER_ENDINGS.iter().any(|end| file.path.ends_with(end.as_bytes())) {
            is_empty = false;
            key.update(&file.path);
            key.update([0]);
            key.update(file.oid.as_bytes());
        }
    }
    (!is_empty).then(|| hex::encode(&key.finalize()[..16]))
}

/// Facts, with the marks that say which headers belong to them, and whether they are among them.
fn marked(
    facts: serde_json::Result<Value>,
    key: Option<String>,
    with_header: bool,
) -> Result<Value> {
    let mut facts = facts.map_err(crate::Error::internal)?;
    if let Some(key) = key {
        facts[WEIGHTS_KEY] = key.into();
        if with_header {
            facts[HEADER_MARK] = true.into();
        }
    }
    Ok(facts)
}

fn bases_of(facts: &Facts) -> Vec<BaseRow> {
    let Some(relation) = facts.base_model_relation else { return Vec::new() };
    let base =
        |id: &String| BaseRow { base_id: id.clone(), relation: relation.as_str().to_owned() };
    facts.base_models.iter().map(base).collect()
}

/// The text under the front matter, cut to what is searched.
fn card_text(readme: &str) -> String {
    let body = match front_matter::split(readme) {
        Ok(Some(split)) => split.body,
        Ok(None) | Err(_) => readme,
    };
    let end = body.floor_char_boundary(CARD_TEXT_BYTES_MAX);
    body[..end].to_owned()
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
        let (kind, owner) = (snapshot.repo.kind, &snapshot.repo.repo.namespace);
        let facts = compute_facts(kind, owner, &snapshot.history, snapshot.tree)?.facts;
        self.facts_cache().insert(key, std::sync::Arc::new(facts.clone()));
        Ok(facts)
    }
}
