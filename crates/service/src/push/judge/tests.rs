use serde_json::json;
use steelyard_core::Timestamp;

use super::*;
use crate::refs::protection::protected_branches;

const A: Oid = Oid::new([1; 20]);
const B: Oid = Oid::new([2; 20]);

fn command(name: &str, old: Oid, new: Oid) -> RefCommand {
    RefCommand { name: name.to_owned(), old, new }
}

fn create(name: &str) -> RefCommand {
    command(name, Oid::ZERO, A)
}

fn refs(names: &[&str]) -> BTreeMap<String, Oid> {
    names.iter().map(|name| ((*name).to_owned(), A)).collect()
}

fn pull_request(num: i64, author_id: i64, status: &str) -> (i64, DiscussionRow) {
    let row = DiscussionRow {
        num,
        is_pull_request: true,
        title: String::new(),
        description: String::new(),
        status: status.to_owned(),
        base_ref: None,
        author_id,
        created_at: Timestamp::from_secs(0),
    };
    (num, row)
}

/// The reasons, command by command; empty for those that stand.
fn reasons(ballot: &Ballot) -> Vec<&str> {
    ballot.entries.iter().map(|entry| entry.refusal.as_deref().unwrap_or("")).collect()
}

fn apply(commands: &[RefCommand], may_write: bool) -> Ballot {
    let settings = json!({"protected_branches": ["release"]});
    let pull_requests = HashMap::from([
        pull_request(1, 7, "open"),
        pull_request(2, 8, "open"),
        pull_request(3, 7, "merged"),
        pull_request(4, 7, "draft"),
    ]);
    let rules = Rules {
        head: "refs/heads/main",
        protected: protected_branches(&settings),
        may_write,
        actor_id: Some(7),
        pull_requests: &pull_requests,
    };
    let mut ballot = Ballot::new(commands, false);
    rules.apply(&mut ballot);
    ballot
}

#[test]
fn writers_push_to_branches_tags_and_open_pull_requests() {
    let ballot = apply(
        &[
            create("refs/heads/x"),
            create("refs/tags/v1"),
            command("refs/pr/1", A, B),
            command("refs/pr/2", A, B),
            command("refs/pr/4", A, B),
            command("refs/heads/release", A, B),
            command("refs/tags/release", A, Oid::ZERO),
            command("refs/heads/dev", A, Oid::ZERO),
        ],
        true,
    );
    assert_eq!(reasons(&ballot), [""; 8]);
}

#[test]
fn others_push_to_their_own_pull_requests_only() {
    let commands = [create("refs/heads/x"), command("refs/pr/1", A, B), command("refs/pr/2", A, B)];
    let ballot = apply(&commands, false);
    let found = reasons(&ballot);
    assert!(found[0].contains("no permission") && found[2].contains("somebody else"), "{found:?}");
    assert_eq!(found[1], "");
}

#[test]
fn what_cannot_be_pushed_says_why() {
    let cases = [
        (create("refs/heads/a..b"), "invalid ref name"),
        (create("HEAD"), "invalid ref name: must start with refs/"),
        (create("refs/convert/parquet"), "only refs/heads/*"),
        (create("refs/pr/x"), "only refs/heads/*"),
        (create("refs/pr/9"), "there is no pull request 9"),
        (command("refs/pr/3", A, B), "pull request 3 is merged"),
        (command("refs/pr/1", A, Oid::ZERO), "cannot be deleted"),
        (command("refs/heads/main", A, Oid::ZERO), "the default branch cannot be deleted"),
        (command("refs/heads/release", A, Oid::ZERO), "is protected"),
    ];
    for (command, expected) in cases {
        let ballot = apply(std::slice::from_ref(&command), true);
        let reason = ballot.entries[0].refusal.as_deref().unwrap_or("");
        assert!(reason.contains(expected), "{}: {reason}", command.name);
    }
    let twice = apply(&[create("refs/heads/x"), create("refs/heads/x")], true);
    assert_eq!(reasons(&twice), ["is named more than once in this push"; 2]);
}

#[test]
fn refs_that_moved_must_be_fetched_first() {
    let commands = [
        command("refs/heads/main", A, B),
        command("refs/heads/dev", B, A),
        create("refs/heads/main2"),
        command("refs/heads/gone", A, B),
        create("refs/heads/dev"),
        command("refs/heads/none", Oid::ZERO, Oid::ZERO),
    ];
    let mut ballot = Ballot::new(&commands, false);
    ballot.compare(&refs(&["refs/heads/main", "refs/heads/dev"]));
    let first = FETCH_FIRST;
    assert_eq!(reasons(&ballot), ["", first, "", first, first, "there is no such ref"]);
}

#[test]
fn names_clash_with_folders_of_others_unless_these_go() {
    let check = |commands: &[RefCommand], present: &[&str], refused: &[bool]| {
        let mut ballot = Ballot::new(commands, false);
        ballot.compare(&refs(present));
        let found: Vec<bool> = ballot.entries.iter().map(|entry| entry.refusal.is_some()).collect();
        assert_eq!(found, refused, "{:?}", reasons(&ballot));
    };
    let delete = |name: &str| command(name, A, Oid::ZERO);
    check(&[create("refs/heads/a/b")], &["refs/heads/a"], &[true]);
    check(&[create("refs/heads/a")], &["refs/heads/a/b"], &[true]);
    check(&[create("refs/heads/a/b/c")], &["refs/heads/a"], &[true]);
    check(&[create("refs/heads/a-b"), create("refs/heads/ab")], &["refs/heads/a"], &[false, false]);
    check(&[create("refs/heads/a.b")], &["refs/heads/a/b"], &[false]);
    check(&[create("refs/heads/a/b"), delete("refs/heads/a")], &["refs/heads/a"], &[false, false]);
    check(&[create("refs/heads/a"), create("refs/heads/a/b")], &[], &[false, true]);
}

#[test]
fn an_atomic_push_fails_as_a_whole() {
    let mut ballot = Ballot::new(&[create("refs/heads/a"), create("refs/heads/b")], true);
    ballot.settle();
    assert_eq!(ballot.tips().len(), 2);
    ballot.entries[1].refuse("bad");
    ballot.settle();
    assert_eq!(reasons(&ballot), [ATOMIC, "bad"]);
    assert!(ballot.tips().is_empty());
}
