//! Writes a catalogue: builders work ahead on all cores, and one writer puts what they made into the database.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use serde_json::json;
use steelyard_core::{RepoKind, Timestamp, Visibility};
use steelyard_db::event::{self, NewEvent};
use steelyard_db::seed::{self, SeedRepo};
use steelyard_db::{DbError, stats};

use super::build::{Builder, Built};
use super::catalogue::Catalogue;
use super::people::People;
use super::usage::UsageRows;
use super::{SeedOptions, SeedProgress, Seeded};
use crate::fetch::blocking;
use crate::{Error, Hub, Result};

/// Repositories of one transaction.
const BATCH: u64 = 1000;

impl Hub {
    /// Fills the hub with a catalogue. What was committed stays when it breaks off.
    pub async fn seed(
        &self,
        options: &SeedOptions,
        progress: &mut (dyn FnMut(SeedProgress) + Send),
    ) -> Result<Seeded> {
        let mut conn = self.db().read().await?;
        let there = seed::count_inhabitants(&mut conn).await?;
        drop(conn);
        if there.repos > 0 && !options.into_existing {
            return Err(Error::Conflict {
                message: format!("this hub has repositories already ({})", there.repos),
                existing: None,
            });
        }
        let today = self.now().secs().div_euclid(86_400) * 86_400;
        let (seed, repos) = (options.seed, options.repos.get());
        let catalogue = Catalogue { seed, repos, until: Timestamp::from_secs(today) };
        let people = self.seed_people(&catalogue).await?;
        let users = people.users.len() as u64;
        let mut seeded =
            Seeded { users, organizations: people.ids.len() as u64 - users, ..Seeded::default() };
        let builder = Arc::new(Builder::new(catalogue, self.mail_domain()));
        let workers = std::thread::available_parallelism().map_or(2, usize::from) + 1;
        let starts = (0..repos).step_by(usize::try_from(BATCH).unwrap_or(1));
        let batches = starts.map(|start| {
            let (builder, end) = (Arc::clone(&builder), (start + BATCH).min(repos));
            blocking(move || {
                (start..end).map(|index| builder.build(index)).collect::<Result<Vec<_>>>()
            })
        });
        let mut built = stream::iter(batches).buffered(workers);
        let mut done = 0;
        while let Some(batch) = built.next().await {
            let batch = batch?;
            let written =
                self.write_batch(&builder.catalogue, &people, (done, &batch), &mut seeded);
            written.await.map_err(taken)?;
            done += batch.len() as u64;
            progress(SeedProgress { done, of: repos });
        }
        Ok(seeded)
    }

    async fn write_batch(
        &self,
        catalogue: &Catalogue,
        people: &People,
        (first, batch): (u64, &[Built]),
        seeded: &mut Seeded,
    ) -> Result<(), DbError> {
        let rows: Vec<SeedRepo<'_>> = batch.iter().map(|built| row(built, people)).collect();
        let mut tx = self.db().write().await?;
        let ids = seed::insert_repos(&mut tx, &rows).await?;
        let mut usage = UsageRows::default();
        let mut events = Vec::with_capacity(batch.len());
        for ((index, repo_id), built) in (first..).zip(ids).zip(batch) {
            usage.add(catalogue, people, (index, repo_id), &built.spec.usage);
            events.push(created(catalogue, people, (repo_id, built), self.now()));
            seeded.count(built);
        }
        seeded.likes += usage.likes.len() as u64;
        stats::change_stats(&mut tx, &usage.stats, catalogue.until).await?;
        seed::insert_days(&mut tx, &usage.days).await?;
        seed::insert_likes(&mut tx, &usage.likes).await?;
        event::append_events(&mut tx, &events).await?;
        tx.commit().await
    }
}

fn row<'a>(built: &'a Built, people: &People) -> SeedRepo<'a> {
    let (spec, head) = (&built.spec, &built.head);
    SeedRepo {
        public_id: built.public_id.clone(),
        kind: spec.kind,
        owner_id: people.id(spec.owner),
        name: &built.name,
        creator_id: people.id(spec.creator),
        visibility: if spec.is_private { Visibility::Private } else { Visibility::Public },
        gated: spec.gated,
        created_at: spec.created_at,
        last_modified: spec.last_modified,
        settings: &spec.settings,
        facts: &head.facts,
        head: (&built.branch, built.commit),
        pack: built.pack.clone(),
        bases: &head.bases,
        evals: &head.evals,
        card: head.card_text.as_deref(),
        weights: built.weights.clone(),
    }
}

fn created(
    catalogue: &Catalogue,
    people: &People,
    (repo_id, built): (i64, &Built),
    now: Timestamp,
) -> NewEvent<'static> {
    let spec = &built.spec;
    let id = format!("{}/{}", catalogue.account_name(spec.owner), spec.name);
    NewEvent {
        kind: "repo.create",
        actor_id: Some(people.id(spec.creator)),
        repo_id: Some(repo_id),
        payload: json!({"kind": spec.kind.as_str(), "repo": id}),
        now,
    }
}

/// A name that is taken means that a catalogue of this seed is there already.
fn taken(error: DbError) -> Error {
    match error {
        DbError::Conflict { .. } => Error::Conflict {
            message: "this catalogue, or a part of it, is there already: take another seed"
                .to_owned(),
            existing: None,
        },
        other => other.into(),
    }
}

impl Seeded {
    fn count(&mut self, built: &Built) {
        let spec = &built.spec;
        match spec.kind {
            RepoKind::Model | RepoKind::Kernel => self.models += 1,
            RepoKind::Dataset => self.datasets += 1,
            RepoKind::Space => self.spaces += 1,
        }
        self.private += u64::from(spec.is_private);
        self.gated += u64::from(!spec.gated.is_empty());
        self.bases += built.head.bases.len() as u64;
        self.evals += built.head.evals.len() as u64;
        self.pack_bytes += u64::try_from(built.pack.size_bytes).unwrap_or(0);
    }
}
