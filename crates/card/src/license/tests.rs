use serde_json::json;

use super::*;
use crate::facts::BaseRelation;

fn traits(words: &str) -> LicenseTraits {
    words
        .split_whitespace()
        .fold(LicenseTraits::NONE, |all, word| all | LicenseTraits::parse(word).unwrap())
}

#[test]
fn every_licence_of_the_vocabulary_is_on_record_once() {
    for license in vocab::licenses() {
        let rows = all_terms().iter().filter(|terms| terms.id == license.id).count();
        assert_eq!(rows, 1, "{}", license.id);
    }
    for terms in all_terms() {
        assert!(!terms.title.is_empty(), "{}", terms.id);
        let ids = terms.keep.iter().chain(&terms.refuses);
        for id in ids {
            assert!(all_terms().iter().any(|one| one.id == *id), "{}: {id}", terms.id);
        }
        let share_alike = terms.traits.contains(LicenseTraits::SHARE_ALIKE);
        assert!(!share_alike || terms.keep.contains(&terms.id), "{}", terms.id);
        let restricted = terms.traits.contains(LicenseTraits::USE_RESTRICTED);
        let stated = [ObligationKind::UseRestrictions, ObligationKind::BusinessSize];
        let stated = stated.iter().any(|kind| terms.words_of(*kind).is_some());
        assert!(!restricted || stated || terms.id == "bria-non-commercial", "{}", terms.id);
    }
}

#[test]
fn names_lead_to_one_licence_each() {
    let mut names: HashMap<String, &str> = HashMap::new();
    for terms in all_terms() {
        for name in terms.names.iter().copied().chain([terms.id, terms.title.as_str()]) {
            let before = names.insert(normal_name(name), terms.id);
            assert!(before.is_none_or(|before| before == terms.id), "{name}: {before:?}");
        }
    }
}

#[test]
fn traits_of_licences() {
    let cases: [(Option<&str>, Option<&str>, &str); 30] = [
        (Some("mit"), None, ""),
        (Some("apache-2.0"), None, ""),
        (Some("cc0-1.0"), None, ""),
        (Some("cc-by-4.0"), None, ""),
        (Some("MIT"), None, ""),
        (Some("cc-by-sa-4.0"), None, "share-alike"),
        (Some("cc-by-nc-4.0"), None, "non-commercial"),
        (Some("cc-by-nc-sa-4.0"), None, "non-commercial share-alike"),
        (Some("cc-by-nc-nd-4.0"), None, "non-commercial no-derivatives"),
        (Some("gpl-3.0"), None, "share-alike"),
        (Some("openrail++"), None, "use-restricted"),
        (Some("creativeml-openrail-m"), None, "use-restricted"),
        (Some("llama2"), None, "name-clause use-restricted"),
        (Some("llama3.3"), None, "name-clause use-restricted"),
        (Some("gemma"), None, "name-clause use-restricted"),
        (Some("apple-amlr"), None, "non-commercial use-restricted"),
        (Some("other"), None, "unknown-terms"),
        (Some("unknown"), Some("whatever"), "unknown-terms"),
        (Some("my-own"), None, "unknown-terms"),
        (Some("cc"), None, "unknown-terms"),
        (None, None, "undeclared"),
        (Some(" "), Some("mit"), "undeclared"),
        (Some("other"), Some("flux-1-dev-non-commercial-license"), "non-commercial use-restricted"),
        (Some("other"), Some("Qwen Research"), "non-commercial name-clause use-restricted"),
        (Some("other"), Some("tongyi-qianwen-license-agreement"), "name-clause use-restricted"),
        (Some("other"), Some("stabilityai-ai-community"), "name-clause use-restricted"),
        (
            Some("other"),
            Some("Llama 3.1 Community License Agreement"),
            "name-clause use-restricted",
        ),
        (Some("other"), Some("MIT"), ""),
        (Some("mit"), Some("flux-1-dev-non-commercial-license"), ""),
        (Some("other"), Some("nvidia-open-model-license"), "use-restricted"),
    ];
    for (license, name, words) in cases {
        assert_eq!(traits_of(license, name), traits(words), "{license:?} {name:?}");
    }
}

