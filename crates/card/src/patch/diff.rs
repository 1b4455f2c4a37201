//! The difference of two texts as a patch that `git apply` and `patch` read.

/// Lines shown before and after a change.
const CONTEXT: usize = 3;

/// The difference in the unified format, as one hunk; empty for equal texts.
pub fn unified_diff(old: &str, new: &str, path: &str) -> String {
    if old == new {
        return String::new();
    }
    let (before, after) = (lines(old), lines(new));
    let same = before.iter().zip(&after).take_while(|(one, two)| one == two).count();
    let rest = before.len().min(after.len()) - same;
    let ends = before.iter().rev().zip(after.iter().rev());
    let same_end = ends.take(rest).take_while(|(one, two)| one == two).count();
    let start = same.saturating_sub(CONTEXT);
    let old_end = before.len() - same_end;
    let new_end = after.len() - same_end;
    let tail = same_end.min(CONTEXT);
    let mut text = if old.is_empty() {
        format!("--- /dev/null\n+++ b/{path}\n")
    } else {
        format!("--- a/{path}\n+++ b/{path}\n")
    };
    let old_range = range(start, old_end + tail - start);
    let new_range = range(start, new_end + tail - start);
    text.push_str(&format!("@@ -{old_range} +{new_range} @@\n"));
    let parts = [
        (' ', &before[start..same]),
        ('-', &before[same..old_end]),
        ('+', &after[same..new_end]),
        (' ', &before[old_end..old_end + tail]),
    ];
    for (mark, lines) in parts {
        for line in lines {
            text.push(mark);
            text.push_str(line);
            if !line.ends_with('\n') {
                text.push_str("\n\\ No newline at end of file\n");
            }
        }
    }
    text
}

fn range(start: usize, length: usize) -> String {
    let first = if length == 0 { start } else { start + 1 };
    format!("{first},{length}")
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}
