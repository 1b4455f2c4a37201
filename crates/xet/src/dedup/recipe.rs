//! The terms of a file while it is being chunked.

use std::collections::VecDeque;
use std::ops::Range;

use super::Source;
use crate::table::ChunkTable;
use crate::terms::{Term, Terms, TermsError};

/// Terms in order. Those in a xorb under construction get their place in the stored bytes when it is complete.
#[derive(Debug, Default)]
pub(super) struct Recipe {
    drafts: Vec<Draft>,
    /// The drafts in the xorb under construction.
    open: Vec<usize>,
    /// What was decided and comes behind chunks that are not yet placed.
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Draft {
    source: Source,
    chunks: Range<u32>,
    raw_len: u32,
    stored: Option<Range<u32>>,
}

#[derive(Debug)]
enum Waiting {
    /// So many new chunks are to be placed.
    New(u32),
    Known(Draft),
}

impl Recipe {
    /// Adds known chunks; without a table when they are in the xorb under construction.
    pub(super) fn push_known(
        &mut self,
        source: Source,
        table: Option<&ChunkTable>,
        chunks: Range<u32>,
        raw_len: u64,
    ) {
        let stored = table.map(|table| {
            table.stored_range(chunks.clone()).expect("the run was found in the table")
        });
        let raw_len = u32::try_from(raw_len).expect("a xorb has fewer than 2^32 bytes");
        let draft = Draft { source, chunks, raw_len, stored };
        if self.waiting.is_empty() {
            self.push(draft);
        } else {
            self.waiting.push_back(Waiting::Known(draft));
        }
    }

    /// Keeps the place of new chunks that will be put into xorbs.
    pub(super) fn expect_new(&mut self, count: u32) {
        match self.waiting.back_mut() {
            Some(Waiting::New(before)) => *before += count,
            _ => self.waiting.push_back(Waiting::New(count)),
        }
    }

    /// Adds the next of the expected chunks, which lies in the xorb under construction; `None` when none is expected.
    pub(super) fn place(&mut self, number: u32, index: u32, raw_len: u32) -> Option<()> {
        let Some(Waiting::New(count)) = self.waiting.front_mut() else {
            return None;
        };
        *count -= 1;
        let is_last = *count == 0;
        let source = Source::New(number);
        self.push(Draft { source, chunks: index..index + 1, raw_len, stored: None });
        if is_last {
            self.waiting.pop_front();
            while let Some(Waiting::Known(_)) = self.waiting.front() {
                if let Some(Waiting::Known(draft)) = self.waiting.pop_front() {
                    self.push(draft);
                }
            }
        }
        Some(())
    }

    fn push(&mut self, draft: Draft) {
        if let Some(last) = self.drafts.last_mut()
            && last.source == draft.source
            && last.chunks.end == draft.chunks.start
        {
            // Both are in a xorb under construction, or both are not.
            last.chunks.end = draft.chunks.end;
            last.raw_len += draft.raw_len;
            if let (Some(last), Some(stored)) = (&mut last.stored, &draft.stored) {
                last.end = stored.end;
            }
            return;
        }
        if draft.stored.is_none() {
            self.open.push(self.drafts.len());
        }
        self.drafts.push(draft);
    }

    /// Places the drafts of the xorb under construction, now that it is complete; `None` when they do not fit the table.
    pub(super) fn settle(&mut self, number: u32, table: &ChunkTable) -> Option<()> {
        let drafts = &mut self.drafts;
        self.open.drain(..).try_for_each(|index| drafts[index].settle(table))?;
        self.waiting.iter_mut().try_for_each(|waiting| match waiting {
            Waiting::Known(draft) if draft.source == Source::New(number) => draft.settle(table),
            _ => Some(()),
        })
    }

    /// True when no expected chunk is missing.
    pub(super) fn is_complete(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The terms, given the id of each new xorb.
    pub(super) fn finish(self, id: impl Fn(u32) -> i64) -> Result<Terms, TermsError> {
        Terms::pack(self.drafts.into_iter().map(|draft| Term {
            xorb_id: match draft.source {
                Source::Stored(id) => id,
                Source::New(number) => id(number),
            },
            chunks: draft.chunks,
            raw_len: draft.raw_len,
            // What is not placed is refused as an impossible term.
            stored: draft.stored.unwrap_or_default(),
        }))
    }
}

impl Draft {
    fn settle(&mut self, table: &ChunkTable) -> Option<()> {
        let raw = table.raw_range(self.chunks.clone())?;
        self.stored = Some(table.stored_range(self.chunks.clone())?);
        (raw.end - raw.start == self.raw_len).then_some(())
    }
}
