//! A parsed query.

use std::ops::Range;

use steelyard_core::{LicenseTraits, RepoKind};

use crate::document::Facet;

/// What is asked for: words to be found, and terms that all must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// Free words, as they were typed.
    pub words: Vec<String>,
    /// Conditions; a repository must meet every one.
    pub terms: Vec<Term>,
}

/// One condition, with its place in the text for messages.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// Bytes of the text it was parsed from.
    pub span: Range<usize>,
    /// `-term`: the condition must not hold.
    pub is_negated: bool,
    /// What must hold.
    pub condition: Condition,
}

/// A condition on one property.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Any of these words in a vocabulary.
    Word(Facet, Vec<String>),
    /// Any of these literal tags.
    Tag(Vec<String>),
    /// Any of these namespaces.
    Author(Vec<String>),
    /// Any of these kinds.
    Kind(Vec<RepoKind>),
    /// The id contains this text, in any case.
    NameContains(String),
    /// A number within bounds.
    Number(Number, Bounds),
    /// Bits per weight of one of its quantizations.
    Bits(Bounds),
    /// Created within the last so many milliseconds.
    NewerThan(i64),
    /// Created on this day, counted from 1970-01-01 (UTC), or later.
    CreatedSince(i32),
    /// Made, directly or through others, from any of these models.
    DescendsFrom(Vec<String>),
    /// About the licences of it and all its ancestors.
    Lineage(LineageWanted),
    /// A result of an evaluation.
    Eval {
        /// Lower-case name of the dataset.
        dataset: String,
        /// Lower-case name of the metric.
        metric: String,
        /// The value asked for.
        bounds: Bounds,
    },
    /// Gated or not.
    Gated(bool),
    /// Whether the card names a newer version.
    HasSuccessor(bool),
    /// Any of these holds: alternatives of one field that no list of words can say (`quant:4bit,awq`).
    Any(Vec<Condition>),
}

/// What the licences of a lineage must be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineageWanted {
    /// No trait at all.
    Permissive,
    /// May be used commercially: known all the way down, none non-commercial.
    Commercial,
    /// Has this trait somewhere.
    Has(LicenseTraits),
}

/// A number a repository has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Number {
    /// Bytes of the weights.
    SizeBytes,
    /// Parameters.
    Parameters,
    /// Tokens of context.
    ContextTokens,
    /// Downloads of the last 30 days.
    Downloads,
    /// Likes.
    Likes,
}

/// An interval; an absent end is open.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bounds {
    /// The lower end.
    pub min: Option<End>,
    /// The upper end.
    pub max: Option<End>,
}

/// One end of an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct End {
    /// Where it is.
    pub value: f64,
    /// Whether the value itself is inside.
    pub is_inclusive: bool,
}

impl Bounds {
    /// True when `value` lies inside.
    pub fn contains(self, value: f64) -> bool {
        let above = self
            .min
            .is_none_or(|end| value > end.value || (end.is_inclusive && value == end.value));
        let below = self
            .max
            .is_none_or(|end| value < end.value || (end.is_inclusive && value == end.value));
        above && below
    }
}
