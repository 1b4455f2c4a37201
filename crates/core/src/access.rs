//! Who may do what: visibility of repositories, roles in organisations, roles of tokens.

use crate::Invalid;

/// Whether strangers see a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// Everybody may read.
    Public,
    /// Only the owner, or the members of the owning organisation, know that it exists.
    Private,
}

impl Visibility {
    /// The Hub's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }

    /// Parses the Hub's word.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "public" => Ok(Self::Public),
            "private" => Ok(Self::Private),
            _ => Err(Invalid::new("visibility", "must be \"public\" or \"private\"")),
        }
    }

    /// True for [`Visibility::Private`].
    pub fn is_private(self) -> bool {
        self == Self::Private
    }
}

/// What a member may do in an organisation, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrgRole {
    /// Reads the organisation's private repositories.
    Read,
    /// Creates repositories and writes to the ones they created.
    Contributor,
    /// Writes, creates, deletes and renames any repository.
    Write,
    /// As `Write`, and manages members and settings.
    Admin,
}

impl OrgRole {
    /// All roles, least first.
    pub const ALL: [Self; 4] = [Self::Read, Self::Contributor, Self::Write, Self::Admin];

    /// The Hub's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Contributor => "contributor",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// Parses the Hub's word.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| Invalid::new("role", "must be one of admin, write, contributor, read"))
    }
}

/// What a token may do on behalf of its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenRole {
    /// Reads what the user may read.
    Read,
    /// Does everything the user may do.
    Write,
}

impl TokenRole {
    /// The Hub's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    /// Parses the Hub's word.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            _ => Err(Invalid::new("role", "a token's role must be \"read\" or \"write\"")),
        }
    }
}
