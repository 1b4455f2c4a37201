//! The hub at a glance.

use std::time::Instant;

use steelyard_db::{account, job, repo};

use crate::access::administrator;
use crate::jobs::chain;
use crate::{Actor, Hub, Result};

/// How a store answers.
#[derive(Debug, Clone)]
pub struct Health {
    /// Why it does not.
    pub problem: Option<String>,
    /// How long it took.
    pub millis: u128,
}

/// The hub at a glance. Counts are missing when the database does not answer.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The database.
    pub database: Health,
    /// The object store.
    pub objects: Health,
    /// What there is and how much of it.
    pub counts: Option<Counts>,
}

/// What there is and how much of it.
#[derive(Debug, Clone)]
pub struct Counts {
    /// Users.
    pub users: i64,
    /// Organisations.
    pub orgs: i64,
    /// Repositories by kind.
    pub repos: Vec<(String, i64)>,
    /// Jobs by kind and state.
    pub jobs: Vec<(String, String, i64)>,
}

impl Hub {
    /// How both stores answer, and what there is.
    pub async fn overview(&self, actor: &Actor) -> Result<Overview> {
        administrator(actor)?;
        let started = Instant::now();
        let counted = self.count_all().await;
        let problem = counted.as_ref().err().map(|error| chain(error));
        let database = Health { problem, millis: started.elapsed().as_millis() };
        let started = Instant::now();
        let problem = self.blobs().probe().await.err().map(|error| chain(&error));
        let objects = Health { problem, millis: started.elapsed().as_millis() };
        Ok(Overview { database, objects, counts: counted.ok() })
    }

    async fn count_all(&self) -> Result<Counts> {
        let mut conn = self.db().read().await?;
        let (users, orgs) = account::count_accounts(&mut conn).await?;
        let repos = repo::count_repos(&mut conn).await?;
        Ok(Counts { users, orgs, repos, jobs: job::count_jobs(&mut conn).await? })
    }
}
