//! Git's patterns (`wildmatch`), in time proportional to pattern length times text length.
//!
//! The pattern is compiled into steps and run as a set of positions, so that no pattern can make it backtrack.

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(crate) struct Wildmatch {
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    Byte(u8),
    /// Any one byte but, in paths, '/'.
    Any,
    Class(Box<[bool; 256]>),
    /// Any run of bytes, also none; one without '/' unless `slashes`.
    Run {
        slashes: bool,
    },
    /// The run and the '/' that follow may be left out together, as `**/` demands.
    Optional,
    /// A malformed class or a trailing backslash: matches nothing.
    Never,
}

impl Wildmatch {
    /// Compiles a pattern; in a path (`is_path`), only `**` between slashes crosses '/'.
    pub(crate) fn new(pattern: &[u8], is_path: bool) -> Self {
        let mut steps = Vec::with_capacity(pattern.len());
        let mut at = 0;
        while let Some(&byte) = pattern.get(at) {
            at += 1;
            if byte == b'*' {
                let start = at - 1;
                while pattern.get(at) == Some(&b'*') {
                    at += 1;
                }
                push_run(pattern, start..at, is_path, &mut steps);
                continue;
            }
            steps.push(match byte {
                b'?' => Step::Any,
                b'[' => match class(pattern, at, is_path) {
                    Some((members, next)) => {
                        at = next;
                        Step::Class(members)
                    }
                    None => Step::Never,
                },
                b'\\' => match pattern.get(at) {
                    Some(&escaped) => {
                        at += 1;
                        Step::Byte(escaped)
                    }
                    None => Step::Never,
                },
                other => Step::Byte(other),
            });
        }
        if is_path {
            return Self { steps };
        }
        // Outside of paths, '?' matches '/' too.
        let all = |step| {
            if matches!(step, Step::Any) { Step::Class(Box::new([true; 256])) } else { step }
        };
        Self { steps: steps.into_iter().map(all).collect() }
    }

    /// True when the whole text matches.
    pub(crate) fn is_match(&self, text: &[u8]) -> bool {
        let mut here = vec![false; self.steps.len() + 1];
        let mut next = here.clone();
        here[0] = true;
        self.skip_runs(&mut here);
        for &byte in text {
            next.fill(false);
            let mut alive = false;
            for (place, step) in self.steps.iter().enumerate().filter(|(place, _)| here[*place]) {
                let target = match step {
                    Step::Byte(expected) => (*expected == byte).then_some(place + 1),
                    Step::Any => (byte != b'/').then_some(place + 1),
                    Step::Class(members) => members[usize::from(byte)].then_some(place + 1),
                    Step::Run { slashes } => (*slashes || byte != b'/').then_some(place),
                    Step::Optional | Step::Never => None,
                };
                if let Some(target) = target {
                    next[target] = true;
                    alive = true;
                }
            }
            if !alive {
                return false;
            }
            self.skip_runs(&mut next);
            std::mem::swap(&mut here, &mut next);
        }
        here[self.steps.len()]
    }

    /// Goes on from steps that may stand for nothing.
    fn skip_runs(&self, places: &mut [bool]) {
        for (place, step) in self.steps.iter().enumerate() {
            if !places[place] {
                continue;
            }
            match step {
                Step::Run { .. } => places[place + 1] = true,
                Step::Optional => {
                    places[place + 1] = true;
                    places[place + 3] = true;
                }
                _ => {}
            }
        }
    }
}

/// Appends the steps for a run of asterisks.
fn push_run(pattern: &[u8], stars: std::ops::Range<usize>, is_path: bool, steps: &mut Vec<Step>) {
    let before = stars.start.checked_sub(1).map(|at| pattern[at]);
    let after = &pattern[stars.end..];
    let is_alone = before.is_none_or(|byte| byte == b'/')
        && (after.is_empty() || after.starts_with(b"/") || after.starts_with(b"\\/"));
    let slashes = !is_path || stars.len() > 1 && is_alone;
    if is_path && slashes && after.starts_with(b"/") {
        steps.push(Step::Optional);
    }
    steps.push(Step::Run { slashes });
}

