//! What searches, lineages, reports, leaderboards and snippets look like on the wire.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Map, Value, json};
use steelyard_service::discovery::{Board, Facet, FacetCount, Lineage, Rank, Ranking, Suggested};

/// An object that another crate describes in its own types: its fields, and what they hold.
macro_rules! described {
    ($(#[$doc:meta])* $name:ident, $about:literal, [$(($field:literal, $type:literal, $what:literal)),* $(,)?]) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
                object($about, &[$(($field, $type, $what)),*])
            }
        }
    };
}

fn object(about: &str, fields: &[(&str, &str, &str)]) -> Schema {
    let mut properties = Map::new();
    for (name, kind, what) in fields {
        properties.insert((*name).to_owned(), json!({"type": kind, "description": what}));
    }
    let mut schema = Schema::default();
    schema.insert("description".to_owned(), json!(about));
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), Value::Object(properties));
    schema
}

described!(
    /// The answer of a search.
    SearchResponse,
    "What a search found.",
    [
        ("hits", "array", "The repositories, each as in a listing, with `type`, and `score` where words were asked for."),
        ("total", "integer", "How many there are on all pages, as far as the caller may see."),
        ("facets", "object", "For each vocabulary its most frequent words among all of them: `[{value, count}]`."),
        ("query", "string", "The query as it was understood."),
        ("matched", "string", "`all`: the hits have all the words; `some`: they have some, because none has all."),
    ]
);

described!(
    /// The answer of a quick search.
    QuickSearchResponse,
    "What begins with, or contains, a few letters.",
    [
        ("models", "array", "`{id}`, the most used first."),
        ("datasets", "array", "The same of datasets."),
        ("spaces", "array", "The same of Spaces."),
        ("users", "array", "`{user, fullname, avatarUrl}`."),
        ("orgs", "array", "`{name, fullname, avatarUrl}`."),
        ("collections", "array", "Always empty: this hub has no collections yet."),
    ]
);

described!(
    /// A card report.
    CardReportResponse,
    "What can be said of a card. Sections, signals and fixes are kept apart.",
    [
        ("score", "integer", "How complete it is, 0 to 100; serves to rank, and is the weighted share of the sections."),
        ("sections", "array", "Each section with its weight and state."),
        ("signals", "array", "Each sign of care with its answer and its evidence."),
        ("fixes", "array", "What would mend it: a key, a value, and the patch of the metadata."),
    ]
);

described!(
    /// The lineage of a model.
    LineageResponse,
    "Where a model comes from, and what its ancestors' licences ask. No legal advice.",
    [
        ("id", "string", "The model."),
        ("verdict", "string", "`permissive`, `obligations`, `unclear` or `conflict`."),
        ("traits", "array", "What the licences of all ancestors ask together."),
        ("chain", "array", "The model and everything it was made from, breadth first, with licences and obligations."),
        ("conflicts", "array", "What does not fit together, and why."),
        ("suggestion", "object", "The licence it should declare, where that is another one."),
        ("path", "array", "The first base, its first base, and so on."),
        ("evidence", "array", "Why the relation to its bases was chosen."),
        ("children", "object", "How many models were made from it, by relation."),
        ("newestVersion", "string", "The newest of its successors."),
        ("disclaimer", "string", "What this is not."),
    ]
);

described!(
    /// The variants and descendants of a model.
    ChildResponse,
    "A model made from another one, as in a listing, with `relation`.",
    [("id", "string", "`namespace/name`."), ("relation", "string", "How it was made.")]
);

described!(
    /// Code to begin with.
    SnippetResponse,
    "Code to begin with, for one library.",
    [
        ("id", "string", "The library."),
        ("title", "string", "What the code does."),
        ("language", "string", "`python`, `shell` or `sql`."),
        ("code", "string", "The code."),
        ("notes", "array", "What to know before it is run."),
        ("needs", "array", "The packages it needs."),
    ]
);

/// The facets of a search: each vocabulary's words with their counts.
pub(crate) fn facets(found: &[(Facet, Vec<FacetCount>)]) -> Value {
    let counts = |list: &[FacetCount]| -> Vec<Value> {
        list.iter().map(|one| json!({"value": one.word, "count": one.count})).collect()
    };
    let fields = found.iter().map(|(facet, list)| (facet.as_str().to_owned(), json!(counts(list))));
    Value::Object(fields.collect())
}

/// A lineage as one object: the comparison of licences, and the place among others.
pub(crate) fn lineage(id: &str, lineage: &Lineage) -> Result<Value, serde_json::Error> {
    let mut told = serde_json::to_value(&lineage.licenses)?;
    told["id"] = json!(id);
    told["path"] = json!(lineage.path);
    told["evidence"] = json!(lineage.evidence);
    told["children"] = serde_json::to_value(lineage.children)?;
    told["newestVersion"] = json!(lineage.newest_version);
    Ok(told)
}

/// One row of a leaderboard.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeaderboardResponse {
    /// Its place among the results that were measured in the same way.
    rank: u64,
    model_id: String,
    value: f64,
    /// The file that reports it.
    filename: String,
    /// The hub checked the proof that came with it.
    verified: bool,
    /// `self`, `verified` or `third-party`.
    origin: &'static str,
    source: Option<Value>,
    author: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_request: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<String>,
    /// The way it was measured; rows of different keys are not compared.
    key: Value,
    /// The same in words.
    measured: String,
    /// What the report does not tell: two results of this key may still differ in it.
    untold: Vec<&'static str>,
}

/// The rows of a board: one ranking after the other.
pub(crate) fn leaderboard(board: &Board) -> Vec<LeaderboardResponse> {
    let rows = |ranking: &'_ Ranking| -> Vec<LeaderboardResponse> {
        ranking.ranks.iter().map(|rank| row(ranking, rank)).collect()
    };
    board.rankings.iter().flat_map(rows).collect()
}

fn row(ranking: &Ranking, rank: &Rank) -> LeaderboardResponse {
    let result = &rank.result;
    let source = &result.source;
    let has_source = source.name.is_some() || source.url.is_some() || source.user.is_some();
    LeaderboardResponse {
        rank: rank.rank,
        model_id: rank.model.to_string(),
        value: result.value,
        filename: result.filename.clone(),
        verified: result.origin.as_str() == "verified",
        origin: result.origin.as_str(),
        source: (has_source || source.org.is_some()).then(|| json!(source)),
        author: json!({
            "type": if rank.is_org { "org" } else { "user" },
            "name": rank.model.namespace.as_str(),
            "fullname": rank.owner_full_name,
            "avatarUrl": "",
        }),
        pull_request: rank.pull_request,
        notes: result.notes.clone(),
        key: json!(ranking.key),
        measured: ranking.key.to_string(),
        untold: ranking.key.untold(),
    }
}

/// A completion of a query.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SuggestionResponse {
    /// The text to put in.
    text: String,
    /// What it is.
    about: String,
}

impl From<Suggested> for SuggestionResponse {
    fn from(suggested: Suggested) -> Self {
        Self { text: suggested.text, about: suggested.about }
    }
}
