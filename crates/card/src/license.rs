//! What licences ask of those who build on a work, and whether the licences of a lineage fit each other.
//!
//! The table `data/license_terms.csv` says for every licence of the vocabulary, and for community licences that
//! cards give by name (`license: other` with a `license_name`), which traits it has, what it asks in words, and
//! which licences a derivative may carry. [`lineage`] compares the licences along a chain of base models by the
//! rules of `data/license_rules.csv`. Both compare what repositories declare and nothing else: this is a check
//! list for engineers and no legal advice.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Serialize;
use steelyard_core::LicenseTraits;

use crate::vocab;

mod lineage;
mod rules;

pub use lineage::{
    Conflict, LINKS_MAX, LineageEntry, LineageReport, Link, LinkState, Suggestion, Verdict, lineage,
};
pub use rules::Severity;

/// The longest licence name that is compared with the table, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// What kind of thing a licence asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ObligationKind {
    /// To name the authors.
    Attribution,
    /// To keep notices and the text of the licence.
    Notice,
    /// To say what was changed.
    Changes,
    /// To offer the source.
    Source,
    /// To pass the agreement on.
    Terms,
    /// To pass derivatives on under the same licence.
    SameLicense,
    /// To make no money with it.
    NonCommercial,
    /// To pass on no changed versions.
    NoDerivatives,
    /// To show a name or notice of the original.
    NameClause,
    /// To leave out some uses.
    UseRestrictions,
    /// To be no larger than some size.
    BusinessSize,
}

/// One thing a licence asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Obligation {
    /// Its kind.
    pub kind: ObligationKind,
    /// What to do, in words.
    pub text: String,
}

/// What is on record about one licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The id in cards, or the name by which cards give it.
    pub id: &'static str,
    /// The full name.
    pub title: String,
    /// Where the text stands, when it is not a well-known one.
    pub text_url: Option<&'static str>,
    /// Whether `id` is a value of the card's `license`; otherwise it is a `license_name`.
    pub listed: bool,
    /// Its traits.
    pub traits: LicenseTraits,
    /// The licences a derivative may carry; empty where it may carry any that keeps the traits.
    pub keep: Vec<&'static str>,
    /// The licences a derivative cannot carry although nothing else forbids it.
    pub refuses: Vec<&'static str>,
    /// What the names of derivatives begin with.
    pub name_prefix: Option<&'static str>,
    /// What it asks for.
    pub obligations: Vec<Obligation>,
    names: Vec<&'static str>,
}

impl Terms {
    /// The words of the first obligation of a kind.
    pub(crate) fn words_of(&self, kind: ObligationKind) -> Option<&str> {
        self.obligations.iter().find(|one| one.kind == kind).map(|one| one.text.as_str())
    }
}

static TERMS: LazyLock<Vec<Terms>> = LazyLock::new(|| {
    vocab::rows(include_str!("../data/license_terms.csv")).map(|row| terms(&row)).collect()
});

static BY_NAME: LazyLock<HashMap<String, usize>> = LazyLock::new(|| {
    let mut names = HashMap::new();
    for (at, terms) in TERMS.iter().enumerate() {
        for name in terms.names.iter().chain([&terms.id]) {
            names.insert(normal_name(name), at);
        }
        names.insert(normal_name(&terms.title), at);
    }
    names
});

/// All licences on record: those of the vocabulary, then those that cards give by name.
pub fn all_terms() -> &'static [Terms] {
    &TERMS
}

/// What is on record about the licence a card declares; `None` where it declares none, or one nobody knows.
pub fn find_terms(license: Option<&str>, license_name: Option<&str>) -> Option<&'static Terms> {
    let license = license.map(str::trim).filter(|id| !id.is_empty())?;
    let listed = TERMS.iter().find(|terms| terms.listed && terms.id.eq_ignore_ascii_case(license));
    match listed {
        Some(terms) if !matches!(terms.id, "other" | "unknown") => Some(terms),
        listed => {
            let named = license_name.or(listed.is_none().then_some(license));
            let named = named.filter(|name| name.len() <= NAME_BYTES_MAX).map(normal_name);
            named.and_then(|name| BY_NAME.get(&name)).map(|at| &TERMS[*at]).or(listed)
        }
    }
}

