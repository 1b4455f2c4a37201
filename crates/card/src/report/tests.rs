use serde_json::json;

use super::*;
use crate::facts::{CardInput, derive};
use crate::license::{Link, lineage};
use crate::patch;

/// A model card as its author should write it.
const WHOLE: &str = include_str!("../../tests/cards/whole.md");
/// The template of a model card with nothing filled in.
const TEMPLATE: &str = include_str!("../../tests/cards/template.md");
/// A dataset card with gaps.
const DATASET: &str = include_str!("../../tests/cards/dataset.md");

fn made(kind: RepoKind, readme: &str, files: &[&str], known: &Known) -> CardReport {
    let config = json!({"architectures": ["LlamaForCausalLM"], "model_type": "llama"}).to_string();
    let adapter =
        json!({"base_model_name_or_path": "acme/Base-1B", "task_type": "CAUSAL_LM"}).to_string();
    let has = |path: &str| files.contains(&path);
    let input = CardInput {
        readme: Some(readme),
        files,
        config_json: has("config.json").then_some(config.as_bytes()),
        adapter_config_json: has("adapter_config.json").then_some(adapter.as_bytes()),
        ..CardInput::default()
    };
    let facts = derive(kind, input);
    let report = report(ReportInput { kind, readme: Some(readme), facts: &facts, files, known });
    assert_eq!(report.score, score(kind, readme, &facts));
    report
}

fn not_written(report: &CardReport) -> Vec<(&'static str, SectionState, Option<usize>)> {
    let gaps = report.sections.iter().filter(|one| one.state != SectionState::Present);
    gaps.map(|one| (one.id, one.state, one.line)).collect()
}

fn signal(report: &CardReport, id: &str) -> (SignalState, Vec<(String, Option<usize>)>) {
    let found = report.signals.iter().find(|one| one.id == id).unwrap();
    (found.state, found.evidence.iter().map(|one| (one.text.clone(), one.line)).collect())
}

fn one(
    state: SignalState,
    text: &str,
    line: Option<usize>,
) -> (SignalState, Vec<(String, Option<usize>)>) {
    (state, vec![(text.to_owned(), line)])
}

#[test]
fn a_whole_card() {
    let files = [
        "LICENSE",
        "README.md",
        "config.json",
        "model.safetensors",
        "chat_template.jinja",
        "training_args.bin",
    ];
    let known = Known {
        ids: vec![KnownId {
            key: "base_model".into(),
            id: "acme/Base-1B".into(),
            exists: true,
            nearest: vec![],
        }],
        card_changed_ms: Some(86_400_000 * 3),
        weights_changed_ms: Some(86_400_000),
        linked_spaces: Some(2),
        ..Known::default()
    };
    let report = made(RepoKind::Model, WHOLE, &files, &known);
    assert_eq!((report.score, not_written(&report)), (100, vec![]));
    let yes = SignalState::Yes;
    let expected = [
        ("noPlaceholders", one(yes, "none was found", None)),
        ("limitationsSpecific", one(yes, "37 words on what it cannot do", Some(41))),
        ("licenseFile", one(yes, "LICENSE", None)),
        ("signedCommits", one(SignalState::Unknown, "signatures of commits are not checked", None)),
        (
            "structuredEvals",
            one(
                yes,
                "of 1 results, 1 name dataset, configuration and split, and 1 what measured them",
                None,
            ),
        ),
        ("trainingDataNamed", one(yes, "the metadata names acme/letters", None)),
        ("snippetPresent", one(yes, "the first block of code", Some(51))),
        ("safetensorsOnly", one(yes, "one file of weights, and it holds only data", None)),
        ("updatedAfterRelease", one(yes, "the card is 2 days newer than the weights", None)),
        ("baseModelResolvable", one(yes, "acme/Base-1B is here", None)),
        ("promptFormat", one(yes, "the chat template in chat_template.jinja defines it", None)),
        ("chatTemplate", one(yes, "in chat_template.jinja", None)),
        ("demoLinked", one(yes, "2 Spaces use it", None)),
    ];
    for (id, answer) in &expected {
        assert_eq!(&signal(&report, id), answer, "{id}");
    }
    assert_eq!(report.signals.len(), expected.len());
    assert_eq!(report.fixes, []);
}

