//! Small repositories that mirror shapes found in the wild, each with the facts that a person expects of it.
//!
//! One file of `repos/` is one repository: its kind, then parts that begin with a line `%%% NAME`. `files` lists paths
//! and sizes, `expect` what must come out, every other part is a file. In `expect`
//! - `a/b = JSON` compares the facts at a path (`null`: nothing is there), `a += JSON` and `a -= JSON` look into a list;
//! - `error: LINE START` and `warning: LINE START` are all issues of the card, in order (`-`: no line);
//! - `eval: KEY = VALUE ORIGIN` and `problem: MESSAGE` are all results of evaluations and what is wrong with others.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use steelyard_card::eval::{EvalInput, collect, is_eval_file};
use steelyard_card::{CardInput, Facts, Issue, derive, validate_repo};
use steelyard_core::RepoKind;

/// One repository of the corpus.
struct Repo {
    name: String,
    kind: RepoKind,
    id: Option<String>,
    parts: Vec<(String, String)>,
}

impl Repo {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut repo = Self { name, kind: RepoKind::Model, id: None, parts: Vec::new() };
        for line in text.split_inclusive('\n') {
            if let Some(part) = line.strip_prefix("%%% ") {
                repo.parts.push((part.trim().to_owned(), String::new()));
            } else if let Some((_, text)) = repo.parts.last_mut() {
                text.push_str(line);
            } else if let Some(kind) = line.strip_prefix("kind: ") {
                let known = RepoKind::ALL.into_iter().find(|known| known.as_str() == kind.trim());
                repo.kind = known.unwrap();
            } else if let Some(id) = line.strip_prefix("id: ") {
                repo.id = Some(id.trim().to_owned());
            }
        }
        repo
    }

    fn part(&self, name: &str) -> Option<&str> {
        let found = self.parts.iter().find(|(part, _)| part == name);
        found.map(|(_, text)| text.as_str())
    }

    fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.part(name).map(str::as_bytes)
    }

    /// The README; one part spells out its line ends.
    fn readme(&self) -> Option<String> {
        let escaped = self.part("README.md escaped").map(|text| {
            let text = text.replace('\n', "");
            let pairs = [("\\r", "\r"), ("\\n", "\n"), ("\\t", "\t"), ("\\u{feff}", "\u{feff}")];
            pairs.into_iter().fold(text, |text, (from, to)| text.replace(from, to))
        });
        escaped.or_else(|| self.part("README.md").map(str::to_owned))
    }

    fn facts(&self) -> Facts {
        let readme = self.readme();
        let listed = self.part("files").unwrap_or_default().lines();
        let listed = listed.map(|line| line.rsplit_once(' ').unwrap());
        let (files, sizes): (Vec<&str>, Vec<u64>) =
            listed.map(|(path, size)| (path, size.parse::<u64>().unwrap())).unzip();
        let code: Vec<(&str, &[u8])> = self
            .parts
            .iter()
            .filter_map(|(part, text)| Some((part.strip_prefix("code ")?, text.as_bytes())))
            .collect();
        let input = CardInput {
            readme: readme.as_deref(),
            files: &files,
            sizes: &sizes,
            config_json: self.bytes("config.json"),
            tokenizer_config_json: self.bytes("tokenizer_config.json"),
            adapter_config_json: self.bytes("adapter_config.json"),
            chat_template_jinja: self.bytes("chat_template.jinja"),
            model_index_json: self.bytes("model_index.json"),
            eval_yaml: self.bytes("eval.yaml"),
            code: &code,
            gguf: None,
        };
        derive(self.kind, input)
    }

    /// What comes out, in the words of `expect`.
    fn words(&self, facts: &Facts) -> Vec<String> {
        let report =
            validate_repo(self.kind, self.id.as_deref(), &self.readme().unwrap_or_default());
        let issue = |word: &str, issue: &Issue| {
            let line = issue.line.map_or_else(|| "-".to_owned(), |line| line.to_string());
            format!("{word}: {line} {}", issue.message)
        };
        let mut words: Vec<String> = Vec::new();
        if self.readme().is_some() {
            words.extend(report.errors.iter().map(|found| issue("error", found)));
            words.extend(report.warnings.iter().map(|found| issue("warning", found)));
        }
        let files = self.parts.iter().filter(|(part, _)| is_eval_file(part));
        let files: Vec<(&str, &[u8])> =
            files.map(|(part, text)| (part.as_str(), text.as_bytes())).collect();
        let owner = self.id.as_deref().and_then(|id| id.split('/').next());
        let input = EvalInput { card_data: facts.card_data.as_ref(), files: &files, owner };
        let found = collect(input);
        for result in &found.results {
            let (key, origin) = (result.key(), result.origin.as_str());
            words.push(format!("eval: {key} = {} {origin}", result.value));
        }
        words.extend(found.problems.iter().map(|problem| format!("problem: {}", problem.message)));
        words
    }

    /// Everything in which the repository differs from what is expected of it.
    fn differences(&self) -> String {
        let facts = self.facts();
        let json = serde_json::to_value(&facts).unwrap();
        let mut differences = String::new();
        let mut expected_words = Vec::new();
        let expected = self.part("expect").expect("every repository has its expectations");
        for line in expected.lines().filter(|line| !line.is_empty()) {
            let word = line.split_once(": ").map_or("", |(word, _)| word);
            if ["error", "warning", "eval", "problem"].contains(&word) {
                expected_words.push(line);
            } else if let Some(found) = difference(&json, line) {
                writeln!(differences, "  {line}\n    but it is {found}").unwrap();
            }
        }
        let mut words = self.words(&facts);
        words.sort();
        expected_words.sort_unstable();
        let fits = words.len() == expected_words.len()
            && words.iter().zip(&expected_words).all(|(word, start)| word.starts_with(start));
        if !fits {
            writeln!(differences, "  {expected_words:#?}\n    but there are {words:#?}").unwrap();
        }
        differences
    }
}

