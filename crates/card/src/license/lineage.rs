//! The licences along a chain of base models, compared.

use serde::{Serialize, Serializer};
use steelyard_core::LicenseTraits;

use super::rules::{Ancestor, Child, Rule, Severity, Side, UNREADABLE, rules};
use super::{Obligation, ObligationKind, Terms, alternatives, find_terms, traits_of};
use crate::facts::BaseRelation;

/// Most links of a chain that are looked at.
pub const LINKS_MAX: usize = 200;
/// Most findings of one report.
const CONFLICTS_MAX: usize = 100;

/// Whether a link of a chain leads to a repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkState {
    /// It is here and may be seen.
    #[default]
    Known,
    /// It is not here, or may not be seen.
    Missing,
    /// It is already above in the chain.
    Cycle,
}

/// One repository of a chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Link {
    /// Its id.
    pub id: String,
    /// The id of the repository that names it as its base; absent for the one the chain is about.
    pub via: Option<String>,
    /// How that repository was made from it.
    pub relation: Option<BaseRelation>,
    /// The licence its card declares.
    pub license: Option<String>,
    /// The name its card gives to a licence of its own.
    pub license_name: Option<String>,
    /// How many steps it is away: 0 is the repository the chain is about.
    pub depth: u32,
    /// Whether it leads anywhere.
    pub state: LinkState,
}

/// What a lineage comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Everyone in it asks only to be named.
    Permissive,
    /// There are things to keep to, and nothing in it contradicts.
    Obligations,
    /// Something cannot be judged: an ancestor or its terms are not known, or somebody should look.
    Unclear,
    /// What is declared contradicts an ancestor.
    Conflict,
}

/// One repository of a lineage with what it asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LineageEntry {
    /// Its id.
    pub id: String,
    /// How many steps it is away.
    pub depth: u32,
    /// The repository that names it as its base.
    pub via: Option<String>,
    /// How that one was made from it.
    pub relation: Option<BaseRelation>,
    /// Whether it is here.
    pub state: LinkState,
    /// The licence it declares.
    pub license: Option<String>,
    /// The name it gives to a licence of its own.
    pub license_name: Option<String>,
    /// The full name of the licence, where it is on record.
    pub license_title: Option<String>,
    /// Where its text stands, where that is on record.
    pub license_url: Option<&'static str>,
    /// The traits of the licence.
    #[serde(serialize_with = "as_words")]
    pub traits: LicenseTraits,
    /// What it asks for.
    pub obligations: Vec<Obligation>,
}

/// The licence a repository should declare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Suggestion {
    /// The value of `license`.
    pub license: String,
    /// The value of `license_name`, where `license` is `other`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license_name: Option<String>,
    /// Why.
    pub because: String,
}

/// One finding about two repositories of a lineage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Conflict {
    /// The id of the rule.
    pub rule: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// The repository that was built on the other one.
    pub child: String,
    /// The repository that asks for something.
    pub ancestor: String,
    /// What is wrong, in words.
    pub because: String,
    /// What would mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<Suggestion>,
}

/// What the licences of a lineage come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LineageReport {
    /// The whole in a word.
    pub verdict: Verdict,
    /// The traits of everyone in it.
    #[serde(serialize_with = "as_words")]
    pub traits: LicenseTraits,
    /// Everyone in it, as given.
    pub chain: Vec<LineageEntry>,
    /// Whether the chain is longer than what is looked at.
    pub truncated: bool,
    /// What was found, the gravest first.
    pub conflicts: Vec<Conflict>,
    /// The licence the repository should declare, where it should declare another one.
    pub suggestion: Option<Suggestion>,
    /// What the report is not.
    pub disclaimer: &'static str,
}

/// Said once in every report.
const DISCLAIMER: &str =
    "This compares the licences that repositories declare, by a table. It is not legal advice.";

fn as_words<S: Serializer>(traits: &LicenseTraits, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(traits.words())
}

