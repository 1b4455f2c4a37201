//! What is found, what is not, and what is left after a restart.

mod highlighting;
mod life;
mod searching;

use tempfile::TempDir;

use super::{Matched, TextDocument, TextIndex};

/// A repository of these tests: key, id, title, tags, card.
type Row<'a> = (i64, &'a str, Option<&'a str>, &'a [&'a str], &'a str);

/// An index in a directory of its own.
struct Fixture {
    dir: TempDir,
    index: TextIndex,
}

impl Fixture {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let index = TextIndex::open(&dir.path().join("text")).unwrap();
        Self { dir, index }
    }

    fn with(rows: &[Row<'_>]) -> Self {
        let fixture = Self::new();
        fixture.put(rows);
        fixture.index.commit(1).unwrap();
        fixture
    }

    fn put(&self, rows: &[Row<'_>]) {
        for (repo_id, id, title, tags, card_text) in rows.iter().copied() {
            let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
            self.index.put([TextDocument { repo_id, id, title, tags: &tags, card_text }]).unwrap();
        }
    }

    /// Closes and opens the directory again.
    fn reopened(self) -> Self {
        let Self { dir, index } = self;
        drop(index);
        let index = TextIndex::open(&dir.path().join("text")).unwrap();
        Self { dir, index }
    }

    /// Keys of all hits, best first, and what they match.
    fn find(&self, words: &[&str]) -> (Vec<i64>, Matched) {
        self.find_where(words, |_| true)
    }

    fn find_where(&self, words: &[&str], filter: impl Fn(i64) -> bool) -> (Vec<i64>, Matched) {
        let page = self.index.search(&owned(words), filter, 100, 0).unwrap();
        assert_eq!((page.total.count, page.total.is_exact), (page.hits.len() as u64, true));
        assert!(page.hits.windows(2).all(|two| two[0].score >= two[1].score));
        (page.hits.iter().map(|hit| hit.repo_id).collect(), page.matched)
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