/// The traits of the licence a card declares.
pub fn traits_of(license: Option<&str>, license_name: Option<&str>) -> LicenseTraits {
    if license.is_none_or(|id| id.trim().is_empty()) {
        return LicenseTraits::UNDECLARED;
    }
    find_terms(license, license_name).map_or(LicenseTraits::UNKNOWN_TERMS, |terms| terms.traits)
}

/// What the licence a card declares asks for; nothing where that is not on record.
pub fn obligations_of(license: Option<&str>, license_name: Option<&str>) -> &'static [Obligation] {
    find_terms(license, license_name).map_or(&[], |terms| &terms.obligations)
}

/// A licence's name without its case, its spaces and the words that all of them have.
fn normal_name(name: &str) -> String {
    let lower = name.trim().to_lowercase();
    let mut dashed: String =
        lower.chars().map(|c| if c.is_whitespace() || c == '_' { '-' } else { c }).collect();
    for ending in ["-agreement", "-license", "-licence"] {
        let kept = dashed.strip_suffix(ending).filter(|rest| !rest.is_empty()).map(str::len);
        dashed.truncate(kept.unwrap_or(dashed.len()));
    }
    dashed
}

fn terms(row: &vocab::Row) -> Terms {
    let list = |column| row.raw(column).split_whitespace().collect::<Vec<_>>();
    let known = vocab::find_license(row.raw(0));
    let traits = list(2).into_iter().fold(LicenseTraits::NONE, |all, word| {
        all | LicenseTraits::parse(word).expect("the data file names only known traits")
    });
    let keep = list(3);
    let texts = [row.text(7), row.text(8), row.text(9)];
    Terms {
        id: row.raw(0),
        title: known.map_or_else(|| row.text(1), |license| license.name.clone()),
        text_url: known.and_then(|license| license.text_url),
        listed: known.is_some(),
        traits,
        obligations: obligations(&list(5), traits, &keep, texts),
        keep,
        refuses: list(4),
        name_prefix: Some(row.raw(6)).filter(|prefix| !prefix.is_empty()),
        names: list(10),
    }
}

/// Puts what a row of the table says into sentences.
fn obligations(
    asks: &[&str],
    traits: LicenseTraits,
    keep: &[&str],
    [name, uses, size]: [String; 3],
) -> Vec<Obligation> {
    let mut list = Vec::new();
    let mut add = |kind, text: String| list.push(Obligation { kind, text });
    for ask in asks {
        let (kind, text) = match *ask {
            "attribution" => (ObligationKind::Attribution, "Name the authors and the source."),
            "notice" => (
                ObligationKind::Notice,
                "Keep the copyright notice and the licence's text with every copy.",
            ),
            "changes" => (ObligationKind::Changes, "Say what you changed."),
            "source" => (ObligationKind::Source, "Offer the source of what you pass on."),
            "terms" => (ObligationKind::Terms, "Pass the agreement on with every copy."),
            _ => unreachable!("the data file asks only for known things"),
        };
        add(kind, text.to_owned());
    }
    if traits.contains(LicenseTraits::NON_COMMERCIAL) {
        add(ObligationKind::NonCommercial, "Make no commercial use of it.".to_owned());
    }
    if traits.contains(LicenseTraits::NO_DERIVATIVES) {
        add(ObligationKind::NoDerivatives, "Pass it on only as it is.".to_owned());
    }
    if !keep.is_empty() {
        let text = format!("Pass on what you build on it under {}.", alternatives(keep));
        add(ObligationKind::SameLicense, text);
    }
    let kinds =
        [ObligationKind::NameClause, ObligationKind::UseRestrictions, ObligationKind::BusinessSize];
    for (kind, text) in kinds.into_iter().zip([name, uses, size]) {
        if !text.is_empty() {
            add(kind, text);
        }
    }
    list
}

/// The ids as a list that ends in "or".
pub(crate) fn alternatives(ids: &[&str]) -> String {
    match ids {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests;
