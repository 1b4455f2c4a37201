//! What the fields of the metadata are completed from: the closed vocabularies, and what is used most on this hub.

use std::collections::HashMap;

use steelyard_card::vocab;
use steelyard_core::RepoKind;
use steelyard_service::Result;
use steelyard_service::discovery::{FoundRepo, SearchRequest, Sort};

use super::fields;
use crate::frame::Visit;

/// Repositories that are looked at.
const LOOKED_AT: usize = 100;
/// Ids, or tags, that are offered.
const OFFERED: usize = 50;

/// A vocabulary: its id, then words with what they mean.
pub(super) type Words = (&'static str, Vec<(String, String)>);

/// The vocabularies that the fields of a kind are completed from.
pub(super) async fn vocabularies(visit: &Visit, kind: RepoKind) -> Result<Vec<Words>> {
    let pairs = |all: &mut dyn Iterator<Item = (&str, &str)>| {
        all.map(|(id, name)| (id.to_owned(), name.to_owned())).collect::<Vec<_>>()
    };
    let languages = vocab::short_languages();
    let mut all = vec![
        ("licenses", pairs(&mut vocab::licenses().iter().map(|one| (one.id, &*one.name)))),
        ("tasks", pairs(&mut vocab::pipeline_tags().iter().map(|one| (one.id, &*one.name)))),
        ("libraries", pairs(&mut vocab::libraries().iter().map(|one| (one.id, &*one.label)))),
        ("languages", pairs(&mut languages.iter().map(|one| (one.code, &*one.name)))),
    ];
    for (words, of) in [("models", RepoKind::Model), ("datasets", RepoKind::Dataset)] {
        if !fields::wants(kind, words) && kind != of {
            continue;
        }
        let used = most_used(visit, of).await?;
        if kind == of {
            all.push(("tags", tags(&used)));
        }
        let ids = used.iter().map(|found| (found.row.repo.to_string(), String::new()));
        all.push((words, ids.take(OFFERED).collect()));
    }
    if kind == RepoKind::Space {
        all.push(("tags", tags(&most_used(visit, kind).await?)));
    }
    all.retain(|(id, _)| fields::wants(kind, id));
    Ok(all)
}

/// The repositories that are downloaded most, of those that the reader may see.
async fn most_used(visit: &Visit, kind: RepoKind) -> Result<Vec<FoundRepo>> {
    let sort = if kind == RepoKind::Space { Sort::Likes } else { Sort::Downloads };
    let request =
        SearchRequest { kinds: vec![kind], sort, limit: LOOKED_AT, ..SearchRequest::default() };
    Ok(visit.hub.search(&visit.actor, request).await?.repos)
}

/// The tags that most of their cards name, each with how many do.
fn tags(used: &[FoundRepo]) -> Vec<(String, String)> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for found in used {
        let named = found.row.facts["card_data"]["tags"].as_array().into_iter().flatten();
        for tag in named.filter_map(|tag| tag.as_str()).filter(|tag| !tag.contains(',')) {
            *counts.entry(tag).or_default() += 1;
        }
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|&(tag, count)| (std::cmp::Reverse(count), tag));
    let offered = counts.into_iter().take(OFFERED);
    offered.map(|(tag, count)| (tag.to_owned(), count.to_string())).collect()
}
