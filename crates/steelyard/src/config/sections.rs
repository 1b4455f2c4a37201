//! The sections of the configuration: one struct for each concern, every field with a default that works.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use steelyard_service::xet::XetSettings;
use toml::{Table, Value};

use super::layers::{Origin, Settings};
use super::{
    AdminListen, ByteSize, DatabaseUrl, ListenAddress, Period, Problem, PublicUrl, SecretText,
    StorageUrl,
};

/// Everything that an operator can set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the hub listens and keeps its data.
    pub server: Server,
    /// Metadata, refs and jobs.
    pub database: DatabaseSection,
    /// Large files, packs and uploads.
    pub storage: StorageSection,
    /// What is logged, and how.
    pub log: Log,
    /// The largest things that clients may send.
    pub limits: Limits,
    /// Large files uploaded in chunks, of which each is stored once.
    pub xet: Xet,
    /// The git binary, which serves clones and fetches.
    pub git: Git,
    /// Users and their tokens.
    pub accounts: Accounts,
    /// Mail that the hub sends.
    pub mail: MailSection,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address to serve on; port 0 takes a free one.
    pub listen: ListenAddress,
    /// The hub's address as clients see it, when a proxy stands before it; without it, links name the address that the
    /// request came to.
    pub public_url: Option<PublicUrl>,
    /// Proxies before the hub that each append the address they see to X-Forwarded-For; 0 ignores that header. Failed
    /// authentications are counted by client address, so behind a proxy this must be set.
    pub trusted_proxies: u8,
    /// Address for health checks and metrics, or "off". The default is given up silently if it is taken.
    pub admin_listen: AdminListen,
    /// Folder for the embedded database, the embedded store and caches.
    pub data: PathBuf,
    /// How long requests in flight may take to end when the server is stopped.
    pub shutdown_grace: Period,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: ListenAddress(([127, 0, 0, 1], 8080).into()),
            public_url: None,
            trusted_proxies: 0,
            admin_listen: AdminListen::At(([127, 0, 0, 1], 8081).into()),
            data: PathBuf::from("./steelyard-data"),
            shutdown_grace: Period::from_secs(30),
        }
    }
}

/// `[database]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseSection {
    /// postgres://USER:PASSWORD@HOST/DATABASE, or the path of an SQLite file; without it, steelyard.db in server.data.
    pub url: Option<DatabaseUrl>,
    /// File that contains the URL, to keep its password out of this one.
    pub url_file: Option<PathBuf>,
    /// Connections that one process keeps to PostgreSQL.
    pub postgres_connections: NonZeroU32,
    /// Connections that read SQLite at once; one more writes.
    pub sqlite_readers: NonZeroU32,
}

impl Default for DatabaseSection {
    fn default() -> Self {
        let count = |count| NonZeroU32::new(count).expect("the defaults are not zero");
        Self {
            url: None,
            url_file: None,
            postgres_connections: count(16),
            sqlite_readers: count(4),
        }
    }
}

/// `[storage]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StorageSection {
    /// s3://BUCKET?endpoint=URL&region=NAME, or a folder; without it, the folder objects in server.data.
    pub url: Option<StorageUrl>,
    /// Access key of the S3 store.
    pub access_key: Option<SecretText>,
    /// File that contains the access key.
    pub access_key_file: Option<PathBuf>,
    /// Secret key of the S3 store.
    pub secret_key: Option<SecretText>,
    /// File that contains the secret key.
    pub secret_key_file: Option<PathBuf>,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Lines for people, or JSON for programs.
    pub format: LogFormat,
    /// What to log: a level, or levels by module such as "steelyard_http=debug,info".
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest file in LFS; at most 1TiB.
    pub lfs_object_max: ByteSize,
    /// Largest pack of one git push.
    pub push_pack_max: ByteSize,
    /// Largest body of one commit over HTTP, without its LFS files; it is held in memory.
    pub commit_body_max: ByteSize,
}

impl Default for Limits {
    fn default() -> Self {
        use steelyard_core::limits;
        Self {
            lfs_object_max: ByteSize::new(limits::LFS_OBJECT_BYTES_MAX),
            push_pack_max: ByteSize::new(limits::PUSH_PACK_BYTES_MAX),
            commit_body_max: ByteSize::new(limits::COMMIT_BODY_BYTES_MAX as u64),
        }
    }
}

