//! What can go wrong in the database, as far as callers act on it.

/// A failed database call.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A row with this key exists.
    #[error("a row with the same {constraint} exists")]
    Conflict {
        /// The constraint or columns, as the engine names them.
        constraint: String,
    },
    /// The engine cannot answer now; the same call may succeed later.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// A stored value does not have the form this code writes.
    #[error("column {column} holds an unexpected value")]
    Inconsistent {
        /// The column that was read.
        column: &'static str,
    },
    /// A row that must exist does not.
    #[error("the row in {row} that this refers to does not exist")]
    Missing {
        /// The table that lacks it.
        row: &'static str,
    },
    /// The database's schema is newer or older than this program.
    #[error("the database schema does not fit this program: {0}")]
    Schema(String),
    /// The address of the database is wrong.
    #[error("invalid database address: {0}")]
    Address(String),
    /// Anything else the driver reports.
    #[error("database error")]
    Driver(#[source] sqlx::Error),
}

impl DbError {
    /// Others kept changing the same rows of `table`.
    pub(crate) fn contended(table: &str) -> Self {
        let cause = std::io::Error::other(format!("rows of {table} came and went"));
        Self::Unavailable(sqlx::Error::Io(cause))
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::error::ErrorKind;
        match &error {
            sqlx::Error::Database(inner) if inner.kind() == ErrorKind::UniqueViolation => {
                let constraint =
                    inner.constraint().map_or_else(|| inner.message().to_owned(), str::to_owned);
                Self::Conflict { constraint }
            }
            sqlx::Error::Database(inner) if is_passing(inner.code().as_deref()) => {
                Self::Unavailable(error)
            }
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
                Self::Unavailable(error)
            }
            sqlx::Error::WorkerCrashed | sqlx::Error::Tls(_) => Self::Unavailable(error),
            _ => Self::Driver(error),
        }
    }
}

/// SQLite's BUSY and LOCKED (5, 6 and their extended codes) and PostgreSQL's classes 08, 40, 53, 55P03 and 57P0x.
fn is_passing(code: Option<&str>) -> bool {
    let Some(code) = code else { return false };
    if code.len() < 5 {
        return code.parse::<i32>().is_ok_and(|number| matches!(number & 0xff, 5 | 6));
    }
    ["08", "40", "53", "57P"].iter().any(|class| code.starts_with(class)) || code == "55P03"
}
