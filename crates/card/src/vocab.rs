//! The controlled vocabularies of cards, compiled in from `data/*.csv` and parsed once.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// One licence a card may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct License {
    /// The id in cards and `license:` tags.
    pub id: &'static str,
    /// The full name.
    pub name: String,
    /// Where the text stands, when it is not a well-known one.
    pub text_url: Option<&'static str>,
}

/// One task of models and datasets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineTag {
    /// The id in cards and tags.
    pub id: &'static str,
    /// The name shown to people.
    pub name: String,
    /// The modality it is listed under (`nlp`, `cv`, ...).
    pub modality: &'static str,
    /// Whether model filters leave it out.
    pub hide_in_models: bool,
    /// Whether dataset filters leave it out.
    pub hide_in_datasets: bool,
}

/// One library that loads models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// The id in cards and tags.
    pub id: &'static str,
    /// The name shown to people.
    pub label: String,
    /// Its source repository.
    pub repo: &'static str,
    /// Its documentation, where there is any.
    pub docs: Option<&'static str>,
}

/// One language: ISO 639-1, ISO 639-3, `code` or `multilingual`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Language {
    /// The code in cards and tags.
    pub code: &'static str,
    /// The English name.
    pub name: String,
    /// The name in the language itself, where known.
    pub native: Option<String>,
}

/// What a model class of the transformers library is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Architecture {
    /// The task, in the library's own words (`text2text-generation` still occurs).
    pub pipeline_tag: &'static str,
    /// The `Auto*` class that loads it.
    pub auto_class: &'static str,
}

/// One framework that runs benchmarks, as `eval.yaml` may name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvaluationFramework {
    /// The id.
    pub id: &'static str,
    /// Where it comes from.
    pub url: &'static str,
}

/// One app that runs models on one's own machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalApp {
    /// The id, as `apps=` takes it.
    pub id: &'static str,
    /// The name shown to people.
    pub label: &'static str,
    /// Its documentation.
    pub docs: &'static str,
    /// The task it is mainly used for.
    pub main_task: &'static str,
}

/// One key of the metadata of cards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontMatterKey {
    /// The key.
    pub key: &'static str,
    /// The kinds of repositories whose cards have it, as words (`model`, `dataset`, `space`).
    pub kinds: Vec<&'static str>,
    /// The shape of its value: `string`, `scalar`, `words` (one or a list), `list`, `bool`, `int`, `enum`, `object`,
    /// two of these with `or` between, or `any`.
    pub shape: &'static str,
    /// The values it may have: words with `|` between, a range, or the name of a vocabulary; empty when free.
    pub values: &'static str,
    /// What it is good for.
    pub effect: String,
    /// Whether it has rules of its own beside the table.
    pub(crate) has_own_rules: bool,
}

static FRONT_MATTER_KEYS: LazyLock<Vec<FrontMatterKey>> = LazyLock::new(|| {
    rows(include_str!("../data/front_matter_keys.csv"))
        .map(|row| FrontMatterKey {
            key: row.raw(0),
            kinds: row.raw(1).split('|').collect(),
            shape: row.raw(2),
            values: row.raw(3),
            effect: row.text(5),
            has_own_rules: row.raw(4) == "own",
        })
        .collect()
});

static TASK_IDS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| rows(include_str!("../data/task_ids.csv")).map(|row| row.raw(1)).collect());

static LICENSES: LazyLock<Vec<License>> = LazyLock::new(|| {
    rows(include_str!("../data/licenses.csv"))
        .map(|row| License { id: row.raw(0), name: row.text(1), text_url: row.raw_option(2) })
        .collect()
});

static PIPELINE_TAGS: LazyLock<Vec<PipelineTag>> = LazyLock::new(|| {
    rows(include_str!("../data/pipeline_tags.csv"))
        .map(|row| PipelineTag {
            id: row.raw(0),
            name: row.text(1),
            modality: row.raw(2),
            hide_in_models: row.raw(3) == "true",
            hide_in_datasets: row.raw(4) == "true",
        })
        .collect()
});

static LIBRARIES: LazyLock<Vec<Library>> = LazyLock::new(|| {
    rows(include_str!("../data/libraries.csv"))
        .map(|row| Library {
            id: row.raw(0),
            label: row.text(1),
            repo: row.raw(2),
            docs: row.raw_option(3),
        })
        .collect()
});

