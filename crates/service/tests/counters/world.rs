//! A hub with a repository of each kind.

use std::ops::Deref;
use std::time::Duration;

use steelyard_core::{RepoId, RepoKind, RepoName, Visibility};
use steelyard_service::counters::{Download, StatsRow};
use steelyard_service::repos::{CreateRepo, RepoRow};
use steelyard_service::{Action, Actor, Hub};
use steelyard_testkit::{Stores, TestHub};

pub const DAY: Duration = Duration::from_secs(24 * 3600);

/// A hub, and the user `alice`, whose repositories are public.
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

/// A request that somebody makes, and how.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    pub path: &'a str,
    pub is_head: bool,
    pub is_continued: bool,
    pub actor: &'a Actor,
    pub address: &'a str,
    pub user_agent: &'a str,
    pub counter: Option<&'a str>,
}

/// Nobody in particular loads the file.
pub fn get(path: &str) -> Ask<'_> {
    Ask {
        path,
        is_head: false,
        is_continued: false,
        actor: &Actor::Anonymous,
        address: "10.0.0.1",
        user_agent: "curl/8",
        counter: None,
    }
}

impl World {
    pub async fn on(stores: Stores) -> Self {
        let test = TestHub::start(stores).await.unwrap();
        let alice = test.actor("alice").await.unwrap();
        Self { test, alice }
    }

    pub async fn repo(&self, kind: RepoKind, name: &str) -> RepoRow {
        let wanted = CreateRepo {
            kind,
            namespace: None,
            name: RepoName::parse(name).unwrap(),
            visibility: Some(Visibility::Public),
            settings: serde_json::json!({}),
        };
        self.hub.create_repo(&self.alice, &wanted).await.unwrap();
        self.hub.repo(&self.alice, kind, &id(name), Action::ReadRepo).await.unwrap()
    }

    /// A model that a library loads.
    pub async fn model_of(&self, name: &str, library: &str) -> RepoRow {
        let row = self.repo(RepoKind::Model, name).await;
        RepoRow { facts: serde_json::json!({"library_name": library}), ..row }
    }

    /// What the database says after everything was written.
    pub async fn stats(&self, repo: &RepoRow) -> StatsRow {
        self.hub.flush_downloads().await.unwrap();
        self.hub.stats_of(repo.id).await.unwrap()
    }

    /// Downloads of the last 30 days, and of all time.
    pub async fn downloads(&self, repo: &RepoRow) -> (u64, u64) {
        let stats = self.stats(repo).await;
        (stats.downloads_30d, stats.downloads_all)
    }

    pub async fn other_replica(&self) -> Hub {
        self.test.replica().await.unwrap()
    }
}

pub fn id(name: &str) -> RepoId {
    RepoId::parse(&format!("alice/{name}")).unwrap()
}

pub fn ask(hub: &Hub, repo: &RepoRow, ask: Ask<'_>) {
    hub.count_download(&Download {
        repo,
        path: ask.path,
        is_head: ask.is_head,
        is_continued: ask.is_continued,
        actor: ask.actor,
        address: ask.address,
        user_agent: ask.user_agent,
        counter: ask.counter,
    });
}
