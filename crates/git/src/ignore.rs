//! `.gitignore`: which paths an upload leaves out.

use crate::pattern::Pattern;

/// Longest file that is read, in bytes.
const FILE_BYTES_MAX: usize = 1024 * 1024;

/// The rules of a `.gitignore` file in the root folder.
#[derive(Debug, Clone, Default)]
pub struct Ignore {
    patterns: Vec<Pattern>,
}

impl Ignore {
    /// Reads the file; what lies beyond its first mebibyte is not looked at.
    pub fn parse(content: &[u8]) -> Self {
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        let content = &content[..content.len().min(FILE_BYTES_MAX)];
        let lines = content.split(|byte| *byte == b'\n');
        let patterns = lines
            .filter(|line| !line.starts_with(b"#"))
            .map(|line| trim_trailing_spaces(line.strip_suffix(b"\r").unwrap_or(line)))
            .filter(|line| !line.is_empty())
            .map(Pattern::parse)
            .collect();
        Self { patterns }
    }

    /// True when the file at `path` is left out, because of itself or of a folder it is in.
    pub fn should_ignore(&self, path: &str) -> bool {
        let path = path.as_bytes();
        let folders = memchr::memchr_iter(b'/', path).map(|slash| (&path[..slash], true));
        let mut steps = folders.chain(std::iter::once((path, false)));
        // What is in an ignored folder cannot be taken back by a later pattern.
        steps.any(|(path, is_folder)| {
            let mut last_first = self.patterns.iter().rev();
            last_first
                .find(|pattern| (is_folder || !pattern.folders_only) && pattern.is_match(path))
                .is_some_and(|pattern| !pattern.negative)
        })
    }
}

/// Cuts off spaces at the end, except those after a backslash.
fn trim_trailing_spaces(line: &[u8]) -> &[u8] {
    let mut end = 0;
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        match byte {
            b' ' => at += 1,
            b'\\' if at + 1 == line.len() => return line,
            b'\\' => {
                at += 2;
                end = at;
            }
            _ => {
                at += 1;
                end = at;
            }
        }
    }
    &line[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_the_manual() {
        let ignore = Ignore::parse(
            b"# comment\n*.log\n!keep.log\nbuild/\n/root.txt\ndoc/**/*.pdf\n\\#x\ntrail  \nesc\\ \r\n/only\n!only/in",
        );
        for path in [
            "a.log",
            "x/a.log",
            "build/x",
            "x/build/keep.log",
            "root.txt",
            "doc/a.pdf",
            "doc/x/y/a.pdf",
            "#x",
            "trail",
            "esc ",
            "only/in",
        ] {
            assert!(ignore.should_ignore(path), "{path}");
        }
        for path in
            ["keep.log", "x/keep.log", "build", "x/root.txt", "a.pdf", "comment", "trail  ", "esc"]
        {
            assert!(!ignore.should_ignore(path), "{path}");
        }
    }
}
