//! Colours for code. One pass over the bytes with a table for each language: strings, comments, numbers, words.
//!
//! It is no parser and does not want to be: it is right about what a reader looks for, takes a fraction of a second for
//! megabytes, and no input can make it slow (`languages.rs` has the tables, a test feeds it what opens and never closes).

mod languages;
mod scan;

pub use languages::{Language, language, language_of_file};
pub use scan::CLASSES;

use scan::{Piece, pieces};

/// Appends text with everything escaped that means something in HTML.
pub fn escape_into(out: &mut String, text: &str) {
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let entity = match byte {
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'&' => "&amp;",
            b'"' => "&quot;",
            b'\'' => "&#39;",
            _ => continue,
        };
        out.push_str(&text[from..at]);
        out.push_str(entity);
        from = at + 1;
    }
    out.push_str(&text[from..]);
}

/// Appends code with spans around what has a colour.
pub fn block_into(out: &mut String, code: &str, language: &'static Language) {
    for Piece { class, text } in pieces(code, language) {
        push_piece(out, class, text);
    }
}

/// Code line by line; a span that goes over several lines is closed and opened again.
pub fn lines(code: &str, language: Option<&'static Language>) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut push = |class: Option<&'static str>, text: &str| {
        for (number, part) in text.split('\n').enumerate() {
            if number > 0 {
                lines.push(String::new());
            }
            let line = lines.last_mut().expect("there is a first line");
            push_piece(line, class, part.strip_suffix('\r').unwrap_or(part));
        }
    };
    match language {
        Some(language) => {
            pieces(code, language).for_each(|piece| push(piece.class, piece.text));
        }
        None => push(None, code),
    }
    // The line after the last line's end is none.
    if lines.len() > 1 && lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

fn push_piece(out: &mut String, class: Option<&str>, text: &str) {
    if text.is_empty() {
        return;
    }
    match class {
        Some(class) => {
            out.push_str("<span class=\"");
            out.push_str(class);
            out.push_str("\">");
            escape_into(out, text);
            out.push_str("</span>");
        }
        None => escape_into(out, text),
    }
}

#[cfg(test)]
mod tests;
