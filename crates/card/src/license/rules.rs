//! The rules by which two licences of a lineage are compared, read from `data/license_rules.csv`.

use std::sync::LazyLock;

use serde::Serialize;
use steelyard_core::LicenseTraits;

use super::Terms;
use crate::vocab;

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Good to know.
    Note,
    /// May be a problem: somebody should look.
    Warning,
    /// What is declared cannot be right.
    Conflict,
}

/// What an ancestor must be like for a rule to apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ancestor {
    /// Has these traits.
    Has(LicenseTraits),
    /// Says which licences derivatives may carry.
    Keeps,
    /// Names licences that derivatives cannot carry.
    Refuses,
    /// Says how the names of derivatives begin.
    Prefixed,
    /// Has any trait.
    Demanding,
    /// Declares a licence that is on record.
    Known,
    /// Is known and forbids nothing.
    Open,
    Missing,
    Cycle,
}

/// What the child must be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Child {
    Any,
    /// Declares a licence without the ancestor's traits.
    Lacks,
    /// Declares a licence the ancestor does not allow.
    Incompatible,
    Refused,
    Misnamed,
    UnknownTerms,
    Undeclared,
    /// Forbids something the ancestor does not.
    Stricter,
    /// Is no child but another ancestor, whose licence none of those fit that this one allows.
    Clash,
}

/// One rule.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: &'static str,
    pub(super) severity: Severity,
    pub(super) ancestor: Ancestor,
    pub(super) child: Child,
    pub(super) because: String,
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let rows = vocab::rows(include_str!("../../data/license_rules.csv"));
    rows.map(|row| Rule {
        id: row.raw(0),
        severity: severity(row.raw(1)),
        ancestor: ancestor(row.raw(2)),
        child: child(row.raw(3)),
        because: row.text(4),
    })
    .collect()
});

/// All rules, in the order of the file.
pub(super) fn rules() -> &'static [Rule] {
    &RULES
}

fn severity(word: &str) -> Severity {
    match word {
        "conflict" => Severity::Conflict,
        "warning" => Severity::Warning,
        "note" => Severity::Note,
        _ => unreachable!("the data file has three severities"),
    }
}

fn ancestor(word: &str) -> Ancestor {
    match word {
        "keeps" => Ancestor::Keeps,
        "refuses" => Ancestor::Refuses,
        "prefixed" => Ancestor::Prefixed,
        "demanding" => Ancestor::Demanding,
        "known" => Ancestor::Known,
        "open" => Ancestor::Open,
        "missing" => Ancestor::Missing,
        "cycle" => Ancestor::Cycle,
        word => Ancestor::Has(
            LicenseTraits::parse(word).expect("the data file names only known traits"),
        ),
    }
}

fn child(word: &str) -> Child {
    match word {
        "any" => Child::Any,
        "lacks" => Child::Lacks,
        "incompatible" => Child::Incompatible,
        "refused" => Child::Refused,
        "misnamed" => Child::Misnamed,
        "unknown-terms" => Child::UnknownTerms,
        "undeclared" => Child::Undeclared,
        "stricter" => Child::Stricter,
        "clash" => Child::Clash,
        _ => unreachable!("the data file names only known children"),
    }
}

/// The traits that say that a licence cannot be judged.
pub(super) static UNREADABLE: LazyLock<LicenseTraits> =
    LazyLock::new(|| LicenseTraits::UNKNOWN_TERMS | LicenseTraits::UNDECLARED);

/// The traits that ask for more than to be named.
static DEMANDS: LazyLock<LicenseTraits> = LazyLock::new(|| {
    LicenseTraits::SHARE_ALIKE
        | LicenseTraits::NON_COMMERCIAL
        | LicenseTraits::NO_DERIVATIVES
        | LicenseTraits::NAME_CLAUSE
        | LicenseTraits::USE_RESTRICTED
});

/// One side of a comparison.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side<'a> {
    /// The name of the repository, without its namespace.
    pub(super) name: &'a str,
    pub(super) traits: LicenseTraits,
    pub(super) terms: Option<&'a Terms>,
}

impl Rule {
    /// Whether the rule is about these two. Rules about links that lead nowhere, and about clashes, are not.
    pub(super) fn fires(&self, child: Side<'_>, ancestor: Side<'_>) -> bool {
        let Some(demanded) = self.demanded(ancestor) else { return false };
        let declared = !child.traits.intersects(*UNREADABLE);
        match self.child {
            Child::Any => true,
            Child::Lacks => declared && !child.traits.contains(demanded),
            Child::Incompatible => {
                declared && child.terms.is_some_and(|terms| !allows(ancestor, terms))
            }
            Child::Refused => matches!(
                (child.terms, ancestor.terms),
                (Some(child), Some(ancestor)) if ancestor.refuses.contains(&child.id)
            ),
            Child::Misnamed => {
                let prefix = ancestor.terms.and_then(|terms| terms.name_prefix).unwrap_or("");
                !starts_with_name(child.name, prefix)
            }
            Child::UnknownTerms => child.traits.contains(LicenseTraits::UNKNOWN_TERMS),
            Child::Undeclared => child.traits.contains(LicenseTraits::UNDECLARED),
            Child::Stricter => declared && child.traits.intersects(*DEMANDS),
            Child::Clash => false,
        }
    }

    /// The traits for which the rule applies to the ancestor; `None` where it does not.
    fn demanded(&self, ancestor: Side<'_>) -> Option<LicenseTraits> {
        let terms = ancestor.terms;
        let known = terms.is_some() && !ancestor.traits.intersects(*UNREADABLE);
        let applies = match self.ancestor {
            Ancestor::Has(traits) => return ancestor.traits.contains(traits).then_some(traits),
            // What is asked by share-alike has a rule of its own.
            Ancestor::Keeps => {
                terms.is_some_and(|terms| !terms.keep.is_empty())
                    && !ancestor.traits.contains(LicenseTraits::SHARE_ALIKE)
            }
            Ancestor::Refuses => terms.is_some_and(|terms| !terms.refuses.is_empty()),
            Ancestor::Prefixed => terms.is_some_and(|terms| terms.name_prefix.is_some()),
            Ancestor::Demanding => ancestor.traits.intersects(*DEMANDS),
            Ancestor::Known => known,
            Ancestor::Open => known && !ancestor.traits.intersects(*DEMANDS),
            Ancestor::Missing | Ancestor::Cycle => false,
        };
        applies.then_some(LicenseTraits::NONE)
    }
}

/// Whether derivatives of the ancestor may carry that licence, as far as it says so.
fn allows(ancestor: Side<'_>, license: &Terms) -> bool {
    ancestor.terms.is_none_or(|terms| terms.keep.is_empty() || terms.keep.contains(&license.id))
}

/// Whether a name begins with a prefix, however the two are spelled.
fn starts_with_name(name: &str, prefix: &str) -> bool {
    let letters = |text: &str| {
        let kept = text.chars().filter(|c| c.is_alphanumeric());
        kept.flat_map(char::to_lowercase).collect::<String>()
    };
    letters(name).starts_with(&letters(prefix))
}
