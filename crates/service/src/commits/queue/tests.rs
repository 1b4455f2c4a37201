use super::*;
use crate::commits::draft::tests::{plan, put};
use crate::commits::pull_request::PullRequest;

type Outcome = oneshot::Receiver<Result<Committed>>;

fn waiting(name: &str, bytes: usize) -> (Waiting, Outcome) {
    let mut plan = plan("main", vec![put("file.txt", &"x".repeat(bytes))]);
    plan.authorship.message = name.to_owned();
    let (answer, outcome) = oneshot::channel();
    (Waiting { plan: Arc::new(plan), answer }, outcome)
}

fn names(group: Option<Vec<Waiting>>) -> Vec<String> {
    let group = group.expect("somebody waits");
    group.iter().map(|waiting| waiting.plan.authorship.message.clone()).collect()
}

#[test]
fn groups_are_bounded_and_keep_the_order() {
    let queue = CommitQueue::default();
    let outcomes: Vec<_> = (0..GROUP_PLANS_MAX + 3)
        .map(|n| {
            let (waiting, outcome) = waiting(&n.to_string(), 10);
            assert_eq!(queue.push(waiting), n == 0, "the first one must see to the queue");
            outcome
        })
        .collect();
    let expected: Vec<_> = (0..outcomes.len()).map(|n| n.to_string()).collect();
    assert_eq!(names(queue.next_group()), expected[..GROUP_PLANS_MAX]);
    assert_eq!(names(queue.next_group()), expected[GROUP_PLANS_MAX..]);
    assert!(queue.next_group().is_none());
    let (late, _outcome) = waiting("late", 10);
    assert!(queue.push(late), "nobody serves it any more");
}

#[test]
fn a_group_takes_no_more_bytes_than_it_may() {
    let queue = CommitQueue::default();
    let sizes = [GROUP_BYTES_MAX / 2, GROUP_BYTES_MAX / 2, 1, 2 * GROUP_BYTES_MAX, 1];
    let _outcomes: Vec<_> = (0..)
        .zip(sizes)
        .map(|(n, bytes)| {
            let (waiting, outcome) = waiting(&format!("{n}"), bytes);
            queue.push(waiting);
            outcome
        })
        .collect();
    assert_eq!(names(queue.next_group()), ["0", "1"]);
    assert_eq!(names(queue.next_group()), ["2"]);
    assert_eq!(names(queue.next_group()), ["3"]);
    assert_eq!(names(queue.next_group()), ["4"]);
}

#[test]
fn who_hung_up_is_left_out() {
    let queue = CommitQueue::default();
    for name in ["gone", "too"] {
        let (waiting, outcome) = waiting(name, 10);
        queue.push(waiting);
        drop(outcome);
    }
    let (here, _outcome) = waiting("here", 10);
    queue.push(here);
    assert_eq!(names(queue.next_group()), ["here"]);
    let (gone, outcome) = waiting("gone", 10);
    queue.push(gone);
    drop(outcome);
    assert!(queue.next_group().is_none());
}

#[test]
fn a_pull_request_is_opened_alone() {
    let queue = CommitQueue::default();
    let mut outcomes = Vec::new();
    for name in ["a", "pr", "b", "c", "pr", "pr"] {
        let mut plan = plan("main", vec![put("file.txt", "x")]);
        plan.authorship.message = name.to_owned();
        plan.pull_request = (name == "pr").then(|| PullRequest {
            title: "title".to_owned(),
            description: String::new(),
            form: None,
        });
        let (answer, outcome) = oneshot::channel();
        queue.push(Waiting { plan: Arc::new(plan), answer });
        outcomes.push(outcome);
    }
    let groups: Vec<_> = (0..5).map(|_| names(queue.next_group())).collect();
    assert_eq!(groups, [vec!["a"], vec!["pr"], vec!["b", "c"], vec!["pr"], vec!["pr"]]);
}
