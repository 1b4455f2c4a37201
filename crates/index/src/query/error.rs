//! What is wrong with a query, and where.

use std::fmt;
use std::ops::Range;

/// Columns of the text that [`QueryError::pointing`] shows at most.
const WINDOW_COLUMNS: usize = 76;

/// Why a query is refused: what is wrong, where in the text, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError {
    /// What is wrong, as a fragment of a sentence.
    pub message: String,
    /// The bytes of the text it is about; empty where something is missing.
    pub at: Range<usize>,
    /// What to write instead.
    pub hint: Option<String>,
}

impl QueryError {
    pub(super) fn new(at: Range<usize>, message: impl Into<String>) -> Self {
        Self { message: message.into(), at, hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The text with a line of carets under the place, for fixed-width output.
    ///
    /// Long texts are cut around the place. Columns are counted as terminals show them: two for a wide character, none
    /// for a combining mark, one for a control character, which is shown as a space.
    pub fn pointing(&self, text: &str) -> String {
        let cells: Vec<Cell> = text.char_indices().map(Cell::new).collect();
        let column = |byte: usize| {
            cells.iter().take_while(|cell| cell.at < byte).map(|c| c.width).sum::<usize>()
        };
        let (start, end) = (column(self.at.start), column(self.at.end));
        let from = if start < WINDOW_COLUMNS - 16 { 0 } else { start - WINDOW_COLUMNS / 2 };
        let mut shown = String::new();
        let (mut left, mut right) = (None, 0);
        for cell in &cells {
            if right >= from && right + cell.width <= from + WINDOW_COLUMNS {
                left.get_or_insert(right);
                shown.push(cell.shown);
            }
            right += cell.width;
        }
        let left = left.unwrap_or(0);
        let lead = if left > 0 { "…" } else { "" };
        let tail = if right > from + WINDOW_COLUMNS { "…" } else { "" };
        let blanks = start - left + usize::from(left > 0);
        let carets = end.min(from + WINDOW_COLUMNS).saturating_sub(start).max(1);
        format!("{lead}{shown}{tail}\n{}{}", " ".repeat(blanks), "^".repeat(carets))
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for QueryError {}

/// A character as a terminal shows it.
struct Cell {
    at: usize,
    shown: char,
    width: usize,
}

impl Cell {
    fn new((at, char): (usize, char)) -> Self {
        if char.is_control() || matches!(char, '\u{2028}' | '\u{2029}') {
            return Self { at, shown: ' ', width: 1 };
        }
        let width = match u32::from(char) {
            0x300..=0x36f | 0x483..=0x489 | 0x591..=0x5bd | 0x610..=0x61a | 0x64b..=0x65f => 0,
            0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x2064 | 0x20d0..=0x20ff => 0,
            0xfe00..=0xfe0f | 0xfe20..=0xfe2f | 0xfeff | 0xe0100..=0xe01ef => 0,
            0x1100..=0x115f
            | 0x2e80..=0x303e
            | 0x3041..=0xa4cf
            | 0xa960..=0xa97f
            | 0xac00..=0xd7a3 => 2,
            0xf900..=0xfaff | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 => 2,
            0x1f300..=0x1f64f | 0x1f680..=0x1f6ff | 0x1f900..=0x1faff | 0x20000..=0x3fffd => 2,
            _ => 1,
        };
        Self { at, shown: char, width }
    }
}

/// The word of `known` that `typed` most likely stands for.
pub(super) fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = typed.chars().count();
    // Comparing takes the product of both lengths, and no word of ours is that long.
    if length == 0 || length > 64 {
        return None;
    }
    let typed = typed.to_lowercase();
    let distance = |word: &str| {
        let begins =
            length >= 3 && (word.starts_with(&typed) || typed.starts_with(word) && word.len() >= 3);
        if begins { 1 } else { strsim::damerau_levenshtein(&typed, word) }
    };
    known
        .map(|word| (distance(word), word))
        .filter(|(distance, word)| {
            *distance <= 1 + word.len().max(length) / 4 && *distance < length.max(2)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}
