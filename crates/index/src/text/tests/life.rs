//! Changes, restarts, broken directories.

use std::fs;

use super::super::TextIndex;
use super::{Fixture, Matched};

const ALL: Matched = Matched::AllWords;

#[test]
fn changes_are_seen_after_a_commit() {
    let index = Fixture::with(&[(1, "a/b", None, &[], "whale"), (2, "a/c", None, &[], "whale")]);
    index.put(&[(1, "a/b", None, &[], "owl")]);
    assert_eq!(index.find(&["owl"]).0, [0; 0]);
    index.index.commit(2).unwrap();
    assert_eq!(index.find(&["owl"]), (vec![1], ALL));
    assert_eq!(index.find(&["whale"]), (vec![2], ALL));
    index.index.remove([2, 77]).unwrap();
    index.index.commit(3).unwrap();
    assert_eq!(index.find(&["whale"]).0, [0; 0]);
    assert_eq!((index.index.len(), index.index.position()), (1, Some(3)));
    // The last of several in one batch counts.
    index.put(&[(1, "a/b", None, &[], "first"), (1, "a/b", None, &[], "second")]);
    index.index.commit(4).unwrap();
    assert_eq!((index.find(&["first"]).0, index.find(&["second"]).0), (vec![], vec![1]));
}

#[test]
fn a_restart_goes_on_from_the_last_commit() {
    let index = Fixture::with(&[(1, "a/b", None, &[], "whale")]);
    index.put(&[(2, "a/c", None, &[], "owl")]);
    // Nobody had time to commit.
    let index = index.reopened();
    assert_eq!(index.index.position(), Some(1));
    assert_eq!((index.find(&["whale"]).0, index.find(&["owl"]).0), (vec![1], vec![]));
    index.put(&[(2, "a/c", None, &[], "owl")]);
    index.index.commit(i64::MAX).unwrap();
    let index = index.reopened();
    assert_eq!((index.index.position(), index.find(&["owl"]).0), (Some(i64::MAX), vec![2]));
    // A position without a change is kept, too.
    index.index.commit(-5).unwrap();
    assert_eq!(index.reopened().index.position(), Some(-5));
}

#[test]
fn a_lock_of_a_killed_process_does_not_block() {
    let index = Fixture::with(&[(1, "a/b", None, &[], "whale")]);
    let dir = index.dir.path().join("text");
    index.index.rest().unwrap();
    for name in [".tantivy-writer.lock", ".tantivy-meta.lock"] {
        fs::write(dir.join(name), b"12345").unwrap();
    }
    let index = index.reopened();
    index.put(&[(2, "a/c", None, &[], "owl")]);
    index.index.commit(2).unwrap();
    assert_eq!((index.find(&["owl"]).0, index.find(&["whale"]).0), (vec![2], vec![1]));
}

#[test]
fn a_rest_loses_nothing_that_was_committed() {
    let index = Fixture::new();
    for id in 0..30 {
        index.put(&[(id, "a/b", None, &[], "whale")]);
        index.index.commit(id).unwrap();
        if id % 10 == 5 {
            index.index.rest().unwrap();
        }
    }
    index.index.rest().unwrap();
    assert_eq!(index.index.len(), 30);
    // Small segments were merged, and their files are gone.
    let files = fs::read_dir(index.dir.path().join("text")).unwrap().count();
    assert!(index.index.reader.searcher().segment_readers().len() < 12 && files < 120, "{files}");
    assert_eq!(index.reopened().find(&["whale"]).0.len(), 30);
}

#[test]
fn a_rest_waits_for_a_commit() {
    let index = Fixture::with(&[(1, "a/b", None, &[], "whale")]);
    index.put(&[(2, "a/c", None, &[], "owl")]);
    index.index.rest().unwrap();
    index.index.commit(2).unwrap();
    assert_eq!(index.find(&["owl"]).0, [2]);
}

