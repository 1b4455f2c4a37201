use proptest::prelude::*;

use super::*;
use crate::ignore::Ignore;
use crate::oracle::Oracle;

#[test]
fn the_last_matching_rule_wins() {
    let attributes = Attributes::parse(
        b"# comment\n*.bin filter=lfs diff=lfs merge=lfs -text\n/top.dat filter=lfs\n\"with space.h5\" filter=lfs\n\
          sub/**/*.npz filter=lfs\nno.bin -filter\nun.bin !filter\nraw.bin filter\nother.bin filter=crypt\n\
          [attr]big filter=lfs -text\n*.big big\n*.notbig -big\ndir/ filter=lfs\n!neg filter=lfs\n\
          bad.txt filter=lfs b@d\n\ttab.x   filter=lfs\r\n*.LFS filter=LFS\n",
    );
    for path in [
        "a.bin",
        "x/a.bin",
        "top.dat",
        "with space.h5",
        "sub/a.npz",
        "sub/x/y/a.npz",
        "a.big",
        "tab.x",
    ] {
        assert!(attributes.is_lfs(path), "{path}");
    }
    for path in [
        "a.txt",
        "x/top.dat",
        "no.bin",
        "un.bin",
        "raw.bin",
        "other.bin",
        "a.notbig",
        "dir/x",
        "dir",
        "neg",
        "bad.txt",
        "a.LFS",
        "a.npz",
        "comment",
    ] {
        assert!(!attributes.is_lfs(path), "{path}");
    }
}

#[test]
fn files_further_down_take_precedence() {
    let mut attributes = Attributes::parse(b"*.bin filter=lfs\n");
    attributes
        .add_file("a/b", b"*.bin -filter\n/c/*.txt filter=lfs\n[attr]big filter=lfs\n*.big big\n");
    assert!(attributes.is_lfs("a/x.bin") && attributes.is_lfs("a/bb/x.bin"));
    assert!(!attributes.is_lfs("a/b/x.bin") && !attributes.is_lfs("a/b/c/x.bin"));
    assert!(attributes.is_lfs("a/b/c/x.txt") && !attributes.is_lfs("c/x.txt"));
    assert!(!attributes.is_lfs("a/b/x.big"));
}

/// Text made of pieces that meet often.
fn pieces(
    of: &'static [&'static str],
    count: std::ops::Range<usize>,
) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(of), count).prop_map(|pieces| pieces.concat())
}

fn patterns() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "a",
        "b",
        "ab",
        "/",
        "/",
        "*",
        "*",
        "**",
        "**/",
        "/**",
        "?",
        ".",
        "[ab]",
        "[!a]",
        "[^b/]",
        "[a-c]",
        "[[:alpha:]]",
        "[]a]",
        "[",
        "\\a",
        "\\*",
        "-",
        "!",
        "#",
        "\\!",
        "\\#",
        "\\",
    ];
    pieces(PIECES, 1..6)
}

fn paths() -> impl Strategy<Value = Vec<String>> {
    let path = pieces(&["a", "b", "c", "ab", "/", "/", ".", "-", "*"], 1..7);
    let is_plain = |path: &String| path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    prop::collection::vec(path.prop_filter("a plain path", is_plain), 1..25)
}

fn input(paths: &[String]) -> Vec<u8> {
    paths.iter().flat_map(|path| path.bytes().chain([0])).collect()
}

fn check_attr(oracle: &Oracle, paths: &[String]) -> Vec<bool> {
    let printed = oracle.git(&["check-attr", "-z", "--stdin", "filter"], &input(paths));
    let fields: Vec<&[u8]> = printed.split(|byte| *byte == 0).collect();
    fields.chunks_exact(3).map(|fields| fields[2] == b"lfs").collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn attributes_are_those_of_git(
        rules in prop::collection::vec((patterns(), 0..9usize, any::<bool>()), 1..9),
        below in prop::collection::vec((patterns(), 0..9usize, any::<bool>()), 0..4),
        paths in paths(),
    ) {
        const STATES: [&str; 9] = [
            "filter=lfs", "filter=lfs", "filter=lfs -text", "-filter", "!filter", "filter", "mac", "-mac", "mac filter=x",
        ];
        let write = |rules: &[(String, usize, bool)]| {
            let mut text = String::from("[attr]mac filter=lfs other\n");
            for (pattern, state, quoted) in rules {
                let pattern = if *quoted { format!("\"{}\"", pattern.replace('\\', "\\\\")) } else { pattern.clone() };
                text += &format!("{pattern} {}\n", STATES[*state]);
            }
            text
        };
        let oracle = Oracle::new();
        std::fs::write(oracle.path().join(".gitattributes"), write(&rules)).unwrap();
        let mut attributes = Attributes::parse(write(&rules).as_bytes());
        if !below.is_empty() {
            std::fs::create_dir(oracle.path().join("a")).unwrap();
            std::fs::write(oracle.path().join("a/.gitattributes"), write(&below)).unwrap();
            attributes.add_file("a", write(&below).as_bytes());
        }
        let ours: Vec<bool> = paths.iter().map(|path| attributes.is_lfs(path)).collect();
        let expected = check_attr(&oracle, &paths);
        for (index, path) in paths.iter().enumerate() {
            prop_assert_eq!(ours[index], expected[index], "{} in {}", path, write(&rules));
        }
    }

    #[test]
    fn ignored_paths_are_those_of_git(
        rules in prop::collection::vec((any::<bool>(), patterns(), prop::sample::select(vec!["", "/", " ", "\\ ", "\r"])), 1..9),
        paths in paths(),
    ) {
        let line = |(negated, pattern, end): &(bool, String, &str)| {
            format!("{}{pattern}{end}\n", if *negated { "!" } else { "" })
        };
        let text: String = rules.iter().map(line).collect();
        let oracle = Oracle::new();
        std::fs::write(oracle.path().join(".gitignore"), &text).unwrap();
        let (_, printed) = oracle.try_git(&["check-ignore", "--no-index", "-z", "--stdin"], &input(&paths));
        let ignored: std::collections::HashSet<&[u8]> = printed.split(|byte| *byte == 0).collect();
        let ignore = Ignore::parse(text.as_bytes());
        for path in &paths {
            prop_assert_eq!(ignore.should_ignore(path), ignored.contains(path.as_bytes()), "{} in {:?}", path, text);
        }
    }
}