#[test]
fn obligations_in_words() {
    let words = |license| {
        let list = obligations_of(Some(license), None).iter();
        list.map(|one| one.text.as_str()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(words("cc0-1.0"), "");
    assert_eq!(
        words("cc-by-sa-3.0"),
        "Name the authors and the source. Keep the copyright notice and the licence's text with every copy. \
         Say what you changed. Pass on what you build on it under cc-by-sa-3.0 or cc-by-sa-4.0."
    );
    assert!(words("llama3.2").contains("Show \"Built with Llama\""));
    assert!(words("llama2").contains("700 million"));
    assert!(
        words("cc-by-nc-nd-4.0")
            .contains("Make no commercial use of it. Pass it on only as it is.")
    );
}

/// A chain, each with how many steps it is away and its licence; `?` is missing, `@` a circle, `-` none.
fn chain(links: &[(&str, u32, &str)]) -> Vec<Link> {
    let mut list: Vec<Link> = Vec::new();
    for (id, depth, license) in links {
        let via = list.iter().rev().find(|link| link.depth + 1 == *depth);
        let via = via.map(|link| link.id.clone());
        let (license, name) = match license.split_once('/') {
            Some((license, name)) => (license, Some(name.to_owned())),
            None => (*license, None),
        };
        list.push(Link {
            id: (*id).to_owned(),
            relation: via.is_some().then_some(BaseRelation::Finetune),
            via,
            license: (!["-", "?", "@"].contains(&license)).then(|| license.to_owned()),
            license_name: name,
            depth: *depth,
            state: match license {
                "?" => LinkState::Missing,
                "@" => LinkState::Cycle,
                _ => LinkState::Known,
            },
        });
    }
    list
}

/// The verdict, the findings as `severity rule child>ancestor`, and the licence suggested.
fn outcome(links: &[(&str, u32, &str)]) -> (Verdict, Vec<String>, Option<String>) {
    let report = lineage(&chain(links));
    let found = report.conflicts.iter().map(|one| {
        let severity = format!("{:?}", one.severity).to_lowercase();
        format!("{severity} {} {}>{}", one.rule, one.child, one.ancestor)
    });
    let suggested = report.suggestion.map(|one| match one.license_name {
        Some(name) => format!("{}/{name}", one.license),
        None => one.license,
    });
    (report.verdict, found.collect(), suggested)
}

type Case<'a> = (&'a [(&'a str, u32, &'a str)], Verdict, &'a [&'a str], Option<&'a str>);

const TWO: [Case<'static>; 24] = [
    (&[("a/x", 0, "mit")], Verdict::Permissive, &[], None),
    (&[("a/x", 0, "mit"), ("b/y", 1, "apache-2.0")], Verdict::Permissive, &[], None),
    (
        &[("a/x", 0, "apache-2.0"), ("b/y", 1, "llama2")],
        Verdict::Conflict,
        &["conflict drops-agreement a/x>b/y"],
        Some("llama2"),
    ),
    (
        &[("a/x", 0, "mit"), ("b/y", 1, "cc-by-nc-4.0")],
        Verdict::Conflict,
        &["conflict drops-non-commercial a/x>b/y"],
        Some("cc-by-nc-4.0"),
    ),
    (&[("a/x", 0, "cc-by-nc-4.0"), ("b/y", 1, "cc-by-nc-4.0")], Verdict::Obligations, &[], None),
    (
        &[("a/x", 0, "cc-by-4.0"), ("b/y", 1, "cc-by-sa-4.0")],
        Verdict::Conflict,
        &["conflict drops-share-alike a/x>b/y"],
        Some("cc-by-sa-4.0"),
    ),
    (&[("a/x", 0, "gpl-3.0"), ("b/y", 1, "cc-by-sa-4.0")], Verdict::Obligations, &[], None),
    (
        &[("a/x", 0, "cc-by-nc-4.0"), ("b/y", 1, "cc-by-sa-4.0")],
        Verdict::Conflict,
        &["conflict drops-share-alike a/x>b/y"],
        Some("cc-by-sa-4.0"),
    ),
    (
        &[("a/x", 0, "cc-by-nd-4.0"), ("b/y", 1, "cc-by-nd-4.0")],
        Verdict::Conflict,
        &["conflict no-derivatives a/x>b/y"],
        None,
    ),
    (
        &[("a/x", 0, "mit"), ("b/y", 1, "gpl-3.0")],
        Verdict::Conflict,
        &["conflict drops-share-alike a/x>b/y"],
        Some("gpl-3.0"),
    ),
    (&[("a/x", 0, "agpl-3.0"), ("b/y", 1, "gpl-3.0")], Verdict::Obligations, &[], None),
    (
        &[("a/x", 0, "gpl-3.0"), ("b/y", 1, "mit")],
        Verdict::Obligations,
        &["note stricter a/x>b/y"],
        None,
    ),
    (
        &[("a/x", 0, "gpl-2.0"), ("b/y", 1, "apache-2.0")],
        Verdict::Unclear,
        &["warning refused-license a/x>b/y", "note stricter a/x>b/y"],
        Some("apache-2.0"),
    ),
    (
        &[("a/x", 0, "apache-2.0"), ("b/y", 1, "openrail++")],
        Verdict::Conflict,
        &["conflict drops-use-restrictions a/x>b/y"],
        Some("openrail++"),
    ),
    (&[("a/x", 0, "openrail"), ("b/y", 1, "openrail++")], Verdict::Obligations, &[], None),
    (
        &[("a/x", 0, "gemma"), ("b/y", 1, "llama2")],
        Verdict::Conflict,
        &["conflict drops-agreement a/x>b/y"],
        Some("llama2"),
    ),
    (
        &[("a/x", 0, "llama3.1"), ("b/y", 1, "llama3.1")],
        Verdict::Unclear,
        &["warning misnamed a/x>b/y"],
        None,
    ),
    (&[("a/Llama-x", 0, "llama3.1"), ("b/y", 1, "llama3.1")], Verdict::Obligations, &[], None),
    (&[("a/Llama3x", 0, "llama3"), ("b/y", 1, "llama3")], Verdict::Obligations, &[], None),
    (
        &[("a/x", 0, "-"), ("b/y", 1, "mit")],
        Verdict::Unclear,
        &["warning child-undeclared a/x>b/y"],
        Some("mit"),
    ),
    (
        &[("a/x", 0, "other"), ("b/y", 1, "cc-by-nc-4.0")],
        Verdict::Unclear,
        &["warning child-unknown a/x>b/y"],
        Some("cc-by-nc-4.0"),
    ),
    (
        &[("a/x", 0, "mit"), ("b/y", 1, "other")],
        Verdict::Unclear,
        &["warning ancestor-unknown-terms a/x>b/y"],
        None,
    ),
    (
        &[("a/x", 0, "mit"), ("b/y", 1, "-")],
        Verdict::Unclear,
        &["warning ancestor-undeclared a/x>b/y"],
        None,
    ),
    (
        &[("a/x", 0, "mit"), ("b/y", 1, "other/flux-1-dev-non-commercial-license")],
        Verdict::Conflict,
        &["conflict drops-non-commercial a/x>b/y", "conflict drops-use-restrictions a/x>b/y"],
        Some("other/flux-1-dev-non-commercial-license"),
    ),
];

#[test]
fn two_repositories() {
    for (links, verdict, found, suggested) in TWO {
        let found = found.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        let expected = (verdict, found, suggested.map(str::to_owned));
        assert_eq!(outcome(links), expected, "{links:?}");
    }
}

#[test]
fn longer_chains() {
    use Verdict::{Conflict, Unclear};
    let cases: [Case<'_>; 8] = [
        // The first fine-tune hid the licence; the second one inherits the mistake.
        (
            &[("a/x", 0, "mit"), ("b/y", 1, "apache-2.0"), ("c/z", 2, "llama2")],
            Conflict,
            &["conflict drops-agreement a/x>c/z", "warning drops-agreement b/y>c/z"],
            Some("llama2"),
        ),
        (
            &[("a/x", 0, "llama2"), ("b/y", 1, "mit"), ("c/z", 2, "llama2")],
            Unclear,
            &["warning drops-agreement b/y>c/z", "note stricter a/x>b/y"],
            None,
        ),
        (
            &[("a/x", 0, "mit"), ("b/y", 1, "mit"), ("c/z", 2, "?")],
            Unclear,
            &["warning ancestor-missing a/x>c/z"],
            None,
        ),
        (
            &[("a/x", 0, "mit"), ("b/y", 1, "mit"), ("a/x", 2, "@")],
            Unclear,
            &["warning cycle a/x>a/x"],
            None,
        ),
        // Merges.
        (
            &[("a/x", 0, "cc-by-sa-4.0"), ("b/y", 1, "cc-by-sa-4.0"), ("c/z", 1, "gpl-2.0")],
            Conflict,
            &["conflict drops-share-alike a/x>c/z", "conflict clash c/z>b/y"],
            None,
        ),
        (
            &[("a/x", 0, "cc-by-sa-4.0"), ("b/y", 1, "cc-by-sa-4.0"), ("c/z", 1, "cc-by-nc-4.0")],
            Conflict,
            &["conflict drops-non-commercial a/x>c/z", "conflict clash c/z>b/y"],
            None,
        ),
        (
            &[("a/x", 0, "mit"), ("b/y", 1, "llama2"), ("c/z", 1, "cc-by-nc-4.0")],
            Conflict,
            &[
                "conflict drops-agreement a/x>b/y",
                "conflict drops-non-commercial a/x>c/z",
                "warning two-agreements c/z>b/y",
            ],
            Some("other"),
        ),
        (
            &[("a/x", 0, "gpl-3.0"), ("b/y", 1, "lgpl-3.0"), ("c/z", 1, "apache-2.0")],
            Verdict::Obligations,
            &["note stricter a/x>c/z"],
            None,
        ),
    ];
    for (links, verdict, found, suggested) in cases {
        let found = found.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        let expected = (verdict, found, suggested.map(str::to_owned));
        assert_eq!(outcome(links), expected, "{links:?}");
    }
}

#[test]
fn the_report_as_json() {
    let report = lineage(&chain(&[("me/chat", 0, "apache-2.0"), ("meta/Base", 1, "llama2")]));
    let because = "meta/Base is under the Llama 2 Community License Agreement, which must be passed on with \
        everything built on it; me/chat declares apache-2.0, which says nothing of that. Keep Meta's acceptable use \
        policy; do not improve other large language models with it or its output. A business with more than 700 \
        million monthly users needs a licence from Meta.";
    let suggestion = json!({"license": "llama2", "because": "It keeps what meta/Base asks for."});
    let mut shown = serde_json::to_value(&report).unwrap();
    let base = shown["chain"][1].take();
    assert_eq!(base["licenseTitle"], "Llama 2 Community License Agreement");
    assert_eq!(base["traits"], json!(["name-clause", "use-restricted"]));
    assert_eq!(
        base["obligations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["kind"].as_str().unwrap())
            .collect::<Vec<_>>(),
        ["notice", "terms", "sameLicense", "nameClause", "useRestrictions", "businessSize"]
    );
    shown["chain"][0].take();
    assert_eq!(
        shown,
        json!({
            "verdict": "conflict",
            "traits": ["name-clause", "use-restricted"],
            "chain": [null, null],
            "truncated": false,
            "conflicts": [{
                "rule": "drops-agreement",
                "severity": "conflict",
                "child": "me/chat",
                "ancestor": "meta/Base",
                "because": because,
                "suggestion": suggestion,
            }],
            "suggestion": suggestion,
            "disclaimer": "This compares the licences that repositories declare, by a table. It is not legal advice.",
        })
    );
}

#[test]
fn every_rule_speaks_in_whole_sentences() {
    let mut seen: Vec<&str> = Vec::new();
    let licenses = [
        "mit",
        "-",
        "other",
        "llama3.1",
        "cc-by-nc-nd-4.0",
        "gpl-2.0",
        "cc-by-sa-4.0",
        "glm",
        "?",
        "@",
        "openrail",
        "apache-2.0",
        "other/qwen",
        "other/modified-mit",
    ];
    for child in licenses {
        for one in licenses {
            for two in licenses {
                let report =
                    lineage(&chain(&[("a/{child}", 0, child), ("b/y", 1, one), ("c/z", 1, two)]));
                for found in report.conflicts {
                    assert!(
                        found.because.ends_with(['.', '"']) && !found.because.contains("  "),
                        "{found:?}"
                    );
                    assert!(
                        !found.because.replace("a/{child}", "").contains(['{', '}']),
                        "{found:?}"
                    );
                    seen.push(found.rule);
                }
            }
        }
    }
    for rule in rules::rules() {
        assert!(seen.contains(&rule.id), "{} was never used", rule.id);
    }
}

#[test]
fn long_chains_are_cut_and_say_so() {
    let mut links = vec![("a/x".to_owned(), 0, "mit")];
    links.extend((0..1000).map(|n| (format!("b/y{n}"), 1, ["mit", "gpl-2.0", "llama2"][n % 3])));
    let borrowed: Vec<(&str, u32, &str)> =
        links.iter().map(|(id, depth, license)| (id.as_str(), *depth, *license)).collect();
    let report = lineage(&chain(&borrowed));
    assert!(report.truncated && report.traits.contains(LicenseTraits::UNKNOWN_ANCESTOR));
    assert_eq!((report.chain.len(), report.conflicts.len()), (lineage::LINKS_MAX, 100));
    assert_eq!(lineage(&[]).verdict, Verdict::Permissive);
}
