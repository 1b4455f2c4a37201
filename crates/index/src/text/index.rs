//! The index on disk: opened or begun anew, fed, committed.

use std::fs;
use std::path::Path;

use parking_lot::Mutex;
use steelyard_core::limits;
use tantivy::directory::MmapDirectory;
use tantivy::indexer::IndexWriterOptions;
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::{
    Index, IndexReader, IndexSettings, IndexWriter, ReloadPolicy, TantivyDocument, Term,
};

use super::TextError;
use super::tokens::analyser;

/// Bytes of a card's text that are indexed; what comes after is not found.
pub const CARD_TEXT_BYTES_MAX: usize = 16 * 1024;

/// Raised whenever tokens, fields or weights change, so that older directories are begun anew.
const FORMAT: u32 = 1;
const TOKENIZER: &str = "words";

/// How often a word of the id or title counts, next to one in the body.
const NAME_WEIGHT: usize = 6;
/// How often a word of a tag counts.
const TAG_WEIGHT: usize = 2;

/// Memory of the writer in daily use, the least that tantivy allows, and of each thread while everything is built.
const DAILY_BYTES: usize = 15_000_000;
const BULK_BYTES: usize = 100_000_000;
const BULK_THREADS: usize = 2;

/// A repository as the text index takes it.
#[derive(Debug, Clone, Copy)]
pub struct TextDocument<'a> {
    /// The repository's key.
    pub repo_id: i64,
    /// `namespace/name`.
    pub id: &'a str,
    /// A title other than the name.
    pub title: Option<&'a str>,
    /// Its tags.
    pub tags: &'a [String],
    /// The text of its card, without front matter.
    pub card_text: &'a str,
}

/// Full-text search over cards. All methods block, and may be called from any thread.
pub struct TextIndex {
    pub(super) index: Index,
    pub(super) reader: IndexReader,
    pub(super) fields: Fields,
    feed: Mutex<Feed>,
}

#[derive(Clone, Copy)]
pub(super) struct Fields {
    pub repo_id: Field,
    pub text: Field,
}

/// The writing side.
struct Feed {
    /// Made when something is to be written, dropped by [`TextIndex::rest`].
    writer: Option<IndexWriter>,
    position: Option<i64>,
    /// Nothing waits for a commit.
    is_committed: bool,
    /// The index was empty and each repository comes once: nothing has to be replaced.
    is_bulk: bool,
}

impl TextIndex {
    /// Opens the index in `dir`, or begins a new one there when there is none, it is broken or is not ours.
    ///
    /// What else lies in the directory is deleted: it must be the index's own.
    pub fn open(dir: &Path) -> Result<Self, TextError> {
        fs::create_dir_all(dir)?;
        if let Ok(Some(index)) = Self::open_existing(dir) {
            return Ok(index);
        }
        empty(dir)?;
        let index = Index::create(directory(dir)?, schema().0, IndexSettings::default())?;
        Self::with(index, None)
    }

    /// The index in `dir` if it is of this version and every byte of it is as it was written.
    fn open_existing(dir: &Path) -> Result<Option<Self>, TextError> {
        let index = Index::open(directory(dir)?)?;
        let position = index.load_metas()?.payload.as_deref().and_then(read_payload);
        let is_ours = position.is_some() && index.schema() == schema().0;
        if !is_ours || !index.validate_checksum()?.is_empty() {
            return Ok(None);
        }
        Self::with(index, position).map(Some)
    }

    fn with(index: Index, position: Option<i64>) -> Result<Self, TextError> {
        index.tokenizers().register(TOKENIZER, analyser());
        // Commits reload the reader themselves; no thread watches the directory.
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let feed = Mutex::new(Feed { writer: None, position, is_committed: true, is_bulk: false });
        Ok(Self { index, reader, fields: schema().1, feed })
    }

    /// The position given with the last commit; none when everything has to be fed.
    pub fn position(&self) -> Option<i64> {
        self.feed.lock().position
    }

    /// How many repositories can be found.
    pub fn len(&self) -> u64 {
        self.reader.searcher().num_docs()
    }

    /// True when nothing can be found.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Prepares for a whole catalogue: until the next commit, puts take more memory and two threads, and each
    /// repository may come only once. Does nothing to an index that is not empty.
    pub fn begin_bulk(&self) -> Result<(), TextError> {
        let mut feed = self.feed.lock();
        if self.is_empty() && feed.writer.is_none() {
            feed.writer = Some(self.new_writer(BULK_THREADS, BULK_BYTES)?);
            feed.is_bulk = true;
        }
        Ok(())
    }

