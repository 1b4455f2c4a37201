//! As much of Markdown as a report needs: headings, the lines under them, code, and what a template left.

/// Most headings that are looked at.
const HEADINGS_MAX: usize = 400;
/// Longest heading, in bytes; a longer one is text.
const HEADING_BYTES_MAX: usize = 200;

/// What templates write where the author should, in small letters.
const PLACEHOLDERS: [&str; 12] = [
    "more information needed",
    "needs more information",
    "lorem ipsum",
    "information needed]",
    "[insert ",
    "[your ",
    "<your ",
    "add your description",
    "coming soon",
    "to be added",
    "to be filled",
    "fill in",
];
/// The same as words of their own, in capital letters.
const PLACEHOLDER_WORDS: [&str; 4] = ["TODO", "TBD", "FIXME", "XXX"];

/// Whole sentences of the usual templates, in small letters: they are no mistake to leave, and say nothing.
const TEMPLATE_SENTENCES: [&str; 6] = [
    "use the code below to get started with the model",
    "carbon emissions can be estimated using the",
    "aims to be a base template for new",
    "this model card has been automatically generated",
    "this model card has been generated automatically",
    "users (both direct and downstream) should be made aware of the risks, biases and",
];

/// A heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heading {
    /// Its level, from 1; a bold line that stands alone has 7.
    pub(super) level: u8,
    /// Its words in small letters, without marks.
    pub(super) words: String,
    /// Its line in the README.
    pub(super) line: usize,
    /// Its place among the lines of the document.
    at: usize,
}

/// What kind of line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineKind {
    Text,
    Code,
    /// The line that opens or closes code.
    Fence,
    Heading,
    /// Inside a comment, a template's own sentence, or blank.
    Nothing,
    Placeholder,
}

/// A line of the document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) text: &'a str,
    pub(super) kind: LineKind,
}

/// What stands under a heading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Content {
    /// The words of its text.
    pub(super) words: usize,
    /// Whether there is code.
    pub(super) code: bool,
    /// How many of its lines a template left.
    pub(super) placeholders: usize,
    /// Its first line in the README.
    pub(super) line: usize,
}

/// A text cut into its lines.
#[derive(Debug, Default)]
pub(super) struct Document<'a> {
    pub(super) lines: Vec<Line<'a>>,
    pub(super) headings: Vec<Heading>,
    /// The line of the README on which it starts.
    pub(super) first_line: usize,
}

impl<'a> Document<'a> {
    pub(super) fn read(text: &'a str, first_line: usize) -> Self {
        let mut document = Self { first_line, ..Self::default() };
        let mut fence: Option<&str> = None;
        let mut comment = false;
        for text in text.lines() {
            let trimmed = text.trim();
            let kind = if let Some(open) = fence {
                let closes =
                    trimmed.starts_with(open) && trimmed.trim_start_matches(&open[..1]).is_empty();
                if closes {
                    fence = None;
                }
                if closes { LineKind::Fence } else { LineKind::Code }
            } else if let Some(open) = fence_of(trimmed).filter(|_| !comment) {
                fence = Some(open);
                LineKind::Fence
            } else {
                document.kind_of(trimmed, &mut comment)
            };
            document.lines.push(Line { text: trimmed, kind });
        }
        document
    }

