//! What is known to go wrong with an architecture or a task, read from `data/traps.csv`.

use std::sync::LazyLock;

use super::{Snippet, SnippetInput};
use crate::vocab;

/// One row of the file.
#[derive(Debug)]
struct Trap {
    snippets: Vec<&'static str>,
    when: Vec<When>,
    note: String,
}

/// One condition: what is looked at, and which words it may be.
#[derive(Debug)]
struct When {
    about: About,
    words: Vec<&'static str>,
}

#[derive(Debug, Clone, Copy)]
enum About {
    AutoClass,
    ModelType,
    Tag,
    Name,
    NotName,
    Quantization,
    Relation,
    CardKey,
    Format,
    NotFormat,
    PadToken,
    Quantizations,
}

static TRAPS: LazyLock<Vec<Trap>> = LazyLock::new(|| {
    let rows = vocab::rows(include_str!("../../data/traps.csv"));
    rows.map(|row| Trap {
        snippets: row.raw(1).split(' ').collect(),
        when: row.raw(2).split(' ').map(when).collect(),
        note: row.text(3),
    })
    .collect()
});

fn when(text: &'static str) -> When {
    let (about, words) = text.split_once([':', '!']).expect("a condition has words");
    let negated = text[about.len()..].starts_with('!');
    let about = match (about, negated) {
        ("auto", false) => About::AutoClass,
        ("type", false) => About::ModelType,
        ("tag", false) => About::Tag,
        ("name", false) => About::Name,
        ("name", true) => About::NotName,
        ("quant", false) => About::Quantization,
        ("relation", false) => About::Relation,
        ("key", false) => About::CardKey,
        ("format", false) => About::Format,
        ("noformat", false) => About::NotFormat,
        ("pad", false) => About::PadToken,
        ("many-quants", false) => About::Quantizations,
        _ => unreachable!("the data file asks only for known things"),
    };
    When { about, words: words.split('|').collect() }
}

impl When {
    fn holds(&self, input: &SnippetInput<'_>) -> bool {
        let facts = input.facts;
        let any = |text: &str| self.words.contains(&text);
        let all_of = |list: &[String]| list.iter().any(|text| any(text));
        let name = || input.name().to_lowercase();
        match self.about {
            About::AutoClass => {
                facts.transformers_info.as_ref().is_some_and(|info| any(&info.auto_model))
            }
            About::ModelType => facts.model_type.as_deref().is_some_and(any),
            About::Tag => all_of(&facts.tags),
            About::Name => self.words.iter().any(|form| fits(form, &name())),
            About::NotName => !self.words.iter().any(|word| name().contains(word)),
            About::Quantization => facts.quantization.as_ref().is_some_and(|one| any(&one.method)),
            About::Relation => {
                facts.base_model_relation.is_some_and(|relation| any(relation.as_str()))
            }
            About::CardKey => {
                let value = |key: &&str| {
                    facts.card_data.as_ref()?.get(*key).filter(|value| value.is_string())
                };
                self.words.iter().any(|key| value(key).is_some())
            }
            About::Format => all_of(&facts.tags),
            About::NotFormat => !all_of(&facts.tags),
            About::PadToken => {
                facts.tokenizer.as_ref().is_some_and(|facts| facts.pad_token.is_none())
            }
            About::Quantizations => facts.gguf_quants.len() > 1,
        }
    }
}

/// Whether a name has a form whose stars stand for anything.
fn fits(form: &str, name: &str) -> bool {
    let mut parts = form.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Adds the notes of the traps that wait for whoever runs the snippet.
pub(super) fn add(input: &SnippetInput<'_>, snippet: &mut Snippet) {
    for trap in TRAPS.iter().filter(|trap| trap.snippets.contains(&snippet.id)) {
        if trap.when.iter().all(|when| when.holds(input)) {
            snippet.notes.push(trap.note.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_whole() {
        assert_eq!(TRAPS.len(), 21);
        for trap in TRAPS.iter() {
            assert!(trap.note.ends_with('.') && !trap.when.is_empty(), "{trap:?}");
        }
    }

    #[test]
    fn forms_of_names() {
        for (form, name, expected) in [
            ("*e5-*", "multilingual-e5-large", true),
            ("*e5-*", "e5", false),
            ("bge-*-en*", "bge-small-en-v1.5", true),
            ("bge-*-en*", "bge-small-zh", false),
            ("a*", "a", true),
            ("a", "ab", false),
            ("a*b*b", "ab", false),
        ] {
            assert_eq!(fits(form, name), expected, "{form} {name}");
        }
    }
}
