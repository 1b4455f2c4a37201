use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::json;
use steelyard_core::{Namespace, RepoId, RepoKind, RepoName, RepoPath, Timestamp, Visibility};
use steelyard_db::account::AccountKind;
use steelyard_db::repo::RepoRow;
use steelyard_git::walk::reachable;
use steelyard_git::{GitError, ObjectSource, read};

use super::*;
use crate::commits::Operation;
use crate::commits::build::Authorship;
use crate::history::Histories;

/// A repository in memory: what a draft is made on.
struct Scene {
    state: GitRow,
    history: Arc<History>,
    refs: Vec<RefRow>,
}

impl Scene {
    /// Without any commit.
    fn unborn() -> Self {
        let state = GitRow {
            seq: 0,
            gc_epoch: 0,
            generation: 0,
            head_ref: "refs/heads/main".to_owned(),
            tail_packs: 0,
            tail_bytes: 0,
            drop_wanted: false,
            drop_after: None,
        };
        let history = Arc::new(Histories::new().empty(1, &state));
        Self { state, history, refs: Vec::new() }
    }

    /// With one commit, on `main` and `other`.
    fn begun() -> Self {
        let mut scene = Self::unborn();
        let draft =
            scene.draft(&[plan("main", vec![put("kept.txt", "kept"), put("d/a.txt", "a")])]);
        let landing = draft.landing.unwrap();
        scene.land(&landing);
        let oid = scene.refs[0].oid;
        scene.refs.push(RefRow { name: "refs/heads/other".to_owned(), oid, peeled: None });
        scene
    }

    fn draft(&self, plans: &[Plan]) -> Draft {
        let plans: Vec<_> = plans.iter().map(copy).map(Arc::new).collect();
        let mut drafter = Drafter::new(&self.history, &self.state, self.refs.clone()).unwrap();
        plans.iter().for_each(|plan| drafter.add(plan));
        drafter.finish().unwrap()
    }

    fn land(&mut self, landing: &Landing) {
        for pack in &landing.packs {
            self.history = Arc::new(self.history.with_built(pack));
        }
        for change in &landing.moves {
            let name = change.name.as_str();
            assert_eq!(self.head(name), change.old);
            self.refs.retain(|row| row.name != name);
            let row = RefRow { name: name.to_owned(), oid: change.new.unwrap(), peeled: None };
            self.refs.push(row);
        }
    }

    fn head(&self, name: &str) -> Option<Oid> {
        self.refs.iter().find(|row| row.name == name).map(|row| row.oid)
    }

    /// The text of a file at a commit.
    fn text(&self, commit: Oid, path: &str) -> Option<Bytes> {
        let tree = read_tree_of(&self.history, commit).unwrap();
        let entry = read::lookup_path(&*self.history, &tree, path).unwrap()?;
        Some(self.history.read(&entry.oid).unwrap().unwrap().data)
    }
}

fn copy(plan: &Plan) -> Plan {
    Plan {
        repo: plan.repo.clone(),
        target: plan.target.clone(),
        parent: plan.parent.clone(),
        operations: plan.operations.clone(),
        authorship: plan.authorship.clone(),
        pull_request: plan.pull_request.clone(),
        ..*plan
    }
}

/// A plan of the user alice for the repository 1.
pub(in crate::commits) fn plan(branch: &str, operations: Vec<Operation>) -> Plan {
    let now = Timestamp::from_secs(1_000_000);
    Plan {
        repo: RepoRow {
            id: 1,
            public_id: "id".to_owned(),
            kind: RepoKind::Model,
            owner_id: 1,
            owner_kind: AccountKind::User,
            repo: RepoId::new(Namespace::parse("a").unwrap(), RepoName::parse("m").unwrap()),
            creator_id: 1,
            visibility: Visibility::Public,
            gated: String::new(),
            disabled: false,
            created_at: now,
            last_modified: now,
            settings: json!({}),
            facts: json!({}),
        },
        actor_id: 7,
        target: RefName::branch(branch).unwrap(),
        parent: None,
        operations: operations.into_iter().map(|operation| (operation, None)).collect(),
        lfs_epoch: None,
        authorship: Authorship {
            name: "alice".to_owned(),
            email: "alice@example.org".to_owned(),
            now,
            message: "change".to_owned(),
        },
        pull_request: None,
    }
}

pub(in crate::commits) fn put(path: &str, text: &str) -> Operation {
    let content = Bytes::copy_from_slice(text.as_bytes());
    Operation::File { path: RepoPath::parse(path).unwrap(), content }
}

