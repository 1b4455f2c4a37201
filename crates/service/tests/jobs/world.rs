//! A hub of one test, and the verbs the cases share.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use steelyard_blob::{Family, Key};
use steelyard_core::{Namespace, Oid, RepoId, RepoKind, RepoName, RepoPath, Revision};
use steelyard_db::pack::{self, PackRow};
use steelyard_db::refs::{self, GitRow};
use steelyard_git::{Pack, PackData, PackSet, Toc};
use steelyard_service::commits::{CommitRequest, Operation};
use steelyard_service::fsck::{Finding, FsckEvent, FsckOptions, Severity};
use steelyard_service::jobs::JobTally;
use steelyard_service::repos::CreateRepo;
use steelyard_service::revisions::{Content, Snapshot};
use steelyard_service::{Action, Actor, Error, Hub};
use steelyard_testkit::{Setup, Stores, TestHub, TestRng};

pub const MODEL: RepoKind = RepoKind::Model;
pub const DAY: Duration = Duration::from_secs(24 * 3600);

/// A hub whose two stores have one plan of faults, and the user `alice`.
pub struct World {
    test: TestHub,
    pub alice: Actor,
}

impl Deref for World {
    type Target = TestHub;

    fn deref(&self) -> &TestHub {
        &self.test
    }
}

impl World {
    pub async fn on(stores: Stores) -> Self {
        Self::set_up(TestHub::on(stores)).await
    }

    pub async fn set_up(setup: Setup) -> Self {
        let setup = setup.with_step(Duration::from_millis(1)).at_store_time().with_one_plan();
        let test = setup.start().await.unwrap();
        let alice = test.actor("alice").await.unwrap();
        Self { test, alice }
    }

    /// Another replica on the same stores.
    pub async fn replica(&self) -> Hub {
        self.test.replica().await.unwrap()
    }

    /// How many files of packs the object store holds.
    pub async fn stored_files(&self) -> usize {
        self.blobs.list(Family::Packs, None, 10_000).await.unwrap().len()
    }

    pub async fn repo(&self, name: &str) -> RepoId {
        let wanted = CreateRepo {
            kind: MODEL,
            namespace: None,
            name: RepoName::parse(name).unwrap(),
            visibility: None,
            settings: serde_json::json!({}),
        };
        self.hub.create_repo(&self.alice, &wanted).await.unwrap();
        id(name)
    }

    pub async fn key(&self, repo: &RepoId) -> i64 {
        self.hub.repo(&self.alice, MODEL, repo, Action::ReadRepo).await.unwrap().id
    }

    pub async fn commit(
        &self,
        repo: &RepoId,
        branch: &str,
        path: &str,
        content: impl Into<Bytes>,
    ) -> Oid {
        commit(&self.hub, &self.alice, repo, branch, path, content).await.unwrap()
    }

    pub async fn branch(&self, repo: &RepoId, name: &str) {
        let main = Revision::parse("main").unwrap();
        self.hub.create_branch(&self.alice, MODEL, repo, name, Some(&main)).await.unwrap();
    }

    pub async fn delete_branch(&self, repo: &RepoId, name: &str) {
        self.hub.delete_branch(&self.alice, MODEL, repo, name).await.unwrap();
    }

    pub async fn git(&self, repo_id: i64) -> GitRow {
        refs::find_git(&mut self.db.read().await.unwrap(), repo_id).await.unwrap().unwrap()
    }

    pub async fn packs(&self, repo_id: i64) -> Vec<PackRow> {
        pack::list_packs(&mut self.db.read().await.unwrap(), repo_id, 0).await.unwrap()
    }

