//! Words, completion and suggestions.

use steelyard_core::RepoKind;
use steelyard_index::{
    Change, Counters, Document, Facet, Index, SearchRequest, Sort, TextHit, Viewer, Vocabulary,
};

use crate::random::Random;
use crate::world::{NOW, document};

const MODELS: [(&str, u64); 7] = [
    ("google/bert-base", 9_000_000),
    ("me/bert", 3),
    ("me/robert-tool", 40),
    ("x/albert", 2_000_000),
    ("x/llama-3-8b", 700_000),
    ("bert-fans/tool", 10),
    ("secret/bert-lab", 5_000_000),
];

fn index() -> Index {
    let index = Index::new();
    for (number, (id, downloads)) in MODELS.iter().enumerate() {
        let repo_id = number as i64 + 1;
        let new = Document {
            kind: RepoKind::Model,
            id: (*id).to_owned(),
            is_private: id.starts_with("secret"),
            owner_id: 5,
            card_score: 50,
            has_successor: false,
            created_at: NOW,
            words: vec![(Facet::Task, "text-classification".into())],
            tags: vec!["license:apache-2.0".into()],
            ..document(&mut Random::new(1), repo_id, 1)
        };
        index.apply(vec![Change::Put(Box::new(new))], NOW);
        index.set_counters(
            &[(repo_id, Counters { downloads: *downloads, ..Counters::default() })],
            NOW,
        );
    }
    index
}

fn ask(words: &str) -> SearchRequest {
    let mut request = SearchRequest { now: NOW, with_total: true, ..SearchRequest::default() };
    request.query.words = words.split_whitespace().map(str::to_owned).collect();
    request
}

fn ids(index: &Index, request: &SearchRequest) -> Vec<i64> {
    index.search(request).unwrap().hits.iter().map(|hit| hit.repo_id).collect()
}

#[test]
fn words_find_names_and_what_the_text_side_found() {
    let index = index();
    // Exact and popular prefix before the inside of other words; the private one is nowhere.
    let found = ids(&index, &ask("bert"));
    assert_eq!(found[0], 1);
    assert_eq!(found.len(), 5);
    assert!(found.iter().position(|id| *id == 2) < found.iter().position(|id| *id == 3));
    assert!(!found.contains(&7));
    let text = vec![
        TextHit { repo_id: 5, score: 30.0 },
        TextHit { repo_id: 7, score: 99.0 },
        TextHit { repo_id: 12_345, score: 9.0 },
    ];
    let request = SearchRequest { text: Some(text), ..ask("classifier") };
    assert_eq!(ids(&index, &request), [5]);
    let administrator = SearchRequest { viewer: Viewer::All, ..request };
    assert_eq!(ids(&index, &administrator), [7, 5]);
    assert_eq!(index.search(&ask("nothing-like-it")).unwrap().total, Some(0));
    let by_downloads = SearchRequest { sort: Sort::Downloads, ..ask("bert") };
    assert_eq!(ids(&index, &by_downloads), [1, 4, 3, 6, 2]);
}

#[test]
fn scores_fall_and_pages_follow() {
    let index = index();
    let whole = index.search(&ask("bert")).unwrap();
    assert!(whole.hits.windows(2).all(|pair| pair[0].score >= pair[1].score));
    let mut request = SearchRequest { limit: 2, ..ask("bert") };
    let mut found = Vec::new();
    loop {
        let page = index.search(&request).unwrap();
        found.extend(page.hits);
        let Some(next) = page.next else { break };
        request.cursor = Some(next);
        // What becomes popular meanwhile keeps its place in a listing that has begun.
        index.set_counters(&[(2, Counters { downloads: 50_000_000, ..Counters::default() })], NOW);
    }
    assert_eq!(found, whole.hits);
    assert_eq!(ids(&index, &ask("bert"))[0], 2);
}

#[test]
fn completion_begins_with_names_that_begin_so() {
    let index = index();
    let complete =
        |typed: &str, viewer: &Viewer| index.complete(typed, &[RepoKind::Model], viewer, 5);
    assert_eq!(complete("ber", &Viewer::Everyone), [1, 2, 4, 3, 6]);
    assert_eq!(complete("BERT-", &Viewer::Sees(vec![5])), [1, 7, 3, 6]);
    assert_eq!(complete("x/l", &Viewer::Everyone), [5]);
    assert_eq!(index.complete("b", &[], &Viewer::Everyone, 2), [1, 2]);
    assert!(index.complete("bert", &[RepoKind::Space], &Viewer::Everyone, 5).is_empty());
    assert_eq!(index.find(RepoKind::Model, "ME/bert"), Some(2));
}

#[test]
fn a_word_nobody_uses_brings_those_that_are_near() {
    let index = index();
    let near = |vocabulary, word: &str| index.suggest(vocabulary, word, &Viewer::Everyone, 5);
    let tasks = near(Vocabulary::Facet(Facet::Task), "text-clasification");
    assert_eq!((tasks[0].word.as_str(), tasks[0].count), ("text-classification", 6));
    assert_eq!(near(Vocabulary::Tags, "license:apache")[0].word, "license:apache-2.0");
    assert_eq!(near(Vocabulary::Authors, "gogle")[0].word, "google");
    assert!(
        near(Vocabulary::Authors, "secre").is_empty(),
        "what only private repositories use stays private"
    );
    assert!(near(Vocabulary::Tags, "quantum").is_empty());
}
