//! Connections: where to read, where to write, and how statements run.

use std::borrow::Cow;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Either, Executor, PgPool, Postgres, Transaction};
use steelyard_core::fault::{FaultPlan, Moment};

use crate::sqlite::{Lease, SqlitePool};
use crate::{DbError, Row, Value};

/// Most statements that wait to run together; their texts are prepared and kept together.
const PENDING_MAX: usize = 48;
/// Most rows of one `INSERT`; a power of two.
const INSERT_ROWS_MAX: usize = 64;

/// A statement that waits for the next one, with its parameters.
type Pending = (Cow<'static, str>, Vec<Value>);

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
        writer: Arc<SqlitePool>,
        readers: Arc<SqlitePool>,
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
        let writer = SqlitePool::new(options.clone(), 1);
        drop(writer.acquire().await?);
        let readers = SqlitePool::new(options, sizes.sqlite_readers);
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
        Ok(Conn::new(inner, &self.faults))
    }

    /// A transaction to write in; dropped without [`Tx::commit`], it leaves no trace.
    pub async fn write(&self) -> Result<Tx, DbError> {
        if self.faults.next_call().is_some() {
            return Err(injected());
        }
        match &self.pools {
            Pools::Sqlite { writer, .. } => {
                let mut conn = Conn::new(Inner::SqliteTx(writer.acquire().await?), &self.faults);
                conn.pending.push((Cow::Borrowed("BEGIN IMMEDIATE"), Vec::new()));
                Ok(Tx(conn))
            }
            Pools::Postgres(pool) => {
                Ok(Tx(Conn::new(Inner::PostgresTx(pool.begin().await?), &self.faults)))
            }
        }
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
    Sqlite(Lease),
    SqliteTx(Lease),
    Postgres(PoolConnection<Postgres>),
    PostgresTx(Transaction<'static, Postgres>),
}

/// A connection on which statements run.
#[derive(Debug)]
pub struct Conn {
    inner: Inner,
    faults: Arc<FaultPlan>,
    /// Statements of an SQLite transaction that run together with the next one: each way to the connection's thread
    /// and back costs more than most statements.
    pending: Vec<Pending>,
    /// True when one of those failed, so that what came after it did not run.
    is_broken: bool,
}

/// What a statement that ran together with pending ones yielded.
#[derive(Debug, Default)]
struct Outcome {
    changed: u64,
    rows: Vec<Row>,
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
                Value::Double(value) => query.bind(value),
                Value::Bool(value) => query.bind(value),
                Value::Text(value) => query.bind(value),
                Value::Bytes(value) => query.bind(value),
            };
        }
        query
    }};
}

impl Conn {
    fn new(inner: Inner, faults: &Arc<FaultPlan>) -> Self {
        Self { inner, faults: Arc::clone(faults), pending: Vec::new(), is_broken: false }
    }

    /// True on PostgreSQL; for [`crate::dialect`] only.
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.inner, Inner::Postgres(_) | Inner::PostgresTx(_))
    }

    /// Runs a statement; returns how many rows it changed.
    pub async fn execute(&mut self, sql: &'static str, args: Vec<Value>) -> Result<u64, DbError> {
        self.execute_text(Cow::Borrowed(sql), args).await
    }

    async fn execute_text(
        &mut self,
        sql: Cow<'static, str>,
        args: Vec<Value>,
    ) -> Result<u64, DbError> {
        if !self.pending.is_empty() {
            return Ok(self.run_with_pending(&sql, args).await?.changed);
        }
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
        if !self.pending.is_empty() {
            return Ok(self.run_with_pending(sql, args).await?.rows.into_iter().next());
        }
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
        if !self.pending.is_empty() {
            return Ok(self.run_with_pending(&sql, args).await?.rows);
        }
        let moment = self.before()?;
        let rows = on_engine!(&mut self.inner, sql, args, |query, engine, wrap| {
            query.fetch(engine).map_ok(wrap).try_collect().await?
        });
        after(moment)?;
        Ok(rows)
    }

    /// Runs the pending statements and this one, whose outcome it returns, in one go.
    async fn run_with_pending(&mut self, sql: &str, args: Vec<Value>) -> Result<Outcome, DbError> {
        let moment = self.before()?;
        let Inner::SqliteTx(lease) = &mut self.inner else {
            return Err(DbError::Driver(sqlx::Error::BeginFailed));
        };
        let pending = std::mem::take(&mut self.pending);
        let (before, mut done) = (pending.len(), 0);
        let (sql, args) = compose(pending, sql, args);
        lease.set_in_transaction(true);
        // A future that is dropped half way leaves it so.
        self.is_broken = true;
        let mut outcome = Outcome::default();
        let mut results = (&mut **lease).fetch_many(bind!(sql, args));
        loop {
            match results.try_next().await {
                Ok(Some(Either::Left(result))) => {
                    done += 1;
                    outcome.changed = result.rows_affected();
                }
                Ok(Some(Either::Right(row))) => outcome.rows.push(Row::Sqlite(row)),
                Ok(None) => break,
                Err(error) => {
                    self.is_broken = done < before;
                    return Err(error.into());
                }
            }
        }
        self.is_broken = false;
        after(moment)?;
        Ok(outcome)
    }

    fn before(&self) -> Result<Option<Moment>, DbError> {
        if self.is_broken {
            return Err(DbError::Driver(sqlx::Error::Protocol(
                "an earlier statement of this transaction failed".to_owned(),
            )));
        }
        let moment = self.faults.next_call();
        if moment == Some(Moment::Before) { Err(injected()) } else { Ok(moment) }
    }
}