#[test]
fn gaps_are_listed_and_nothing_else() {
    let cut = WHOLE
        .replace("## Limitations", "## Odds and ends")
        .replace(
            "## Environmental impact\n",
            "## Environmental impact\n\n[More Information Needed]\n## Odds\n",
        )
        .replace("## Citation\n", "## Citation\n\n## Other\n");
    let report = made(RepoKind::Model, &cut, &["config.json"], &Known::default());
    assert_eq!(
        not_written(&report),
        [
            ("limitations", SectionState::Missing, None),
            ("environment", SectionState::Placeholder, Some(76)),
            ("citation", SectionState::Empty, Some(83)),
        ]
    );
    // 13, 3 and 4 of 99.
    assert_eq!(report.score, 80);
    assert_eq!(
        signal(&report, "limitationsSpecific"),
        one(SignalState::No, "there is no section on limitations", None)
    );
    assert_eq!(
        signal(&report, "noPlaceholders"),
        one(SignalState::No, "left: [More Information Needed]", Some(78))
    );
}

#[test]
fn a_template_is_worth_nothing() {
    let report =
        made(RepoKind::Model, TEMPLATE, &["pytorch_model.bin", "a/model.pt"], &Known::default());
    let written: Vec<&str> = report
        .sections
        .iter()
        .filter(|one| one.state == SectionState::Present)
        .map(|one| one.id)
        .collect();
    assert_eq!(written, Vec::<&str>::new());
    assert_eq!(report.score, 0);
    let found = |id| report.sections.iter().find(|one| one.id == id).unwrap().state;
    for id in ["uses", "outOfScope", "trainingData", "evaluation", "citation"] {
        assert_eq!(found(id), SectionState::Placeholder, "{id}");
    }
    assert_eq!(signal(&report, "noPlaceholders").0, SignalState::No);
    assert_eq!(
        signal(&report, "safetensorsOnly"),
        (
            SignalState::No,
            vec![
                ("pytorch_model.bin may run code when it is loaded".to_owned(), None),
                ("a/model.pt may run code when it is loaded".to_owned(), None),
            ]
        )
    );
    assert_eq!(signal(&report, "licenseFile").0, SignalState::No);
    assert_eq!(signal(&report, "promptFormat").0, SignalState::NotApplicable);
}

#[test]
fn headings_in_other_words() {
    let readme = "# Tiny evaluation of a dataset\n\n## Intended uses & limitations\nClassify short letters of complaint.\n\
                  ## Training and evaluation data\nSome letters that people wrote.\n## Quick start 🚀\n```sh\nrun\n```\n\
                  ## 3. Training hyperparameters\nlearning rate of 0.1\n";
    let report = made(RepoKind::Model, readme, &[], &Known::default());
    let written: Vec<(&str, Option<usize>)> = report
        .sections
        .iter()
        .filter(|one| one.state == SectionState::Present)
        .map(|one| (one.id, one.line))
        .collect();
    assert_eq!(
        written,
        [
            ("uses", Some(3)),
            ("limitations", Some(3)),
            ("getStarted", Some(7)),
            ("trainingData", Some(5)),
            ("trainingProcedure", Some(11))
        ]
    );
    let description = "# X\nThis model tells in which language a short letter of complaint was written, for seven of them.\n";
    let report = made(RepoKind::Model, description, &[], &Known::default());
    assert_eq!(report.sections[0].state, SectionState::Present);
}

#[test]
fn a_dataset_and_a_space() {
    let report = made(RepoKind::Dataset, DATASET, &["data/train.parquet"], &Known::default());
    let gaps: Vec<&str> = not_written(&report).into_iter().map(|(id, ..)| id).collect();
    assert_eq!(gaps, ["annotations", "personalData", "authors"]);
    assert_eq!(report.score, 80);
    assert!(report.signals.iter().all(|one| one.id != "chatTemplate"));
    let report = made(
        RepoKind::Space,
        "---\ntitle: Demo\nsdk: gradio\n---\n",
        &["app.py"],
        &Known::default(),
    );
    assert_eq!((report.score, report.sections.len()), (20, 3));
}

