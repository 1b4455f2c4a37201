//! Connections: where to read, where to write, and how statements run.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, PgPool, Postgres, Sqlite, SqlitePool, Transaction};
use steelyard_core::fault::{FaultPlan, Moment};

use crate::{DbError, Row, Value};

/// How many connections a process keeps.
#[derive(Debug, Clone, Copy)]
pub struct PoolSizes {
    /// SQLite connections that read.
    pub sqlite_readers: u32,
    /// PostgreSQL connections, for reading and writing.
    pub postgres: u32,
}

impl Default for PoolSizes {
    fn default() -> Self {
        Self { sqlite_readers: 4, postgres: 16 }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Pools {
    /// One writer, because SQLite has one write lock: waiting in our queue is fair, waiting in its busy loop is not.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(PgPool),
}

/// The database: an SQLite file or a PostgreSQL server.
#[derive(Debug, Clone)]
pub struct Db {
    pub(crate) pools: Pools,
    faults: Arc<FaultPlan>,
}

impl Db {
    /// Opens, and creates where needed, the SQLite file at `path`; every commit reaches the disk before it returns.
    pub async fn open_sqlite(path: &Path, sizes: PoolSizes) -> Result<Self, DbError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(30))
            .statement_cache_capacity(256)
            .pragma("cache_size", "-16000");
        let writer = SqlitePoolOptions::new().max_connections(1).min_connections(1);
        let writer =
            writer.acquire_timeout(Duration::from_secs(30)).connect_with(options.clone()).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(sizes.sqlite_readers)
            .test_before_acquire(false);
        let readers =
            readers.acquire_timeout(Duration::from_secs(30)).connect_with(options).await?;
        Ok(Self { pools: Pools::Sqlite { writer, readers }, faults: Arc::default() })
    }

    /// Connects to the PostgreSQL server at `url` (`postgres://user@host/database`).
    pub async fn open_postgres(url: &str, sizes: PoolSizes) -> Result<Self, DbError> {
        let options =
            PgConnectOptions::from_str(url).map_err(|error| DbError::Address(error.to_string()))?;
        let pool = PgPoolOptions::new().max_connections(sizes.postgres).test_before_acquire(false);
        let pool = pool.acquire_timeout(Duration::from_secs(10)).connect_with(options).await?;
        Ok(Self { pools: Pools::Postgres(pool), faults: Arc::default() })
    }

    /// The plan by which tests make calls fail.
    pub fn faults(&self) -> &Arc<FaultPlan> {
        &self.faults
    }

    /// True on PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        matches!(self.pools, Pools::Postgres(_))
    }

    /// A connection to read with.
    pub async fn read(&self) -> Result<Conn, DbError> {
        let inner = match &self.pools {
            Pools::Sqlite { readers, .. } => Inner::Sqlite(readers.acquire().await?),
            Pools::Postgres(pool) => Inner::Postgres(pool.acquire().await?),
        };
        Ok(Conn { inner, faults: Arc::clone(&self.faults) })
    }

    /// A transaction to write in; dropped without [`Tx::commit`], it leaves no trace.
    pub async fn write(&self) -> Result<Tx, DbError> {
        if self.faults.next_call().is_some() {
            return Err(injected());
        }
        let inner = match &self.pools {
            Pools::Sqlite { writer, .. } => {
                Inner::SqliteTx(writer.begin_with("BEGIN IMMEDIATE").await?)
            }
            Pools::Postgres(pool) => Inner::PostgresTx(pool.begin().await?),
        };
        Ok(Tx(Conn { inner, faults: Arc::clone(&self.faults) }))
    }

    /// Closes every connection; SQLite folds its log into the file.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

