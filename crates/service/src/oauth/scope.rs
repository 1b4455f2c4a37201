//! What apps may ask for.

use steelyard_core::TokenRole;

use super::OAuthError;

/// The scopes of this hub, in the order in which people read them, and what each allows. The names are the Hugging Face Hub's.
const KNOWN: [(&str, &str); 8] = [
    ("openid", "know who you are"),
    ("profile", "see your name and your organisations"),
    ("email", "see your mail address"),
    ("read-repos", "read every repository that you may read, private ones too"),
    ("gated-repos", "read the files of gated repositories that you may read"),
    ("contribute-repos", "create repositories and propose changes"),
    ("write-repos", "upload to every repository that you may write to"),
    ("manage-repos", "create, change and delete repositories"),
];
/// Longest list that is read, in bytes.
const TEXT_BYTES_MAX: usize = 1000;

/// A set of scopes that exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(Vec<usize>);

impl Scopes {
    /// Those of a list that exist here. An app may ask for more than a hub has; the answer tells it what it got.
    pub fn parse(text: &str) -> Result<Self, OAuthError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(OAuthError::InvalidScope);
        }
        let asked: Vec<&str> = text.split_ascii_whitespace().collect();
        let known = (0..KNOWN.len()).filter(|at| asked.contains(&KNOWN[*at].0));
        let known: Vec<usize> = known.collect();
        if known.is_empty() { Err(OAuthError::InvalidScope) } else { Ok(Self(known)) }
    }

    /// Every word there is.
    pub fn known() -> Vec<&'static str> {
        KNOWN.iter().map(|(word, _)| *word).collect()
    }

    /// The list as apps write it.
    pub fn text(&self) -> String {
        self.0.iter().map(|at| KNOWN[*at].0).collect::<Vec<_>>().join(" ")
    }

    /// What they allow, in words.
    pub fn words(&self) -> Vec<&'static str> {
        self.0.iter().map(|at| KNOWN[*at].1).collect()
    }

    /// Whether a scope is among them.
    pub fn has(&self, word: &str) -> bool {
        self.0.iter().any(|at| KNOWN[*at].0 == word)
    }

    /// What a token with these may do to repositories; `None` when it opens none.
    pub fn role(&self) -> Option<TokenRole> {
        if ["contribute-repos", "write-repos", "manage-repos"].iter().any(|word| self.has(word)) {
            return Some(TokenRole::Write);
        }
        ["read-repos", "gated-repos"].iter().any(|word| self.has(word)).then_some(TokenRole::Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_become_roles() {
        for (text, role, kept) in [
            ("openid profile", None, "openid profile"),
            ("read-repos  openid inference-api", Some(TokenRole::Read), "openid read-repos"),
            ("write-repos", Some(TokenRole::Write), "write-repos"),
            ("manage-repos manage-repos", Some(TokenRole::Write), "manage-repos"),
        ] {
            let scopes = Scopes::parse(text).unwrap();
            assert_eq!((scopes.role(), &*scopes.text()), (role, kept), "{text}");
            assert_eq!(scopes.words().len(), kept.split(' ').count());
        }
        for refused in ["", "inference-api", &"openid ".repeat(200)] {
            assert!(Scopes::parse(refused).is_err());
        }
    }
}