#[test]
fn signals_that_say_no() {
    let readme = "---\ntags: [chat]\ndatasets: [acme/gone]\nbase_model: [acme/a, acme/b]\n---\n# X\n## Limitations\n\
                  The model may produce biased text.\n## Training data\nTrained on Proprietary Data of ours.\n## Evaluation\n| a | b |\n|--|--|\n";
    let unknown =
        |key: &str, id: &str| KnownId { key: key.into(), id: id.into(), ..KnownId::default() };
    let known = Known {
        ids: vec![unknown("base_model", "acme/b"), unknown("datasets", "acme/gone")],
        card_changed_ms: Some(0),
        weights_changed_ms: Some(86_400_000),
        signed_commits: Some(false),
        linked_spaces: Some(0),
        ..Known::default()
    };
    let report = made(RepoKind::Model, readme, &[], &known);
    let no = SignalState::No;
    assert_eq!(
        signal(&report, "limitationsSpecific"),
        one(no, "fits any model: The model may produce biased text.", Some(8))
    );
    assert_eq!(
        signal(&report, "trainingDataNamed"),
        one(no, "the data is not told: Trained on Proprietary Data of ours.", Some(10))
    );
    assert_eq!(
        signal(&report, "structuredEvals"),
        one(no, "there is only a table for people to read", Some(12))
    );
    assert_eq!(
        signal(&report, "updatedAfterRelease"),
        one(no, "the card is a day older than the weights", None)
    );
    assert_eq!(
        signal(&report, "baseModelResolvable"),
        (
            no,
            vec![
                ("acme/a was not looked up".to_owned(), None),
                ("acme/b is not here".to_owned(), None)
            ]
        )
    );
    assert_eq!(signal(&report, "chatTemplate").0, no);
    assert_eq!(signal(&report, "promptFormat").0, no);
    assert_eq!(signal(&report, "snippetPresent").0, no);
    assert_eq!(signal(&report, "signedCommits").0, no);
}

#[test]
fn fixes_for_what_can_be_told() {
    let readme = "---\nlicense: Apache 2.0  # free\nlanguage:\n- English\n- de\n# end\n---\n# X\n";
    let report =
        made(RepoKind::Model, readme, &["adapter_config.json", "config.json"], &Known::default());
    let found: Vec<(&str, Value)> =
        report.fixes.iter().map(|fix| (fix.key.as_str(), fix.value.clone())).collect();
    assert_eq!(
        found,
        [
            ("pipeline_tag", json!("text-generation")),
            ("library_name", json!("peft")),
            ("base_model", json!("acme/Base-1B")),
            ("license", json!("apache-2.0")),
            ("language", json!(["en", "de"])),
        ]
    );
    assert_eq!(
        report.fixes[4].patch,
        "--- a/README.md\n+++ b/README.md\n@@ -1,7 +1,7 @@\n ---\n license: Apache 2.0  # free\n language:\n-- English\n+- en\n - de\n # end\n ---\n"
    );
    for fix in &report.fixes {
        assert!(!fix.why.is_empty() && !fix.title.is_empty());
        let again = patch::set(readme, &fix.key, &fix.value).unwrap();
        let report = made(
            RepoKind::Model,
            &again,
            &["adapter_config.json", "config.json"],
            &Known::default(),
        );
        assert!(report.fixes.iter().all(|other| other.id != fix.id), "{}", fix.id);
    }
}

