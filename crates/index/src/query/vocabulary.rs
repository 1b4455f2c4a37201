//! The words that fields know: closed vocabularies, and the names that people use for tasks.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

/// A word of a vocabulary and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    pub value: &'static str,
    pub meaning: &'static str,
}

/// Sizes of datasets in rows, smallest first, in the Hub's spelling.
pub(super) const SIZE_CATEGORIES: [&str; 11] = [
    "n<1K",
    "1K<n<10K",
    "10K<n<100K",
    "100K<n<1M",
    "1M<n<10M",
    "10M<n<100M",
    "100M<n<1B",
    "1B<n<10B",
    "10B<n<100B",
    "100B<n<1T",
    "n>1T",
];

static WORDS: LazyLock<BTreeMap<&'static str, Vec<Word>>> = LazyLock::new(|| {
    let mut fields: BTreeMap<_, Vec<Word>> = BTreeMap::new();
    for row in include_str!("../../data/vocabulary.csv").lines().skip(1) {
        let mut cells = row.splitn(3, ',');
        if let (Some(field), Some(value), Some(meaning)) =
            (cells.next(), cells.next(), cells.next())
        {
            fields.entry(field).or_default().push(Word { value, meaning });
        }
    }
    fields
});

static TASK_SYNONYMS: LazyLock<HashMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
    let mut tasks: HashMap<_, Vec<_>> = HashMap::new();
    for row in include_str!("../../data/task_synonyms.csv").lines().skip(1) {
        if let Some((synonym, task)) = row.split_once(',') {
            tasks.entry(synonym).or_default().push(task);
        }
    }
    tasks
});

/// The words of a field, in the order of the vocabulary; none for a field that takes any word.
pub(super) fn words(field: &str) -> &'static [Word] {
    WORDS.get(field).map_or(&[], Vec::as_slice)
}

/// The word of a field in its own spelling.
pub(super) fn find_word(field: &str, value: &str) -> Option<&'static str> {
    words(field).iter().map(|word| word.value).find(|known| *known == value)
}

/// The code of a language by its English name.
pub(super) fn language_code(name: &str) -> Option<&'static str> {
    // `Spanish, Castilian` and `Greek (modern)` go by their first name.
    let is_named = |word: &&Word| {
        let first = word.meaning.split([',', ';', '(']).next().unwrap_or_default();
        first.trim().eq_ignore_ascii_case(name)
    };
    words("lang").iter().find(is_named).map(|word| word.value)
}

/// The tasks that a name may stand for.
pub(super) fn tasks(name: &str) -> Vec<&'static str> {
    match find_word("task", name) {
        Some(task) => vec![task],
        None => TASK_SYNONYMS.get(name).cloned().unwrap_or_default(),
    }
}

/// Every name that stands for one task or more.
pub(super) fn task_names() -> impl Iterator<Item = &'static str> {
    let ids = words("task").iter().map(|word| word.value);
    ids.chain(TASK_SYNONYMS.iter().filter(|(_, tasks)| tasks.len() == 1).map(|(name, _)| *name))
}