/// Compares the licences of a chain. The repository it is about comes first, its ancestors follow.
pub fn lineage(chain: &[Link]) -> LineageReport {
    let truncated = chain.len() > LINKS_MAX;
    let chain = &chain[..chain.len().min(LINKS_MAX)];
    let entries: Vec<LineageEntry> = chain.iter().map(entry).collect();
    let unseen = if truncated { LicenseTraits::UNKNOWN_ANCESTOR } else { LicenseTraits::NONE };
    let traits = entries.iter().fold(unseen, |all, entry| all | entry.traits);
    let mut findings = Findings { chain, conflicts: Vec::new() };
    findings.compare();
    let suggestion = suggestion(chain);
    let mut conflicts = findings.conflicts;
    if let (Some(suggestion), Some(subject)) = (&suggestion, chain.first()) {
        let mendable = conflicts.iter_mut().filter(|one| one.child == subject.id);
        mendable.filter(|one| is_mended(one.rule)).for_each(|one| {
            one.suggestion = Some(suggestion.clone());
        });
    }
    conflicts.sort_by_key(|one| std::cmp::Reverse(one.severity));
    LineageReport {
        verdict: verdict(traits, &conflicts),
        traits,
        chain: entries,
        truncated,
        conflicts,
        suggestion,
        disclaimer: DISCLAIMER,
    }
}

fn entry(link: &Link) -> LineageEntry {
    let terms = terms(link);
    LineageEntry {
        id: link.id.clone(),
        depth: link.depth,
        via: link.via.clone(),
        relation: link.relation,
        state: link.state,
        license: link.license.clone(),
        license_name: link.license_name.clone(),
        license_title: terms.map(|terms| terms.title.clone()),
        license_url: terms.and_then(|terms| terms.text_url),
        traits: traits(link),
        obligations: terms.map(|terms| terms.obligations.clone()).unwrap_or_default(),
    }
}

fn terms(link: &Link) -> Option<&'static Terms> {
    let known = link.state == LinkState::Known;
    known.then(|| find_terms(link.license.as_deref(), link.license_name.as_deref())).flatten()
}

fn traits(link: &Link) -> LicenseTraits {
    match link.state {
        LinkState::Known => traits_of(link.license.as_deref(), link.license_name.as_deref()),
        LinkState::Missing => LicenseTraits::UNKNOWN_ANCESTOR,
        LinkState::Cycle => LicenseTraits::NONE,
    }
}

fn side(link: &Link) -> Side<'_> {
    let name = link.id.rsplit('/').next().unwrap_or(&link.id);
    Side { name, traits: traits(link), terms: terms(link) }
}

fn verdict(traits: LicenseTraits, conflicts: &[Conflict]) -> Verdict {
    let worst = conflicts.iter().map(|one| one.severity).max();
    let unreadable = traits.intersects(*UNREADABLE | LicenseTraits::UNKNOWN_ANCESTOR);
    match worst {
        Some(Severity::Conflict) => Verdict::Conflict,
        Some(Severity::Warning) => Verdict::Unclear,
        _ if unreadable => Verdict::Unclear,
        _ if traits.is_empty() => Verdict::Permissive,
        _ => Verdict::Obligations,
    }
}

struct Findings<'a> {
    chain: &'a [Link],
    conflicts: Vec<Conflict>,
}

impl<'a> Findings<'a> {
    fn compare(&mut self) {
        let Some((subject, ancestors)) = self.chain.split_first() else { return };
        for ancestor in ancestors {
            self.pair(subject, ancestor, false);
            let via = ancestor.via.as_deref().filter(|via| *via != subject.id);
            let parent = via.and_then(|via| {
                ancestors.iter().find(|link| link.id == via && link.state == LinkState::Known)
            });
            if let Some(parent) = parent {
                self.pair(parent, ancestor, true);
            }
        }
        self.clashes(ancestors);
    }

    /// Tells what the rules say about two repositories. Between two ancestors, only what contradicts is told,
    /// and as a warning: whoever reads the report did not declare it.
    fn pair(&mut self, child: &'a Link, ancestor: &'a Link, upstream: bool) {
        let broken = match ancestor.state {
            LinkState::Known => None,
            LinkState::Missing => Some(Ancestor::Missing),
            LinkState::Cycle => Some(Ancestor::Cycle),
        };
        let (younger, older) = (side(child), side(ancestor));
        for rule in rules() {
            let fires = match broken {
                Some(state) => rule.ancestor == state && !upstream,
                None => rule.fires(younger, older),
            };
            if fires
                && !(upstream && rule.severity != Severity::Conflict)
                && !self.is_said(rule, child, ancestor)
            {
                let severity = if upstream { Severity::Warning } else { rule.severity };
                self.push(rule, severity, [child, ancestor, ancestor]);
            }
        }
    }