    fn kind_of(&mut self, text: &str, comment: &mut bool) -> LineKind {
        let visible = without_comments(text, comment);
        let visible = visible.trim();
        if visible.is_empty() {
            return LineKind::Nothing;
        }
        let at = self.lines.len();
        if let Some((level, words)) =
            heading_of(visible).filter(|_| self.headings.len() < HEADINGS_MAX)
        {
            self.headings.push(Heading { level, words, line: self.first_line + at, at });
            return LineKind::Heading;
        }
        // A line of === or --- makes the line above it a heading.
        let under = |mark| visible.len() >= 3 && visible.chars().all(|c| c == mark);
        let above = at.checked_sub(1).map(|above| self.lines[above]);
        if let Some(above) =
            above.filter(|above| above.kind == LineKind::Text && (under('=') || under('-')))
        {
            if above.text.len() <= HEADING_BYTES_MAX && self.headings.len() < HEADINGS_MAX {
                let level = if under('=') { 1 } else { 2 };
                let words = plain_words(above.text);
                self.headings.push(Heading { level, words, line: self.first_line + at - 1, at });
                self.lines[at - 1].kind = LineKind::Heading;
            }
            return LineKind::Heading;
        }
        match visible.to_lowercase() {
            lower if is_placeholder(visible, &lower) => LineKind::Placeholder,
            lower if TEMPLATE_SENTENCES.iter().any(|known| lower.contains(known)) => {
                LineKind::Nothing
            }
            _ => LineKind::Text,
        }
    }

    /// The lines under a heading, those of its own sections included.
    pub(super) fn lines_of(&self, heading: &Heading) -> (usize, &[Line<'a>]) {
        let later = self.headings.iter().filter(|other| other.at > heading.at);
        let end = later.filter(|other| other.level <= heading.level).map(|other| other.at).min();
        let start = heading.at + 1;
        (start, &self.lines[start..end.unwrap_or(self.lines.len()).max(start)])
    }

    /// What stands under a heading.
    pub(super) fn content(&self, heading: &Heading) -> Content {
        let (start, lines) = self.lines_of(heading);
        content(lines, self.first_line + start)
    }

    /// What stands before the first heading, or under the first one up to the next.
    pub(super) fn intro(&self) -> Content {
        let first = self.headings.first().map_or(0, |heading| {
            let before = content(&self.lines[..heading.at], self.first_line);
            if before.words > 0 { 0 } else { heading.at + 1 }
        });
        let next = self.headings.iter().map(|heading| heading.at).find(|at| *at >= first);
        content(&self.lines[first..next.unwrap_or(self.lines.len())], self.first_line + first)
    }

    /// The lines of one kind with their places in the README.
    pub(super) fn of_kind(&self, kind: LineKind) -> impl Iterator<Item = (usize, &'a str)> {
        let lines = self.lines.iter().enumerate().filter(move |(_, line)| line.kind == kind);
        lines.map(|(at, line)| (self.first_line + at, line.text))
    }
}

fn content(lines: &[Line<'_>], line: usize) -> Content {
    let mut content = Content { line, ..Content::default() };
    for line in lines {
        match line.kind {
            LineKind::Text => content.words += words_in(line.text),
            LineKind::Code => content.code = true,
            LineKind::Placeholder => content.placeholders += 1,
            LineKind::Fence | LineKind::Heading | LineKind::Nothing => {}
        }
    }
    content
}

/// How many words a line has: what holds a letter or a digit.
pub(super) fn words_in(text: &str) -> usize {
    text.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count()
}

fn fence_of(text: &str) -> Option<&str> {
    ["```", "~~~"].into_iter().find(|fence| text.starts_with(fence)).map(|fence| {
        let length = text.len() - text.trim_start_matches(&fence[..1]).len();
        &text[..length]
    })
}

/// The line without what stands in comments; `open` says whether one is open before and after it.
fn without_comments<'a>(mut text: &'a str, open: &mut bool) -> std::borrow::Cow<'a, str> {
    if !*open && !text.contains("<!--") {
        return text.into();
    }
    let mut kept = String::new();
    loop {
        if *open {
            let Some((_, after)) = text.split_once("-->") else { break };
            *open = false;
            text = after;
        }
        match text.split_once("<!--") {
            Some((before, after)) => {
                kept.push_str(before);
                *open = true;
                text = after;
            }
            None => {
                kept.push_str(text);
                break;
            }
        }
    }
    kept.into()
}

