//! Names of namespaces (users and organisations) and repositories, by the Hub's rules.

use std::fmt;

use crate::Invalid;
use crate::limits::NAME_BYTES_MAX;

/// The first path segments that belong to the hub itself and can name no namespace.
const RESERVED: &[&str] = &[
    "api",
    "datasets",
    "spaces",
    "models",
    "kernels",
    "buckets",
    "oauth",
    "login",
    "logout",
    "join",
    "reset",
    "new",
    "new-dataset",
    "new-space",
    "settings",
    "search",
    "compare",
    "setup",
    "index.md",
    "models.md",
    "datasets.md",
    "spaces.md",
    "search.md",
    "compare.md",
    "setup.md",
    "docs",
    "docs.md",
    "doctor",
    "doctor.md",
    "static",
    "assets",
    "health",
    "metrics",
    "uploads",
    "collections",
    "papers",
    "tasks",
    "organizations",
    "users",
    "admin",
    "resolve",
    "raw",
    "blob",
    "tree",
    "front",
    "lfs",
    "cas",
    "xet",
    "robots.txt",
    "favicon.ico",
    "llms.txt",
    ".well-known",
    "me",
];

/// The name of a user or organisation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(String);

impl Namespace {
    /// Parses a name somebody wants to have or to look up.
    ///
    /// Letters, digits, `-`, `_` and `.`, at most 96. Underscores may lead and double (`_x`, `__dummy`);
    /// `-` and `.` may neither lead nor end, and `--` and `..` are refused because clients use them as separators.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        check_characters("namespace", text)?;
        Ok(Self(text.to_owned()))
    }

    /// Parses a name for a new account: as [`Self::parse`], and not a word the hub uses itself.
    pub fn parse_new(text: &str) -> Result<Self, Invalid> {
        let name = Self::parse(text)?;
        if RESERVED.contains(&text.to_ascii_lowercase().as_str()) {
            return Err(Invalid::new("name", format!("\"{text}\" is reserved by the hub")));
        }
        Ok(name)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key under which names that differ only in case collide.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a repository inside its namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoName(String);

impl RepoName {
    /// Parses a repository name: letters, digits, `-`, `_`, `.`, at most 96; no `--` or `..`;
    /// `-` and `.` neither lead nor end; must not end with `.git` or `.ipynb`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        check_characters("name", text)?;
        if text.ends_with(".git") || text.ends_with(".ipynb") {
            return Err(Invalid::new("name", "must not end with .git or .ipynb"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key under which names that differ only in case collide.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for RepoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `namespace/name`, the id by which clients call a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoId {
    /// The owner.
    pub namespace: Namespace,
    /// The repository.
    pub name: RepoName,
}

impl RepoId {
    /// Joins two parsed names.
    pub fn new(namespace: Namespace, name: RepoName) -> Self {
        Self { namespace, name }
    }

    /// Parses `namespace/name`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let (namespace, name) = text
            .split_once('/')
            .ok_or_else(|| Invalid::new("repo id", "must have the form namespace/name"))?;
        Ok(Self { namespace: Namespace::parse(namespace)?, name: RepoName::parse(name)? })
    }
}

impl fmt::Display for RepoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

fn check_characters(field: &'static str, text: &str) -> Result<(), Invalid> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let rule = if text.is_empty() {
        "must not be empty"
    } else if text.len() > NAME_BYTES_MAX {
        "must have at most 96 characters"
    } else if !text.chars().all(allowed) {
        "may contain only letters, digits, '-', '_' and '.'"
    } else if text.contains("--") || text.contains("..") {
        "must not contain -- or .."
    } else if text.starts_with(['-', '.']) || text.ends_with(['-', '.']) {
        "must not start or end with '-' or '.'"
    } else {
        return Ok(());
    };
    Err(Invalid::new(field, rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hub_names_are_accepted() {
        for name in ["a", "__DUMMY_TRANSFORMERS_USER__", "_x", "julien-c", "a.b", "x__y", "9"] {
            assert!(Namespace::parse(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn names_that_clients_cannot_carry_are_refused() {
        for name in ["", "-a", "a-", ".a", "a.", "a--b", "a..b", "a b", "ä", "a/b", &"x".repeat(97)]
        {
            assert!(Namespace::parse(name).is_err(), "{name}");
            assert!(RepoName::parse(name).is_err(), "{name}");
        }
        assert!(RepoName::parse("x.git").is_err());
        assert!(Namespace::parse_new("API").is_err());
        assert!(RepoId::parse("gpt2").is_err());
        assert_eq!(RepoId::parse("a/b").unwrap().to_string(), "a/b");
    }
}
