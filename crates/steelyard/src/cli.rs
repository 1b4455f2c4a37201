//! The command line: every flag and every help text.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::Flag;

mod admin;
mod dev;
mod storage;

pub use admin::{AdminArgs, AdminCommand, OrgCommand, TokenCommand, UserCommand};
pub use dev::{DevCommand, SeedArgs};
pub use storage::{ExplainArgs, GcArgs, StorageCommand};

const EXAMPLES: &str = "\
Examples:
  steelyard serve                                    everything in ./steelyard-data, on http://127.0.0.1:8080
  steelyard serve --listen 0.0.0.0:80 --public-url https://hub.example.org
  steelyard serve --database postgres://hub@db/hub --storage 's3://hub?endpoint=https://s3.example.org'
  steelyard config print                             every setting and where it comes from

Settings come from a TOML file (--config), then STEELYARD_SECTION__KEY variables, then flags; later ones win.
`steelyard config schema` lists them all.";

/// A self-hosted model hub for the clients people already use: hf, huggingface_hub, transformers, git, git-lfs.
#[derive(Debug, Parser)]
#[command(name = "steelyard", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Cli {
    /// Where the settings and the data are.
    #[command(flatten)]
    pub settings: SettingFlags,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the hub.
    Serve(ServeArgs),
    /// Creates and lists users, organisations and tokens.
    Admin(AdminArgs),
    /// Shows, checks and documents the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Checks every ref, pack, object and link.
    Fsck(FsckArgs),
    /// Clears away what nothing uses any more, or tells what that would be.
    Gc(GcArgs),
    /// Tells what large files take, share, and would free.
    #[command(subcommand)]
    Storage(StorageCommand),
    /// Brings the database's tables up to this release.
    Migrate(MigrateArgs),
    /// Prints the OpenAPI document of the hub's HTTP interface.
    Openapi,
    /// For those who test and measure.
    #[command(subcommand)]
    Dev(DevCommand),
}

/// The flags that say which hub a command works on; the same for all commands.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which hub")]
pub struct SettingFlags {
    /// TOML file with settings; variables and flags win over it.
    #[arg(long, global = true, value_name = "FILE", env = "STEELYARD_CONFIG")]
    pub config: Option<PathBuf>,
    /// Folder for the embedded database, the embedded store and caches [default: ./steelyard-data].
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<String>,
    /// Database: postgres://USER@HOST/DATABASE, or the path of an SQLite file [default: DATA/steelyard.db].
    #[arg(long, global = true, value_name = "URL")]
    pub database: Option<String>,
    /// Store for large files: s3://BUCKET?endpoint=URL, or a folder [default: DATA/objects].
    ///
    /// Credentials come from STEELYARD_STORAGE__ACCESS_KEY and STEELYARD_STORAGE__SECRET_KEY, or from files named by
    /// STEELYARD_STORAGE__ACCESS_KEY_FILE and STEELYARD_STORAGE__SECRET_KEY_FILE.
    #[arg(long, global = true, value_name = "URL")]
    pub storage: Option<String>,
}

impl SettingFlags {
    /// The settings that these flags make.
    pub fn settings(&self) -> Vec<Flag> {
        Flag::given([
            ("server.data", "--data", &self.data),
            ("database.url", "--database", &self.database),
            ("storage.url", "--storage", &self.storage),
        ])
    }
}

/// `steelyard serve`: runs the hub.
///
/// Starts with no configuration at all: SQLite and a folder under ./steelyard-data. At the first start it prints an
/// administrator's token and how to log in. Stops on SIGTERM or Ctrl-C after the requests in flight.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "\
Examples:
  steelyard serve
  steelyard serve --listen 127.0.0.1:9000 --data /srv/hub
  steelyard serve --public-url https://hub.example.org --admin-listen 127.0.0.1:9101

Then, on the client: export HF_ENDPOINT=http://127.0.0.1:8080 and hf auth login --token hf_…")]
pub struct ServeArgs {
    /// Address to serve on; port 0 takes a free one [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// The hub's address as clients see it, when a proxy stands before it.
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Address for health checks and metrics, or `off` [default: 127.0.0.1:8081].
    #[arg(long, value_name = "ADDRESS")]
    pub admin_listen: Option<String>,
    /// Form of the log: `text` or `json`.
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// What to log: `info`, `debug`, `steelyard_http=debug,info`, …
    #[arg(long, value_name = "FILTER")]
    pub log_filter: Option<String>,
}

impl ServeArgs {
    /// The settings that these flags make.
    pub fn settings(&self) -> Vec<Flag> {
        Flag::given([
            ("server.listen", "--listen", &self.listen),
            ("server.public_url", "--public-url", &self.public_url),
            ("server.admin_listen", "--admin-listen", &self.admin_listen),
            ("log.format", "--log-format", &self.log_format),
            ("log.filter", "--log-filter", &self.log_filter),
        ])
    }
}

/// The `config` subcommands.
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Prints every setting, its value and where that comes from; secrets are not shown.
    Print {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Reads the configuration as the server would and reports every mistake.
    Check,
    /// Prints the JSON Schema of the configuration file.
    Schema,
}

/// `steelyard fsck`: checks every ref, pack, object and link, and says what is wrong and where.
///
/// Works beside a running server and changes nothing it checks. Ends with status 1 when it found an error.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "\
Examples:
  steelyard fsck
  steelyard fsck --deep
  steelyard fsck --repo models/alice/bert --json")]
pub struct FsckArgs {
    /// Checks only this repository: models/NAMESPACE/NAME, datasets/NAMESPACE/NAME, …
    #[arg(long, value_name = "REPO")]
    pub repo: Option<String>,
    /// Also reads all of history for pointers, and every byte of every large file.
    #[arg(long)]
    pub deep: bool,
    /// Prints JSON, one finding on a line.
    #[arg(long)]
    pub json: bool,
}

/// `steelyard migrate`: brings the database's tables up to this release.
///
/// `serve` does the same when it starts; run it by hand before starting several servers on one database.
#[derive(Debug, Clone, Default, Args)]
pub struct MigrateArgs {
    /// Only tells which migrations would run.
    #[arg(long)]
    pub dry_run: bool,
    /// Prints JSON.
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests;
