//! Long lists in what is said of a card: people are told the words that are nearest to theirs, and where the list stands.

use steelyard_card::{Card, vocab};

/// Words that are named.
const NAMED: usize = 3;

/// Where the guide lists licences and tasks.
pub(super) const LICENSES: &str = "/docs/cards#user-content-licences";
pub(super) const TASKS: &str = "/docs/cards#user-content-tasks";

/// A message of the rules for cards, with the nearest words in the place of all of them; and where all of them stand.
pub(super) fn shorter(message: &str, text: &str) -> (String, Option<&'static str>) {
    let licenses: Vec<&str> = vocab::licenses().iter().map(|one| one.id).collect();
    let tasks: Vec<&str> = vocab::pipeline_tags().iter().map(|one| one.id).collect();
    let mut said = message.to_owned();
    let mut list = None;
    for (keys, known, long, short, place) in [
        (
            &["license"][..],
            &licenses,
            format!("must be one of [{}]", licenses.join(", ")),
            "must be an id of the list",
            LICENSES,
        ),
        (
            &["pipeline_tag", "task_categories"],
            &tasks,
            format!("is not in the official list: {}", tasks.join(", ")),
            "is not in the official list",
            TASKS,
        ),
    ] {
        if !said.contains(&long) {
            continue;
        }
        let nearest = nearest(&written(text, keys), known).join(", ");
        said = said.replace(&long, &format!("{short}; nearest: {nearest}"));
        list = Some(place);
    }
    (said, list)
}

/// The words that stand under these keys of the metadata.
fn written(text: &str, keys: &[&str]) -> Vec<String> {
    let Ok(card) = Card::parse(text) else { return Vec::new() };
    let values = keys.iter().filter_map(|key| card.data.get(*key));
    let words = values.flat_map(|value| match value.as_array() {
        Some(items) => items.iter().collect(),
        None => vec![value],
    });
    words.map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned)).collect()
}

/// The known words that are most like the first one that is not known.
fn nearest<'k>(words: &[String], known: &[&'k str]) -> Vec<&'k str> {
    let typed = words.iter().find(|word| !known.contains(&word.as_str()));
    let typed: String =
        typed.map(|word| word.trim().to_lowercase()).unwrap_or_default().chars().take(64).collect();
    let mut ranked: Vec<&str> = known.to_vec();
    ranked.sort_by_cached_key(|id| {
        let is_part = !typed.is_empty() && (id.contains(&typed) || typed.contains(id));
        (!is_part, strsim::damerau_levenshtein(&typed, id))
    });
    ranked.truncate(NAMED);
    ranked
}

#[cfg(test)]
mod tests {
    use steelyard_card::validate_repo;
    use steelyard_core::RepoKind;

    use super::*;

    #[test]
    fn the_nearest_words_are_named() {
        for (kind, card, expected, place) in [
            (
                RepoKind::Model,
                "license: MIT",
                "must be an id of the list; nearest: mit, ",
                LICENSES,
            ),
            (RepoKind::Model, "license: apache2", "nearest: apache-2.0, ", LICENSES),
            (RepoKind::Model, "license: 7", "nearest: ", LICENSES),
            (
                RepoKind::Model,
                "pipeline_tag: text-clasification",
                "nearest: text-classification, ",
                TASKS,
            ),
            (
                RepoKind::Dataset,
                "task_categories: [text-generation, sumarization]",
                "nearest: summarization, ",
                TASKS,
            ),
        ] {
            let text = format!("---\n{card}\n---\n");
            let report = validate_repo(kind, None, &text);
            let issue = report.errors.iter().chain(&report.warnings).next().unwrap();
            let (said, list) = shorter(&issue.message, &text);
            assert!(said.contains(expected) && list == Some(place), "{said}");
            assert!(said.len() < 160, "{said}");
        }
        assert_eq!(
            shorter("\"sdk\" must be one of [a]", ""),
            ("\"sdk\" must be one of [a]".to_owned(), None)
        );
    }

    #[test]
    fn the_guide_lists_all_of_them() {
        let guide = include_str!("../../../../../docs/cards.md");
        let licenses = vocab::licenses().iter().map(|one| one.id);
        for id in licenses.chain(vocab::pipeline_tags().iter().map(|one| one.id)) {
            assert!(guide.contains(&format!("`{id}`")), "{id}");
        }
        assert!(guide.contains("\n## Licences\n") && guide.contains("\n## Tasks\n"));
    }
}