#[test]
fn a_bulk_is_as_good_as_many_commits() {
    let index = Fixture::new();
    index.index.begin_bulk().unwrap();
    let rows: Vec<_> = (0..200).map(|id| (id, "a/b", None, &["t"][..], "whale")).collect();
    index.put(&rows);
    index.index.commit(9).unwrap();
    assert_eq!((index.index.len(), index.index.position()), (200, Some(9)));
    // Afterwards everything is replaced as usual.
    index.index.begin_bulk().unwrap();
    index.put(&[(7, "a/b", None, &[], "owl")]);
    index.index.commit(10).unwrap();
    assert_eq!((index.index.len(), index.find(&["owl"]).0), (200, vec![7]));
}

/// Something that happens to a directory.
type Breakage = fn(&std::path::Path);

/// Whatever happened to the directory, there is an index afterwards, and it does not claim to know anything.
#[test]
fn broken_and_foreign_directories_are_begun_anew() {
    let breakages: [(&str, Breakage); 7] = [
        ("no meta", |dir| fs::remove_file(dir.join("meta.json")).unwrap()),
        ("cut meta", |dir| {
            let meta = fs::read(dir.join("meta.json")).unwrap();
            fs::write(dir.join("meta.json"), &meta[..meta.len() / 2]).unwrap();
        }),
        ("another version", |dir| {
            let meta = fs::read_to_string(dir.join("meta.json")).unwrap();
            assert!(
                meta.contains("\"payload\": \"1 1\"") || meta.contains("\"payload\":\"1 1\""),
                "{meta}"
            );
            fs::write(dir.join("meta.json"), meta.replace("1 1", "0 1")).unwrap();
        }),
        ("a missing file", |dir| fs::remove_file(largest(dir)).unwrap()),
        ("a cut file", |dir| {
            let bytes = fs::read(largest(dir)).unwrap();
            fs::write(largest(dir), &bytes[..bytes.len() - 9]).unwrap();
        }),
        ("a changed byte", |dir| {
            let mut bytes = fs::read(largest(dir)).unwrap();
            bytes[3] ^= 0xff;
            fs::write(largest(dir), bytes).unwrap();
        }),
        ("foreign files", |dir| {
            fs::remove_dir_all(dir).unwrap();
            fs::create_dir_all(dir.join("photos")).unwrap();
            fs::write(dir.join("photos/cat.jpg"), b"cat").unwrap();
            fs::write(dir.join("meta.json"), b"{}").unwrap();
        }),
    ];
    for (what, breakage) in breakages {
        let Fixture { dir, index } = Fixture::with(&[(1, "a/b", None, &[], "whale whale owl")]);
        index.rest().unwrap();
        drop(index);
        let path = dir.path().join("text");
        breakage(&path);
        let index = TextIndex::open(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!((index.position(), index.len()), (None, 0), "{what}");
        let fixture = Fixture { dir, index };
        fixture.put(&[(2, "a/c", None, &[], "owl")]);
        fixture.index.commit(5).unwrap();
        assert_eq!(fixture.reopened().find(&["owl"]).0, [2], "{what}");
    }
}

/// The largest file of a segment.
fn largest(dir: &std::path::Path) -> std::path::PathBuf {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let of_segment = files.filter(|entry| entry.file_name().len() > 32);
    of_segment.max_by_key(|entry| entry.metadata().unwrap().len()).unwrap().path()
}

#[test]
fn readers_and_writers_run_side_by_side() {
    let fixture = Fixture::with(&[(0, "a/b", None, &[], "whale")]);
    std::thread::scope(|scope| {
        let reading: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..200 {
                        assert!(!fixture.find(&["whale"]).0.is_empty());
                    }
                })
            })
            .collect();
        for id in 1..20 {
            fixture.put(&[(id, "a/b", None, &[], "whale")]);
            fixture.index.commit(id).unwrap();
        }
        for thread in reading {
            thread.join().unwrap();
        }
    });
    assert_eq!(fixture.find(&["whale"]).0.len(), 20);
}
