//! Values that go into a statement and rows that come out of it, the same for both engines.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Decode, Row as _, Type};
use steelyard_core::{Oid, Sha256, Timestamp, XetHash};

use crate::DbError;

/// A bound parameter. NULL keeps its type, which PostgreSQL needs.
#[derive(Debug, Clone)]
pub enum Value {
    /// BIGINT.
    Int(Option<i64>),
    /// DOUBLE PRECISION or REAL; must be finite, because SQLite makes NULL of NaN.
    Double(f64),
    /// BOOLEAN.
    Bool(bool),
    /// TEXT.
    Text(Option<String>),
    /// BYTEA or BLOB.
    Bytes(Option<Vec<u8>>),
}

macro_rules! value_from {
    ($($from:ty => |$v:ident| $body:expr),* $(,)?) => {
        $(impl From<$from> for Value { fn from($v: $from) -> Self { $body } })*
    };
}

value_from! {
    i64 => |v| Self::Int(Some(v)),
    Option<i64> => |v| Self::Int(v),
    f64 => |v| Self::Double(v),
    bool => |v| Self::Bool(v),
    &str => |v| Self::Text(Some(v.to_owned())),
    String => |v| Self::Text(Some(v)),
    &String => |v| Self::Text(Some(v.clone())),
    Option<String> => |v| Self::Text(v),
    Option<&str> => |v| Self::Text(v.map(str::to_owned)),
    &[u8] => |v| Self::Bytes(Some(v.to_vec())),
    Vec<u8> => |v| Self::Bytes(Some(v)),
    Option<Vec<u8>> => |v| Self::Bytes(v),
    Oid => |v| Self::Bytes(Some(v.as_bytes().to_vec())),
    Option<Oid> => |v| Self::Bytes(v.map(|oid| oid.as_bytes().to_vec())),
    Sha256 => |v| Self::Bytes(Some(v.as_bytes().to_vec())),
    XetHash => |v| Self::Bytes(Some(v.as_bytes().to_vec())),
    Timestamp => |v| Self::Int(Some(v.millis())),
    Option<Timestamp> => |v| Self::Int(v.map(Timestamp::millis)),
}

impl Value {
    /// A number of bytes or rows; none comes near the bound.
    pub(crate) fn count(count: u64) -> Self {
        Self::Int(Some(i64::try_from(count).unwrap_or(i64::MAX)))
    }
}

/// Text without NUL, which PostgreSQL cannot store; for what comes out of files.
pub(crate) fn clean(text: &str) -> String {
    text.replace('\0', "")
}

/// One row of a result.
#[derive(Debug)]
pub enum Row {
    /// From SQLite.
    Sqlite(SqliteRow),
    /// From PostgreSQL.
    Postgres(PgRow),
}

impl Row {
    fn get<T>(&self, column: &'static str) -> Result<T, DbError>
    where
        T: for<'r> Decode<'r, sqlx::Sqlite> + Type<sqlx::Sqlite>,
        T: for<'r> Decode<'r, sqlx::Postgres> + Type<sqlx::Postgres>,
        &'static str: ColumnIndex<SqliteRow> + ColumnIndex<PgRow>,
    {
        let value = match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        };
        value.map_err(|error| {
            tracing::error!(column, %error, "a column cannot be read");
            DbError::Inconsistent { column }
        })
    }

    /// A BIGINT.
    pub fn int(&self, column: &'static str) -> Result<i64, DbError> {
        self.get(column)
    }

    /// A BIGINT that may be NULL.
    pub fn opt_int(&self, column: &'static str) -> Result<Option<i64>, DbError> {
        self.get(column)
    }

    /// A BIGINT that counts bytes or rows.
    pub fn count(&self, column: &'static str) -> Result<u64, DbError> {
        u64::try_from(self.int(column)?).map_err(|_| DbError::Inconsistent { column })
    }

