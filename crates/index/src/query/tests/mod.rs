//! What texts mean, what errors say and where they point, and how queries are written back.

mod errors;
mod golden;
mod suggestions;

use super::vocabulary;

#[test]
fn every_example_of_a_field_parses_into_one_term() {
    for field in super::fields() {
        let query = super::Query::parse(field.example).unwrap();
        assert_eq!((query.words.len(), query.terms.len()), (0, 1), "{}", field.example);
        assert!(field.example.starts_with(&format!("{}:", field.name)), "{}", field.example);
        assert!(!field.about.is_empty() && !field.about.ends_with('.'), "{}", field.name);
    }
}

#[test]
fn the_page_tells_of_every_field_and_its_queries_parse() {
    let page = include_str!("../../../../../docs/search.md");
    for field in super::fields() {
        assert!(
            page.contains(&format!("| `{}:` |", field.name)),
            "docs/search.md lacks {}:",
            field.name
        );
    }
    let mut queries = 0;
    let blocks =
        page.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("query\n"));
    for line in blocks.flat_map(str::lines) {
        super::Query::parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        queries += 1;
    }
    assert!(queries > 10, "{queries}");
}

/// The vocabularies of cards are another crate's, which this one cannot see; the words must be the same.
#[test]
fn the_words_are_those_of_cards() {
    for (field, table) in [
        ("task", include_str!("../../../../card/data/pipeline_tags.csv")),
        ("license", include_str!("../../../../card/data/licenses.csv")),
        ("library", include_str!("../../../../card/data/libraries.csv")),
    ] {
        let theirs: Vec<_> =
            table.lines().skip(1).filter_map(|row| row.split(',').next()).collect();
        let ours: Vec<_> = vocabulary::words(field).iter().map(|word| word.value).collect();
        assert_eq!(ours, theirs, "{field}");
    }
}

#[test]
fn synonyms_stand_for_tasks_that_exist_and_hide_none() {
    for row in include_str!("../../../data/task_synonyms.csv").lines().skip(1) {
        let (synonym, task) = row.split_once(',').unwrap();
        assert!(vocabulary::find_word("task", task).is_some(), "{row}");
        assert!(vocabulary::find_word("task", synonym).is_none(), "{row}");
        assert!(vocabulary::tasks(synonym).contains(&task));
    }
}
