//! Random documents and random questions about them.

use steelyard_core::{LicenseTraits, RepoKind, Timestamp};
use steelyard_index::query::{Bounds, Condition, End, LineageWanted, Number, Term};
use steelyard_index::{
    Counters, Direction, Document, EvalPoint, Facet, Linked, SearchRequest, Sort, Viewer,
};

use crate::random::Random;

pub const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const SPACES: [&str; 6] = ["google", "Meta", "me", "bert-fans", "t5", "x"];
const NAMES: [&str; 8] =
    ["bert", "BERT-base", "llama-3-8B", "t5", "roberta.v2", "q4_k_m", "a", "Mixtral-8x7b"];
const TAGS: [&str; 7] =
    ["license:mit", "en", "dataset:squad", "pytorch", "region:us", "License:Apache-2.0", "odd tag"];
const TASKS: [&str; 5] =
    ["text-classification", "text-generation", "fill-mask", "image-classification", "asr"];
const LANGUAGES: [&str; 4] = ["en", "de", "fr", "sw"];
const DATASETS: [&str; 3] = ["mnli", "squad", "glue/mnli"];
const METRICS: [&str; 4] = ["f1", "accuracy", "bleu", "exact_match"];
const SORTS: [Sort; 6] = [
    Sort::CreatedAt,
    Sort::LastModified,
    Sort::Downloads,
    Sort::Likes,
    Sort::Trending,
    Sort::Relevance,
];

fn id(random: &mut Random, names: u64) -> String {
    let number = random.below(names);
    format!("{}/{}-{number}", random.pick(&SPACES), random.skewed(&NAMES))
}

/// A name that nothing has yet is the caller's affair.
pub fn document(random: &mut Random, repo_id: i64, names: u64) -> Document {
    let created = NOW.plus_secs(-(random.below(50) as i64) * 86_400);
    let owned = |all: Vec<&str>| all.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let mut words: Vec<(Facet, String)> = Vec::new();
    words.extend(random.some(&TASKS, 2).into_iter().map(|word| (Facet::Task, word.to_owned())));
    words.extend(
        random.some(&LANGUAGES, 3).into_iter().map(|word| (Facet::Language, word.to_owned())),
    );
    let point = |random: &mut Random| EvalPoint {
        datasets: owned(random.some(&DATASETS, 2)),
        metrics: owned(random.some(&METRICS, 2)),
        value: [0.5, 0.9, 0.91, 1.0, 91.0, 90.0, 45.5, f64::NAN, 12.25][random.below(9) as usize],
    };
    let evals = (0..random.below(3)).map(|_| point(random)).collect();
    let base_models: Vec<String> =
        (0..random.below(5).saturating_sub(2)).map(|_| id(random, names)).collect();
    Document {
        repo_id,
        kind: if random.one_in(4) { *random.pick(&RepoKind::ALL) } else { RepoKind::Model },
        owner_id: random.below(4) as i64,
        id: id(random, names),
        is_private: random.one_in(6),
        is_gated: random.one_in(5),
        created_at: created,
        last_modified: created.plus_secs(random.below(20) as i64),
        tags: owned(random.some(&TAGS, 4)),
        words,
        size_bytes: (!random.one_in(3)).then(|| random.below(10) * 50_000_000),
        parameters: (!random.one_in(3)).then(|| random.below(10) * 1_000_000_000),
        context_tokens: (!random.one_in(2)).then(|| 1 << random.below(18)),
        bits: random.some(&[4, 8, 16, 2], 2),
        base_relation: (!base_models.is_empty())
            .then(|| *random.pick(&["adapter", "merge", "quantized", "finetune"])),
        base_models,
        license_traits: LicenseTraits::from_bits(if random.one_in(2) {
            0
        } else {
            1 << random.below(7)
        }),
        evals,
        linked_models: if random.one_in(4) { vec![id(random, 3)] } else { vec![] },
        linked_datasets: owned(random.some(&["squad", "c4"], 1)),
        has_successor: random.one_in(8),
        card_score: random.below(101) as u8,
        title: None,
        card_text: String::new(),
    }
}

pub fn counters(random: &mut Random) -> Counters {
    Counters {
        downloads: random.below(30) * random.below(30),
        downloads_all_time: 1000,
        likes: random.below(8),
        trend: random.below(6) as f64 / 4.0,
    }
}