#[derive(Debug)]
enum Inner {
    Sqlite(PoolConnection<Sqlite>),
    SqliteTx(Transaction<'static, Sqlite>),
    Postgres(PoolConnection<Postgres>),
    PostgresTx(Transaction<'static, Postgres>),
}

/// A connection on which statements run.
#[derive(Debug)]
pub struct Conn {
    inner: Inner,
    faults: Arc<FaultPlan>,
}

/// Runs `$body` with the statement bound for whichever engine `$conn` is.
macro_rules! on_engine {
    ($conn:expr, $sql:expr, $args:expr, |$query:ident, $engine:ident, $wrap:ident| $body:expr) => {
        match $conn {
            Inner::Sqlite(conn) => {
                let ($query, $engine, $wrap) = (bind!($sql, $args), &mut **conn, Row::Sqlite);
                $body
            }
            Inner::SqliteTx(conn) => {
                let ($query, $engine, $wrap) = (bind!($sql, $args), &mut **conn, Row::Sqlite);
                $body
            }
            Inner::Postgres(conn) => {
                let ($query, $engine, $wrap) = (bind!($sql, $args), &mut **conn, Row::Postgres);
                $body
            }
            Inner::PostgresTx(conn) => {
                let ($query, $engine, $wrap) = (bind!($sql, $args), &mut **conn, Row::Postgres);
                $body
            }
        }
    };
}

macro_rules! bind {
    ($sql:expr, $args:expr) => {{
        let mut query = sqlx::query(AssertSqlSafe($sql));
        for value in $args {
            query = match value {
                Value::Int(value) => query.bind(value),
                Value::Bool(value) => query.bind(value),
                Value::Text(value) => query.bind(value),
                Value::Bytes(value) => query.bind(value),
            };
        }
        query
    }};
}

impl Conn {
    /// True on PostgreSQL; for [`crate::dialect`] only.
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.inner, Inner::Postgres(_) | Inner::PostgresTx(_))
    }

    /// Runs a statement; returns how many rows it changed.
    pub async fn execute(&mut self, sql: &'static str, args: Vec<Value>) -> Result<u64, DbError> {
        let moment = self.before()?;
        let changed = on_engine!(&mut self.inner, sql, args, |query, engine, _wrap| {
            query.execute(engine).await?.rows_affected()
        });
        after(moment)?;
        Ok(changed)
    }

    /// The first row of a result, if there is one.
    pub async fn fetch_optional(
        &mut self,
        sql: &'static str,
        args: Vec<Value>,
    ) -> Result<Option<Row>, DbError> {
        let moment = self.before()?;
        let row = on_engine!(&mut self.inner, sql, args, |query, engine, wrap| {
            query.fetch_optional(engine).await?.map(wrap)
        });
        after(moment)?;
        Ok(row)
    }

    /// The only row of a result.
    pub async fn fetch_one(&mut self, sql: &'static str, args: Vec<Value>) -> Result<Row, DbError> {
        let row = self.fetch_optional(sql, args).await?;
        row.ok_or(DbError::Driver(sqlx::Error::RowNotFound))
    }

    /// All rows of a result.
    pub async fn fetch_all(
        &mut self,
        sql: &'static str,
        args: Vec<Value>,
    ) -> Result<Vec<Row>, DbError> {
        self.fetch_dynamic(sql.to_owned(), args).await
    }

    /// All rows of a statement that was put together from this crate's own fragments, never from input.
    pub(crate) async fn fetch_dynamic(
        &mut self,
        sql: String,
        args: Vec<Value>,
    ) -> Result<Vec<Row>, DbError> {
        let moment = self.before()?;
        let rows = on_engine!(&mut self.inner, sql, args, |query, engine, wrap| {
            query.fetch(engine).map_ok(wrap).try_collect().await?
        });
        after(moment)?;
        Ok(rows)
    }

    fn before(&self) -> Result<Option<Moment>, DbError> {
        let moment = self.faults.next_call();
        if moment == Some(Moment::Before) { Err(injected()) } else { Ok(moment) }
    }
}

/// A transaction.
#[derive(Debug)]
pub struct Tx(Conn);

impl Tx {
    /// Makes everything done in the transaction durable and visible.
    pub async fn commit(self) -> Result<(), DbError> {
        let moment = self.0.before()?;
        match self.0.inner {
            Inner::SqliteTx(tx) => tx.commit().await?,
            Inner::PostgresTx(tx) => tx.commit().await?,
            // A `Tx` is only ever made around a transaction.
            Inner::Sqlite(_) | Inner::Postgres(_) => {}
        }
        after(moment)
    }
}

impl Deref for Tx {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        &self.0
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.0
    }
}

fn after(moment: Option<Moment>) -> Result<(), DbError> {
    if moment == Some(Moment::After) { Err(injected()) } else { Ok(()) }
}

fn injected() -> DbError {
    DbError::Unavailable(sqlx::Error::Io(std::io::Error::other("injected fault")))
}

/// Collects anything that becomes a [`Value`] into the parameters of a statement.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::Value::from($value)),*] };
}
pub(crate) use args;