    /// The repository's packs, read from the stores without the hub.
    pub async fn pack_set(&self, repo: &RepoId) -> PackSet {
        let mut packs = Vec::new();
        for row in self.packs(self.key(repo).await).await {
            let mut conn = self.db.read().await.unwrap();
            let bytes = pack::find_pack_bytes(&mut conn, &row.pack_id).await.unwrap().unwrap();
            let data = match bytes.inline {
                Some(inline) => inline.into(),
                None => self.blobs.get(&stored_key(&row)).await.unwrap().unwrap(),
            };
            let toc = Toc::decode(bytes.toc.unwrap().into()).unwrap();
            packs.push(Arc::new(Pack::new(PackData::new(data).unwrap(), toc).unwrap()));
        }
        PackSet::from_packs(packs)
    }

    /// Does all background work that is due; nothing may fail.
    pub async fn work(&self) -> JobTally {
        let tally = self.hub.run_jobs_until_idle().await.unwrap();
        assert_eq!(tally.failed, 0, "{:?}", self.job_errors().await);
        tally
    }

    pub async fn job_errors(&self) -> Vec<String> {
        let sql = "SELECT kind, last_error FROM job WHERE last_error IS NOT NULL ORDER BY id";
        let rows = self.db.read().await.unwrap().fetch_all(sql, Vec::new()).await.unwrap();
        rows.iter()
            .map(|row| {
                format!("{}: {}", row.text("kind").unwrap(), row.text("last_error").unwrap())
            })
            .collect()
    }

    pub async fn fsck(&self, options: &FsckOptions) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut tell = |event| {
            if let FsckEvent::Found(finding) = event {
                found.push(finding);
            }
        };
        let summary = self.hub.fsck(options, &mut tell).await.unwrap();
        let count =
            |severity| found.iter().filter(|finding| finding.severity == severity).count() as u64;
        assert_eq!(
            (summary.errors, summary.warnings, summary.infos),
            (count(Severity::Error), count(Severity::Warning), count(Severity::Info))
        );
        found
    }

    /// Errors and warnings.
    pub async fn complaints(&self, deep: bool) -> Vec<Finding> {
        let options = FsckOptions { repo: None, deep };
        let mut found = self.fsck(&options).await;
        found.retain(|finding| finding.severity != Severity::Info);
        found
    }

    pub async fn assert_clean(&self) {
        let complaints = self.complaints(true).await;
        assert!(complaints.is_empty(), "{complaints:#?}");
    }
}

/// Where a pack lies in the object store.
pub fn stored_key(row: &PackRow) -> Key {
    Key::parse(&format!("git/packs/{}.pack", row.pack_id)).unwrap()
}

pub fn id(name: &str) -> RepoId {
    RepoId::new(Namespace::parse("alice").unwrap(), RepoName::parse(name).unwrap())
}

pub async fn commit(
    hub: &Hub,
    actor: &Actor,
    repo: &RepoId,
    branch: &str,
    path: &str,
    content: impl Into<Bytes>,
) -> Result<Oid, Error> {
    let request = CommitRequest {
        summary: format!("put {path}"),
        description: String::new(),
        parent: None,
        operations: vec![Operation::File {
            path: RepoPath::parse(path).unwrap(),
            content: content.into(),
        }],
        create_pr: false,
    };
    Ok(hub.commit(actor, MODEL, repo, branch, request).await?.oid)
}

pub async fn snapshot(
    hub: &Hub,
    actor: &Actor,
    repo: &RepoId,
    revision: &str,
) -> Result<Snapshot, Error> {
    hub.snapshot(actor, MODEL, repo, &Revision::parse(revision).unwrap(), Action::ReadContent).await
}

/// The bytes of a regular file.
pub async fn read(hub: &Hub, actor: &Actor, repo: &RepoId, revision: &str, path: &str) -> Bytes {
    let snapshot = snapshot(hub, actor, repo, revision).await.unwrap();
    let entry = snapshot.get_file(path).unwrap();
    match snapshot.content(&entry).unwrap() {
        Content::Regular(bytes) => bytes,
        Content::Large(_) => panic!("{path} is a large file"),
    }
}

/// Bytes that no compression makes smaller.
pub fn random(seed: u64, count: usize) -> Bytes {
    TestRng::seeded(seed).bytes(count).into()
}