static LANGUAGES: LazyLock<HashMap<&'static str, Language>> = LazyLock::new(|| {
    rows(include_str!("../data/languages.csv"))
        .map(|row| {
            let native = row.raw_option(2).map(|_| row.text(2));
            (row.raw(0), Language { code: row.raw(0), name: row.text(1), native })
        })
        .collect()
});

static ARCHITECTURES: LazyLock<HashMap<&'static str, Architecture>> = LazyLock::new(|| {
    rows(include_str!("../data/architectures.csv"))
        .map(|row| (row.raw(0), Architecture { pipeline_tag: row.raw(1), auto_class: row.raw(2) }))
        .collect()
});

static TASK_SYNONYMS: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let rows = rows(include_str!("../data/task_synonyms.csv"));
    rows.map(|row| (row.raw(0), row.raw(1))).collect()
});

static DIFFUSERS_TASKS: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let rows = rows(include_str!("../data/diffusers_pipelines.csv"));
    rows.map(|row| (row.raw(0), row.raw(1))).collect()
});

static EVALUATION_FRAMEWORKS: LazyLock<Vec<EvaluationFramework>> = LazyLock::new(|| {
    rows(include_str!("../data/evaluation_frameworks.csv"))
        .map(|row| EvaluationFramework { id: row.raw(0), url: row.raw(1) })
        .collect()
});

static LOCAL_APPS: LazyLock<Vec<LocalApp>> = LazyLock::new(|| {
    rows(include_str!("../data/local_apps.csv"))
        .map(|row| LocalApp {
            id: row.raw(0),
            label: row.raw(1),
            docs: row.raw(2),
            main_task: row.raw(3),
        })
        .collect()
});

/// All licences, the common ones first.
pub fn licenses() -> &'static [License] {
    &LICENSES
}

/// Finds a licence by its id.
pub fn find_license(id: &str) -> Option<&'static License> {
    LICENSES.iter().find(|license| license.id == id)
}

/// All tasks, the most specific first.
pub fn pipeline_tags() -> &'static [PipelineTag] {
    &PIPELINE_TAGS
}

/// Finds a task by its id.
pub fn find_pipeline_tag(id: &str) -> Option<&'static PipelineTag> {
    PIPELINE_TAGS.iter().find(|tag| tag.id == id)
}

/// All libraries.
pub fn libraries() -> &'static [Library] {
    &LIBRARIES
}

/// Finds a library by its id.
pub fn find_library(id: &str) -> Option<&'static Library> {
    LIBRARIES.iter().find(|library| library.id == id)
}

/// Finds a language by its code.
pub fn find_language(code: &str) -> Option<&'static Language> {
    LANGUAGES.get(code)
}

/// The languages with codes of two letters, by their code.
pub fn short_languages() -> &'static [&'static Language] {
    static SHORT: LazyLock<Vec<&'static Language>> = LazyLock::new(|| {
        let mut short: Vec<_> = LANGUAGES.values().filter(|one| one.code.len() == 2).collect();
        short.sort_by_key(|one| one.code);
        short
    });
    &SHORT
}

/// Finds a language by its English or its own name; of several codes for one language the shortest.
pub fn find_language_by_name(name: &str) -> Option<&'static Language> {
    let lower = name.trim().to_lowercase();
    let named = |language: &&Language| {
        let native = language.native.as_deref().is_some_and(|name| name.to_lowercase() == lower);
        native || language.name.to_lowercase() == lower
    };
    LANGUAGES.values().filter(named).min_by_key(|language| (language.code.len(), language.code))
}

/// Finds what a model class of the transformers library is for.
pub fn find_architecture(class: &str) -> Option<Architecture> {
    ARCHITECTURES.get(class).copied()
}

/// The task that a free tag means by another name; capitals do not matter.
pub fn find_task_synonym(tag: &str) -> Option<&'static str> {
    let found = TASK_SYNONYMS.get(tag);
    found.or_else(|| TASK_SYNONYMS.get(tag.to_lowercase().as_str())).copied()
}

