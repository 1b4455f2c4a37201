//! Names of refs, and the revisions that clients ask for.

use std::fmt;

use crate::limits::REF_BYTES_MAX;
use crate::{Invalid, Oid};

/// A full ref name such as `refs/heads/main`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefName(String);

impl RefName {
    /// Parses a full name by the rules of `git check-ref-format`; must start with `refs/`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if !text.starts_with("refs/") {
            return Err(Invalid::new("ref", "must start with refs/"));
        }
        check_format(text)?;
        Ok(Self(text.to_owned()))
    }

    /// `refs/heads/<branch>`.
    pub fn branch(branch: &str) -> Result<Self, Invalid> {
        Self::parse(&format!("refs/heads/{branch}"))
    }

    /// `refs/tags/<tag>`.
    pub fn tag(tag: &str) -> Result<Self, Invalid> {
        Self::parse(&format!("refs/tags/{tag}"))
    }

    /// `refs/pr/<number>`.
    pub fn pull_request(number: i64) -> Self {
        Self(format!("refs/pr/{number}"))
    }

    /// The full name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without `refs/heads/`, when it is a branch.
    pub fn branch_name(&self) -> Option<&str> {
        self.0.strip_prefix("refs/heads/")
    }

    /// The name without `refs/tags/`, when it is a tag.
    pub fn tag_name(&self) -> Option<&str> {
        self.0.strip_prefix("refs/tags/")
    }

    /// The number, when it is the ref of a pull request.
    pub fn pull_request_number(&self) -> Option<i64> {
        let digits = self.0.strip_prefix("refs/pr/")?;
        if digits.starts_with(['+', '-']) { None } else { digits.parse().ok() }
    }
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a client names when it asks for a state of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revision {
    /// A full commit id.
    Commit(Oid),
    /// Candidates in order: the refs the text may mean, then, if it looks like one, an abbreviated commit id.
    Named {
        /// The text as the client wrote it.
        text: String,
        /// Ref names to try, in order.
        refs: Vec<RefName>,
        /// 4 to 39 hexadecimal characters, lower case.
        abbreviation: Option<String>,
    },
}

impl Revision {
    /// Parses a branch, tag, full ref (`refs/pr/1`), full or abbreviated commit id.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() || text.len() > REF_BYTES_MAX {
            return Err(Invalid::new("revision", "must have 1 to 255 characters"));
        }
        if let Ok(oid) = Oid::parse(text) {
            return Ok(Self::Commit(oid));
        }
        let refs = if text.starts_with("refs/") {
            RefName::parse(text).into_iter().collect()
        } else {
            [RefName::branch(text), RefName::tag(text)].into_iter().flatten().collect()
        };
        let is_hex =
            text.len() >= 4 && text.len() < 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let abbreviation = is_hex.then(|| text.to_ascii_lowercase());
        Ok(Self::Named { text: text.to_owned(), refs, abbreviation })
    }
}

fn check_format(name: &str) -> Result<(), Invalid> {
    let bad = |rule: &str| Err(Invalid::new("ref", rule));
    if name.len() > REF_BYTES_MAX {
        return bad("must have at most 255 bytes");
    }
    let forbidden = |c: char| {
        c.is_ascii_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\')
    };
    if name.chars().any(forbidden) {
        return bad("must not contain spaces, control characters or any of ~ ^ : ? * [ \\");
    }
    if name.contains("..") || name.contains("@{") || name.ends_with('.') {
        return bad("must not contain \"..\" or \"@{\" or end with '.'");
    }
    for part in name.split('/') {
        if part.is_empty() || part.starts_with('.') || part.ends_with(".lock") {
            return bad(
                "must not have an empty part, a part that starts with '.' or one that ends with .lock",
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ref_names_follow_git() {
        for good in ["main", "a/b", "v1.0", "ünï", "refs"] {
            assert!(RefName::branch(good).is_ok(), "{good}");
        }
        for bad in [
            "", "a..b", "a b", ".a", "a/.b", "a.lock", "a~1", "a^", "a:b", "a@{1}", "a.", "/a",
            "a/", "a\\b",
        ] {
            assert!(RefName::branch(bad).is_err(), "{bad}");
        }
        assert_eq!(RefName::parse("refs/pr/12").unwrap().pull_request_number(), Some(12));
        assert_eq!(RefName::parse("refs/pr/+1").unwrap().pull_request_number(), None);
    }

    #[test]
    fn revisions_are_commits_refs_or_abbreviations() {
        let sha = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
        assert!(matches!(Revision::parse(sha).unwrap(), Revision::Commit(_)));
        let Revision::Named { refs, abbreviation, .. } = Revision::parse("4B825dc").unwrap() else {
            panic!()
        };
        assert_eq!(refs[0].as_str(), "refs/heads/4B825dc");
        assert_eq!(abbreviation.as_deref(), Some("4b825dc"));
        let Revision::Named { refs, .. } = Revision::parse("refs/pr/1").unwrap() else { panic!() };
        assert_eq!(refs, [RefName::pull_request(1)]);
    }
}
