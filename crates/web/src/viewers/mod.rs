//! Ways to look at a file. Each takes bytes that somebody uploaded and makes rows or HTML of them, within limits.

pub(crate) mod notebook;
pub(crate) mod table;
pub(crate) mod tensors;

use crate::highlight::{self, Language};

/// Bytes of a text that are shown.
pub(crate) const TEXT_BYTES_MAX: usize = 2 * 1024 * 1024 + 64 * 1024;
/// Lines that are shown.
const LINES_MAX: usize = 20_000;
/// A line of JSON that is longer is broken up for reading.
const JSON_LINE_MAX: usize = 2000;

/// What kind of viewer a file gets, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Viewer {
    Image,
    Audio,
    Video,
    Pdf,
    Markdown,
    Table(char),
    Notebook,
    Safetensors,
    Gguf,
    /// Text if it is one.
    Text,
}

impl Viewer {
    pub(crate) fn of(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
        match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
            "png" | "jpg" | "jpeg" | "gif" | "webp" | "bmp" | "svg" => Self::Image,
            "mp3" | "wav" | "flac" | "ogg" => Self::Audio,
            "mp4" | "webm" => Self::Video,
            "pdf" => Self::Pdf,
            "md" | "markdown" => Self::Markdown,
            "csv" => Self::Table(','),
            "tsv" => Self::Table('\t'),
            "ipynb" => Self::Notebook,
            "safetensors" => Self::Safetensors,
            "gguf" => Self::Gguf,
            _ => Self::Text,
        }
    }

    /// Whether the viewer looks at bytes of the file itself.
    pub(crate) fn reads_text(self) -> bool {
        matches!(self, Self::Markdown | Self::Table(_) | Self::Notebook | Self::Text)
    }
}

/// A text as lines with colours.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) lines: Vec<String>,
    pub(crate) language: &'static str,
    pub(crate) note: Option<String>,
}

/// The beginning of a file as text; none when it is not one. A character that the end cuts through is left out.
pub(crate) fn text_of(bytes: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    (!text.contains('\0')).then_some(text)
}

/// What the bytes of a PDF tell without carrying anything of it out: its version, and its pages where they stand open.
pub(crate) fn pdf(bytes: &[u8]) -> Option<(String, Option<usize>)> {
    let version = bytes.strip_prefix(b"%PDF-")?;
    let version: String = version
        .iter()
        .take(3)
        .map(|byte| char::from(*byte))
        .filter(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    let mark = b"/Type";
    let is_page = |at: usize| {
        let rest = bytes[at + mark.len()..].trim_ascii_start();
        rest.strip_prefix(b"/Page")
            .is_some_and(|rest| !rest.first().is_some_and(u8::is_ascii_alphanumeric))
    };
    let starts = bytes.windows(mark.len()).enumerate().filter(|(_, found)| found == mark);
    let pages = starts.filter(|(at, _)| is_page(*at)).count();
    Some((version, (pages > 0).then_some(pages)))
}

/// A text with colours and numbered lines.
pub(crate) fn code(path: &str, text: &str, size: u64) -> Code {
    let language = highlight::language_of_file(path);
    let is_whole = text.len() as u64 >= size;
    let pretty = is_whole.then(|| readable_json(language, text)).flatten();
    let mut lines = highlight::lines(pretty.as_deref().unwrap_or(text), language);
    let is_cut = lines.len() > LINES_MAX;
    lines.truncate(LINES_MAX);
    let note = match (pretty.is_some(), is_whole, is_cut) {
        (true, _, _) => Some("Broken into lines for reading; the file itself has none.".to_owned()),
        (_, true, false) => None,
        _ => {
            Some(format!("The first {} lines are shown.", crate::format::full(lines.len() as u64)))
        }
    };
    Code { lines, language: language.map_or("Text", |language| language.name), note }
}

/// JSON that was written for programs, with line breaks.
fn readable_json(language: Option<&'static Language>, text: &str) -> Option<String> {
    let is_json = language.is_some_and(|language| language.name == "JSON");
    if !is_json || !text.lines().any(|line| line.len() > JSON_LINE_MAX) {
        return None;
    }
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    serde_json::to_string_pretty(&value).ok().filter(|text| text.len() <= 2 * TEXT_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_character_does_not_make_a_text_bytes() {
        assert_eq!(text_of("aé".as_bytes().split_last().unwrap().1), Some("a"));
        assert_eq!(text_of(b"a\xffb"), None);
        assert_eq!(text_of(b"a\0b"), None);
    }

    #[test]
    fn a_pdf_tells_its_version_and_its_pages() {
        let file =
            b"%PDF-1.7\n1 0 obj <</Type /Pages /Count 2>>\n<</Type/Page>> <</Type  /Page\n>>";
        assert_eq!(pdf(file), Some(("1.7".to_owned(), Some(2))));
        assert_eq!(pdf(b"%PDF-2.0"), Some(("2.0".to_owned(), None)));
        assert_eq!(pdf(b"PK"), None);
    }

    #[test]
    fn endless_lines_of_json_are_broken() {
        let text = format!("{{\"a\":[{}1]}}", "1,".repeat(2000));
        let shown = code("a.json", &text, text.len() as u64);
        assert!(shown.lines.len() > 2000 && shown.note.is_some());
        let cut = code("a.py", &"x\n".repeat(30_000), 60_000);
        assert_eq!(cut.lines.len(), LINES_MAX);
        assert!(cut.note.is_some());
    }
}
