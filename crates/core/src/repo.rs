//! The kinds of repositories and how each appears in URLs.

use std::fmt;

use crate::Invalid;

/// What a repository holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RepoKind {
    /// Weights, configuration and a card.
    Model,
    /// Data files and a card.
    Dataset,
    /// An application.
    Space,
    /// Compute kernels.
    Kernel,
}

impl RepoKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Model, Self::Dataset, Self::Space, Self::Kernel];

    /// The singular word of JSON bodies (`"type": "model"`).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Dataset => "dataset",
            Self::Space => "space",
            Self::Kernel => "kernel",
        }
    }

    /// The plural word of API paths (`/api/models/...`).
    pub fn plural(self) -> &'static str {
        match self {
            Self::Model => "models",
            Self::Dataset => "datasets",
            Self::Space => "spaces",
            Self::Kernel => "kernels",
        }
    }

    /// What stands before `ns/name` in web, resolve and git URLs: empty for models, else `"datasets/"` and so on.
    pub fn url_prefix(self) -> &'static str {
        match self {
            Self::Model => "",
            Self::Dataset => "datasets/",
            Self::Space => "spaces/",
            Self::Kernel => "kernels/",
        }
    }

    /// The kind that a web, resolve or git path (without its first slash) begins with, and what follows.
    pub fn split_url(path: &str) -> (Self, &str) {
        let others = Self::ALL.into_iter().filter(|kind| *kind != Self::Model);
        let named = |kind: Self| Some((kind, path.strip_prefix(kind.url_prefix())?));
        others.filter_map(named).next().unwrap_or((Self::Model, path))
    }

    /// Parses the singular word.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| Invalid::new("type", "must be one of model, dataset, space, kernel"))
    }

    /// Parses the plural word.
    pub fn from_plural(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.plural() == text)
    }
}

impl fmt::Display for RepoKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
