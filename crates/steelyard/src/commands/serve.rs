//! `steelyard serve`: runs the hub.

use std::fs::{File, TryLockError};
use std::future::IntoFuture as _;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::serve::ListenerExt as _;
use steelyard_core::TokenRole;
use steelyard_service::Hub;
use steelyard_service::accounts::{CreateToken, CreateUser};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::cli::{ServeArgs, SettingFlags};
use crate::config::{self, AdminListen, Loaded, Log, LogFormat};
use crate::{admin_server, open};

/// Runs the hub until it is told to stop.
pub fn run(flags: &SettingFlags, args: &ServeArgs) -> Result<()> {
    let mut settings = flags.settings();
    settings.extend(args.settings());
    let loaded = config::load(&config::Sources::of_process(flags.config.clone(), settings))?;
    start_log(&loaded.config.log)?;
    if cfg!(debug_assertions) {
        arm_crash();
    }
    super::runtime()?.block_on(serve(&loaded))
}

/// Lets a test say where this process dies: `STEELYARD_CRASH_AT=point` or `point:n` for the n-th time it gets there.
fn arm_crash() {
    let Ok(text) = std::env::var("STEELYARD_CRASH_AT") else { return };
    let (point, n) = text.split_once(':').unwrap_or((&text, "1"));
    steelyard_core::fault::arm_crash(point, n.parse().unwrap_or(1));
}

async fn serve(loaded: &Loaded) -> Result<()> {
    let config = &loaded.config;
    let _lock = lock_data(&config.server.data)?;
    let metrics = admin_server::install_metrics()?;
    let listen = config.server.listen.0;
    let listener =
        TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    let hub = open::open_hub_that_shows(config, config::print::toml(loaded)).await?;
    hub.prepare_cache().await?;
    let stop = CancellationToken::new();
    admin_server::start(loaded, &hub, metrics, &stop).await?;
    let jobs = tokio::spawn(steelyard_service::jobs::run(hub.clone(), stop.clone()));
    tokio::spawn(steelyard_service::counters::run(hub.clone(), stop.clone()));
    tokio::spawn(steelyard_service::discovery::run(hub.clone(), stop.clone()));
    let url = hub.settings().public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    welcome(&hub, &config.accounts.first_admin, &url).await?;
    if hub.git().is_none() {
        tracing::warn!(
            "no git program of version 2.30 or later was found: clone, fetch and push are off"
        );
    }
    let router = steelyard_web::build_router(hub.clone());
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let listener = listener.tap_io(|stream| {
        // Answers go out as soon as they are written; a failure to say so only costs time.
        let _ = stream.set_nodelay(true);
    });
    let stopping = stop.clone();
    let server = axum::serve(listener, service)
        .with_graceful_shutdown(async move { stopping.cancelled().await });
    let mut server = tokio::spawn(server.into_future());
    tokio::select! {
        result = &mut server => result??,
        signal = stopped() => {
            signal?;
            tracing::info!("stopping; requests in flight may end");
            stop.cancel();
            let grace = config.server.shutdown_grace.duration();
            if tokio::time::timeout(grace, server).await.is_err() {
                tracing::warn!("requests in flight took too long and were cut off");
            }
        }
    }
    stop.cancel();
    let _ = tokio::time::timeout(Duration::from_secs(5), jobs).await;
    count_last(&hub).await;
    hub.db().close().await;
    Ok(())
}

/// Writes the downloads that were counted since the last time.
async fn count_last(hub: &Hub) {
    match tokio::time::timeout(Duration::from_secs(5), hub.flush_downloads()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the last downloads could not be counted"),
        Err(_) => tracing::warn!("counting the last downloads took too long"),
    }
}

/// Keeps a second server off this process's caches; the lock goes with the process, however it ends.
fn lock_data(data: &Path) -> Result<File> {
    std::fs::create_dir_all(data)
        .with_context(|| format!("cannot create the folder {}", data.display()))?;
    let path = data.join("serve.lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another server runs on {}; give this one a --data folder of its own (replicas share the database and \
             the storage, not this folder)",
            data.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// Says where the hub is and, on the first start, how to get in.
async fn welcome(hub: &Hub, first_admin: &str, url: &str) -> Result<()> {
    let mut text = format!("Steelyard {} is ready at {url}\n", env!("CARGO_PKG_VERSION"));
    if !first_admin.is_empty() && hub.is_new().await? {
        let user =
            CreateUser { name: first_admin.to_owned(), is_admin: true, ..CreateUser::default() };
        hub.create_user(&user).await?;
        let token = CreateToken {
            user: first_admin.to_owned(),
            name: "first-start".to_owned(),
            role: TokenRole::Write,
            value: None,
        };
        let token = hub.create_token(&token).await?;
        let password = hub.fresh_password(first_admin).await?;
        text.push_str(&format!(
            "\nThis is the first start. The administrator is \"{first_admin}\"; what follows is shown only now.\n\n\
             The password, for {url}/login in a browser:\n\n    {}\n\n\
             A token, for clients:\n\n    {}\n\n\
             On a client:\n\n    export HF_ENDPOINT={url}\n    hf auth login --token {}\n    \
             hf upload {first_admin}/my-model ./folder\n\n\
             More users: in the browser under Administration, or steelyard admin user create NAME\n",
            password.expose(),
            token.expose(),
            token.expose(),
        ));
    }
    Ok(super::print(&text)?)
}

async fn stopped() -> Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(())
}

fn start_log(log: &Log) -> Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&log.filter).context("log.filter")?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Colours are for people: in a file or a journal they are noise.
        .with_ansi(std::io::stderr().is_terminal());
    let started = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("cannot start the log: {error}"))
}

/// The address of the admin listener; `None` when it is off.
pub(crate) fn admin_address(listen: &AdminListen) -> Option<SocketAddr> {
    match listen {
        AdminListen::Off => None,
        AdminListen::At(address) => Some(*address),
    }
}
