use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use steelyard_core::Secret;

/// Where the database is: a PostgreSQL URL or the path of an SQLite file. It shows itself without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Address);

#[derive(Clone, PartialEq, Eq)]
enum Address {
    Sqlite(PathBuf),
    Postgres(Secret),
}

impl DatabaseUrl {
    /// The path, if it is an SQLite file.
    pub fn sqlite_path(&self) -> Option<&Path> {
        match &self.0 {
            Address::Sqlite(path) => Some(path),
            Address::Postgres(_) => None,
        }
    }

    /// The URL with its password, if it is a PostgreSQL server.
    pub fn postgres_url(&self) -> Option<&Secret> {
        match &self.0 {
            Address::Sqlite(_) => None,
            Address::Postgres(url) => Some(url),
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "must be postgres://USER@HOST/DATABASE, or the path of an SQLite file";
        if text
            .strip_prefix("postgres://")
            .or(text.strip_prefix("postgresql://"))
            .is_some_and(|rest| !rest.is_empty())
        {
            return Ok(Self(Address::Postgres(Secret::new(text))));
        }
        let path = text.strip_prefix("sqlite://").or(text.strip_prefix("sqlite:")).unwrap_or(text);
        if path.is_empty() || path.contains("://") || path.starts_with(":memory:") {
            return Err(RULE);
        }
        Ok(Self(Address::Sqlite(path.into())))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Address::Sqlite(path) => path.display().fmt(f),
            Address::Postgres(url) => f.write_str(&without_password(url.expose())),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

super::text_value!(
    DatabaseUrl,
    expecting "a URL such as \"postgres://hub@db.example.org/hub\", or a path",
    example "postgres://hub@db.example.org/hub"
);

/// The URL with `***` for the password before the host and for a `password` parameter.
fn without_password(url: &str) -> String {
    let (base, query) =
        url.split_once('?').map_or((url, None), |(base, query)| (base, Some(query)));
    let (scheme, rest) = base.split_once("://").unwrap_or(("postgres", base));
    let shown = match rest.rsplit_once('@') {
        Some((user, host)) if user.contains(':') => {
            let name = user.split_once(':').map_or(user, |(name, _)| name);
            format!("{name}:***@{host}")
        }
        _ => rest.to_owned(),
    };
    let query = query.map_or(String::new(), |query| {
        let shown = query.split('&').map(|pair| match pair.split_once('=') {
            Some((name, _)) if name.to_lowercase().contains("password") => format!("{name}=***"),
            _ => pair.to_owned(),
        });
        format!("?{}", shown.collect::<Vec<_>>().join("&"))
    });
    format!("{scheme}://{shown}{query}")
}

/// Where the store is: `s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME]`, or a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageUrl(String);

impl StorageUrl {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder, if it is one.
    pub fn directory(&self) -> Option<&str> {
        (!self.0.starts_with("s3://")).then_some(&self.0)
    }
}

impl FromStr for StorageUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "must be s3://BUCKET?endpoint=URL, or a folder";
        let Some(rest) = text.strip_prefix("s3://") else {
            let path = text.strip_prefix("file://").unwrap_or(text);
            return if path.is_empty() || path.contains("://") {
                Err(RULE)
            } else {
                Ok(Self(path.to_owned()))
            };
        };
        let bucket = rest.split(['/', '?']).next().unwrap_or_default();
        if bucket.contains('@') {
            return Err(
                "must not contain credentials: set storage.access_key and storage.secret_key",
            );
        }
        let allowed =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '_');
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(allowed) {
            return Err(
                "must name a bucket of 3 to 63 lower-case letters, digits, `-` and `.`: s3://BUCKET",
            );
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for StorageUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

super::text_value!(
    StorageUrl,
    expecting "a URL such as \"s3://hub?endpoint=https://s3.example.org\", or a path",
    example "s3://hub?endpoint=https://s3.example.org"
);
