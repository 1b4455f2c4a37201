//! From a configuration to a hub.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use steelyard_blob::{BlobStore, S3Settings};
use steelyard_core::Rng as _;
use steelyard_db::{Db, PoolSizes};
use steelyard_git::tool::{GitBinary, ToolLimits};
use steelyard_service::access::ThrottleSettings;
use steelyard_service::login::{LoginSettings, SignUpRule};
use steelyard_service::xet::XetSettings;
use steelyard_service::{Hub, HubLimits, HubParts, HubSettings};

use crate::config::{Config, Database, Period, SignUp, Storage};
use crate::system::{SystemClock, SystemRng};

/// Opens the database a configuration names, as it is.
pub async fn open_database(config: &Config) -> Result<Db> {
    let sizes = PoolSizes {
        sqlite_readers: config.database.sqlite_readers.get(),
        postgres: config.database.postgres_connections.get(),
    };
    match config.database() {
        Database::Sqlite(path) => {
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                std::fs::create_dir_all(folder)
                    .with_context(|| format!("cannot create the folder {}", folder.display()))?;
            }
            Db::open_sqlite(&path, sizes)
                .await
                .with_context(|| format!("cannot open the database {}", path.display()))
        }
        Database::Postgres(url) => {
            let Some(secret) = url.postgres_url() else {
                bail!("database.url is neither a file nor postgres://")
            };
            Db::open_postgres(secret.expose(), sizes)
                .await
                .with_context(|| format!("cannot open the database {url}"))
        }
    }
}

/// Opens the object store a configuration names.
pub async fn open_storage(config: &Config) -> Result<BlobStore> {
    match config.storage() {
        Storage::Directory(path) => BlobStore::open_directory(&path)
            .await
            .with_context(|| format!("cannot open the store {}", path.display())),
        Storage::S3 { url, keys } => {
            let Some((access, secret)) = keys else {
                bail!(
                    "storage.url names an S3 bucket, but there are no credentials: set STEELYARD_STORAGE__ACCESS_KEY \
                     and STEELYARD_STORAGE__SECRET_KEY, or the same with _FILE"
                );
            };
            let settings = S3Settings::from_url(
                url.as_str(),
                access.secret().clone(),
                secret.secret().clone(),
            )?;
            BlobStore::open_s3(settings)
                .with_context(|| format!("cannot open the store {}", url.as_str()))
        }
    }
}

/// Opens both stores, brings the schema up to date and puts the hub together.
pub async fn open_hub(config: &Config) -> Result<Hub> {
    open_hub_that_shows(config, String::new()).await
}

/// As [`open_hub`]; the hub shows administrators this text as its configuration.
pub async fn open_hub_that_shows(config: &Config, configuration: String) -> Result<Hub> {
    let db = open_database(config).await?;
    db.migrate().await.context("cannot bring the database up to date")?;
    let blobs = open_storage(config).await?;
    let mut node = [0; 8];
    SystemRng.fill(&mut node);
    let settings = HubSettings {
        cache_dir: config.server.data.join("cache"),
        public_url: config
            .server
            .public_url
            .as_ref()
            .map(|url| url.as_str().trim_end_matches('/').to_owned()),
        node: format!("{:016x}", u64::from_be_bytes(node)),
        trusted_proxies: config.server.trusted_proxies.into(),
        limits: limits_of(config),
        throttle: throttle_of(config),
        lfs: steelyard_service::lfs::LfsSettings::default(),
        xet: xet_of(config),
        login: login_of(config)?,
        configuration,
    };
    let program = &config.git.program;
    // A slow client holds its process for as long as it reads: what bounds the work is memory, not cores.
    let limits = ToolLimits { fetches_max: 32, pushes_max: 16, ..ToolLimits::default() };
    let git = GitBinary::discover((program.as_os_str() != "git").then_some(program.as_path()));
    let git = git.map(|git| git.with_limits(limits));
    let parts = HubParts {
        db,
        blobs,
        git,
        clock: Arc::new(SystemClock),
        rng: Arc::new(SystemRng),
        settings,
    };
    Ok(Hub::open(parts).await?)
}

fn limits_of(config: &Config) -> HubLimits {
    let limits = &config.limits;
    HubLimits {
        lfs_object_bytes_max: limits.lfs_object_max.bytes(),
        push_pack_bytes_max: limits.push_pack_max.bytes(),
        commit_body_bytes_max: usize::try_from(limits.commit_body_max.bytes())
            .unwrap_or(usize::MAX),
    }
}

fn xet_of(config: &Config) -> XetSettings {
    let xet = &config.xet;
    XetSettings {
        memory_bytes: xet.upload_memory.bytes(),
        unreferenced_bytes_max: xet.unused_max.bytes(),
        unreferenced_keep_secs: secs(xet.unused_keep),
        token_ttl_secs: secs(xet.token_ttl),
        address_ttl_secs: secs(xet.address_ttl),
        ..XetSettings::default()
    }
}

fn login_of(config: &Config) -> Result<LoginSettings> {
    let accounts = &config.accounts;
    let mailer = crate::mail::mailer(&config.mail);
    Ok(LoginSettings {
        sign_up: match accounts.sign_up {
            SignUp::Closed => SignUpRule::Closed,
            SignUp::Invitation => SignUpRule::Invitation,
            SignUp::Open => SignUpRule::Open,
        },
        session_idle_secs: secs(accounts.session_idle),
        mailer: mailer.map_err(|bad| anyhow::anyhow!("{}: {}", bad.key, bad.rule))?,
    })
}

fn throttle_of(config: &Config) -> ThrottleSettings {
    let accounts = &config.accounts;
    ThrottleSettings {
        failures_max: accounts.failures_max.get(),
        window_secs: secs(accounts.failures_window),
    }
}

fn secs(period: Period) -> i64 {
    i64::try_from(period.duration().as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_configuration_the_limits_are_the_service_s_own() {
        let config = Config::default();
        assert_eq!(limits_of(&config), HubLimits::default());
        assert_eq!(throttle_of(&config), ThrottleSettings::default());
        assert_eq!(xet_of(&config), XetSettings::default());
        let (ours, theirs) = (login_of(&config).expect("no mail"), LoginSettings::default());
        assert_eq!(
            (ours.sign_up, ours.session_idle_secs),
            (theirs.sign_up, theirs.session_idle_secs)
        );
    }
}
