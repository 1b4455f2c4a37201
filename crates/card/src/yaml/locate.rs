//! Where in a document a value stands, asked only when there is something to say about it.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use granit_parser::{Event, Parser};

/// Finds the lines (from 1) of paths such as `model-index[0].results[2].metrics`. What stands behind an alias, or
/// nowhere, is left out. Costs one pass over the text; only paths on the way to a wanted one are put together.
pub(crate) fn locate(text: &str, wanted: &BTreeSet<String>) -> HashMap<String, usize> {
    let mut parser = Parser::new_from_str_with_options(text, super::options());
    let mut walk = Walk { wanted, frames: Vec::new(), path: String::new(), found: HashMap::new() };
    while let Some(Ok((event, span))) = parser.next_event() {
        walk.take(event, span.start.line());
        if walk.found.len() == wanted.len() {
            break;
        }
    }
    walk.found
}

enum Place {
    Item(usize),
    /// The key has been read, its value comes next, unless there is none.
    Key(Option<String>),
}

struct Frame {
    place: Place,
    /// The length of the path of this collection; `None` when nothing wanted lies in it.
    base: Option<usize>,
}

struct Walk<'w> {
    wanted: &'w BTreeSet<String>,
    frames: Vec<Frame>,
    path: String,
    found: HashMap<String, usize>,
}

impl Walk<'_> {
    fn take(&mut self, event: Event<'_>, line: usize) {
        match event {
            Event::Scalar(text, ..) => {
                if let Some(Frame { place: Place::Key(key @ None), base }) = self.frames.last_mut()
                {
                    *key = Some(if base.is_some() { text.into_owned() } else { String::new() });
                    self.note_key(line);
                } else {
                    self.enter(line);
                    self.leave();
                }
            }
            Event::Alias(_) => {
                self.enter(line);
                self.leave();
            }
            Event::SequenceStart(..) => self.open(Place::Item(0), line),
            Event::MappingStart(..) => self.open(Place::Key(None), line),
            Event::SequenceEnd | Event::MappingEnd => {
                self.frames.pop();
                self.leave();
            }
            _ => {}
        }
    }

    fn open(&mut self, place: Place, line: usize) {
        let base = self.enter(line);
        self.frames.push(Frame { place, base });
    }

    /// The line of a key is that of its value, which may begin below.
    fn note_key(&mut self, line: usize) {
        if self.enter(line).is_some() {
            self.note(line);
        }
    }

    /// Sets the path to the value that begins here; `None` when nothing wanted begins with it.
    fn enter(&mut self, line: usize) -> Option<usize> {
        let Some(Frame { place, base }) = self.frames.last() else {
            self.path.clear();
            return Some(0);
        };
        let base = (*base)?;
        self.path.truncate(base);
        match place {
            Place::Item(index) => self.path.push_str(&format!("[{index}]")),
            Place::Key(key) => {
                if base > 0 {
                    self.path.push('.');
                }
                self.path.push_str(key.as_deref().unwrap_or_default());
            }
        }
        let from = (Bound::Included(self.path.as_str()), Bound::Unbounded);
        let next = self.wanted.range::<str, _>(from).next()?;
        if !next.starts_with(&self.path) {
            return None;
        }
        self.note(line);
        Some(self.path.len())
    }

    fn note(&mut self, line: usize) {
        if self.wanted.contains(&self.path) && !self.found.contains_key(&self.path) {
            self.found.insert(self.path.clone(), line);
        }
    }

    /// The value is over: the next item or key of the collection around it follows.
    fn leave(&mut self) {
        match self.frames.last_mut() {
            Some(Frame { place: Place::Item(index), .. }) => *index += 1,
            Some(Frame { place: Place::Key(key), .. }) => *key = None,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(text: &str, paths: &[&str]) -> Vec<Option<usize>> {
        let wanted = paths.iter().map(|path| (*path).to_owned()).collect();
        let found = locate(text, &wanted);
        paths.iter().map(|path| found.get(*path).copied()).collect()
    }

    #[test]
    fn paths_have_lines() {
        let text = "a: 1\nlist:\n- x\n- {k: v,\n   l: w}\n- deep:\n    er:\n    - 7\nb: [1,\n 2]\n";
        let cases = [
            ("a", Some(1)),
            ("list", Some(2)),
            ("list[0]", Some(3)),
            ("list[1]", Some(4)),
            ("list[1].l", Some(5)),
            ("list[2].deep", Some(6)),
            ("list[2].deep.er", Some(7)),
            ("list[2].deep.er[0]", Some(8)),
            ("b[1]", Some(10)),
            ("list[3]", None),
            ("c", None),
            ("a.x", None),
        ];
        let paths: Vec<&str> = cases.iter().map(|(path, _)| *path).collect();
        let expected: Vec<Option<usize>> = cases.iter().map(|(_, line)| *line).collect();
        assert_eq!(lines(text, &paths), expected);
    }

    #[test]
    fn anchors_and_broken_text() {
        assert_eq!(
            lines("a: &x [1]\nb: *x\nc: 2\n", &["b", "b[0]", "c"]),
            [Some(2), None, Some(3)]
        );
        assert_eq!(lines("a: 1\nb: [\n", &["a", "z"]), [Some(1), None]);
        assert_eq!(lines("", &["a"]), [None]);
    }

    proptest! {
        #[test]
        fn any_text_is_walked(text in "[-a:\\[\\]{}&*!|>'\"# \\n,?<]{0,60}") {
            let _ = lines(&text, &["a", "a[0]", "a.a", "a[0].a[1]"]);
        }
    }
}