/// `[xet]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Xet {
    /// Memory for uploads in work, which are held whole while they are checked; at least 256MiB. When it is used up,
    /// clients are asked to come again.
    pub upload_memory: ByteSize,
    /// Chunks that one user may have uploaded without having used them in a file yet, as stored.
    pub unused_max: ByteSize,
    /// How long chunks that no file uses are kept for whoever uploaded them; at least 22d, because clients count on what
    /// they uploaded for 21 days.
    pub unused_keep: Period,
    /// How long a client's token for the content store is good; 5s to 24h. Clients fetch the next one by themselves.
    pub token_ttl: Period,
    /// How long the signed addresses are good by which clients fetch stored bytes; 5s to 24h. Clients ask for fresh ones by
    /// themselves.
    pub address_ttl: Period,
}

impl Default for Xet {
    fn default() -> Self {
        let settings = XetSettings::default();
        Self {
            upload_memory: ByteSize::new(settings.memory_bytes),
            unused_max: ByteSize::new(settings.unreferenced_bytes_max),
            unused_keep: Period::from_secs(settings.unreferenced_keep_secs.unsigned_abs()),
            token_ttl: Period::from_secs(settings.token_ttl_secs.unsigned_abs()),
            address_ttl: Period::from_secs(settings.address_ttl_secs.unsigned_abs()),
        }
    }
}

/// `[git]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Git {
    /// Path of the git program; "git" takes the first on PATH of version 2.30 or later. Without one, everything but git's
    /// own transport works.
    pub program: PathBuf,
}

impl Default for Git {
    fn default() -> Self {
        Self { program: PathBuf::from("git") }
    }
}

/// `[accounts]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Accounts {
    /// Name of the administrator that the first start on an empty database creates; "" creates none.
    pub first_admin: String,
    /// Failed authentications that one address may make in accounts.failures_window before it must wait.
    pub failures_max: NonZeroU32,
    /// The time in which failed authentications are counted.
    pub failures_window: Period,
    /// Who may make an account in the browser: "closed" (nobody; administrators make them), "invitation" (whoever has a
    /// code of an administrator) or "open" (everybody who reaches the hub).
    pub sign_up: SignUp,
    /// How long a browser stays signed in after it was last used; 5m to 400d.
    pub session_idle: Period,
}

/// Who may make an account in the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SignUp {
    /// Nobody.
    Closed,
    /// Whoever has a code.
    Invitation,
    /// Everybody.
    Open,
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            first_admin: "operator".to_owned(),
            failures_max: NonZeroU32::new(30).expect("the default is not zero"),
            failures_window: Period::from_secs(60),
            sign_up: SignUp::Closed,
            session_idle: Period::from_secs(30 * 24 * 3600),
        }
    }
}

/// `[mail]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MailSection {
    /// smtps://USER:PASSWORD@HOST, smtp://USER:PASSWORD@HOST?tls=required, or smtp://HOST for a server that asks for
    /// neither; without it, the hub sends no mail, and administrators hand out codes for new passwords.
    pub smtp: Option<SecretText>,
    /// File that contains the URL, to keep its password out of this one.
    pub smtp_file: Option<PathBuf>,
    /// The sender: an address, or NAME <ADDRESS>.
    pub from: Option<String>,
    /// Folder that mail is written into as .eml files instead of being sent, to see what would go out.
    pub folder: Option<PathBuf>,
}

/// The database to open.
#[derive(Debug, Clone, PartialEq)]
pub enum Database {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(DatabaseUrl),
}

/// The store to open.
#[derive(Debug, Clone, PartialEq)]
pub enum Storage {
    /// A folder.
    Directory(PathBuf),
    /// An S3 bucket: its `s3://` URL and credentials.
    S3 {
        /// `s3://BUCKET[/PREFIX][?endpoint=…&region=…]`.
        url: StorageUrl,
        /// Access key and secret key, if they are set.
        keys: Option<(SecretText, SecretText)>,
    },
}

impl Config {
    /// The database to open, the default one if none is set.
    pub fn database(&self) -> Database {
        match &self.database.url {
            None => Database::Sqlite(self.server.data.join("steelyard.db")),
            Some(url) => match url.sqlite_path() {
                Some(path) => Database::Sqlite(path.to_owned()),
                None => Database::Postgres(url.clone()),
            },
        }
    }

