//! The distributions of a catalogue, and that what it holds passes the hub's own rules.

use std::collections::{HashMap, HashSet};

use steelyard_card::{CardInput, derive, validate};
use steelyard_core::{Namespace, RepoKind, RepoName, Timestamp};

use super::catalogue::{Catalogue, DEPTH_MAX, Relation};
use super::spec::Spec;
use super::words::Writer;

const CATALOGUE: Catalogue =
    Catalogue { seed: 7, repos: 20_000, until: Timestamp::from_secs(1_790_000_000) };

fn readme(spec: &Spec) -> &str {
    let file = spec.files.iter().find(|file| file.path == "README.md").unwrap();
    std::str::from_utf8(&file.content).unwrap()
}

#[test]
fn a_seed_makes_the_same_catalogue_every_time() {
    let (one, two) = (Writer::new(), Writer::new());
    for index in [0, 1, 63, 64, 500, 19_999] {
        assert_eq!(CATALOGUE.spec(index, &one), CATALOGUE.spec(index, &two));
        let other = Catalogue { seed: 8, ..CATALOGUE };
        assert_ne!(CATALOGUE.spec(index, &one), other.spec(index, &one));
    }
}

#[test]
fn kinds_private_and_gated_have_their_shares() {
    let writer = Writer::new();
    let specs: Vec<Spec> = (0..5000).map(|index| CATALOGUE.spec(index * 4, &writer)).collect();
    let share = |test: &dyn Fn(&Spec) -> bool| {
        specs.iter().filter(|spec| test(spec)).count() as f64 / specs.len() as f64
    };
    assert!((share(&|spec| spec.kind == RepoKind::Model) - 0.7).abs() < 0.03);
    assert!((share(&|spec| spec.kind == RepoKind::Dataset) - 0.2).abs() < 0.03);
    assert!((share(&|spec| spec.kind == RepoKind::Space) - 0.1).abs() < 0.02);
    assert!((share(&|spec| spec.is_private) - 0.03).abs() < 0.01);
    assert!((share(&|spec| !spec.gated.is_empty()) - 0.03).abs() < 0.012);
    // A few are used by nearly everybody, half by nearly nobody.
    assert!((share(&|spec| spec.usage.downloads_30d < 10) - 0.83).abs() < 0.03);
    let all: u64 = specs.iter().map(|spec| spec.usage.downloads_30d).sum();
    let mut downloads: Vec<u64> = specs.iter().map(|spec| spec.usage.downloads_30d).collect();
    downloads.sort_unstable();
    let most: u64 = downloads.iter().rev().take(50).sum();
    assert!(most * 10 > all * 6, "{most} of {all}");
    assert!((share(&|spec| spec.usage.likes > 0) - 0.12).abs() < 0.08);
    let text = specs.iter().map(|spec| readme(spec).len());
    let (least, greatest) = (text.clone().min().unwrap(), text.max().unwrap());
    assert!(least >= 90 && (2500..6000).contains(&greatest), "{least} {greatest}");
}

#[test]
fn names_are_the_hubs_and_no_two_are_the_same() {
    let mut seen = HashSet::new();
    let mut owners: HashMap<u64, u32> = HashMap::new();
    for index in 0..CATALOGUE.repos {
        let (owner, name) = (CATALOGUE.owner(index), CATALOGUE.name(index));
        RepoName::parse(&name).unwrap();
        *owners.entry(owner).or_default() += 1;
        assert!(seen.insert((CATALOGUE.kind(index), owner, name.to_lowercase())), "{name}");
    }
    let accounts: HashSet<String> =
        (0..CATALOGUE.accounts()).map(|at| CATALOGUE.account_name(at).to_lowercase()).collect();
    assert_eq!(accounts.len() as u64, CATALOGUE.accounts());
    accounts.iter().for_each(|name| drop(Namespace::parse_new(name).unwrap()));
    // Zipf: the busiest owner has far more than its share, and many own something.
    let busiest = owners.values().max().unwrap();
    assert!((200..2000).contains(busiest), "{busiest}");
    assert!(owners.len() > 1000, "{}", owners.len());
}

#[test]
fn an_organization_is_acted_for_by_a_user() {
    let organizations =
        (0..CATALOGUE.accounts()).filter(|at| CATALOGUE.is_organization(*at)).count();
    assert!((150..450).contains(&organizations), "{organizations}");
    for account in 0..CATALOGUE.accounts() {
        assert!(!CATALOGUE.is_organization(CATALOGUE.acting(account)));
    }
}

