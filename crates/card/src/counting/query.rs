//! The small query language in which libraries say which of their files count.
//!
//! `path:"x"` is a whole path, `path_filename:"x"` a name without its last suffix, `path_extension:"x"` the last
//! suffix, `path_prefix:"x/"` a folder, `_exists_:"path_prefix"` any folder. They are joined by `AND`, which binds
//! tighter, and `OR`, and grouped by parentheses; `*` and `?` in a value stand for anything and for one byte.

/// Deepest nesting of parentheses.
const DEPTH_MAX: usize = 16;
/// Longest query, in bytes.
const QUERY_BYTES_MAX: usize = 4096;

/// Why a query cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("query cannot be read at byte {at}: {message}")]
pub struct QueryError {
    /// Where the mistake is.
    pub at: usize,
    /// What is wrong there.
    pub message: &'static str,
}

/// A part of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Path,
    Extension,
    Filename,
    Prefix,
}

impl Field {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "path" => Self::Path,
            "path_extension" => Self::Extension,
            "path_filename" => Self::Filename,
            "path_prefix" => Self::Prefix,
            _ => return None,
        })
    }

    fn of(self, path: &str) -> Option<&str> {
        match self {
            Self::Path => Some(path),
            Self::Extension => extension(path),
            Self::Filename => Some(stem(path)),
            Self::Prefix => path.rfind('/').map(|slash| &path[..=slash]),
        }
    }
}

/// One condition on a path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    field: Field,
    /// The value to have; `None` asks only that there is one.
    value: Option<Box<str>>,
    wild: bool,
}

impl Term {
    fn new(field: Field, value: &str) -> Self {
        // One library of the table writes the suffix with its point.
        let value = match field {
            Field::Extension => value.strip_prefix('.').unwrap_or(value),
            _ => value,
        };
        Self { field, value: Some(value.into()), wild: value.contains(['*', '?']) }
    }

    fn matches(&self, path: &str) -> bool {
        let Some(found) = self.field.of(path) else { return false };
        match &self.value {
            None => true,
            Some(value) if self.wild => wildcard(value.as_bytes(), found.as_bytes()),
            // A file in a folder of the folder is in the folder.
            Some(value) if self.field == Field::Prefix => found.starts_with(&**value),
            Some(value) => found == &**value,
        }
    }
}

/// A query, ready to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query(Node);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Term(Term),
    All(Vec<Node>),
    Any(Vec<Node>),
}

impl Node {
    fn matches(&self, path: &str) -> bool {
        match self {
            Self::Term(term) => term.matches(path),
            Self::All(nodes) => nodes.iter().all(|node| node.matches(path)),
            Self::Any(nodes) => nodes.iter().any(|node| node.matches(path)),
        }
    }
}

impl Query {
    /// Parses a query.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        if text.len() > QUERY_BYTES_MAX {
            return Err(QueryError { at: QUERY_BYTES_MAX, message: "is too long" });
        }
        let mut parser = Parser { text, at: 0 };
        let node = parser.any(0)?;
        parser.skip_blank();
        if parser.at < text.len() {
            return Err(parser.error("AND, OR or the end must follow"));
        }
        Ok(Self(node))
    }

    /// Whether the file counts.
    pub fn matches(&self, path: &str) -> bool {
        self.0.matches(path)
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error(&self, message: &'static str) -> QueryError {
        QueryError { at: self.at, message }
    }

    fn skip_blank(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Takes a joining word that stands alone.
    fn joined_by(&mut self, word: &str) -> bool {
        self.skip_blank();
        let follows = self.rest().strip_prefix(word);
        let found =
            follows.is_some_and(|rest| rest.starts_with(|c: char| c.is_whitespace() || c == '('));
        if found {
            self.at += word.len();
        }
        found
    }

    fn any(&mut self, depth: usize) -> Result<Node, QueryError> {
        let mut nodes = vec![self.all(depth)?];
        while self.joined_by("OR") {
            nodes.push(self.all(depth)?);
        }
        Ok(one_or(nodes, Node::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Node, QueryError> {
        let mut nodes = vec![self.one(depth)?];
        while self.joined_by("AND") {
            nodes.push(self.one(depth)?);
        }
        Ok(one_or(nodes, Node::All))
    }

    fn one(&mut self, depth: usize) -> Result<Node, QueryError> {
        self.skip_blank();
        if !self.rest().starts_with('(') {
            return self.term().map(Node::Term);
        }
        if depth >= DEPTH_MAX {
            return Err(self.error("is nested too deeply"));
        }
        self.at += 1;
        let node = self.any(depth + 1)?;
        self.skip_blank();
        if !self.rest().starts_with(')') {
            return Err(self.error("a closing parenthesis is missing"));
        }
        self.at += 1;
        Ok(node)
    }

    fn term(&mut self) -> Result<Term, QueryError> {
        let Some((name, _)) = self.rest().split_once(':') else {
            return Err(self.error("a field and its value must stand here"));
        };
        if name == "_exists_" {
            self.at += name.len() + 1;
            let start = self.at;
            let value = self.value()?;
            let field = Field::parse(value)
                .ok_or(QueryError { at: start, message: "there is no such field" })?;
            return Ok(Term { field, value: None, wild: false });
        }
        let field = Field::parse(name).ok_or_else(|| self.error("there is no such field"))?;
        self.at += name.len() + 1;
        Ok(Term::new(field, self.value()?))
    }

    fn value(&mut self) -> Result<&'a str, QueryError> {
        let rest = self.rest();
        let (value, length) = if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"').ok_or_else(|| self.error("a quote is never closed"))?;
            (&quoted[..end], end + 2)
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || c == ')').unwrap_or(rest.len());
            (&rest[..end], end)
        };
        if value.is_empty() {
            return Err(self.error("a value is missing"));
        }
        self.at += length;
        Ok(value)
    }
}

fn one_or(mut nodes: Vec<Node>, join: fn(Vec<Node>) -> Node) -> Node {
    match nodes.pop() {
        Some(only) if nodes.is_empty() => only,
        last => {
            nodes.extend(last);
            join(nodes)
        }
    }
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The last suffix of a path; a name that only starts with a point has none.
pub(super) fn extension(path: &str) -> Option<&str> {
    let (stem, extension) = name(path).rsplit_once('.')?;
    (!stem.is_empty()).then_some(extension)
}

fn stem(path: &str) -> &str {
    let name = name(path);
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    }
}

/// Whether the text has the form; looks at each byte of it once for each star at most.
fn wildcard(form: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while read < text.len() {
        match form.get(at) {
            Some(b'*') => {
                retry = Some((at, read));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((star, from)) = retry else { return false };
                retry = Some((star, from + 1));
                (at, read) = (star + 1, from + 1);
            }
        }
    }
    form[at..].iter().all(|byte| *byte == b'*')
}
