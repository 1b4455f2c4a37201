//! Schema migrations: embedded, numbered, the same numbers for both engines.

use std::borrow::Cow;
use std::time::Duration;

use sqlx::migrate::{Migrate, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr};

use crate::conn::Pools;
use crate::{Db, DbError};

struct Source {
    version: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

const SOURCES: &[Source] = &[
    Source {
        version: 1,
        name: "init",
        sqlite: include_str!("../migrations/sqlite/0001_init.sql"),
        postgres: include_str!("../migrations/postgres/0001_init.sql"),
    },
    Source {
        version: 2,
        name: "xet",
        sqlite: include_str!("../migrations/sqlite/0002_xet.sql"),
        postgres: include_str!("../migrations/postgres/0002_xet.sql"),
    },
    Source {
        version: 3,
        name: "discovery",
        sqlite: include_str!("../migrations/sqlite/0003_discovery.sql"),
        postgres: include_str!("../migrations/postgres/0003_discovery.sql"),
    },
    Source {
        version: 4,
        name: "accounts",
        sqlite: include_str!("../migrations/sqlite/0004_accounts.sql"),
        postgres: include_str!("../migrations/postgres/0004_accounts.sql"),
    },
    Source {
        version: 5,
        name: "oauth",
        sqlite: include_str!("../migrations/sqlite/0005_oauth.sql"),
        postgres: include_str!("../migrations/postgres/0005_oauth.sql"),
    },
    Source {
        version: 6,
        name: "progress",
        sqlite: include_str!("../migrations/sqlite/0006_progress.sql"),
        postgres: include_str!("../migrations/postgres/0006_progress.sql"),
    },
];

/// Times a migration of an SQLite file is tried while other processes migrate it too.
const ATTEMPTS_MAX: u32 = 20;
const RETRY_AFTER: Duration = Duration::from_millis(100);

impl Db {
    /// Brings the schema up to this program's version. Safe to call from several processes at once.
    pub async fn migrate(&self) -> Result<(), DbError> {
        let mut attempt = 0;
        loop {
            let result = match &self.pools {
                Pools::Sqlite { writer, .. } => {
                    migrator(|source| source.sqlite).run(&mut *writer.acquire().await?).await
                }
                Pools::Postgres(pool) => migrator(|source| source.postgres).run(pool).await,
            };
            let Err(error) = result else { return Ok(()) };
            attempt += 1;
            // PostgreSQL has a lock for this; with SQLite, a process that comes second fails over what the first one
            // has just made, rolls back, and finds everything done when it looks again.
            if self.is_postgres() || attempt == ATTEMPTS_MAX {
                return Err(DbError::Schema(error.to_string()));
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    /// The newest version this program knows, and the newest one the database has.
    pub async fn schema_versions(&self) -> Result<(i64, Option<i64>), DbError> {
        let known = SOURCES.last().map_or(0, |source| source.version);
        let applied = match &self.pools {
            Pools::Sqlite { writer, .. } => applied(&mut *writer.acquire().await?).await,
            Pools::Postgres(pool) => applied(&mut *pool.acquire().await?).await,
        };
        Ok((known, applied?))
    }
}

async fn applied<C: Migrate>(conn: &mut C) -> Result<Option<i64>, DbError> {
    let schema = |error: sqlx::migrate::MigrateError| DbError::Schema(error.to_string());
    conn.ensure_migrations_table("_sqlx_migrations").await.map_err(schema)?;
    let applied = conn.list_applied_migrations("_sqlx_migrations").await.map_err(schema)?;
    Ok(applied.last().map(|migration| migration.version))
}

fn migrator(text: impl Fn(&Source) -> &'static str) -> Migrator {
    let migrations = SOURCES.iter().map(|source| {
        let sql = AssertSqlSafe(text(source)).into_sql_str();
        Migration::new(
            source.version,
            Cow::Borrowed(source.name),
            MigrationType::Simple,
            sql,
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}
