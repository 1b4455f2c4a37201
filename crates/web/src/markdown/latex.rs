//! Formulas between doubled backslashes, `\\(a\\)` and `\\[a\\]`, as cards of the Hub write them: its Markdown takes one of the
//! two away before formulas are looked for. They become `\(a\)` and `\[a\]`, which the parser knows; code stays as it is.

use std::borrow::Cow;
use std::collections::HashMap;

/// Fewest columns of indentation that make code.
const CODE_INDENT: usize = 4;

/// The text with single backslashes around its formulas.
pub(super) fn single(text: &str) -> Cow<'_, str> {
    if !text.contains(r"\\(") && !text.contains(r"\\[") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut fence: Option<(char, usize)> = None;
    // Lines in a row that may belong to one paragraph.
    let mut from = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let mark = fence_of(line);
        let is_apart = fence.is_some() || mark.is_some() || line.trim().is_empty();
        if is_apart {
            paragraph_into(&mut out, &text[from..at]);
            out.push_str(line);
            from = at + line.len();
        }
        fence = match (fence, mark) {
            (None, Some((kind, length, _))) => Some((kind, length)),
            (Some((kind, length)), Some((own, longer, true)))
                if own == kind && longer >= length =>
            {
                None
            }
            (open, _) => open,
        };
        at += line.len();
    }
    paragraph_into(&mut out, &text[from..]);
    Cow::Owned(out)
}

/// The fence that a line is: its letter, its length, and whether it can end one. Marks of quotations and lists may stand
/// before it; where that is wrong, formulas stay as they were written.
fn fence_of(line: &str) -> Option<(char, usize, bool)> {
    let is_mark = |c: char| c.is_whitespace() || c.is_ascii_digit() || ">-*+.)".contains(c);
    let line = line.trim_start_matches(is_mark);
    let kind = line.chars().next().filter(|first| ['`', '~'].contains(first))?;
    let rest = line.trim_start_matches(kind);
    let length = line.len() - rest.len();
    let is_fence = length >= 3 && !(kind == '`' && rest.contains('`'));
    is_fence.then(|| (kind, length, rest.trim().is_empty()))
}

fn paragraph_into(out: &mut String, text: &str) {
    let indent = text.len() - text.trim_start_matches([' ', '\t']).len();
    let is_code = indent >= CODE_INDENT || text[..indent].contains('\t');
    if is_code || !text.contains(r"\\") {
        return out.push_str(text);
    }
    let ends = Ends::of(text);
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let next = rest.find(['\\', '`', '$']).unwrap_or(rest.len());
        out.push_str(&rest[..next]);
        at += next;
        let Some(mark) = rest[next..].chars().next() else { break };
        let length = run(&text[at..], mark);
        let (taken, made) = piece(text, at, (mark, length), &ends);
        match made {
            Some(formula) => out.push_str(&formula),
            None => out.push_str(&text[at..at + taken]),
        }
        at += taken;
    }
}

/// What begins here with a run of one letter: how long it is, and what becomes of it.
fn piece(
    text: &str,
    at: usize,
    (mark, length): (char, usize),
    ends: &Ends,
) -> (usize, Option<String>) {
    let inner = at + length;
    if mark != '\\' {
        // One dollar is most often money.
        if (mark, length) == ('$', 1) {
            return (length, None);
        }
        // Code, or a formula between dollars: over to its end.
        let end = ends.after((mark, length), inner);
        return (end.map_or(length, |end| end + length - at), None);
    }
    let (open, close) = match text[inner..].chars().next() {
        Some('(') if length == 2 => ('(', ')'),
        Some('[') if length == 2 => ('[', ']'),
        // An escaped mark begins nothing.
        Some(next @ ('`' | '$')) if length % 2 == 1 => return (length + next.len_utf8(), None),
        _ => return (length, None),
    };
    let Some(end) = ends.after((close, 2), inner + 1) else { return (length, None) };
    let formula = &text[inner + 1..end];
    if formula.trim().is_empty() || formula.contains('`') {
        return (length, None);
    }
    (end + 3 - at, Some(format!("\\{open}{formula}\\{close}")))
}

fn run(text: &str, mark: char) -> usize {
    text.len() - text.trim_start_matches(mark).len()
}

/// Where runs of a letter stand, by letter and length; doubled backslashes are kept by the bracket that follows them.
struct Ends(HashMap<(char, usize), Vec<usize>>);

impl Ends {
    fn of(text: &str) -> Self {
        let mut found: HashMap<(char, usize), Vec<usize>> = HashMap::new();
        let mut at = 0;
        while let Some(next) = text[at..].find(['\\', '`', '$']) {
            at += next;
            let Some(mark) = text[at..].chars().next() else { break };
            let length = run(&text[at..], mark);
            let key = match (mark, text[at + length..].chars().next()) {
                ('\\', Some(close @ (')' | ']'))) => (close, length),
                _ => (mark, length),
            };
            found.entry(key).or_default().push(at);
            at += length;
        }
        Self(found)
    }

    /// The first of them that stands at or behind a place.
    fn after(&self, key: (char, usize), at: usize) -> Option<usize> {
        let places = self.0.get(&key)?;
        places.get(places.partition_point(|place| *place < at)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubled_backslashes_become_single_ones() {
        for (text, made) in [
            (r"a \\(b^2\\) c", r"a \(b^2\) c"),
            (r"\\[x_1 * y_2\\]", r"\[x_1 * y_2\]"),
            ("\\\\[\na\n= b\n\\\\]", "\\[\na\n= b\n\\]"),
            (r"\\(a\\) and \\(\frac{1}{2}\\)", r"\(a\) and \(\frac{1}{2}\)"),
            (r"> - \\(a\\)", r"> - \(a\)"),
            (r"$5 or \\(a\\) or $6", r"$5 or \(a\) or $6"),
            (r"| \\(a\\) |", r"| \(a\) |"),
        ] {
            assert_eq!(single(text), made);
        }
    }

    #[test]
    fn what_is_no_formula_stays() {
        for text in [
            r"`\\(a\\)` and ``\\[b\\]``",
            "```\n\\\\(a\\\\)\n```",
            "~~~tex\n\\\\(a\\\\)\n\n\\\\[b\\\\]\n~~~",
            "> ```\n> \\\\(a\\\\)\n> ```",
            "    \\\\(a\\\\)",
            r"\\(a",
            r"a\\)",
            r"\\(\\)",
            r"\\\(a\\\)",
            r"\\\\(a\\\\)",
            "\\\\(a\n\nb\\\\)",
            r"$$\begin{matrix}a\\[2pt]b\\]\end{matrix}$$",
            r"\\(`\\)`",
            r"C:\\dir\\(x)",
        ] {
            assert_eq!(single(text), text);
        }
    }

    #[test]
    fn hostile_texts_take_no_time() {
        let lengths: String = (1..1200).map(|length| "`".repeat(length) + " ").collect();
        for text in [
            r"\\(".repeat(300_000),
            r"\\)".repeat(300_000),
            "`` ` ".repeat(200_000) + r"\\(a\\)",
            lengths + &"x ` ".repeat(60_000) + r"\\(a\\)",
            "$".repeat(900_000) + r"\\[a\\]",
            "> ".repeat(400_000) + r"\\[a\\]",
        ] {
            let start = std::time::Instant::now();
            let _ = single(&text);
            assert!(start.elapsed().as_secs() < 5, "{}", &text[..20]);
        }
    }
}
