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

#[cfg(test)]
mod tests {
    use super::*;

    /// How the SHA-384 of each migration begins, on SQLite and PostgreSQL. A database remembers those that it was given and
    /// takes no other in their place, so what was once on main goes into a new migration when it is to be different.
    const GIVEN: [(u64, u64); 6] = [
        (0x7d54_be9a_9267_7671, 0x0a18_a724_00ef_20c7),
        (0x8c0d_43b5_baf1_7b15, 0x7f1a_be42_01db_d810),
        (0xfac8_ef5c_e9b9_419f, 0x3587_0a72_af68_bffe),
        (0xf35b_69c5_fe89_f19d, 0x77df_982d_f1ff_2fc4),
        (0xdec8_b947_c865_fd3b, 0x7032_e5ae_c858_e3b9),
        (0xbba1_8352_84a2_f318, 0x7d65_1e1d_44a3_d952),
    ];

    fn beginnings(text: impl Fn(&Source) -> &'static str) -> Vec<u64> {
        let beginning = |migration: &Migration| {
            migration.checksum.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        };
        migrator(text).iter().map(beginning).collect()
    }

    #[test]
    fn what_a_database_was_given_never_changes() {
        let (sqlite, postgres): (Vec<u64>, Vec<u64>) = GIVEN.into_iter().unzip();
        assert_eq!(beginnings(|source| source.sqlite), sqlite);
        assert_eq!(beginnings(|source| source.postgres), postgres);
    }
}