fn delete(path: &str) -> Operation {
    Operation::DeleteFile(RepoPath::parse(path).unwrap())
}

fn made(verdict: &Verdict) -> Oid {
    match &verdict.outcome {
        Outcome::Made(oid) => *oid,
        Outcome::Unchanged(oid) => panic!("nothing changed at {oid}"),
        Outcome::Refused(error) => panic!("refused: {error}"),
    }
}

fn refusal(verdict: &Verdict) -> &Error {
    match &verdict.outcome {
        Outcome::Refused(error) => error,
        _ => panic!("it was not refused"),
    }
}

#[test]
fn each_commit_rests_on_the_one_before_and_keeps_its_own_author_and_files() {
    let mut scene = Scene::begun();
    let first = scene.head("refs/heads/main").unwrap();
    let mut plans: Vec<_> = (0..20)
        .map(|n| plan("main", vec![put(&format!("d/f{}.txt", n % 7), &format!("text {n}"))]))
        .collect();
    for (n, plan) in plans.iter_mut().enumerate() {
        plan.authorship.name = format!("user-{n}");
        plan.authorship.message = format!("message {n}");
    }
    let draft = scene.draft(&plans);
    let landing = draft.landing.unwrap();
    assert_eq!(landing.packs.len(), 1);
    let ends: Vec<_> = landing.moves.iter().map(|change| (change.old, change.new)).collect();
    let last = made(draft.verdicts.last().unwrap());
    assert_eq!(ends, [(Some(first), Some(last))]);
    scene.land(&landing);
    let mut parent = first;
    for (n, (verdict, drafted)) in draft.verdicts.iter().zip(&landing.commits).enumerate() {
        let oid = made(verdict);
        assert_eq!(verdict.on_group, n > 0);
        assert_eq!((drafted.change.old, drafted.change.new), (Some(parent), Some(oid)));
        let commit = read::get_commit(&*scene.history, &oid).unwrap();
        assert_eq!(commit.parents, [parent]);
        assert_eq!(commit.author.name, format!("user-{n}").as_bytes());
        assert_eq!(commit.message, format!("message {n}").as_bytes());
        let path = format!("d/f{}.txt", n % 7);
        assert_eq!(scene.text(oid, &path).unwrap(), format!("text {n}"));
        assert_eq!(scene.text(oid, "kept.txt").unwrap(), "kept");
        parent = oid;
    }
    let missing = &mut |oid: &Oid| Err(GitError::Missing(*oid));
    let found = reachable(scene.history.pack_set(), &[last], &|_| false, missing).unwrap();
    let commits: BTreeSet<_> = draft.verdicts.iter().map(made).collect();
    assert!(commits.iter().all(|oid| found.contains(oid)));
}

#[test]
fn a_stale_parent_and_a_wrong_operation_are_refused_alone() {
    let mut scene = Scene::begun();
    let head = scene.head("refs/heads/main").unwrap().to_string();
    let mut named = plan("main", vec![put("named.txt", "1")]);
    named.parent = Some(head[..12].to_owned());
    let mut stale = plan("main", vec![put("stale.txt", "1")]);
    stale.parent = Some(head.clone());
    let mut elsewhere = plan("other", vec![put("elsewhere.txt", "1")]);
    elsewhere.parent = Some(head);
    let plans = [
        plan("main", vec![delete("nothing.txt")]),
        named,
        stale,
        plan("main", vec![put("half.txt", "1"), delete("nothing.txt")]),
        elsewhere,
        plan("missing", vec![put("lost.txt", "1")]),
        plan("main", vec![put("last.txt", "1"), delete("kept.txt")]),
        plan("main", vec![delete("kept.txt")]),
    ];
    let draft = scene.draft(&plans);
    let on_group: Vec<_> = draft.verdicts.iter().map(|verdict| verdict.on_group).collect();
    assert_eq!(on_group, [false, false, true, true, false, false, true, true]);
    assert!(matches!(refusal(&draft.verdicts[0]), Error::NotFound(_)));
    assert!(matches!(refusal(&draft.verdicts[2]), Error::Stale));
    assert!(matches!(refusal(&draft.verdicts[3]), Error::NotFound(_)));
    assert!(matches!(refusal(&draft.verdicts[5]), Error::NotFound(_)));
    assert!(matches!(refusal(&draft.verdicts[7]), Error::NotFound(_)));
    let landing = draft.landing.unwrap();
    assert_eq!(landing.commits.len(), 3);
    scene.land(&landing);
    let (named, other, last) =
        (made(&draft.verdicts[1]), made(&draft.verdicts[4]), made(&draft.verdicts[6]));
    assert_eq!(scene.head("refs/heads/main"), Some(last));
    assert_eq!(scene.head("refs/heads/other"), Some(other));
    assert_eq!(read::get_commit(&*scene.history, &last).unwrap().parents, [named]);
    assert!(scene.text(last, "half.txt").is_none() && scene.text(last, "kept.txt").is_none());
    assert_eq!(scene.text(last, "named.txt").unwrap(), "1");
    assert!(scene.text(other, "named.txt").is_none());
}

