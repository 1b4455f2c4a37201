//! A hub with the user `alice`, whose models are public.

use std::ops::Deref;

use steelyard_core::{RepoId, RepoKind, RepoName, RepoPath, Visibility};
use steelyard_service::commits::{CommitRequest, Operation};
use steelyard_service::discovery::{SearchRequest, query};
use steelyard_service::repos::CreateRepo;
use steelyard_service::{Actor, Error, Hub};
use steelyard_testkit::{Stores, TestHub};

/// A hub, and alice.
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
        let test = TestHub::start(stores).await.unwrap();
        let alice = test.actor("alice").await.unwrap();
        Self { test, alice }
    }

    pub async fn model(&self, name: &str) {
        let wanted = CreateRepo {
            kind: RepoKind::Model,
            namespace: None,
            name: RepoName::parse(name).unwrap(),
            visibility: Some(Visibility::Public),
            settings: serde_json::json!({}),
        };
        self.hub.create_repo(&self.alice, &wanted).await.unwrap();
    }

    /// Commits one file.
    pub async fn put(&self, name: &str, path: &str, content: impl Into<Vec<u8>>) {
        let request = CommitRequest {
            summary: "change".to_owned(),
            description: String::new(),
            parent: None,
            operations: vec![Operation::File {
                path: RepoPath::parse(path).unwrap(),
                content: content.into().into(),
            }],
            create_pr: false,
        };
        let id = RepoId::parse(&format!("alice/{name}")).unwrap();
        self.hub.commit(&self.alice, RepoKind::Model, &id, "main", request).await.unwrap();
    }

    /// Commits weights in a GGUF file whose header has a template for chats.
    pub async fn put_chat_weights(&self, name: &str) {
        let header =
            [("general.architecture", "llama"), ("tokenizer.chat_template", "{{ messages }}")];
        self.put(name, "m.gguf", steelyard_testkit::gguf(&header)).await;
    }

    pub async fn other_replica(&self) -> Hub {
        self.test.replica().await.unwrap()
    }
}

/// The names of what has a tag, in order.
pub async fn tagged(hub: &Hub, tag: &str) -> Result<Vec<String>, Error> {
    let request =
        SearchRequest { tags: vec![tag.to_owned()], limit: 1000, ..SearchRequest::default() };
    let found = hub.search(&Actor::Anonymous, request).await?;
    Ok(names(found.repos.iter().map(|repo| repo.row.repo.name.as_str())))
}

/// The names of what is found by words, in order.
pub async fn worded(hub: &Hub, words: &str) -> Result<Vec<String>, Error> {
    let query = query::Query::parse(words).unwrap();
    let request = SearchRequest { query, limit: 1000, ..SearchRequest::default() };
    let found = hub.search_words(&Actor::Anonymous, request).await?;
    Ok(names(found.repos.iter().map(|repo| repo.row.repo.name.as_str())))
}

fn names<'a>(found: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = found.map(str::to_owned).collect();
    names.sort_unstable();
    names
}