/// The level and the words of a heading, or of a bold line that stands for one.
fn heading_of(text: &str) -> Option<(u8, String)> {
    if text.len() > HEADING_BYTES_MAX {
        return None;
    }
    let rest = text.trim_start_matches('#');
    let marks = text.len() - rest.len();
    if (1..=6).contains(&marks) && (rest.is_empty() || rest.starts_with([' ', '\t'])) {
        return Some((u8::try_from(marks).expect("at most six"), plain_words(rest)));
    }
    let bold = text
        .strip_prefix("**")?
        .strip_suffix("**")
        .or_else(|| text.strip_prefix("**")?.strip_suffix("**:"))?;
    (!bold.contains("**")).then(|| (7, plain_words(bold)))
}

/// The words of a heading in small letters: no marks, numbers, pictures or addresses.
fn plain_words(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut address = 0_usize;
    for c in text.chars().chain([' ']) {
        match c {
            '(' if word.is_empty() && text.contains("](") => address += 1,
            ')' if address > 0 => address -= 1,
            _ if address > 0 => {}
            c if c.is_alphanumeric() => word.extend(c.to_lowercase()),
            '\'' | '’' => {}
            _ if !word.is_empty() => words.push(std::mem::take(&mut word)),
            _ => {}
        }
    }
    let numbered = words.first().is_some_and(|word| word.chars().all(|c| c.is_ascii_digit()));
    let optional = words.last().is_some_and(|word| word == "optional");
    let end = words.len() - usize::from(optional && words.len() > 1);
    words[usize::from(numbered && end > 1)..end].join(" ")
}

/// Whether a template wrote the line and nobody changed it.
fn is_placeholder(text: &str, lower: &str) -> bool {
    PLACEHOLDERS.iter().any(|mark| lower.contains(mark))
        || (text.contains("{{") && text.contains("}}"))
        || text.split(|c: char| !c.is_alphanumeric()).any(|word| PLACEHOLDER_WORDS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_in_their_forms() {
        let text = "# Über **X**\n\n## 1. Intended uses & limitations [optional]\nTitle\n=====\n**Training data**\n\
                    ```\n# no heading\n```\n<!-- # none\n## none -->\n#tag\n### [Usage](#usage) 🤗\n";
        let document = Document::read(text, 10);
        let found: Vec<(u8, &str, usize)> =
            document.headings.iter().map(|one| (one.level, one.words.as_str(), one.line)).collect();
        assert_eq!(
            found,
            [
                (1, "über x", 10),
                (2, "intended uses limitations", 12),
                (1, "title", 13),
                (7, "training data", 15),
                (3, "usage", 22),
            ]
        );
    }

    #[test]
    fn content_is_what_the_author_wrote() {
        let text = "# A\nintro of four words\n## B\n<!-- Provide a summary. -->\n- **By:** [More Information Needed]\n\
                    ## C\n```python\nprint(1)\n```\n### D\nTODO: write\ntwo words\n## E\n";
        let document = Document::read(text, 1);
        let of = |words: &str| {
            document.content(document.headings.iter().find(|one| one.words == words).unwrap())
        };
        assert_eq!((of("b").words, of("b").placeholders), (0, 1));
        assert_eq!((of("c").words, of("c").placeholders, of("c").code), (2, 1, true));
        assert_eq!(of("e"), Content { line: 14, ..Content::default() });
        assert_eq!((document.intro().words, document.intro().line), (4, 2));
    }

    #[test]
    fn what_templates_leave() {
        for text in
            ["[More Information Needed]", "TODO: x", "{{ model_id }}", "Lorem ipsum dolor", "(TBD)"]
        {
            assert!(is_placeholder(text, &text.to_lowercase()), "{text}");
        }
        for text in
            ["todo lists are what it writes", "XXXL shirts", "the {{ template", "informative"]
        {
            assert!(!is_placeholder(text, &text.to_lowercase()), "{text}");
        }
    }
}