#[test]
fn a_plan_that_changes_nothing_is_answered_by_the_head_it_finds() {
    let scene = Scene::begun();
    let head = scene.head("refs/heads/main").unwrap();
    let same = || plan("main", vec![put("new.txt", "1")]);
    let plans = [plan("main", vec![put("kept.txt", "kept")]), same(), same()];
    let draft = scene.draft(&plans);
    let [before, new, after] = &draft.verdicts[..] else { panic!() };
    assert!(matches!(before.outcome, Outcome::Unchanged(oid) if oid == head) && !before.on_group);
    assert!(matches!(after.outcome, Outcome::Unchanged(oid) if oid == made(new)) && after.on_group);
    assert_eq!(draft.landing.unwrap().commits.len(), 1);
    assert!(scene.draft(&plans[..1]).landing.is_none());
}

#[test]
fn only_the_default_branch_is_born_and_then_goes_on() {
    let mut scene = Scene::unborn();
    let plans = [
        plan("other", vec![put("a.txt", "1")]),
        plan("main", vec![put("a.txt", "1")]),
        plan("main", vec![put("b.txt", "1")]),
    ];
    let draft = scene.draft(&plans);
    assert!(matches!(refusal(&draft.verdicts[0]), Error::NotFound(_)));
    let landing = draft.landing.unwrap();
    let ends: Vec<_> = landing.moves.iter().map(|change| change.old).collect();
    assert_eq!(ends, [None]);
    scene.land(&landing);
    let (first, second) = (made(&draft.verdicts[1]), made(&draft.verdicts[2]));
    assert!(read::get_commit(&*scene.history, &first).unwrap().parents.is_empty());
    assert_eq!(read::get_commit(&*scene.history, &second).unwrap().parents, [first]);
}

#[test]
fn facts_are_those_of_the_last_commit_to_the_default_branch() {
    let scene = Scene::begun();
    let card = |license: &str| put("README.md", &format!("---\nlicense: {license}\n---\n"));
    let plans = [
        plan("main", vec![card("mit")]),
        plan("main", vec![card("apache-2.0")]),
        plan("main", vec![put("notes.txt", "1")]),
        plan("other", vec![card("gpl-3.0")]),
    ];
    let facts = scene.draft(&plans).landing.unwrap().facts.unwrap().facts.to_string();
    assert!(facts.contains("apache-2.0") && !facts.contains("gpl-3.0"), "{facts}");
    assert!(scene.draft(&plans[2..]).landing.unwrap().facts.is_none());
}

#[test]
fn objects_come_in_packs_that_fit_a_row() {
    let mut scene = Scene::begun();
    let noise = |seed: u64, bytes: usize| {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut text = String::new();
        while text.len() < bytes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            text.push(char::from(b'!' + u8::try_from(state % 90).unwrap()));
        }
        text
    };
    let sizes = [20_000, 20_000, 20_000, 20_000, 200_000, 20_000, 20_000];
    let plans: Vec<_> = (0..)
        .zip(sizes)
        .map(|(n, bytes)| plan("main", vec![put(&format!("f{n}"), &noise(n, bytes))]))
        .collect();
    let draft = scene.draft(&plans);
    let landing = draft.landing.unwrap();
    let large = landing.packs.iter().filter(|pack| pack.bytes.len() > INLINE_BYTES_MAX).count();
    assert_eq!((landing.packs.len(), large), (4, 1));
    scene.land(&landing);
    let last = made(draft.verdicts.last().unwrap());
    for (n, bytes) in (0..).zip(sizes) {
        assert_eq!(scene.text(last, &format!("f{n}")).unwrap(), noise(n, bytes));
    }
}