/// Reads a class whose '[' stands before `at`; says its members and where it ends. `None`: malformed.
fn class(pattern: &[u8], mut at: usize, is_path: bool) -> Option<(Box<[bool; 256]>, usize)> {
    let mut members = Box::new([false; 256]);
    let negated = matches!(pattern.get(at)?, b'!' | b'^');
    at += usize::from(negated);
    let mut previous = 0u8;
    loop {
        let mut byte = *pattern.get(at)?;
        let next = pattern.get(at + 1).copied();
        if byte == b'\\' {
            at += 1;
            byte = next?;
            members[usize::from(byte)] = true;
        } else if byte == b'-' && previous != 0 && next.is_some_and(|next| next != b']') {
            at += 1;
            let mut last = next?;
            if last == b'\\' {
                at += 1;
                last = *pattern.get(at)?;
            }
            for member in previous..=last {
                members[usize::from(member)] = true;
            }
            byte = 0;
        } else if byte == b'[' && next == Some(b':') {
            let name = &pattern[at + 2..];
            let end = memchr::memchr(b']', name)?;
            match name[..end].strip_suffix(b":") {
                Some(name) => {
                    named_class(name, &mut members)?;
                    at += 2 + end;
                    byte = 0;
                }
                None => members[usize::from(b'[')] = true,
            }
        } else {
            members[usize::from(byte)] = true;
        }
        previous = byte;
        at += 1;
        if pattern.get(at) == Some(&b']') {
            break;
        }
    }
    for (byte, member) in members.iter_mut().enumerate() {
        *member = *member != negated && !(is_path && byte == usize::from(b'/'));
    }
    Some((members, at + 1))
}

fn named_class(name: &[u8], members: &mut [bool; 256]) -> Option<()> {
    let contains: fn(&u8) -> bool = match name {
        b"alnum" => u8::is_ascii_alphanumeric,
        b"alpha" => u8::is_ascii_alphabetic,
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"cntrl" => u8::is_ascii_control,
        b"digit" => u8::is_ascii_digit,
        b"graph" => u8::is_ascii_graphic,
        b"lower" => u8::is_ascii_lowercase,
        b"print" => |byte| matches!(byte, b' '..=b'~'),
        b"punct" => u8::is_ascii_punctuation,
        // Git counts the vertical tab as no space.
        b"space" => |byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'),
        b"upper" => u8::is_ascii_uppercase,
        b"xdigit" => u8::is_ascii_hexdigit,
        _ => return None,
    };
    for byte in 0..=255u8 {
        members[usize::from(byte)] |= contains(&byte);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(pattern: &str, text: &str) -> bool {
        Wildmatch::new(pattern.as_bytes(), true).is_match(text.as_bytes())
    }

    #[test]
    fn the_rules_of_paths() {
        for (pattern, text) in [
            ("foo", "foo"),
            ("f?o", "foo"),
            ("*", "foo"),
            ("*f*", "foo"),
            ("a/*", "a/b"),
            ("a/**", "a/b/c"),
            ("**/a", "a"),
            ("**/a", "x/y/a"),
            ("a/**/b", "a/b"),
            ("a/**/b", "a/x/y/b"),
            ("**", "a/b"),
            ("[a-c]x", "bx"),
            ("[!a]x", "bx"),
            ("[^a]x", "bx"),
            ("[]]", "]"),
            ("[[:digit:]]", "7"),
            ("[\\]]", "]"),
            ("[a-]", "-"),
            ("\\*", "*"),
            ("a**b", "axb"),
            ("**/**/x", "x"),
            ("[[]", "["),
        ] {
            assert!(path(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("foo", "fo"),
            ("*", "a/b"),
            ("a/*", "a/b/c"),
            ("?", "/"),
            ("[!a]", "/"),
            ("a**b", "a/b"),
            ("**/a", "xa"),
            ("a/**/b", "ab"),
            ("a/**/b", "axb"),
            ("[", "["),
            ("[a", "a"),
            ("x\\", "x\\"),
            ("[[:foo:]]", "f"),
            ("", "a"),
        ] {
            assert!(!path(pattern, text), "{pattern} {text}");
        }
        assert!(Wildmatch::new(b"a*?", false).is_match(b"a/b/c"));
    }

    #[test]
    fn no_pattern_takes_long() {
        let pattern = "*a".repeat(500) + "b";
        let text = "a".repeat(4000);
        assert!(!path(&pattern, &text));
        assert!(!path(&("**/".repeat(300) + "b"), &"a/".repeat(1000)));
    }
}
