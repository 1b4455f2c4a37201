//! What a text may cost.

/// Longest text that is rendered, in bytes: the longest card that the hub takes.
const BYTES_MAX: usize = 1024 * 1024;
/// How much of a text that is not rendered is shown, in bytes.
pub(super) const PLAIN_BYTES_MAX: usize = 256 * 1024;
/// Code of one text that is highlighted, in bytes.
pub(super) const HIGHLIGHTED_BYTES_MAX: usize = 256 * 1024;
/// Longest formula that is set, in bytes.
pub(super) const FORMULA_BYTES_MAX: usize = 8 * 1024;
/// Marks of quotations and lists at the beginning of one line.
const MARKS_MAX: usize = 128;
/// Elements inside each other. Parsers of HTML go through them again and again.
const DEPTH_MAX: usize = 200;

/// Why a text is not even parsed.
pub(super) fn too_large(text: &str) -> Option<&'static str> {
    if text.len() > BYTES_MAX {
        return Some("This text is longer than 1 MiB, so its beginning is shown as it is.");
    }
    let is_mark = |c: &char| matches!(c, '>' | '-' | '*' | '+');
    let marks = |line: &str| {
        line.chars().take_while(|c| is_mark(c) || c.is_whitespace()).filter(is_mark).count()
    };
    let is_rule = |line: &str| !line.contains('>') && line.split_whitespace().count() < 2;
    let deep = text.lines().any(|line| marks(line) > MARKS_MAX && !is_rule(line));
    deep.then_some("This text is nested too deeply to be rendered, so it is shown as it is.")
}

/// Why what came out is not parsed again.
pub(super) fn too_deep(html: &str) -> Option<&'static str> {
    let (mut depth, mut deepest) = (0_usize, 0);
    let bytes = html.as_bytes();
    for (at, _) in html.match_indices('<') {
        match bytes.get(at + 1) {
            Some(b'/') => depth = depth.saturating_sub(1),
            Some(next) if next.is_ascii_alphabetic() => {
                depth += usize::from(!is_void(&html[at + 1..]));
            }
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    (deepest > DEPTH_MAX)
        .then_some("This text is nested too deeply to be rendered, so it is shown as it is.")
}

/// Elements that have no end tag, or that people leave open.
fn is_void(tag: &str) -> bool {
    let name: String = tag.chars().take_while(char::is_ascii_alphanumeric).take(8).collect();
    let name = name.to_ascii_lowercase();
    matches!(
        name.as_str(),
        "img"
            | "br"
            | "hr"
            | "input"
            | "source"
            | "p"
            | "li"
            | "td"
            | "th"
            | "tr"
            | "meta"
            | "link"
            | "col"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_and_rules_are_none() {
        assert!(too_deep(&"<b>".repeat(201)).is_some());
        assert!(too_deep(&"<b>x</b><img>".repeat(5000)).is_none());
        assert!(too_large(&format!("{} x", ">".repeat(200))).is_some());
        assert!(too_large(&"-".repeat(300)).is_none());
        assert!(too_large(&"x".repeat(BYTES_MAX + 1)).is_some());
    }
}