fn bounds(random: &mut Random, values: &[f64]) -> Bounds {
    let mut end = |present: bool| {
        present.then(|| End { value: *random.pick(values), is_inclusive: random.one_in(2) })
    };
    let (min, max) = (end(true), end(false));
    match random.below(3) {
        0 => Bounds { min, max },
        1 => Bounds { min: max, max: min },
        _ => Bounds { min, max: Some(End { value: *random.pick(values), is_inclusive: true }) },
    }
}

pub fn condition(random: &mut Random, names: u64) -> Condition {
    let owned = |all: Vec<&str>| all.into_iter().map(str::to_owned).collect::<Vec<_>>();
    match random.below(16) {
        0 => Condition::Word(Facet::Task, owned(random.some(&TASKS, 2))),
        1 => Condition::Word(Facet::Language, vec![random.pick(&LANGUAGES).to_uppercase()]),
        2 => Condition::Tag(owned(random.some(&TAGS, 3))),
        3 => Condition::Author(vec![random.pick(&SPACES).to_lowercase()]),
        4 => Condition::Kind(random.some(&RepoKind::ALL, 2)),
        5 | 6 => Condition::NameContains(pattern(random)),
        7 => Condition::Number(Number::SizeBytes, bounds(random, &[0.0, 100e6, 200e6, 333.0])),
        8 => {
            let number = *random.pick(&[
                Number::Parameters,
                Number::ContextTokens,
                Number::Downloads,
                Number::Likes,
            ]);
            Condition::Number(number, bounds(random, &[1.0, 4.0, 100.0, 4096.0, 3e9]))
        }
        9 => Condition::Bits(bounds(random, &[4.0, 8.0, 3.0])),
        10 => Condition::NewerThan(random.below(50) as i64 * 86_400_000),
        11 => Condition::DescendsFrom(vec![id(random, names)]),
        12 => Condition::Lineage(match random.below(3) {
            0 => LineageWanted::Permissive,
            1 => LineageWanted::Commercial,
            _ => LineageWanted::Has(LicenseTraits::from_bits(1 << random.below(8))),
        }),
        13 => Condition::Eval {
            dataset: (*random.pick(&DATASETS)).to_owned(),
            metric: (*random.pick(&METRICS)).to_owned(),
            bounds: bounds(random, &[0.9, 90.0, 0.5, 12.0, 1.0]),
        },
        14 => match random.below(3) {
            0 => Condition::Gated(random.one_in(2)),
            1 => Condition::HasSuccessor(random.one_in(2)),
            _ => Condition::CreatedSince((NOW.secs() / 86_400) as i32 - random.below(50) as i32),
        },
        _ => Condition::Any((0..random.below(3) + 1).map(|_| condition(random, names)).collect()),
    }
}

pub fn pattern(random: &mut Random) -> String {
    let all = [
        "", "b", "B", "-3", "be", "ber", "bert", "BERT-B", "oogle/b", "x/t5", "t5", "-1", "zzz",
        "q", "8b-2",
    ];
    (*random.pick(&all)).to_owned()
}

pub fn viewer(random: &mut Random) -> Viewer {
    match random.below(4) {
        0 => Viewer::All,
        1 => Viewer::Sees((0..random.below(3)).map(|_| random.below(4) as i64).collect()),
        _ => Viewer::Everyone,
    }
}

/// A question without words.
pub fn request(random: &mut Random, names: u64) -> SearchRequest {
    let mut request = SearchRequest {
        viewer: viewer(random),
        sort: *random.pick(&SORTS),
        direction: if random.one_in(4) { Direction::Ascending } else { Direction::Descending },
        limit: random.below(30) as usize + 1,
        with_total: random.one_in(2),
        now: NOW,
        ..SearchRequest::default()
    };
    for _ in 0..random.below(3) {
        let condition = condition(random, names);
        request.query.terms.push(Term { span: 0..0, is_negated: random.one_in(3), condition });
    }
    if random.one_in(2) {
        request.kinds = random.some(&RepoKind::ALL, 2);
    }
    if random.one_in(4) {
        request.tags = random.some(&TAGS, 2).into_iter().map(str::to_owned).collect();
    }
    if random.one_in(6) {
        request.author = Some((*random.pick(&SPACES)).to_owned());
    }
    if random.one_in(4) {
        request.name_contains = (0..random.below(3)).map(|_| pattern(random)).collect();
    }
    if random.one_in(6) {
        request.linked.push(match random.below(3) {
            0 => Linked::Any,
            1 => Linked::Datasets(vec!["squad".into(), "c4".into()]),
            _ => Linked::Models(vec![id(random, 3)]),
        });
    }
    if random.one_in(2) {
        request.facets = vec![(Facet::Task, random.below(6) as usize), (Facet::Language, 2)];
    }
    request
}