#[test]
fn fixes_from_the_hub_around() {
    let readme = "---\nlicense: mit\nbase_model: acme/Bsae\ndatasets:\n- acme/letters\n- acme/lettres\n---\n# X\n";
    let link = |id: &str, depth, license: &str| Link {
        id: id.to_owned(),
        depth,
        license: Some(license.to_owned()),
        ..Link::default()
    };
    let gone = |key: &str, id: &str, nearest: &[&str]| KnownId {
        key: key.into(),
        id: id.into(),
        exists: false,
        nearest: nearest.iter().map(|id| (*id).to_owned()).collect(),
    };
    let known = Known {
        ids: vec![
            gone("base_model", "acme/Bsae", &["acme/Base", "acme/Base-2"]),
            gone("datasets", "acme/lettres", &["acme/letters2"]),
            gone("new_version", "acme/nothing", &["acme/x"]),
        ],
        lineage: Some(lineage(&[link("me/x", 0, "mit"), link("acme/Base", 1, "cc-by-nc-4.0")])),
        ..Known::default()
    };
    let report = made(RepoKind::Model, readme, &[], &known);
    let shown = serde_json::to_value(&report.fixes).unwrap();
    assert_eq!(
        shown[0],
        json!({
            "id": "license",
            "title": "Declare the licence cc-by-nc-4.0",
            "why": "acme/Base may not be used commercially (cc-by-nc-4.0), and mit on me/x lets everyone do that. \
                    Nobody can give away more than they were given.",
            "key": "license",
            "value": "cc-by-nc-4.0",
            "patch": "--- a/README.md\n+++ b/README.md\n@@ -1,5 +1,5 @@\n ---\n-license: mit\n+license: cc-by-nc-4.0\n base_model: acme/Bsae\n datasets:\n - acme/letters\n",
        })
    );
    assert_eq!(shown[1]["id"], "base_model:acme/Bsae");
    assert_eq!(
        shown[1]["why"],
        "acme/Bsae is not on this hub. Did you mean acme/Base? Or did you mean acme/Base-2?"
    );
    assert_eq!(shown[2]["value"], json!(["acme/letters", "acme/letters2"]));
    assert_eq!(report.fixes.len(), 3);
    let named = lineage(&[
        link("me/x", 0, "mit"),
        Link { license_name: Some("qwen-research".into()), ..link("a/b", 1, "other") },
    ]);
    let report =
        made(RepoKind::Model, readme, &[], &Known { lineage: Some(named), ..Known::default() });
    assert_eq!(
        (report.fixes[0].value.clone(), report.fixes[0].also["license_name"].clone()),
        (json!("other"), json!("qwen-research"))
    );
    assert!(
        report.fixes[0].patch.contains("+license: other\n")
            && report.fixes[0].patch.contains("+license_name: qwen-research\n")
    );
}

#[test]
fn cards_that_cannot_be_read() {
    let report = made(RepoKind::Model, "---\na: [\n---\n# X\n", &[], &Known::default());
    assert!(report.problem.is_some() && report.fixes.is_empty());
    let facts = Facts::default();
    let known = Known::default();
    let input = ReportInput {
        kind: RepoKind::Model,
        readme: None,
        facts: &facts,
        files: &[],
        known: &known,
    };
    assert_eq!(super::report(input).score, 0);
}

proptest::proptest! {
    #[test]
    fn any_text_gets_a_report(readme in "(---\n(license|language|base_model): ?[a-z\\[\\]{}]{0,5}\n---\n)?([#*`~<>=\\-! a-zA-Zé(){}\\[\\]\n]|<!--|-->|```|TODO){0,80}") {
        for kind in RepoKind::ALL {
            let known = Known::default();
            let facts = derive(kind, CardInput { readme: Some(&readme), ..CardInput::default() });
            let input = ReportInput { kind, readme: Some(&readme), facts: &facts, files: &[], known: &known };
            let report = super::report(input);
            let lines = readme.matches('\n').count() + 1;
            let named = report.sections.iter().filter_map(|one| one.line);
            let shown = report.signals.iter().flat_map(|one| one.evidence.iter().filter_map(|one| one.line));
            proptest::prop_assert!(named.chain(shown).all(|line| (1..=lines).contains(&line)), "{report:?}");
            proptest::prop_assert!(report.score <= 100);
        }
    }
}