/// What stands in the facts where a line expects something else.
fn difference(json: &Value, line: &str) -> Option<String> {
    let (path, operator, expected) = ["+=", "-=", "="]
        .into_iter()
        .find_map(|operator| {
            let (path, expected) = line.split_once(&format!(" {operator} "))?;
            (!path.contains(' ')).then_some((path, operator, expected))
        })
        .unwrap();
    let expected: Value = serde_json::from_str(expected).unwrap();
    let found = json.pointer(&format!("/{path}")).unwrap_or(&Value::Null);
    let holds = found.as_array().is_some_and(|list| list.contains(&expected));
    let empty = found.is_null() && expected == Value::Array(Vec::new());
    let fits = match operator {
        "+=" => holds,
        "-=" => !holds,
        _ => empty || found == &expected,
    };
    (!fits).then(|| found.to_string())
}

fn repos() -> Vec<Repo> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/repos");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| Repo::read(path)).collect()
}

#[test]
fn every_repository_is_understood() {
    let repos = repos();
    assert!(repos.len() >= 60, "only {} repositories", repos.len());
    let mut differences = String::new();
    for repo in &repos {
        let found = repo.differences();
        if !found.is_empty() {
            writeln!(differences, "{}\n{found}", repo.name).unwrap();
        }
    }
    assert!(differences.is_empty(), "\n{differences}");
}

#[test]
fn facts_survive_being_stored() {
    for repo in repos() {
        let facts = repo.facts();
        let stored = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<Facts>(&stored).unwrap(), facts, "{}", repo.name);
    }
    // What the first version wrote has none of the later fields.
    let old = r#"{"card_data":null,"card_problem":null,"tags":["a"],"pipeline_tag":null,"library_name":null,"license":[],"languages":[],"datasets":[],"models":[],"base_models":["a/b"],"base_model_relation":"merge","arxiv_ids":[],"sdk":null,"gate":{"heading":null,"description":null,"prompt":null,"button_content":null,"fields":null},"config":null,"transformers_info":null,"mask_token":null}"#;
    let facts: Facts = serde_json::from_str(old).unwrap();
    assert_eq!((facts.tags, facts.weight_bytes), (vec!["a".to_owned()], None));
}

/// The cost of one repository, on average; the bomb aside, which costs what the limits allow.
#[test]
fn facts_of_ordinary_repositories_cost_little() {
    let mut repos = repos();
    repos.retain(|repo| repo.name != "yaml-bomb");
    let of = |rounds: u32| {
        let started = std::time::Instant::now();
        for _ in 0..rounds {
            repos.iter().for_each(|repo| drop(std::hint::black_box(repo.facts())));
        }
        started.elapsed() / rounds / u32::try_from(repos.len()).unwrap()
    };
    of(1);
    let each = of(5);
    println!("{each:?} for each repository");
    // A release build takes a small part of it; the bound only catches what grew out of hand.
    assert!(each < std::time::Duration::from_millis(20), "{each:?} for each repository");
}
