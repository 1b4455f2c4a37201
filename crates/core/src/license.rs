//! What a licence asks of those who build on a work, as a set of traits that can be joined along a lineage.

use std::ops::{BitOr, BitOrAssign};

use serde::{Deserialize, Serialize};

/// A set of traits. The empty set is a permissive licence: to be named, and nothing else.
///
/// The traits of a lineage are the union of the traits of everyone in it: what one ancestor asks, all descendants
/// inherit, and one unknown ancestor makes the whole lineage unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LicenseTraits(u16);

impl LicenseTraits {
    /// Asks for nothing but to be named.
    pub const NONE: Self = Self(0);
    /// Derivatives must carry the same licence.
    pub const SHARE_ALIKE: Self = Self(1);
    /// No commercial use.
    pub const NON_COMMERCIAL: Self = Self(1 << 1);
    /// No derivatives may be passed on.
    pub const NO_DERIVATIVES: Self = Self(1 << 2);
    /// Derivatives must carry a name or notice of the original.
    pub const NAME_CLAUSE: Self = Self(1 << 3);
    /// Some uses are forbidden, or only allowed up to a size of business.
    pub const USE_RESTRICTED: Self = Self(1 << 4);
    /// A licence whose terms are not on record (`other`, `unknown`, a text of its own).
    pub const UNKNOWN_TERMS: Self = Self(1 << 5);
    /// No licence is declared: nothing is granted.
    pub const UNDECLARED: Self = Self(1 << 6);
    /// An ancestor is not here, or may not be seen.
    pub const UNKNOWN_ANCESTOR: Self = Self(1 << 7);

    /// Every trait with its word, as queries and reports spell it.
    pub const NAMED: [(Self, &'static str); 8] = [
        (Self::SHARE_ALIKE, "share-alike"),
        (Self::NON_COMMERCIAL, "non-commercial"),
        (Self::NO_DERIVATIVES, "no-derivatives"),
        (Self::NAME_CLAUSE, "name-clause"),
        (Self::USE_RESTRICTED, "use-restricted"),
        (Self::UNKNOWN_TERMS, "unknown-terms"),
        (Self::UNDECLARED, "undeclared"),
        (Self::UNKNOWN_ANCESTOR, "unknown-ancestor"),
    ];

    /// True when every trait of `other` is in the set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// True when any trait of `other` is in the set.
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// True for a permissive licence.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The words of the traits in the set.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        Self::NAMED.into_iter().filter(move |(one, _)| self.contains(*one)).map(|(_, word)| word)
    }

    /// The trait of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::NAMED.into_iter().find(|(_, known)| *known == word).map(|(one, _)| one)
    }

    /// The set as a number, for storage.
    pub fn bits(self) -> u16 {
        self.0
    }

    /// The set of that number; unknown bits are dropped.
    pub fn from_bits(bits: u16) -> Self {
        let known = Self::NAMED.into_iter().fold(0, |all, (one, _)| all | one.0);
        Self(bits & known)
    }
}

impl BitOr for LicenseTraits {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for LicenseTraits {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_name_what_is_in_the_set() {
        let set = LicenseTraits::SHARE_ALIKE | LicenseTraits::NON_COMMERCIAL;
        assert_eq!(set.words().collect::<Vec<_>>(), ["share-alike", "non-commercial"]);
        assert_eq!(LicenseTraits::parse("non-commercial"), Some(LicenseTraits::NON_COMMERCIAL));
        assert_eq!(LicenseTraits::parse("free"), None);
        assert!(set.contains(LicenseTraits::SHARE_ALIKE) && !set.is_empty());
        assert_eq!(LicenseTraits::from_bits(0xffff).words().count(), LicenseTraits::NAMED.len());
    }
}