/// A transaction.
#[derive(Debug)]
pub struct Tx(Conn);

impl Tx {
    /// Runs a statement whose result nobody waits for: at the latest, [`Tx::commit`] reports its failure.
    pub async fn execute_later(
        &mut self,
        sql: &'static str,
        args: Vec<Value>,
    ) -> Result<(), DbError> {
        self.run_later(Cow::Borrowed(sql), args).await
    }

    /// Inserts rows as [`Tx::execute_later`] does. `into` ends with `VALUES `; the rows go in a few statements, whose
    /// sizes are powers of two so that each is prepared once.
    pub(crate) async fn insert_later<const N: usize>(
        &mut self,
        into: &'static str,
        rows: impl ExactSizeIterator<Item = [Value; N]>,
    ) -> Result<(), DbError> {
        let mut rows = rows;
        while let Some(log) = rows.len().checked_ilog2() {
            let count = (1 << log).min(INSERT_ROWS_MAX);
            let args: Vec<Value> = rows.by_ref().take(count).flatten().collect();
            let mut sql = into.to_owned();
            for row in 0..count {
                sql.push_str(if row == 0 { "(" } else { ", (" });
                for column in 1..=N {
                    sql.push_str(if column == 1 { "$" } else { ", $" });
                    sql.push_str(&(row * N + column).to_string());
                }
                sql.push(')');
            }
            self.run_later(Cow::Owned(sql), args).await?;
        }
        Ok(())
    }

    async fn run_later(&mut self, sql: Cow<'static, str>, args: Vec<Value>) -> Result<(), DbError> {
        let is_sqlite = matches!(self.0.inner, Inner::SqliteTx(_));
        if is_sqlite && self.0.pending.len() < PENDING_MAX {
            self.0.pending.push((sql, args));
            return Ok(());
        }
        self.0.execute_text(sql, args).await.map(drop)
    }

    /// Makes everything done in the transaction durable and visible.
    pub async fn commit(mut self) -> Result<(), DbError> {
        if let Inner::SqliteTx(_) = &self.0.inner {
            self.0.execute("COMMIT", Vec::new()).await?;
            if let Inner::SqliteTx(lease) = &mut self.0.inner {
                lease.set_in_transaction(false);
            }
            return Ok(());
        }
        let moment = self.0.before()?;
        if let Inner::PostgresTx(tx) = self.0.inner {
            tx.commit().await?;
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

/// One text and one list of parameters for several statements.
fn compose(pending: Vec<Pending>, sql: &str, args: Vec<Value>) -> (String, Vec<Value>) {
    let mut text = String::new();
    let mut values = Vec::new();
    for (statement, args) in pending {
        renumber(&statement, values.len(), &mut text);
        text.push(';');
        values.extend(args);
    }
    renumber(sql, values.len(), &mut text);
    values.extend(args);
    (text, values)
}

/// Appends a statement with its `$1`, `$2`, ... counted from `offset`. No text of this crate has a `$` before a digit
/// for any other reason.
fn renumber(sql: &str, offset: usize, out: &mut String) {
    let mut rest = sql;
    while let Some(at) = rest.find('$') {
        let digits = rest[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
        let (head, tail) = rest.split_at(at + 1 + digits);
        out.push_str(&head[..=at]);
        if let Ok(number) = head[at + 1..].parse::<usize>() {
            out.push_str(&(number + offset).to_string());
        }
        rest = tail;
    }
    out.push_str(rest);
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

#[cfg(test)]
mod tests;