    /// A BIGINT that counts bytes or rows and may be NULL.
    pub fn opt_count(&self, column: &'static str) -> Result<Option<u64>, DbError> {
        let number = self.opt_int(column)?.map(u64::try_from).transpose();
        number.map_err(|_| DbError::Inconsistent { column })
    }

    /// A BIGINT that always fits 32 bits.
    pub fn small(&self, column: &'static str) -> Result<u32, DbError> {
        u32::try_from(self.int(column)?).map_err(|_| DbError::Inconsistent { column })
    }

    /// A DOUBLE PRECISION.
    pub fn double(&self, column: &'static str) -> Result<f64, DbError> {
        self.get(column)
    }

    /// A BOOLEAN.
    pub fn bool(&self, column: &'static str) -> Result<bool, DbError> {
        self.get(column)
    }

    /// A TEXT.
    pub fn text(&self, column: &'static str) -> Result<String, DbError> {
        self.get(column)
    }

    /// A TEXT that may be NULL.
    pub fn opt_text(&self, column: &'static str) -> Result<Option<String>, DbError> {
        self.get(column)
    }

    /// Bytes.
    pub fn bytes(&self, column: &'static str) -> Result<Vec<u8>, DbError> {
        self.get(column)
    }

    /// Bytes that may be NULL.
    pub fn opt_bytes(&self, column: &'static str) -> Result<Option<Vec<u8>>, DbError> {
        self.get(column)
    }

    /// A git object id.
    pub fn oid(&self, column: &'static str) -> Result<Oid, DbError> {
        Oid::from_slice(&self.bytes(column)?).map_err(|_| DbError::Inconsistent { column })
    }

    /// A git object id that may be NULL.
    pub fn opt_oid(&self, column: &'static str) -> Result<Option<Oid>, DbError> {
        let bytes = self.opt_bytes(column)?;
        bytes
            .map(|bytes| Oid::from_slice(&bytes).map_err(|_| DbError::Inconsistent { column }))
            .transpose()
    }

    /// A content hash.
    pub fn sha256(&self, column: &'static str) -> Result<Sha256, DbError> {
        Sha256::from_slice(&self.bytes(column)?).map_err(|_| DbError::Inconsistent { column })
    }

    /// A content hash that may be NULL.
    pub fn opt_sha256(&self, column: &'static str) -> Result<Option<Sha256>, DbError> {
        let bytes = self.opt_bytes(column)?;
        bytes
            .map(|bytes| Sha256::from_slice(&bytes).map_err(|_| DbError::Inconsistent { column }))
            .transpose()
    }

    /// A hash of the Xet protocol.
    pub fn xet_hash(&self, column: &'static str) -> Result<XetHash, DbError> {
        XetHash::from_slice(&self.bytes(column)?).map_err(|_| DbError::Inconsistent { column })
    }

    /// A hash of the Xet protocol that may be NULL.
    pub fn opt_xet_hash(&self, column: &'static str) -> Result<Option<XetHash>, DbError> {
        let bytes = self.opt_bytes(column)?;
        bytes
            .map(|bytes| XetHash::from_slice(&bytes).map_err(|_| DbError::Inconsistent { column }))
            .transpose()
    }

    /// A moment.
    pub fn timestamp(&self, column: &'static str) -> Result<Timestamp, DbError> {
        self.int(column).map(Timestamp::from_millis)
    }

    /// A moment that may be NULL.
    pub fn opt_timestamp(&self, column: &'static str) -> Result<Option<Timestamp>, DbError> {
        Ok(self.opt_int(column)?.map(Timestamp::from_millis))
    }

    /// A TEXT that holds JSON.
    pub fn json(&self, column: &'static str) -> Result<serde_json::Value, DbError> {
        serde_json::from_str(&self.text(column)?).map_err(|_| DbError::Inconsistent { column })
    }

    /// A TEXT that `parse` understands.
    pub fn parsed<T, E>(
        &self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, DbError> {
        parse(&self.text(column)?).map_err(|_| DbError::Inconsistent { column })
    }
}
