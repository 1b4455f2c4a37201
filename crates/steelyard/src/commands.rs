//! One module for each subcommand.

use std::io::{self, Write as _};

use anyhow::{Context as _, Result, bail};
use steelyard_core::{RepoId, RepoKind};
use tokio::runtime::Runtime;

use crate::cli::{Cli, Command, SettingFlags};
use crate::config::{Config, Database, Loaded};
use crate::open;

pub mod admin;
pub mod config;
pub mod dev;
pub mod fsck;
pub mod migrate;
pub mod openapi;
pub mod serve;
pub mod storage;

/// Runs the command that the command line names.
pub fn run(cli: &Cli) -> Result<()> {
    match &cli.command {
        Command::Serve(args) => serve::run(&cli.settings, args),
        Command::Admin(args) => admin::run(&cli.settings, args),
        Command::Config(action) => config::run(&cli.settings, action),
        Command::Fsck(args) => fsck::run(&cli.settings, args),
        Command::Gc(args) => storage::gc(&cli.settings, args),
        Command::Storage(command) => storage::storage(&cli.settings, command),
        Command::Migrate(args) => migrate::run(&cli.settings, args),
        Command::Openapi => openapi::run(),
        Command::Dev(command) => dev::run(&cli.settings, command),
    }
}

fn load(flags: &SettingFlags) -> Result<Loaded> {
    Ok(crate::config::load(&crate::config::Sources::of_process(
        flags.config.clone(),
        flags.settings(),
    ))?)
}

fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")
}

/// Writes a command's result to standard output; a reader that has seen enough (`| head`) is no failure.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// A command beside a running hub must not create what it looks for, nor change tables below a hub of another release.
async fn check_schema(config: &Config) -> Result<()> {
    if let Database::Sqlite(path) = config.database()
        && !path.exists()
    {
        bail!("there is no database at {}", path.display());
    }
    let db = open::open_database(config).await?;
    let (known, found) = db.schema_versions().await?;
    db.close().await;
    match found {
        Some(found) if found == known => Ok(()),
        Some(found) if found > known => {
            bail!("the database is at version {found}, this release knows {known}")
        }
        _ => bail!("the database is not at version {known}: run `steelyard migrate` first"),
    }
}

/// `models/alice/bert`.
fn parse_repo(text: &str) -> Result<(RepoKind, RepoId)> {
    let wrong = || {
        format!(
            "a repository is named models/NAMESPACE/NAME, datasets/…, spaces/… or kernels/…, not {text:?}"
        )
    };
    let (kind, id) = text.split_once('/').with_context(wrong)?;
    let kind = RepoKind::from_plural(kind).with_context(wrong)?;
    let id = RepoId::parse(id).with_context(wrong)?;
    Ok((kind, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_named_as_in_the_help() {
        let (kind, id) = parse_repo("datasets/alice/some-data").unwrap();
        assert_eq!((kind, id.to_string().as_str()), (RepoKind::Dataset, "alice/some-data"));
        for bad in ["alice/bert", "models/bert", "model/alice/bert", "models", "models/a/b/c", ""] {
            assert!(
                parse_repo(bad).unwrap_err().to_string().contains("a repository is named"),
                "{bad}"
            );
        }
    }
}
