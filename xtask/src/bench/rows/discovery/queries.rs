//! What is asked.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::bench::client::Client;

/// One kind of question.
pub(super) struct Question {
    pub(super) what: &'static str,
    pub(super) p99_ms_max: f64,
    /// The addresses that are asked for in turns, found with the help of the server.
    pub(super) urls: fn(&mut Client) -> Result<Vec<String>>,
}

pub(super) const QUESTIONS: &[Question] = &[
    Question { what: "filters and sort, first page", p99_ms_max: 12.0, urls: first_pages },
    Question { what: "filters and sort, page 50", p99_ms_max: 15.0, urls: fiftieth_pages },
    Question { what: "search=", p99_ms_max: 30.0, urls: substrings },
    Question { what: "full text", p99_ms_max: 50.0, urls: full_text },
    Question { what: "structured query with facets", p99_ms_max: 60.0, urls: structured },
];

/// A list as people ask for it: its tags, and what it is sorted by.
#[derive(Debug, Clone)]
pub(super) struct List {
    pub(super) tags: Vec<&'static str>,
    pub(super) sort: &'static str,
}

const TAGS: &[&[&str]] = &[
    &["text-generation"],
    &["text-classification", "en"],
    &["text-to-image"],
    &["transformers", "safetensors"],
    &["token-classification", "license:apache-2.0"],
    &["gguf", "text-generation"],
    &["automatic-speech-recognition"],
    &["license:mit"],
    &["de"],
    &["peft", "lora"],
    &["sentence-similarity", "en"],
    &["reinforcement-learning"],
    &["fill-mask", "bert"],
    &["image-classification", "license:apache-2.0", "transformers"],
    &["zh", "text-generation", "license:apache-2.0"],
    &["diffusers", "lora"],
];
const SORTS: &[&str] = &["downloads", "likes", "lastModified", "createdAt", "trendingScore"];

/// Every pair of filters and order.
pub(super) fn lists() -> Vec<List> {
    let all =
        TAGS.iter().flat_map(|tags| SORTS.iter().map(|sort| List { tags: tags.to_vec(), sort }));
    all.collect()
}

impl List {
    fn url(&self) -> String {
        let mut url = String::from("/api/models?");
        for tag in &self.tags {
            // Writing to a string cannot fail.
            let _ = write!(url, "filter={}&", encoded(tag));
        }
        let _ = write!(url, "sort={}&limit=20", self.sort);
        url
    }
}

fn first_pages(_: &mut Client) -> Result<Vec<String>> {
    Ok(lists().iter().map(List::url).collect())
}

/// The addresses of the 50th pages, or the last ones of lists that have fewer.
fn fiftieth_pages(client: &mut Client) -> Result<Vec<String>> {
    let mut urls = Vec::new();
    // Each order with filters of its own, so that it takes seconds and not minutes.
    for list in lists().into_iter().step_by(7) {
        let mut url = list.url();
        for _ in 1..50 {
            let Some(next) = client.get_page(&url)?.1 else { break };
            url = next;
        }
        urls.push(url);
    }
    Ok(urls)
}

fn substrings(client: &mut Client) -> Result<Vec<String>> {
    let mut texts: Vec<String> =
        ["bert", "lama-3", "gguf", "emotion", "xl-base", "finetuned-med", "qa", "v0.3", "zzzz"]
            .map(str::to_owned)
            .to_vec();
    // Pieces of names that exist.
    let found = ids(client, "/api/models?sort=createdAt&limit=100")?;
    texts.extend(found.iter().filter_map(|id| id.get(3..9).map(str::to_owned)));
    let kinds = ["models", "models", "datasets", "spaces"].iter().cycle();
    let sorts = ["downloads", "likes", "trendingScore"].iter().cycle();
    let urls = texts.iter().zip(kinds).zip(sorts).map(|((text, kind), sort)| {
        format!("/api/{kind}?search={}&sort={sort}&limit=20", encoded(text))
    });
    Ok(urls.collect())
}

fn full_text(_: &mut Client) -> Result<Vec<String>> {
    const WORDS: &[&str] = &[
        "sentiment",
        "medical",
        "training data",
        "harmful content",
        "speech noise",
        "license",
        "german translation",
        "gradient",
        "kosave",
        "satellite segmentation",
        "reward policy",
        "tokenizer vocabulary",
        "roleplay story",
        "evaluation results",
        "question answers context",
        "limitations bias",
        "patient hospital",
        "evaluation",
        "fast inference gpu",
        "intended uses research",
        "code python math",
        "anime portrait style",
    ];
    let kinds = ["model", "model", "dataset"].iter().cycle();
    let urls = WORDS.iter().zip(kinds).map(|(words, kind)| {
        format!("/api/search/full-text?q={}&type={kind}&limit=20", encoded(words))
    });
    Ok(urls.collect())
}

fn structured(client: &mut Client) -> Result<Vec<String>> {
    let popular = ids(client, "/api/models?sort=downloads&limit=12")?;
    let mut queries: Vec<String> = [
        "task:text-classification lang:en license:apache-2.0 lineage:permissive size:<500MB eval:mnli.f1>0.8",
        "task:text-generation params:1B..8B lineage:permissive",
        "task:text-generation params:>7B lineage:commercial format:safetensors",
        "quant:4bit size:<10GB lineage:permissive",
        "task:automatic-speech-recognition eval:librispeech_asr.wer<20 size:<1GB lineage:permissive",
        "eval:sst2.accuracy>0.85 size:<1GB lineage:commercial",
        "eval:emotion.f1>0.8 lang:en lineage:permissive size:<300MB",
        "task:image-classification eval:food101.accuracy>0.7 size:<400MB",
        "sentiment task:text-classification size:<100MB lineage:permissive",
        "medical params:<1B lineage:commercial eval:glue.f1>0.6",
    ]
    .map(str::to_owned)
    .to_vec();
    let below =
        |id: &String| format!("base:{id} size:<20GB lineage:permissive eval:glue.accuracy>0.5");
    queries.extend(popular.iter().map(below));
    queries.extend(popular.iter().map(|id| format!("base:{id} size:<8GB lineage:commercial")));
    let urls = queries
        .iter()
        .map(|query| format!("/api/search?q={}&type=model&facets=true&limit=20", encoded(query)));
    Ok(urls.collect())
}

pub(in crate::bench::rows) fn ids(client: &mut Client, url: &str) -> Result<Vec<String>> {
    let list: Vec<Value> = serde_json::from_slice(&client.get(url)?)?;
    let ids = list.iter().map(|repo| repo["id"].as_str().map(str::to_owned));
    ids.collect::<Option<_>>().context("a repository without an id")
}

/// For a query string.
pub(in crate::bench::rows) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_what_clients_send() {
        let all = lists();
        assert_eq!(all.len(), TAGS.len() * SORTS.len());
        assert_eq!(
            all[5].url(),
            "/api/models?filter=text-classification&filter=en&sort=downloads&limit=20"
        );
        assert_eq!(encoded("eval:mnli.f1>0.9 x"), "eval:mnli.f1%3E0.9%20x");
    }
}
