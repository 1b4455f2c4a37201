//! Paths of files inside a repository.

use std::fmt;

use crate::Invalid;
use crate::limits::{PATH_BYTES_MAX, PATH_DEPTH_MAX};

/// A relative path with `/` between its parts, safe to check out on every platform.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoPath(String);

impl RepoPath {
    /// Parses a path: no empty part, no `.` or `..`, no spelling of `.git` that any file system would take for it,
    /// no control characters or backslash, at most 4,096 bytes and 128 levels.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let rule =
            |rule: &str| Err(Invalid::new("path", format!("\"{}\" {rule}", printable(text))));
        if text.is_empty() {
            return Err(Invalid::new("path", "must not be empty"));
        }
        if text.len() > PATH_BYTES_MAX {
            return Err(Invalid::new("path", format!("must have at most {PATH_BYTES_MAX} bytes")));
        }
        if text.split('/').count() > PATH_DEPTH_MAX {
            return rule("has too many levels");
        }
        if text.bytes().any(|byte| byte < 0x20 || byte == 0x7f || byte == b'\\') {
            return rule("must not contain control characters or backslashes");
        }
        for part in text.split('/') {
            if part.is_empty() {
                return rule("must not start or end with '/' or contain \"//\"");
            }
            if part == "." || part == ".." {
                return rule("must not contain \".\" or \"..\" as a part");
            }
            if is_dot_git(part) {
                return rule("must not contain \".git\" as a part");
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts from the root down.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The last part.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The path of the folder, `None` at the root.
    pub fn parent(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(parent, _)| parent)
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for RepoPath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// True for every spelling of `.git` that NTFS (`git~1`, trailing dots and spaces, streams) or HFS+
/// (ignorable code points) would resolve to the repository's own folder; git's `verify_path` refuses the same.
pub fn is_dot_git(part: &str) -> bool {
    let visible: String = part.chars().filter(|c| !is_hfs_ignorable(*c)).collect();
    let stem = visible.split(':').next().unwrap_or("");
    let stem = stem.trim_end_matches(['.', ' ']);
    stem.eq_ignore_ascii_case(".git") || stem.eq_ignore_ascii_case("git~1")
}

fn is_hfs_ignorable(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

fn printable(text: &str) -> String {
    text.chars().take(120).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_are_accepted() {
        for path in
            ["a", "a/b.txt", ".gitattributes", "ünï/中.bin", "a b/c", ".github/x", "git", "a:b"]
        {
            assert!(RepoPath::parse(path).is_ok(), "{path}");
        }
    }

    #[test]
    fn dangerous_paths_are_refused() {
        let long = "a/".repeat(200) + "b";
        for path in [
            "",
            "/a",
            "a/",
            "a//b",
            "..",
            "a/../b",
            "./a",
            ".git",
            ".GIT/config",
            "x/.git/y",
            "git~1",
            ".git ",
            ".git.",
            ".git::$INDEX_ALLOCATION",
            ".g\u{200c}it",
            "a\\b",
            "a\0b",
            "a\nb",
            &long,
            &"x".repeat(5000),
        ] {
            assert!(RepoPath::parse(path).is_err(), "{path:?}");
        }
    }
}
