//! Schema migrations: embedded, numbered, the same numbers for both engines.

use std::borrow::Cow;

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

const SOURCES: &[Source] = &[Source {
    version: 1,
    name: "init",
    sqlite: include_str!("../migrations/sqlite/0001_init.sql"),
    postgres: include_str!("../migrations/postgres/0001_init.sql"),
}];

impl Db {
    /// Brings the schema up to this program's version. Safe to call from several replicas at once.
    pub async fn migrate(&self) -> Result<(), DbError> {
        let result = match &self.pools {
            Pools::Sqlite { writer, .. } => {
                migrator(|source| source.sqlite).run(&mut *writer.acquire().await?).await
            }
            Pools::Postgres(pool) => migrator(|source| source.postgres).run(pool).await,
        };
        result.map_err(|error| DbError::Schema(error.to_string()))
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
