//! Connections to one SQLite file.
//!
//! sqlx's own pool asks a connection whether it still lives each time it is handed back, in a task of its own; with
//! SQLite, where every question goes to a thread and back, that costs as much as a query.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use crate::DbError;

/// How long a caller waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long opening waits for another process before it looks again.
const OPEN_AGAIN_AFTER: Duration = Duration::from_millis(20);
/// How long closing waits for connections in use.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// A fixed number of connections, opened when first wanted; waiters are served in order.
#[derive(Debug)]
pub(crate) struct SqlitePool {
    options: SqliteConnectOptions,
    idle: Mutex<Vec<SqliteConnection>>,
    permits: Arc<Semaphore>,
    size: u32,
}

impl SqlitePool {
    pub(crate) fn new(options: SqliteConnectOptions, size: u32) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(size as usize));
        Arc::new(Self { options, idle: Mutex::default(), permits, size })
    }

    pub(crate) async fn acquire(self: &Arc<Self>) -> Result<Lease, DbError> {
        let permit = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(TryAcquireError::Closed) => return Err(sqlx::Error::PoolClosed.into()),
            Err(TryAcquireError::NoPermits) => {
                let waiting = Arc::clone(&self.permits).acquire_owned();
                let waited = tokio::time::timeout(ACQUIRE_TIMEOUT, waiting).await;
                let permit = waited.map_err(|_| sqlx::Error::PoolTimedOut)?;
                permit.map_err(|_| sqlx::Error::PoolClosed)?
            }
        };
        let idle = self.idle.lock().pop();
        let conn = match idle {
            Some(conn) => conn,
            None => self.open().await?,
        };
        Ok(Lease {
            conn: Some(conn),
            pool: Arc::clone(self),
            permit: Some(permit),
            in_transaction: false,
        })
    }

    /// Opens a connection. SQLite waits for other processes before it reads or writes, but not before it turns on the
    /// log of a new file, so this waits in its place.
    async fn open(&self) -> Result<SqliteConnection, DbError> {
        let started = Instant::now();
        loop {
            match self.options.connect().await.map_err(DbError::from) {
                Err(DbError::Unavailable(sqlx::Error::Database(_)))
                    if started.elapsed() < ACQUIRE_TIMEOUT =>
                {
                    tokio::time::sleep(OPEN_AGAIN_AFTER).await;
                }
                result => return result,
            }
        }
    }

    /// Waits for the connections in use, closes all, and gives out none any more.
    pub(crate) async fn close(&self) {
        let all = tokio::time::timeout(CLOSE_TIMEOUT, self.permits.acquire_many(self.size)).await;
        self.permits.close();
        drop(all);
        let idle = std::mem::take(&mut *self.idle.lock());
        for conn in idle {
            if let Err(error) = conn.close().await {
                tracing::warn!(%error, "a database connection did not close well");
            }
        }
    }
}

/// A connection that goes back to its pool when dropped; what is left of a transaction is rolled back before.
#[derive(Debug)]
pub(crate) struct Lease {
    conn: Option<SqliteConnection>,
    pool: Arc<SqlitePool>,
    permit: Option<OwnedSemaphorePermit>,
    in_transaction: bool,
}

impl Lease {
    /// Says whether a transaction may be open from here on.
    pub(crate) fn set_in_transaction(&mut self, is: bool) {
        self.in_transaction = is;
    }
}

impl Deref for Lease {
    type Target = SqliteConnection;
    fn deref(&self) -> &SqliteConnection {
        self.conn.as_ref().expect("only drop takes the connection")
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        self.conn.as_mut().expect("only drop takes the connection")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        if !self.in_transaction {
            self.pool.idle.lock().push(conn);
            return;
        }
        // Outside the runtime the connection is closed instead, which rolls back as well.
        let Ok(runtime) = Handle::try_current() else { return };
        let (pool, permit) = (Arc::clone(&self.pool), self.permit.take());
        runtime.spawn(async move {
            let mut conn = conn;
            if roll_back(&mut conn).await {
                pool.idle.lock().push(conn);
            }
            drop(permit);
        });
    }
}

/// True when the connection is fit for the next user.
async fn roll_back(conn: &mut SqliteConnection) -> bool {
    match sqlx::query("ROLLBACK").execute(conn).await {
        Ok(_) => true,
        // It was committed, or never began, before its user went away.
        Err(sqlx::Error::Database(error))
            if error.message().contains("no transaction is active") =>
        {
            true
        }
        Err(error) => {
            tracing::warn!(%error, "a rollback failed; the connection is closed");
            false
        }
    }
}
