//! One pattern of a `.gitattributes` or `.gitignore` file.

use crate::wildmatch::Wildmatch;

/// A pattern and the folder whose file it stands in.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    /// `!` stood before it.
    pub(crate) negative: bool,
    /// `/` stood after it: it matches folders only.
    pub(crate) folders_only: bool,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    /// No '/' within: the last part of the path is matched.
    Name(Text),
    /// The path below the folder of the file is matched.
    Path(Text),
}

#[derive(Debug, Clone)]
enum Text {
    Literal(Box<[u8]>),
    EndsWith(Box<[u8]>),
    /// Git compares the part before the first special character byte by byte and matches only the rest.
    Wild {
        head: Box<[u8]>,
        tail: Wildmatch,
    },
}

impl Pattern {
    pub(crate) fn parse(text: &[u8]) -> Self {
        let (negative, text) = match text.strip_prefix(b"!") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (folders_only, body) = match text.strip_suffix(b"/") {
            Some(body) => (true, body),
            None => (false, text),
        };
        let test = if memchr::memchr(b'/', body).is_none() {
            Test::Name(Text::new(body, false))
        } else {
            Test::Path(Text::new(body.strip_prefix(b"/").unwrap_or(body), true))
        };
        Self { negative, folders_only, test }
    }

    /// True when it matches `path`, which lies below the folder of the file.
    pub(crate) fn is_match(&self, path: &[u8]) -> bool {
        match &self.test {
            Test::Name(text) => {
                let start = memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1);
                text.is_match(&path[start..])
            }
            Test::Path(text) => text.is_match(path),
        }
    }
}

impl Text {
    fn new(pattern: &[u8], is_path: bool) -> Self {
        let special = |byte: &u8| b"*?[\\".contains(byte);
        let head = pattern.iter().position(special).unwrap_or(pattern.len());
        if head == pattern.len() {
            return Self::Literal(pattern.into());
        }
        if !is_path && pattern[0] == b'*' && !pattern[1..].iter().any(special) {
            return Self::EndsWith(pattern[1..].into());
        }
        // In a name, the head belongs to the match as a whole; the outcome is the same.
        let tail = Wildmatch::new(&pattern[head..], is_path);
        Self::Wild { head: pattern[..head].into(), tail }
    }

    fn is_match(&self, text: &[u8]) -> bool {
        match self {
            Self::Literal(literal) => **literal == *text,
            Self::EndsWith(end) => text.ends_with(end),
            Self::Wild { head, tail } => {
                text.strip_prefix(&**head).is_some_and(|rest| tail.is_match(rest))
            }
        }
    }
}