    /// What the agreement as a whole says need not be said again for its parts.
    fn is_said(&self, rule: &Rule, child: &Link, ancestor: &Link) -> bool {
        let said = |rules: &[&str]| {
            self.conflicts.iter().any(|one| {
                rules.contains(&one.rule) && one.child == child.id && one.ancestor == ancestor.id
            })
        };
        match rule.id {
            "drops-use-restrictions" | "drops-name-clause" => said(&["drops-agreement"]),
            _ => false,
        }
    }

    /// Finds ancestors whose demands no one licence meets together; one ancestor speaks for each licence.
    fn clashes(&mut self, ancestors: &'a [Link]) {
        let mut seen = Vec::new();
        let mut known = Vec::new();
        for link in ancestors {
            if let Some(terms) = terms(link).filter(|terms| !seen.contains(&terms.id)) {
                seen.push(terms.id);
                known.push((link, terms));
            }
        }
        for (at, (one, terms)) in known.iter().enumerate() {
            let rule = clash_rule(terms.traits);
            for (beside, (other, _)) in known.iter().enumerate() {
                let said = self.conflicts.iter().any(|found| {
                    ["clash", "two-agreements"].contains(&found.rule)
                        && found.child == one.id
                        && found.ancestor == other.id
                });
                if at != beside && !said && refuses_all(terms, side(other)) {
                    self.push(rule, rule.severity, [other, one, other]);
                }
            }
        }
    }

    fn push(
        &mut self,
        rule: &'static Rule,
        severity: Severity,
        [child, ancestor, other]: [&Link; 3],
    ) {
        let is_new = !self
            .conflicts
            .iter()
            .any(|one| one.rule == rule.id && one.child == child.id && one.ancestor == ancestor.id);
        if is_new && self.conflicts.len() < CONFLICTS_MAX {
            self.conflicts.push(Conflict {
                rule: rule.id,
                severity,
                child: child.id.clone(),
                ancestor: ancestor.id.clone(),
                because: because(rule, child, ancestor, other),
                suggestion: None,
            });
        }
    }
}

/// Whether none of the licences that must be kept contradicts nothing the other ancestor asks for.
fn refuses_all(terms: &Terms, other: Side<'_>) -> bool {
    let judged = !other.traits.intersects(*UNREADABLE | LicenseTraits::NO_DERIVATIVES);
    let mut keep = terms.keep.iter().filter_map(|id| find_terms(Some(id), Some(id)));
    judged && !terms.keep.is_empty() && !keep.any(|kept| is_free(kept, other))
}

fn clash_rule(traits: LicenseTraits) -> &'static Rule {
    let id = if traits.contains(LicenseTraits::SHARE_ALIKE) { "clash" } else { "two-agreements" };
    let found = rules().iter().find(|rule| rule.id == id && rule.child == Child::Clash);
    found.expect("the data file has both rules on clashes")
}

/// Whether a child with that licence contradicts nothing the ancestor asks for.
fn is_free(license: &Terms, ancestor: Side<'_>) -> bool {
    let prefix = ancestor.terms.and_then(|terms| terms.name_prefix).unwrap_or("");
    let child = Side { name: prefix, traits: license.traits, terms: Some(license) };
    !rules().iter().any(|rule| rule.severity != Severity::Note && rule.fires(child, ancestor))
}

/// Whether another licence on the child mends what the rule found.
fn is_mended(rule: &str) -> bool {
    rule.starts_with("drops-") || rule.starts_with("child-") || rule == "refused-license"
}

