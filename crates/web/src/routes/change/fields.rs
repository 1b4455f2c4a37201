//! The metadata of a card as a form: each field is one key, and what is changed there changes no other byte of the card.

use serde_json::Value;
use steelyard_card::Card;
use steelyard_card::patch::{self, PatchError};
use steelyard_core::RepoKind;

/// Most words of one list.
const WORDS_MAX: usize = 200;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One word.
    Word,
    /// One word as itself, several as a list.
    WordOrList,
    /// Always a list.
    List,
}

/// A key of the metadata that has a field.
#[derive(Debug)]
struct Key {
    name: &'static str,
    label: &'static str,
    form: Form,
    help: &'static str,
    /// The vocabulary it is completed from.
    words: &'static str,
}

const fn key(
    name: &'static str,
    label: &'static str,
    form: Form,
    help: &'static str,
    words: &'static str,
) -> Key {
    Key { name, label, form, help, words }
}

const LICENSE: Key = key("license", "Licence", Form::WordOrList, "", "licenses");
const LANGUAGE: Key = key(
    "language",
    "Languages",
    Form::WordOrList,
    "Codes, with commas between them: en, de",
    "languages",
);
const LICENSE_NAME: Key = key(
    "license_name",
    "Name of the terms",
    Form::Word,
    "Of a licence that is “other”: a short name, in small letters",
    "",
);
const LICENSE_LINK: Key = key(
    "license_link",
    "Address of the terms",
    Form::Word,
    "An address, or LICENSE where the file is here",
    "",
);
/// Keys that say which licence `other` is.
const OF_OTHER: [&str; 2] = [LICENSE_NAME.name, LICENSE_LINK.name];
const TAGS: Key = key("tags", "Tags", Form::List, "With commas between them", "tags");
const DATASETS: Key =
    key("datasets", "Datasets", Form::List, "That it was trained on: owner/name, …", "datasets");
const METRICS: Key =
    key("metrics", "Metrics", Form::List, "By which it is measured: accuracy, f1", "");

const OF_MODEL: &[Key] = &[
    key("pipeline_tag", "Task", Form::Word, "", "tasks"),
    key("library_name", "Library", Form::Word, "", "libraries"),
    LICENSE,
    LICENSE_NAME,
    LICENSE_LINK,
    LANGUAGE,
    DATASETS,
    METRICS,
    key(
        "base_model",
        "Base model",
        Form::WordOrList,
        "What it was made from: owner/name",
        "models",
    ),
    TAGS,
];
const OF_DATASET: &[Key] = &[
    key("pretty_name", "Title", Form::Word, "", ""),
    key("task_categories", "Tasks", Form::List, "", "tasks"),
    LICENSE,
    LICENSE_NAME,
    LICENSE_LINK,
    LANGUAGE,
    TAGS,
];
const OF_SPACE: &[Key] = &[
    key("title", "Title", Form::Word, "", ""),
    key("short_description", "In a line", Form::Word, "", ""),
    LICENSE,
    key("models", "Models", Form::List, "That it uses: owner/name, …", "models"),
    DATASETS,
    TAGS,
];

fn keys_of(kind: RepoKind) -> &'static [Key] {
    match kind {
        RepoKind::Model | RepoKind::Kernel => OF_MODEL,
        RepoKind::Dataset => OF_DATASET,
        RepoKind::Space => OF_SPACE,
    }
}

/// A field of the form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) help: &'static str,
    pub(super) words: &'static str,
    pub(super) value: String,
    /// Only a licence that is `other` needs it.
    pub(super) is_of_other: bool,
}

/// Whether a field of the kind is completed from this vocabulary.
pub(super) fn wants(kind: RepoKind, words: &str) -> bool {
    keys_of(kind).iter().any(|key| key.words == words)
}

/// Whether the licence needs to say which it is, or says so.
pub(super) fn is_other(fields: &[Field]) -> bool {
    let says = |field: &Field| match field.name {
        "license" => field.value.split(", ").any(|id| id == "other"),
        _ => field.is_of_other && !field.value.is_empty(),
    };
    fields.iter().any(says)
}

/// The fields with what the card says now. A value that is more than words has no field: only the text can change it.
pub(super) fn fields(kind: RepoKind, text: &str) -> Vec<Field> {
    let Ok(card) = Card::parse(text) else { return Vec::new() };
    let field = |key: &'static Key| {
        let value = written(card.data.get(key.name))?;
        let is_of_other = OF_OTHER.contains(&key.name);
        let Key { name, label, help, words, .. } = *key;
        Some(Field { name, label, help, words, value, is_of_other })
    };
    keys_of(kind).iter().filter_map(field).collect()
}

