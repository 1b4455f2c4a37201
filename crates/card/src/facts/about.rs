//! What a dataset's card says of it in a few words: its first paragraph, and how it wants to be cited.

/// Longest description, in characters.
const DESCRIPTION_CHARS_MAX: usize = 500;
/// Longest citation, in bytes.
const CITATION_BYTES_MAX: usize = 8 * 1024;
/// Lines of a card that are looked at for its first paragraph.
const LINES_MAX: usize = 500;

/// The first paragraph of a card as plain text. Headings, pictures, tables, HTML and code are none.
pub(super) fn description(body: &str) -> Option<String> {
    let mut found = String::new();
    let mut is_code = false;
    for line in body.lines().take(LINES_MAX).map(str::trim) {
        if line.starts_with("```") {
            is_code = !is_code;
        } else if !is_code && is_prose(line) {
            if !found.is_empty() {
                found.push(' ');
            }
            found.push_str(&plain(line));
        } else if !found.is_empty() {
            break;
        }
        if found.len() > 4 * DESCRIPTION_CHARS_MAX {
            break;
        }
    }
    if let Some((cut, _)) = found.char_indices().nth(DESCRIPTION_CHARS_MAX) {
        found.truncate(cut);
        found.push('…');
    }
    (!found.is_empty()).then_some(found)
}

/// The first block of code that is an entry of BibTeX.
pub(super) fn citation(body: &str) -> Option<String> {
    let mut blocks = body.split("```").skip(1).step_by(2);
    blocks.find_map(|block| {
        let entry = &block[block.find('@')?..];
        let is_entry = entry[1..].split_once('{').is_some_and(|(kind, _)| {
            !kind.is_empty() && kind.trim_end().bytes().all(|byte| byte.is_ascii_alphabetic())
        });
        // Only the word that names the language may stand before it.
        let before = block[..block.len() - entry.len()].trim();
        let is_first = before.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (is_entry && is_first && entry.len() <= CITATION_BYTES_MAX)
            .then(|| entry.trim_end().to_owned())
    })
}

fn is_prose(line: &str) -> bool {
    let begins = |start: &str| line.starts_with(start);
    let is_rule =
        line.len() >= 3 && line.bytes().all(|byte| matches!(byte, b'-' | b'*' | b'_' | b'='));
    !line.is_empty()
        && !is_rule
        && !["#", "<", "|", "![", "[!", ">", "- ", "* "].into_iter().any(begins)
}

/// A line without the marks of links, emphasis and code.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(open) = rest.find('[') {
        let (before, link) = rest.split_at(open);
        let Some((label, after)) = link[1..].split_once("](") else { break };
        let Some((_, after)) = after.split_once(')') else { break };
        text.push_str(before);
        text.push_str(label);
        rest = after;
    }
    text.push_str(rest);
    text.replace("**", "").replace("__", "").replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_paragraph_is_the_description() {
        let body = "\n# Reviews\n\n![logo](x.png)\n<div>\n\n**Films**, [rated](https://x.org) by `people`.\nIn two lines.\n\nMore.\n";
        assert_eq!(description(body).as_deref(), Some("Films, rated by people. In two lines."));
        assert_eq!(description("# Only\n\n```\ncode\n```\n| a |\n---\n"), None);
        let long = description(&"ü".repeat(9000)).unwrap();
        assert_eq!((long.chars().count(), long.ends_with('…')), (DESCRIPTION_CHARS_MAX + 1, true));
        assert_eq!(
            description("open [link](never closed").as_deref(),
            Some("open [link](never closed")
        );
    }

    #[test]
    fn a_citation_is_an_entry_of_bibtex() {
        let entry = "@inproceedings{x,\n  title = {A},\n}";
        let body = format!("Mail me @ home.\n```python\na @ b\n```\n```bibtex\n{entry}\n```\n");
        assert_eq!(citation(&body).as_deref(), Some(entry));
        assert_eq!(citation("```\n@\n```\n```\n@{\n```"), None);
        assert_eq!(citation("```"), None);
    }
}