#[test]
fn lineages_are_trees_of_older_models_with_popular_roots() {
    let (mut depths, mut children) = ([0_u32; DEPTH_MAX + 1], HashMap::<u64, u32>::new());
    let (mut models, mut relations) = (0_u32, HashMap::<u8, u32>::new());
    for index in 0..CATALOGUE.repos {
        if CATALOGUE.kind(index) != RepoKind::Model {
            continue;
        }
        models += 1;
        let kin = CATALOGUE.kinship(index);
        depths[kin.ancestors.len()] += 1;
        let mut below = index;
        for ancestor in &kin.ancestors {
            assert!(*ancestor < below && CATALOGUE.kind(*ancestor) == RepoKind::Model);
            below = *ancestor;
        }
        if let Some(base) = kin.ancestors.first() {
            // What is told of a model and of its base is one story.
            assert_eq!(CATALOGUE.kinship(*base).ancestors, kin.ancestors[1..]);
            *children.entry(*base).or_default() += 1;
            *relations.entry(kin.relation as u8).or_default() += 1;
        }
    }
    let derived = 1.0 - f64::from(depths[0]) / f64::from(models);
    assert!((0.5..0.66).contains(&derived), "{derived}");
    assert!(depths.iter().all(|count| *count > 0), "{depths:?}");
    let most = children.values().max().unwrap();
    assert!((200..3000).contains(most), "{most}");
    let share = |relation: Relation| {
        f64::from(relations[&(relation as u8)]) / f64::from(models - depths[0])
    };
    assert!((0.4..0.85).contains(&share(Relation::Finetune)));
    assert!((0.08..0.35).contains(&share(Relation::Adapter)));
    assert!((0.05..0.3).contains(&share(Relation::Quantized)));
    assert!((0.003..0.05).contains(&share(Relation::Merge)));
}

#[test]
fn the_first_are_the_oldest_and_nothing_comes_from_the_future() {
    let mut before = Timestamp::from_millis(0);
    for index in 0..CATALOGUE.repos {
        let (created, modified) = (CATALOGUE.created_at(index), CATALOGUE.last_modified(index));
        assert!(before <= created && created <= modified && modified <= CATALOGUE.until);
        before = created;
    }
    let years = (before.secs() - CATALOGUE.created_at(0).secs()) / (365 * 86400);
    assert_eq!(years, 6);
    // It grows: more than a third came in the last year.
    let year = CATALOGUE.until.plus_secs(-365 * 86400);
    let young = (0..CATALOGUE.repos).filter(|index| CATALOGUE.created_at(*index) > year).count();
    assert!(young * 3 > 20_000, "{young}");
}

#[test]
fn cards_pass_the_hubs_rules_and_say_what_was_meant() {
    let writer = Writer::new();
    let (mut tasks, mut with_evals, mut licensed, mut models) = (HashMap::new(), 0, 0, 0);
    for index in (0..CATALOGUE.repos).step_by(7) {
        let spec = CATALOGUE.spec(index, &writer);
        let report = validate(spec.kind, readme(&spec));
        assert!(report.errors.is_empty(), "{:?}\n{}", report.errors, readme(&spec));
        let paths: Vec<&str> = spec.files.iter().map(|file| &*file.path).collect();
        let content = |path: &str| {
            spec.files.iter().find(|file| file.path == path).map(|file| &*file.content)
        };
        let facts = derive(
            spec.kind,
            CardInput {
                readme: Some(readme(&spec)),
                files: &paths,
                config_json: content("config.json"),
                tokenizer_config_json: content("tokenizer_config.json"),
                adapter_config_json: content("adapter_config.json"),
                ..CardInput::default()
            },
        );
        assert_eq!(facts.card_problem, None);
        if spec.kind != RepoKind::Model {
            continue;
        }
        models += 1;
        let kin = CATALOGUE.kinship(index);
        if let Some(base) = kin.ancestors.first() {
            assert_eq!(facts.base_models[0], CATALOGUE.id(*base));
            let meant = match kin.relation {
                Relation::Finetune => "finetune",
                Relation::Adapter => "adapter",
                Relation::Quantized => "quantized",
                Relation::Merge => "merge",
            };
            let found = facts.base_model_relation.unwrap().as_str();
            assert_eq!(found, meant, "{}\n{paths:?}", readme(&spec));
        }
        licensed += u32::from(!facts.license.is_empty());
        with_evals += u32::from(readme(&spec).contains("\nmodel-index:"));
        if let Some(task) = facts.pipeline_tag {
            *tasks.entry(task).or_insert(0_u32) += 1;
        }
    }
    let share = |count: u32| f64::from(count) / f64::from(models);
    assert!(
        share(tasks["text-generation"]) > 0.2 && share(tasks["text-to-image"]) > 0.05,
        "{tasks:?}"
    );
    assert!(tasks.len() > 15, "{tasks:?}");
    assert!((0.5..0.9).contains(&share(licensed)), "{licensed} of {models}");
    assert!((0.05..0.25).contains(&share(with_evals)), "{with_evals} of {models}");
}