/// A value as a field shows it; `None` when it is more than words.
fn written(value: Option<&Value>) -> Option<String> {
    match value {
        None | Some(Value::Null) => Some(String::new()),
        Some(Value::String(word)) => Some(word.clone()).filter(|word| !word.contains(['\n', ','])),
        Some(Value::Array(items)) => {
            let words: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            let words = words?;
            (!words.iter().any(|word| word.contains(['\n', ',']))).then(|| words.join(", "))
        }
        Some(_) => None,
    }
}

/// The text with what was changed in the form: `field` gives `meta_<key>`, and `was_<key>`, which says what the form showed.
pub(super) fn apply(
    kind: RepoKind,
    text: String,
    field: impl Fn(&str) -> String,
) -> Result<String, (String, PatchError)> {
    let mut changed = text;
    for key in keys_of(kind) {
        let [new, was] = ["meta", "was"].map(|part| {
            let value = field(&format!("{part}_{}", key.name));
            value.split_whitespace().collect::<Vec<_>>().join(" ")
        });
        if new == was {
            continue;
        }
        let made = match value_of(key.form, &new) {
            Some(value) => patch::set(&changed, key.name, &value),
            None => patch::remove(&changed, key.name),
        };
        changed = match made {
            Ok(made) => made,
            Err(error) => return Err((changed, error)),
        };
    }
    Ok(changed)
}

fn value_of(form: Form, text: &str) -> Option<Value> {
    let mut words: Vec<&str> =
        text.split(',').map(str::trim).filter(|word| !word.is_empty()).take(WORDS_MAX).collect();
    match (form, words.len()) {
        (_, 0) => None,
        (Form::Word, _) => Some(Value::from(text)),
        (Form::WordOrList, 1) => words.pop().map(Value::from),
        (Form::WordOrList | Form::List, _) => Some(Value::from(words)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, pairs: &[(&str, &str)]) -> String {
        let field = |name: &str| {
            let found = pairs.iter().find(|(known, _)| *known == name);
            found.map_or_else(String::new, |(_, value)| (*value).to_owned())
        };
        apply(RepoKind::Model, text.to_owned(), field).unwrap()
    }

    #[test]
    fn a_field_changes_its_key_and_nothing_else() {
        let text = "---\nlicense: mit  # chosen\nextra: {a: 1}\n---\n# T\n";
        assert_eq!(with(text, &[("meta_license", "mit"), ("was_license", "mit")]), text);
        let new = with(
            text,
            &[
                ("meta_tags", "a, b ,,c"),
                ("meta_language", "en"),
                ("meta_license", "mit"),
                ("was_license", "mit"),
            ],
        );
        assert_eq!(
            new,
            "---\nlicense: mit  # chosen\nextra: {a: 1}\nlanguage: en\ntags:\n- a\n- b\n- c\n---\n# T\n"
        );
        assert_eq!(with(&new, &[("was_tags", "a, b, c")]).matches("tags").count(), 0);
        assert_eq!(
            with("# T\n", &[("meta_license", "apache-2.0")]),
            "---\nlicense: apache-2.0\n---\n# T\n"
        );
    }

    #[test]
    fn only_another_licence_asks_which() {
        for (card, is_so) in [
            ("license: mit", false),
            ("license: other", true),
            ("license: [mit, other]", true),
            ("license: mit\nlicense_link: LICENSE", true),
            ("tags: [other]", false),
        ] {
            let fields = fields(RepoKind::Dataset, &format!("---\n{card}\n---\n"));
            assert_eq!(is_other(&fields), is_so, "{card}");
        }
    }

    #[test]
    fn what_is_more_than_words_has_no_field() {
        let shown = fields(RepoKind::Model, "---\nlicense: [mit, x]\ntags: {a: 1}\n---\n");
        let shown: Vec<(&str, &str)> =
            shown.iter().map(|one| (one.name, one.value.as_str())).collect();
        assert!(shown.contains(&("license", "mit, x")), "{shown:?}");
        assert!(shown.contains(&("datasets", "")));
        assert!(!shown.iter().any(|(name, _)| *name == "tags"));
        assert!(fields(RepoKind::Model, "---\n[\n---\n").is_empty());
    }
}
