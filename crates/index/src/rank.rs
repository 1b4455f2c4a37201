//! The default ranking: what comes first when nobody asks for another order.
//!
//! ```text
//! rank  = ln(1 + downloads of 30 days)        what is in use now, not what once was
//!       + 0.5 · ln(1 + likes)
//!       + 2 · card score / 100                a complete card
//!       + 0.7 · years(fresh - 2020-01-01)     newness: a year makes up for half the downloads
//!       - 3   if the card names a successor
//! fresh = the later of: its creation, and the last moment at which its trend weight alone would have made it trend
//!
//! score = relevance · (8 + max(rank, 0))      when words were asked for
//! relevance = the greater of: name match (exact 1, prefix 0.8, whole word 0.6, inside a word 0.4; mean over words)
//!             and 0.9 · t / (t + 8), where t is the text score (BM25);
//!             plus a fifth of the lesser
//! ```
//!
//! Nothing in it fades with the clock: newness is linear in time, so two repositories nobody touches keep their order
//! for ever, which is why it can be kept sorted. The trend weight is `w · 2^(t / 7 days)`, so its logarithm is a moment
//! too: the one at which a single event would have weighed as much.

use steelyard_core::Timestamp;

use crate::document::Counters;

/// The moment at which an event adds exactly its own weight to a trend; 2020-01-01.
pub const TREND_EPOCH: Timestamp = Timestamp::from_secs(1_577_836_800);
/// Within this time, a trend counts half.
pub const TREND_HALF_LIFE_SECS: i64 = 7 * 24 * 3600;

const YEAR_MS: f64 = 365.25 * 24.0 * 3600.0 * 1000.0;
const HALF_LIFE_MS: f64 = TREND_HALF_LIFE_SECS as f64 * 1000.0;
const LIKES: f64 = 0.5;
const CARD: f64 = 2.0;
const YEAR: f64 = 0.7;
const SUCCESSOR: f64 = 3.0;
const RELEVANCE_BASE: f64 = 8.0;
const TEXT_HALF: f64 = 8.0;
const TEXT_MAX: f64 = 0.9;

/// What an event of weight `weight` at `at` adds to the trend weight.
pub fn trend_weight(weight: f64, at: Timestamp) -> f64 {
    weight * 2_f64.powf((at.millis() - TREND_EPOCH.millis()) as f64 / HALF_LIFE_MS)
}

/// The trending score to show at `now` for a trend weight.
pub fn trending_score(trend: f64, now: Timestamp) -> f64 {
    trend * 2_f64.powf((TREND_EPOCH.millis() - now.millis()) as f64 / HALF_LIFE_MS)
}

/// What the rank is made of.
#[derive(Debug, Clone, Copy)]
pub struct RankFacts {
    /// Use.
    pub counters: Counters,
    /// When it was created.
    pub created_at: Timestamp,
    /// How complete the card is, 0 to 100.
    pub card_score: u8,
    /// The card names a newer version.
    pub has_successor: bool,
}

/// The rank; see the head of this module.
pub fn rank(facts: &RankFacts) -> f32 {
    let Counters { downloads, likes, trend, .. } = facts.counters;
    let mut fresh_ms = (facts.created_at.millis() - TREND_EPOCH.millis()) as f64;
    if trend > 0.0 {
        fresh_ms = fresh_ms.max(trend.log2() * HALF_LIFE_MS);
    }
    let years = (fresh_ms / YEAR_MS).clamp(-50.0, 1000.0);
    let mut rank = (1.0 + downloads as f64).ln() + LIKES * (1.0 + likes as f64).ln();
    rank += CARD * f64::from(facts.card_score.min(100)) / 100.0 + YEAR * years;
    if facts.has_successor {
        rank -= SUCCESSOR;
    }
    rank as f32
}

/// How well words fit a name.
pub(crate) fn name_relevance(words: &[String], id: &str) -> f64 {
    let id = id.to_ascii_lowercase();
    let name = id.rsplit_once('/').map_or(id.as_str(), |(_, name)| name);
    if is_same(words, name) || is_same(words, &id) {
        return 1.0;
    }
    if words.is_empty() {
        return 0.0;
    }
    let total: f64 = words.iter().map(|word| word_relevance(word, &id, name)).sum();
    total / words.len() as f64
}

fn word_relevance(word: &str, id: &str, name: &str) -> f64 {
    if word.is_empty() || !id.contains(word) {
        return 0.0;
    }
    if name.starts_with(word) || id.starts_with(word) {
        return 0.8;
    }
    let is_letter = |found: Option<char>| found.is_some_and(|found| found.is_ascii_alphanumeric());
    let is_whole = id.match_indices(word).any(|(at, _)| {
        !is_letter(id[..at].chars().next_back()) && !is_letter(id[at + word.len()..].chars().next())
    });
    if is_whole { 0.6 } else { 0.4 }
}

/// True when the words one after the other are the name, whatever stands between them.
fn is_same(words: &[String], name: &str) -> bool {
    let letters =
        |text: &str| -> String { text.chars().filter(char::is_ascii_alphanumeric).collect() };
    let asked: String = words.iter().map(|word| letters(word)).collect();
    !asked.is_empty() && asked == letters(name)
}

/// The score of a hit for words; see the head of this module. `name` is from [`name_relevance`].
pub(crate) fn score(name: f64, text: Option<f32>, rank: f32) -> f32 {
    let text = text.map_or(0.0, |text| {
        let text = f64::from(text).max(0.0);
        if text.is_finite() { TEXT_MAX * text / (text + TEXT_HALF) } else { 0.0 }
    });
    let relevance = name.max(text) + 0.2 * name.min(text);
    (relevance * (RELEVANCE_BASE + f64::from(rank).max(0.0))) as f32
}

#[cfg(test)]
mod tests;