/// The licence the first of the chain should declare: the nearest one that contradicts nobody, or a text of its
/// own where none does. None where its own is right, or where nothing can be.
fn suggestion(chain: &[Link]) -> Option<Suggestion> {
    let (subject, ancestors) = chain.split_first()?;
    let readable =
        |link: &&Link| link.state == LinkState::Known && !traits(link).intersects(*UNREADABLE);
    let known: Vec<&Link> = ancestors.iter().filter(readable).collect();
    let fits = |terms: &Terms| known.iter().all(|link| is_free(terms, side(link)));
    let own = terms(subject).filter(|terms| !terms.traits.intersects(*UNREADABLE));
    if known.is_empty() || own.is_some_and(fits) {
        return None;
    }
    if known.iter().any(|link| traits(link).contains(LicenseTraits::NO_DERIVATIVES)) {
        return None;
    }
    let mut candidates = known.iter().filter_map(|link| Some((*link, terms(link)?)));
    let asking = |link: &&Link| !traits(link).is_empty();
    let demanding: Vec<&str> =
        known.iter().copied().filter(asking).map(|link| link.id.as_str()).collect();
    if let Some((link, terms)) = candidates.find(|(_, terms)| fits(terms)) {
        let because = if demanding.is_empty() {
            format!("It is the licence of {}, and contradicts nothing above.", link.id)
        } else {
            format!("It keeps what {} asks for.", demanding.join(" and "))
        };
        return Some(declare(terms, because));
    }
    if has_clash(&known) {
        return None;
    }
    let texts: Vec<String> = known
        .iter()
        .filter_map(|link| Some(format!("{} ({})", terms(link)?.id, link.id)))
        .collect();
    Some(Suggestion {
        license: "other".to_owned(),
        license_name: None,
        because: format!(
            "No listed licence keeps everything at once. Give the texts of {}, and keep to all of them.",
            texts.join(" and ")
        ),
    })
}

/// Whether an ancestor that asks for its own licence again stands beside one that allows none of them.
fn has_clash(known: &[&Link]) -> bool {
    let terms = known.iter().filter_map(|link| terms(link));
    let mut share_alike = terms.filter(|terms| terms.traits.contains(LicenseTraits::SHARE_ALIKE));
    share_alike.any(|terms| known.iter().any(|other| refuses_all(terms, side(other))))
}

fn declare(terms: &Terms, because: String) -> Suggestion {
    let (license, license_name) = match terms.listed {
        true => (terms.id.to_owned(), None),
        false => ("other".to_owned(), Some(terms.id.to_owned())),
    };
    Suggestion { license, license_name, because }
}

/// Fills the words of a rule in. What people wrote is put in, never read again for places.
fn because(rule: &Rule, child: &Link, ancestor: &Link, other: &Link) -> String {
    let words = |kind| terms(ancestor).and_then(|terms| terms.words_of(kind)).unwrap_or("");
    let mut text = String::with_capacity(rule.because.len() * 2);
    let mut rest = rule.because.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        let (place, after) = after.split_once('}').expect("the data file closes its places");
        text.push_str(before);
        let filled = match place {
            "child" => child.id.clone(),
            "ancestor" => ancestor.id.clone(),
            "other" => other.id.clone(),
            "childLicense" => license_shown(child),
            "ancestorLicense" => license_shown(ancestor),
            "otherLicense" => license_shown(other),
            "ancestorTitle" => terms(ancestor).map_or(String::new(), |terms| terms.title.clone()),
            "relation" => relation(ancestor).to_owned(),
            "keep" => terms(ancestor).map_or(String::new(), |terms| alternatives(&terms.keep)),
            "prefix" => {
                terms(ancestor).and_then(|terms| terms.name_prefix).unwrap_or("").to_owned()
            }
            "name" => words(ObligationKind::NameClause).to_owned(),
            "uses" => words(ObligationKind::UseRestrictions).to_owned(),
            "size" => words(ObligationKind::BusinessSize).to_owned(),
            _ => unreachable!("the data file names only known places"),
        };
        text.push_str(&filled);
        // A sentence that is not there leaves no gap.
        rest = if filled.is_empty() { after.strip_prefix(' ').unwrap_or(after) } else { after };
    }
    text.push_str(rest);
    text.truncate(text.trim_end().len());
    text
}

fn license_shown(link: &Link) -> String {
    let name = link.license_name.as_deref().filter(|_| link.license.as_deref() == Some("other"));
    match (link.license.as_deref(), name) {
        (_, Some(name)) => name.chars().take(100).collect(),
        (Some(id), None) => id.chars().take(100).collect(),
        (None, None) => "no licence".to_owned(),
    }
}

fn relation(ancestor: &Link) -> &'static str {
    match ancestor.relation {
        _ if ancestor.depth > 1 => "built on",
        Some(BaseRelation::Adapter) => "an adapter for",
        Some(BaseRelation::Merge) => "a merge with",
        Some(BaseRelation::Quantized) => "a quantized form of",
        Some(BaseRelation::Finetune) => "a fine-tune of",
        None => "built on",
    }
}
