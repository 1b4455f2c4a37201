//! The version of a git binary.

use std::fmt;

/// A version of git, compared number by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GitVersion {
    /// `2` of `2.47.3`.
    pub major: u32,
    /// `47` of `2.47.3`.
    pub minor: u32,
    /// `3` of `2.47.3`; 0 when absent.
    pub patch: u32,
}

impl GitVersion {
    /// The oldest version that serves: older ones lack what the arguments of this crate ask for.
    pub const OLDEST: Self = Self { major: 2, minor: 30, patch: 0 };

    /// Parses what `git version` prints, such as `git version 2.39.5 (Apple Git-154)`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.trim().strip_prefix("git version ")?.split_whitespace().next()?;
        let mut parts = number.split('.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?.parse().ok()?;
        let patch = parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
        Some(Self { major, minor, patch })
    }
}

impl fmt::Display for GitVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_all_makers_are_read() {
        let version = |major, minor, patch| Some(GitVersion { major, minor, patch });
        assert_eq!(GitVersion::parse("git version 2.47.3\n"), version(2, 47, 3));
        assert_eq!(GitVersion::parse("git version 2.39.5 (Apple Git-154)"), version(2, 39, 5));
        assert_eq!(GitVersion::parse("git version 2.48.0.rc1"), version(2, 48, 0));
        assert_eq!(GitVersion::parse("git version 2.50.GIT"), version(2, 50, 0));
        assert_eq!(GitVersion::parse("hub 2.14"), None);
        assert!(version(2, 9, 0) < Some(GitVersion::OLDEST));
    }
}
