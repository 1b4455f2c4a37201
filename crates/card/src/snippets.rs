//! "Use this model" and "use this dataset": code to begin with, for the libraries that can load a repository.
//!
//! Pure functions of what is known of a repository. The code names the hub by `HF_ENDPOINT`, names a revision where
//! one is asked for and the library takes one, and carries what is known to go wrong (`data/traps.csv`) as notes.
//! It calls what current libraries offer: `dtype=` rather than `torch_dtype=`, no `load_in_8bit`, `hf` rather than
//! `huggingface-cli`, no pipelines that transformers 5 took away.

use serde::Serialize;
use steelyard_core::RepoKind;

use crate::facts::Facts;

mod code;
mod datasets;
mod diffusers;
mod gguf;
mod libraries;
mod plain;
mod serving;
mod transformers;
mod traps;

use code::Code;

/// The address that the clients take when they are told none.
const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// What the snippets of a repository are made from.
#[derive(Debug, Clone, Copy)]
pub struct SnippetInput<'a> {
    /// The id of the repository.
    pub id: &'a str,
    /// Its kind.
    pub kind: RepoKind,
    /// The address of the hub, without a slash at its end.
    pub endpoint: &'a str,
    /// The commit, tag or branch to name; the newest state without one.
    pub revision: Option<&'a str>,
    /// What was derived from its files.
    pub facts: &'a Facts,
    /// The paths of all files.
    pub files: &'a [&'a str],
    /// Whether only some may read it.
    pub private: bool,
    /// Whether one must ask for access.
    pub gated: bool,
}

/// Code to begin with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snippet {
    /// The library or program, by its id in the Hub's lists where it has one.
    pub id: &'static str,
    /// Its name, and what the code does.
    pub title: String,
    /// The language: `python`, `shell` or `sql`.
    pub language: &'static str,
    /// The code.
    pub code: String,
    /// What to know before it is run.
    pub notes: Vec<String>,
    /// The packages it needs, with the oldest versions that will do.
    pub needs: Vec<&'static str>,
}

/// The snippets of a repository, the most fitting first; plain download and git are always the last.
pub fn snippets(input: &SnippetInput<'_>) -> Vec<Snippet> {
    let mut list = Vec::new();
    match input.kind {
        RepoKind::Model => of_model(input, &mut list),
        RepoKind::Dataset => datasets::add(input, &mut list),
        RepoKind::Kernel => plain::kernel(input, &mut list),
        RepoKind::Space => {}
    }
    plain::add(input, &mut list);
    for snippet in &mut list {
        traps::add(input, snippet);
        access(input, snippet);
    }
    list
}

fn of_model(input: &SnippetInput<'_>, list: &mut Vec<Snippet>) {
    match input.facts.library_name.as_deref() {
        Some("diffusers") => diffusers::add(input, list),
        Some("sentence-transformers") => libraries::sentence_transformers(input, list),
        Some("peft") => libraries::peft(input, list),
        Some("timm") => libraries::timm(input, list),
        Some("keras" | "tf-keras") => libraries::keras(input, list),
        Some("spacy") => libraries::spacy(input, list),
        Some("sklearn") => libraries::sklearn(input, list),
        Some("mlx") => libraries::mlx(input, list),
        _ => {}
    }
    if input.has_tag("mlx") && input.facts.library_name.as_deref() != Some("mlx") {
        libraries::mlx(input, list);
    }
    // A copy in GGUF beside the model is not what its library begins with.
    let is_beside = input.facts.library_name.as_deref() == Some("transformers")
        && input.files_with(".safetensors").next().is_some();
    if is_beside {
        transformers::add(input, list);
        gguf::add(input, list);
    } else {
        gguf::add(input, list);
        transformers::add(input, list);
    }
    serving::add(input, list);
}

/// Tells how to get in where not everybody may.
fn access(input: &SnippetInput<'_>, snippet: &mut Snippet) {
    if input.gated {
        let text = "Gated: the files are given to those who may write to the repository.";
        snippet.notes.push(text.to_owned());
    }
    if input.gated || input.private {
        let text = "Log in with `hf auth login`, or set HF_TOKEN to a token that may read it.";
        snippet.notes.push(text.to_owned());
    }
}

impl SnippetInput<'_> {
    fn has_tag(&self, tag: &str) -> bool {
        self.facts.tags.iter().any(|known| known == tag)
    }

    fn has_file(&self, path: &str) -> bool {
        self.files.contains(&path)
    }

    /// The files with one of the suffixes, in the order of their paths.
    fn files_with<'b>(&'b self, suffix: &'b str) -> impl Iterator<Item = &'b str> {
        self.files.iter().copied().filter(move |path| path.ends_with(suffix))
    }

    /// The last part of the id.
    fn name(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or(self.id)
    }

    fn task(&self) -> Option<&str> {
        self.facts.pipeline_tag.as_deref()
    }

    fn is_chat(&self) -> bool {
        self.has_tag("conversational")
    }

    fn has_custom_code(&self) -> bool {
        self.has_tag("custom_code")
    }

    /// The id as a literal of Python.
    fn quoted_id(&self) -> String {
        code::quoted(self.id)
    }

    /// `, revision="…"`, where one is named.
    fn revision_argument(&self) -> String {
        self.revision.map_or(String::new(), |name| format!(", revision={}", code::quoted(name)))
    }

    /// `, trust_remote_code=True`, where the repository brings code.
    fn trust_argument(&self) -> &'static str {
        if self.has_custom_code() { ", trust_remote_code=True" } else { "" }
    }
}
