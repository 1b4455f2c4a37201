//! Which requests count as a download, and which come from machines that build and test.
//!
//! A repository counts one download for each request of a file that stands for the whole of it. Which file that is
//! depends on the library: [`counts`] answers from the Hub's own queries (`data/count_downloads.csv`), parsed once.
//! It is asked on every download, so it neither allocates nor searches longer than the path is.

use std::collections::HashMap;
use std::sync::LazyLock;

mod query;

pub use query::{Query, QueryError};

/// The files at the root that count where the library has no query of its own.
pub const DEFAULT_FILES: [&str; 5] =
    ["config.json", "config.yaml", "hyperparams.yaml", "params.json", "meta.yaml"];

/// The query of Diffusers, whose repositories hold whole pipelines or single files at the root.
const DIFFUSERS_FILES: [&str; 2] = ["model_index.json", "modular_model_index.json"];
const DIFFUSERS_EXTENSIONS: [&str; 3] = ["safetensors", "ckpt", "bin"];

/// What continuous integration writes into its user agents, in small letters. The first one is what the Python
/// clients add when they find the variables of such a machine.
const CI_WORDS: [&str; 14] = [
    "is_ci/true",
    "github-actions",
    "github_actions",
    "gitlab-ci",
    "gitlab-runner",
    "circleci",
    "jenkins",
    "buildkite",
    "travis-ci",
    "azure-pipelines",
    "azure_pipelines",
    "teamcity",
    "bitbucket-pipelines",
    "codebuild",
];

/// The longest part of a user agent that is looked at, in bytes.
const USER_AGENT_BYTES_MAX: usize = 1024;

static QUERIES: LazyLock<HashMap<&'static str, Query>> = LazyLock::new(|| {
    let rows = crate::vocab::rows(include_str!("../data/count_downloads.csv"));
    rows.map(|row| {
        let query = Query::parse(&row.text(1)).expect("every query of the data file is tested");
        (row.raw(0), query)
    })
    .collect()
});

/// Whether a request for the file counts as a download of a model of that library.
pub fn counts(library: Option<&str>, path: &str) -> bool {
    if query::extension(path).is_some_and(|extension| extension.eq_ignore_ascii_case("gguf")) {
        return true;
    }
    match library {
        Some("diffusers") => is_diffusers(path),
        Some(library) => match QUERIES.get(library) {
            Some(query) => query.matches(path),
            None => DEFAULT_FILES.contains(&path),
        },
        None => DEFAULT_FILES.contains(&path),
    }
}

/// The query of a library, where it has one of its own in the data file.
pub fn query_of(library: &str) -> Option<&'static Query> {
    QUERIES.get(library)
}

fn is_diffusers(path: &str) -> bool {
    DIFFUSERS_FILES.contains(&path)
        || (!path.contains('/')
            && query::extension(path).is_some_and(|found| DIFFUSERS_EXTENSIONS.contains(&found)))
}

/// Whether a user agent says that it is a machine of continuous integration.
pub fn is_ci(user_agent: &str) -> bool {
    let bytes = user_agent.as_bytes();
    let bytes = &bytes[..bytes.len().min(USER_AGENT_BYTES_MAX)];
    CI_WORDS.iter().any(|word| {
        bytes.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
    })
}

#[cfg(test)]
mod tests;