/// What a pipeline class of diffusers is for.
pub fn find_diffusers_task(class: &str) -> Option<&'static str> {
    DIFFUSERS_TASKS.get(class).copied()
}

/// The frameworks that `eval.yaml` may name.
pub fn evaluation_frameworks() -> &'static [EvaluationFramework] {
    &EVALUATION_FRAMEWORKS
}

/// The apps that run models on one's own machine.
pub fn local_apps() -> &'static [LocalApp] {
    &LOCAL_APPS
}

/// All keys of the metadata of cards.
pub fn front_matter_keys() -> &'static [FrontMatterKey] {
    &FRONT_MATTER_KEYS
}

/// The sub-tasks of datasets: ids and names.
pub fn task_ids() -> impl Iterator<Item = (&'static str, String)> {
    rows(include_str!("../data/task_ids.csv")).map(|row| (row.raw(1), row.text(2)))
}

/// Whether this is a sub-task of datasets.
pub fn is_task_id(id: &str) -> bool {
    TASK_IDS.contains(id)
}

/// One line of a data file, split into its fields as they stand, quotes included.
pub(crate) struct Row(Vec<&'static str>);

impl Row {
    /// The field as it stands: for ids and addresses, which are never quoted.
    pub(crate) fn raw(&self, column: usize) -> &'static str {
        self.0.get(column).copied().unwrap_or("")
    }

    pub(crate) fn raw_option(&self, column: usize) -> Option<&'static str> {
        Some(self.raw(column)).filter(|field| !field.is_empty())
    }

    /// The field without its quotes.
    pub(crate) fn text(&self, column: usize) -> String {
        let field = self.raw(column);
        match field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(inner) => inner.replace("\"\"", "\""),
            None => field.to_owned(),
        }
    }
}

/// The lines of a data file after its heading. Fields hold no line breaks.
pub(crate) fn rows(csv: &'static str) -> impl Iterator<Item = Row> {
    csv.lines().skip(1).filter(|line| !line.is_empty()).map(|line| Row(fields(line)))
}

fn fields(line: &'static str) -> Vec<&'static str> {
    let (mut fields, mut start, mut quoted) = (Vec::new(), 0, false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                fields.push(&line[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    fields.push(&line[start..]);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_files_are_whole() {
        assert_eq!(licenses().len(), 83);
        assert_eq!(pipeline_tags().len(), 57);
        assert_eq!(libraries().len(), 240);
        assert!(LANGUAGES.len() > 7900);
        assert!(ARCHITECTURES.len() > 1400);
        for license in licenses() {
            assert!(!license.id.contains(['"', ',']) && !license.name.is_empty(), "{license:?}");
        }
        for tag in pipeline_tags() {
            assert!(!tag.modality.is_empty(), "{tag:?}");
        }
        assert_eq!((evaluation_frameworks().len(), local_apps().len()), (30, 25));
        assert_eq!((front_matter_keys().len(), TASK_IDS.len()), (72, 74));
        for task in TASK_SYNONYMS.values().chain(DIFFUSERS_TASKS.values()) {
            assert!(find_pipeline_tag(task).is_some(), "{task}");
        }
        for synonym in TASK_SYNONYMS.keys() {
            assert!(find_pipeline_tag(synonym).is_none(), "{synonym} is a task");
        }
    }

    #[test]
    fn quoted_fields_lose_their_quotes() {
        assert_eq!(
            find_license("bsd-2-clause").unwrap().name,
            "BSD 2-clause \"Simplified\" license"
        );
        assert_eq!(
            find_license("cdla-sharing-1.0").unwrap().name,
            "Community Data License Agreement – Sharing, Version 1.0"
        );
    }

    #[test]
    fn lookups_find_by_id() {
        assert_eq!(find_language("de").unwrap().name, "German");
        assert_eq!(find_language("nds").unwrap().native, None);
        assert!(find_language("code").is_some());
        assert!(find_language("english").is_none());
        assert_eq!(find_pipeline_tag("fill-mask").unwrap().modality, "nlp");
        assert_eq!(find_task_synonym("Text-Gen"), Some("text-generation"));
        assert_eq!(find_library("sklearn").unwrap().label, "Scikit-learn");
        assert_eq!(find_architecture("BertModel").unwrap().auto_class, "AutoModel");
    }
}
