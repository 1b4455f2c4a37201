//! The places of a text where words are found.

use std::collections::HashMap;
use std::ops::Range;

use super::search::WORDS_MAX;
use super::tokens::each_token;

/// Bytes of a text that are looked through.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a snippet, about.
const SNIPPET_BYTES: usize = 200;
/// Most snippets of a text.
const SNIPPETS_MAX: usize = 3;
/// Most words found that are weighed.
const FINDS_MAX: usize = 4096;

/// A part of a text, on one line, with the words that were looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// The text; white space is single blanks.
    pub text: String,
    /// The bytes of `text` that were looked for.
    pub marks: Vec<Range<usize>>,
    /// The text it is from begins earlier.
    pub is_cut_before: bool,
    /// The text it is from goes on.
    pub is_cut_after: bool,
}

impl Snippet {
    /// The snippet as HTML: escaped, `<em>` around the marks, an ellipsis where it was cut.
    pub fn to_html(&self) -> String {
        let mut html = String::with_capacity(self.text.len() + 16 * self.marks.len());
        let mut at = 0;
        html.push_str(if self.is_cut_before { "… " } else { "" });
        for mark in &self.marks {
            escape(&self.text[at..mark.start], &mut html);
            html.push_str("<em>");
            escape(&self.text[mark.clone()], &mut html);
            html.push_str("</em>");
            at = mark.end;
        }
        escape(&self.text[at..], &mut html);
        html.push_str(if self.is_cut_after { " …" } else { "" });
        html
    }
}

fn escape(text: &str, html: &mut String) {
    for char in text.chars() {
        match char {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            char => html.push(char),
        }
    }
}

/// A word found in the text, and which of those looked for it is.
struct Find {
    at: Range<usize>,
    word: usize,
}

/// The parts of `text` that show most of `words`, in the order of the text; none when no word is there.
pub fn highlight(text: &str, words: &[String]) -> Vec<Snippet> {
    let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
    let finds = finds(text, words);
    let mut chosen: Vec<Range<usize>> = Vec::new();
    for _ in 0..SNIPPETS_MAX {
        match best_window(&finds, &chosen) {
            Some(window) => chosen.push(window),
            None => break,
        }
    }
    let mut snippets: Vec<Range<usize>> = Vec::new();
    chosen.sort_by_key(|window| window.start);
    for window in chosen {
        let part = widened(text, finds[window.start].at.start..finds[window.end - 1].at.end);
        // What reaches into the one before is joined to it.
        if let Some(before) = snippets.last_mut().filter(|before| before.end >= part.start) {
            before.end = before.end.max(part.end);
        } else {
            snippets.push(part);
        }
    }
    snippets.into_iter().map(|part| snippet(text, part, &finds)).collect()
}

fn finds(text: &str, words: &[String]) -> Vec<Find> {
    let mut known: HashMap<String, usize> = HashMap::new();
    for word in words.iter().take(WORDS_MAX) {
        each_token(word, |token| {
            let next = known.len();
            known.entry(token.text.clone()).or_insert(next);
            known.len() < 8 * WORDS_MAX
        });
    }
    let mut finds = Vec::new();
    each_token(text, |token| {
        if let Some(word) = known.get(&token.text) {
            finds.push(Find { at: token.offset_from..token.offset_to, word: *word });
        }
        finds.len() < FINDS_MAX
    });
    finds
}

/// The run of finds within the length of a snippet that shows most different words, then most words, then comes first.
fn best_window(finds: &[Find], chosen: &[Range<usize>]) -> Option<Range<usize>> {
    let mut best: Option<((usize, usize), Range<usize>)> = None;
    for first in 0..finds.len() {
        let mut seen = 0u128;
        let mut end = first;
        while end < finds.len() && finds[end].at.end <= finds[first].at.start + SNIPPET_BYTES {
            if chosen.iter().any(|window| window.contains(&end)) {
                break;
            }
            seen |=
                1u128.checked_shl(u32::try_from(finds[end].word).unwrap_or(u32::MAX)).unwrap_or(0);
            end += 1;
        }
        let worth = (seen.count_ones() as usize, end - first);
        if end > first && best.as_ref().is_none_or(|(other, _)| worth > *other) {
            best = Some((worth, first..end));
        }
    }
    best.map(|(_, window)| window)
}

/// A part of about the length of a snippet around `found`, cut between words where that is near.
fn widened(text: &str, found: Range<usize>) -> Range<usize> {
    let room = SNIPPET_BYTES.saturating_sub(found.len());
    let start = text.floor_char_boundary(found.start.saturating_sub(room / 2));
    let end = text.floor_char_boundary((start + SNIPPET_BYTES).max(found.end));
    let blank = |char: char| char.is_whitespace();
    let start = match start {
        0 => 0,
        _ => text[start..found.start].find(blank).map_or(start, |at| start + at),
    };
    let end = match end == text.len() {
        true => end,
        false => text[found.end..end].rfind(blank).map_or(end, |at| found.end + at),
    };
    start..end
}

/// The part on one line, with its marks.
fn snippet(text: &str, part: Range<usize>, finds: &[Find]) -> Snippet {
    let mut shown = String::with_capacity(part.len());
    let mut marks: Vec<Range<usize>> = Vec::new();
    let mut finds = finds.iter().skip_while(|find| find.at.start < part.start).peekable();
    for (at, char) in text[part.clone()].char_indices() {
        let at = part.start + at;
        if let Some(find) = finds.next_if(|find| find.at.start <= at && find.at.end <= part.end) {
            marks.push(shown.len()..shown.len() + find.at.len());
        }
        if !char.is_whitespace() {
            shown.push(char);
        } else if !shown.is_empty() && !shown.ends_with(' ') {
            shown.push(' ');
        }
    }
    shown.truncate(shown.trim_end().len());
    Snippet {
        is_cut_before: !text[..part.start].trim().is_empty(),
        is_cut_after: !text[part.end..].trim().is_empty(),
        text: shown,
        marks,
    }
}
