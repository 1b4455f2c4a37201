//! What works for every repository: a download, and git.

use steelyard_core::RepoKind;

use super::code::{quoted, shell_quoted, url_path};
use super::{Code, Snippet, SnippetInput};

/// The package of the client, in the first version whose command is called `hf`.
pub(super) const HUB: &str = "huggingface_hub>=1.0";

/// The path of the repository below the hub's address.
pub(super) fn path(input: &SnippetInput<'_>) -> String {
    match input.kind {
        RepoKind::Model => input.id.to_owned(),
        RepoKind::Dataset => format!("datasets/{}", input.id),
        RepoKind::Space => format!("spaces/{}", input.id),
        RepoKind::Kernel => format!("kernels/{}", input.id),
    }
}

/// The address of a file.
pub(super) fn file_url(input: &SnippetInput<'_>, file: &str) -> String {
    let revision = url_path(input.revision.unwrap_or("main")).replace('/', "%2F");
    format!("{}/{}/resolve/{revision}/{}", input.endpoint, path(input), url_path(file))
}

/// `, repo_type="dataset"`, where it is no model.
pub(super) fn type_argument(input: &SnippetInput<'_>) -> String {
    match type_word(input) {
        Some(word) => format!(", repo_type={}", quoted(word)),
        None => String::new(),
    }
}

fn type_word(input: &SnippetInput<'_>) -> Option<&'static str> {
    match input.kind {
        RepoKind::Model => None,
        RepoKind::Dataset => Some("dataset"),
        RepoKind::Space => Some("space"),
        RepoKind::Kernel => Some("kernel"),
    }
}

/// The options of `hf download`.
pub(super) fn download_options(input: &SnippetInput<'_>) -> String {
    let mut options = String::new();
    if let Some(word) = type_word(input) {
        options.push_str(&format!(" --repo-type {word}"));
    }
    if let Some(revision) = input.revision {
        options.push_str(&format!(" --revision {}", shell_quoted(revision)));
    }
    options
}

pub(super) fn add(input: &SnippetInput<'_>, list: &mut Vec<Snippet>) {
    let mut code = Code::python(input, &["from huggingface_hub import snapshot_download"]);
    let arguments = format!("{}{}", type_argument(input), input.revision_argument());
    code.line(format!("folder = snapshot_download({}{arguments})", input.quoted_id()));
    list.push(code.done("huggingface_hub", "Download with huggingface_hub", "python", &[HUB]));

    let mut code = Code::shell(input);
    code.line(format!("hf download {}{}", shell_quoted(input.id), download_options(input)));
    list.push(code.done("hf", "Download with hf", "shell", &[HUB]));

    let mut code = Code::bare();
    let url = format!("{}/{}", input.endpoint, path(input));
    code.line("git lfs install");
    code.line(format!("git clone {}", shell_quoted(&url)));
    if let Some(revision) = input.revision {
        let folder = shell_quoted(input.name());
        code.line(format!("git -C {folder} checkout {}", shell_quoted(revision)));
    }
    let mut snippet = code.done("git", "Clone with git", "shell", &["git-lfs>=3.0"]);
    if input.private || input.gated {
        let text = "git asks for a password: give it a token.";
        snippet.notes.push(text.to_owned());
    }
    list.push(snippet);
}

pub(super) fn kernel(input: &SnippetInput<'_>, list: &mut Vec<Snippet>) {
    let mut code = Code::python(input, &["from kernels import get_kernel"]);
    code.line(format!("kernel = get_kernel({}{})", input.quoted_id(), input.revision_argument()));
    let mut snippet = code.done("kernels", "Load with kernels", "python", &["kernels>=0.10"]);
    snippet.notes.push("It runs code of this repository on your machine.".to_owned());
    list.push(snippet);
}