    /// The store to open, the default one if none is set.
    pub fn storage(&self) -> Storage {
        let Some(url) = &self.storage.url else {
            return Storage::Directory(self.server.data.join("objects"));
        };
        match url.directory() {
            Some(path) => Storage::Directory(Path::new(path).to_owned()),
            None => {
                let keys = self.storage.access_key.clone().zip(self.storage.secret_key.clone());
                Storage::S3 { url: url.clone(), keys }
            }
        }
    }
}

/// Reads the sections from settings of known keys; tells every value that breaks its rule.
pub(super) fn from_settings(settings: &Settings, problems: &mut Vec<Problem>) -> Option<Config> {
    let mut all = Table::new();
    for (key, setting) in settings {
        let (section, name) = key.split_once('.').expect("every known key has a section");
        let entry = Table::from_iter([(name.to_owned(), setting.value.clone())]);
        // Each alone first: every other key has a default, so what fails here is this one's fault.
        let alone = Table::from_iter([(section.to_owned(), Value::Table(entry))]);
        if let Err(error) = alone.try_into::<Config>() {
            problems.push(problem(key, &setting.origin, error.message()));
            continue;
        }
        let table = all.entry(section).or_insert_with(|| Value::Table(Table::new()));
        table
            .as_table_mut()
            .expect("only tables were put in")
            .insert(name.to_owned(), setting.value.clone());
    }
    let config: Config = all.try_into().ok()?;
    check_together(&config, settings, problems);
    Some(config)
}

fn check_together(config: &Config, settings: &Settings, problems: &mut Vec<Problem>) {
    let pair = [
        ("storage.access_key", &config.storage.access_key),
        ("storage.secret_key", &config.storage.secret_key),
    ];
    for [(key, value), (other, other_value)] in [pair, [pair[1], pair[0]]] {
        let broken = settings.contains_key(other) && other_value.is_none();
        if value.is_some() && other_value.is_none() && !broken {
            let origin = settings.get(key).map_or(&Origin::Default, |setting| &setting.origin);
            problems.push(problem(
                key,
                origin,
                &format!("needs {other} (or {other}_file) beside it"),
            ));
        }
    }
    let mut alone = |key: &str, rule: &str| {
        let origin = settings.get(key).map_or(&Origin::Default, |setting| &setting.origin);
        problems.push(problem(key, origin, rule));
    };
    if !config.accounts.first_admin.is_empty()
        && let Err(error) = steelyard_core::Namespace::parse_new(&config.accounts.first_admin)
    {
        alone("accounts.first_admin", &error.rule);
    }
    let idle = config.accounts.session_idle.duration().as_secs();
    if !(300..=400 * 24 * 3600).contains(&idle) {
        alone("accounts.session_idle", "must be from 5m to 400d");
    }
    if (config.mail.smtp.is_some() || config.mail.folder.is_some()) && config.mail.from.is_none() {
        alone("mail.from", "must be set where mail is sent");
    }
    if let Err(error) = crate::mail::check(&config.mail) {
        alone(error.key, &error.rule);
    }
    // Text that names a larger size is no pointer to this hub (`steelyard_git::lfs_pointer`).
    let pointers_end = ByteSize::new(steelyard_core::limits::LFS_OBJECT_BYTES_MAX);
    if config.limits.lfs_object_max > pointers_end {
        alone("limits.lfs_object_max", &format!("must be at most {pointers_end}"));
    }
    let memory_min = ByteSize::new(XetSettings::MEMORY_BYTES_MIN);
    if config.xet.upload_memory < memory_min {
        alone("xet.upload_memory", &format!("must be at least {memory_min}"));
    }
    let keep_min = Period::from_secs(XetSettings::UNREFERENCED_KEEP_SECS_MIN.unsigned_abs());
    if config.xet.unused_keep < keep_min {
        alone("xet.unused_keep", &format!("must be at least {keep_min}"));
    }
    let [ttl_min, ttl_max] = [XetSettings::TTL_SECS_MIN, XetSettings::TTL_SECS_MAX]
        .map(|secs| Period::from_secs(secs.unsigned_abs()));
    for (key, ttl) in
        [("xet.token_ttl", config.xet.token_ttl), ("xet.address_ttl", config.xet.address_ttl)]
    {
        if ttl < ttl_min || ttl > ttl_max {
            alone(key, &format!("must be between {ttl_min} and {ttl_max}"));
        }
    }
}

fn problem(key: &str, origin: &Origin, rule: &str) -> Problem {
    Problem { key: key.to_owned(), origin: origin.clone(), rule: rule.trim_end().to_owned() }
}