    /// Adds repositories, or replaces what is known of them. They are found after the next commit.
    pub fn put<'a>(
        &self,
        batch: impl IntoIterator<Item = TextDocument<'a>>,
    ) -> Result<(), TextError> {
        let mut feed = self.feed.lock();
        let is_bulk = feed.is_bulk;
        self.write(&mut feed, |writer| {
            for document in batch {
                if !is_bulk {
                    writer.delete_term(Term::from_field_i64(self.fields.repo_id, document.repo_id));
                }
                writer.add_document(self.document(&document))?;
            }
            Ok(())
        })
    }

    /// Forgets repositories, at the next commit.
    pub fn remove(&self, repo_ids: impl IntoIterator<Item = i64>) -> Result<(), TextError> {
        self.write(&mut self.feed.lock(), |writer| {
            for repo_id in repo_ids {
                writer.delete_term(Term::from_field_i64(self.fields.repo_id, repo_id));
            }
            Ok(())
        })
    }

    /// Makes everything since the last commit durable and visible, as the state of the event log at `position`.
    ///
    /// After an error here or in a put, what was not committed is lost: feed again from [`Self::position`].
    pub fn commit(&self, position: i64) -> Result<(), TextError> {
        let mut feed = self.feed.lock();
        self.write(&mut feed, |writer| {
            let mut commit = writer.prepare_commit()?;
            commit.set_payload(&format!("{FORMAT} {position}"));
            commit.commit()?;
            Ok(())
        })?;
        feed.position = Some(position);
        feed.is_committed = true;
        self.reader.reload()?;
        if feed.is_bulk {
            // The large writer goes; what it left to merge is merged first.
            self.finish(&mut feed)?;
        }
        Ok(())
    }

    /// Gives back the memory and threads of the writer once its merges are done, to be called when nothing was written
    /// for a while. Does nothing while something waits for a commit.
    pub fn rest(&self) -> Result<(), TextError> {
        let mut feed = self.feed.lock();
        if feed.is_committed { self.finish(&mut feed) } else { Ok(()) }
    }

    fn finish(&self, feed: &mut Feed) -> Result<(), TextError> {
        feed.is_bulk = false;
        if let Some(writer) = feed.writer.take() {
            writer.wait_merging_threads()?;
            self.reader.reload()?;
        }
        Ok(())
    }

    /// Calls `change` with the writer, which is made if there is none, and dropped if it fails.
    fn write(
        &self,
        feed: &mut Feed,
        change: impl FnOnce(&mut IndexWriter) -> Result<(), tantivy::TantivyError>,
    ) -> Result<(), TextError> {
        feed.is_committed = false;
        let writer = match &mut feed.writer {
            Some(writer) => writer,
            none => none.insert(self.new_writer(1, DAILY_BYTES)?),
        };
        let changed = change(writer);
        if changed.is_err() {
            feed.writer = None;
            feed.is_bulk = false;
        }
        Ok(changed?)
    }

    fn new_writer(&self, threads: usize, bytes: usize) -> Result<IndexWriter, TextError> {
        let options = IndexWriterOptions::builder()
            .num_worker_threads(threads)
            .memory_budget_per_thread(bytes)
            .num_merge_threads(1)
            .build();
        Ok(self.index.writer_with_options(options)?)
    }

    /// Everything in one field, because only then can a search for several words skip what cannot be among the best;
    /// what weighs more is said more often.
    fn document(&self, from: &TextDocument<'_>) -> TantivyDocument {
        let Fields { repo_id, text } = self.fields;
        let mut document = TantivyDocument::new();
        document.add_i64(repo_id, from.repo_id);
        let id = cut(from.id, 2 * limits::NAME_BYTES_MAX + 1);
        for _ in 0..NAME_WEIGHT {
            document.add_text(text, id);
            if let Some(title) = from.title {
                document.add_text(text, cut(title, limits::NAME_BYTES_MAX));
            }
        }
        let mut tag_bytes = 0;
        for tag in from.tags {
            tag_bytes += tag.len();
            if tag_bytes > CARD_TEXT_BYTES_MAX {
                break;
            }
            for _ in 0..TAG_WEIGHT {
                document.add_text(text, tag);
            }
        }
        document.add_text(text, cut(from.card_text, CARD_TEXT_BYTES_MAX));
        document
    }
}

fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

fn directory(dir: &Path) -> Result<MmapDirectory, TextError> {
    Ok(MmapDirectory::open(dir).map_err(tantivy::TantivyError::from)?)
}

fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let repo_id = builder.add_i64_field("repo_id", FAST | INDEXED);
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(TOKENIZER)
        .set_index_option(IndexRecordOption::WithFreqsAndPositions);
    let text =
        builder.add_text_field("text", TextOptions::default().set_indexing_options(indexing));
    (builder.build(), Fields { repo_id, text })
}

/// The position in the payload of a commit that this version made.
fn read_payload(payload: &str) -> Option<i64> {
    let (format, position) = payload.split_once(' ')?;
    if format.parse() != Ok(FORMAT) {
        return None;
    }
    position.parse().ok()
}

/// Deletes everything in a directory. A writer that ends at this moment takes away files of its own.
fn empty(dir: &Path) -> Result<(), std::io::Error> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
