//! What a commit changed, line by line.

use std::time::Duration;

use similar::{ChangeTag, TextDiff};

/// Longest file that is compared line by line, in bytes.
pub(crate) const FILE_BYTES_MAX: usize = 512 * 1024;
/// Lines that one file shows.
const LINES_MAX: usize = 2000;
/// Unchanged lines around changed ones.
const CONTEXT: usize = 3;
/// How long one comparison may take before it becomes coarse.
const TIME_MAX: Duration = Duration::from_millis(300);

/// A line of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeltaLine {
    pub(crate) old: Option<usize>,
    pub(crate) new: Option<usize>,
    /// `add`, `del`, `gap` or nothing.
    pub(crate) class: &'static str,
    pub(crate) text: String,
}

/// The comparison of two texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Delta {
    pub(crate) lines: Vec<DeltaLine>,
    pub(crate) added: usize,
    pub(crate) removed: usize,
    pub(crate) is_cut: bool,
}

/// Compares two texts line by line.
pub(crate) fn compare(old: &str, new: &str) -> Delta {
    let diff = TextDiff::configure().timeout(TIME_MAX).diff_lines(old, new);
    let mut delta = Delta::default();
    for (number, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if number > 0 && delta.lines.len() < LINES_MAX {
            let gap = DeltaLine { old: None, new: None, class: "gap", text: String::new() };
            delta.lines.push(gap);
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let class = match change.tag() {
                ChangeTag::Insert => "add",
                ChangeTag::Delete => "del",
                ChangeTag::Equal => "",
            };
            delta.added += usize::from(class == "add");
            delta.removed += usize::from(class == "del");
            if delta.lines.len() >= LINES_MAX {
                delta.is_cut = true;
                continue;
            }
            let text = change.value().trim_end_matches(['\n', '\r']).to_owned();
            let (old, new) = (change.old_index(), change.new_index());
            let (old, new) = (old.map(|at| at + 1), new.map(|at| at + 1));
            delta.lines.push(DeltaLine { old, new, class, text });
        }
    }
    delta
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_lines_are_numbered() {
        let delta = compare("a\nb\nc\n", "a\n<b>\nc\nd\n");
        assert_eq!((delta.added, delta.removed), (2, 1));
        let changed: Vec<_> = delta.lines.iter().filter(|line| !line.class.is_empty()).collect();
        assert_eq!(
            (changed[0].old, changed[0].new, changed[0].text.as_str()),
            (Some(2), None, "b")
        );
        assert_eq!(
            (changed[1].old, changed[1].new, changed[1].text.as_str()),
            (None, Some(2), "<b>")
        );
        assert_eq!(changed[2].new, Some(4));
    }

    #[test]
    fn long_comparisons_are_cut_and_end() {
        let old: String = (0..20_000).map(|n| format!("{}\n", n % 97)).collect();
        let new: String = (0..20_000).map(|n| format!("{}\n", n % 89)).collect();
        let delta = compare(&old, &new);
        assert!(delta.is_cut && delta.lines.len() <= LINES_MAX);
    }
}
