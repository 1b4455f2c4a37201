//! A real PostgreSQL cluster of the test's own, and databases in it that go away with their test.

use std::env;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::{Error, Launch, Process, free_port, tools};

const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Tries to start on another port when somebody took the one that was free a moment ago.
const PORT_TRIES: usize = 3;
const DIR_PREFIX: &str = "steelyard-pg-";
/// Room that a cluster in memory needs for an ordinary run of the suites.
const MEMORY_BYTES_MIN: u64 = 2 * 1024 * 1024 * 1024;

/// Whether the cluster keeps its promises when the power fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// In memory where possible, no fsync: fast, for suites that never crash the database.
    Fast,
    /// On disk with PostgreSQL's own defaults: for suites that kill the database and look at what is left.
    Full,
}

/// A PostgreSQL server to make databases in.
#[derive(Debug)]
pub struct Postgres {
    url: String,
    /// Before the directory, so that the server is gone when its files go.
    server: Option<Server>,
}

impl Postgres {
    /// The cluster that `STEELYARD_TEST_POSTGRES_URL` names, if it is set: `cargo xtask test` starts one for all suites.
    pub fn from_env() -> Option<Self> {
        let url = env::var("STEELYARD_TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty())?;
        Some(Self { url, server: None })
    }

    /// Starts a cluster of its own on a free loopback port; it ends with this value or this process.
    pub fn start(durability: Durability) -> Result<Self, Error> {
        let server = Server::start(durability)?;
        Ok(Self { url: server.url(), server: Some(server) })
    }

    /// The address of the maintenance database, as the administrator.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the cluster listens, if this value started it.
    pub fn address(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(Server::address)
    }

    /// Makes an empty database with a name of its own.
    pub fn fresh_database(&self) -> Result<TestDatabase, Error> {
        let name =
            format!("steelyard_test_{:016x}", RandomState::new().hash_one(std::process::id()));
        let create =
            format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'");
        psql(&self.url, &create)?;
        Ok(TestDatabase { url: with_database(&self.url, &name), admin_url: self.url.clone(), name })
    }

    /// Kills the server without warning and starts it again on the same files and port; it must be this value's own.
    pub fn crash_and_restart(&mut self) -> Result<(), Error> {
        let server =
            self.server.as_mut().expect("only a cluster that the test started may be crashed");
        server.crash()?;
        server.process = run_server(server.directory.path(), server.port, server.durability)?;
        Ok(())
    }
}

/// An empty database of one test, dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    admin_url: String,
    name: String,
}

impl TestDatabase {
    /// Its address for `--database`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same database through another port: a [`crate::FaultProxy`]'s.
    pub fn url_through(&self, address: SocketAddr) -> String {
        let (scheme, rest) = self.url.split_once("://").unwrap_or(("postgres", &self.url));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
        format!("{scheme}://{user}@{address}/{path}")
    }

    /// Runs SQL in it by `psql` and returns what that prints, unaligned and without headers.
    pub fn psql(&self, sql: &str) -> Result<String, Error> {
        psql(&self.url, sql)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let dropped =
            psql(&self.admin_url, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        if let Err(error) = dropped {
            // The cluster may be gone before its databases; in a shared one the name is random, so nothing breaks.
            eprintln!("database {} stays behind: {error}", self.name);
        }
    }
}

#[derive(Debug)]
struct Server {
    process: Process,
    port: u16,
    durability: Durability,
    directory: TempDir,
}

impl Server {
    fn start(durability: Durability) -> Result<Self, Error> {
        let parent = parent_directory(durability);
        remove_leftovers(&parent);
        let directory = tempfile::Builder::new()
            .prefix(&format!("{DIR_PREFIX}{}-", std::process::id()))
            .tempdir_in(&parent)
            .map_err(Error::io(format!("make a folder in {}", parent.display())))?;
        if let Some((user, group)) = postgres_user() {
            chown(directory.path(), Some(user), Some(group))
                .map_err(Error::io("give the cluster to postgres"))?;
        }
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700))
            .map_err(Error::io("protect the cluster's folder"))?;
        as_postgres(Launch::new("initdb", program("initdb")?))
            .args([
                "--username=steelyard",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
                "-D",
            ])
            .arg(directory.path())
            .run()?;
        let mut tries = 0;
        loop {
            let port = free_port()?;
            tries += 1;
            match run_server(directory.path(), port, durability) {
                Ok(process) => return Ok(Self { process, port, durability, directory }),
                Err(Error::Ended { .. }) if tries < PORT_TRIES => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    fn url(&self) -> String {
        format!("postgres://steelyard@{}/postgres", self.address())
    }

    fn crash(&mut self) -> Result<(), Error> {
        self.process.signal(Signal::QUIT)?;
        self.process.wait(START_TIMEOUT).map(drop)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGQUIT ends the whole cluster at once; a plain kill would leave its backends to notice by themselves.
        if self.crash().is_err() {
            self.process.kill();
        }
    }
}

fn run_server(directory: &Path, port: u16, durability: Durability) -> Result<Process, Error> {
    let mut settings = vec![
        format!("port={port}"),
        "listen_addresses=127.0.0.1".to_owned(),
        "unix_socket_directories=".to_owned(),
        "max_connections=200".to_owned(),
        "shared_buffers=64MB".to_owned(),
        "log_min_messages=warning".to_owned(),
    ];
    if durability == Durability::Fast {
        settings.extend(
            ["fsync=off", "synchronous_commit=off", "full_page_writes=off"].map(str::to_owned),
        );
    }
    let mut process = as_postgres(Launch::new("postgres", program("postgres")?))
        .arg("-D")
        .arg(directory)
        .args(settings.iter().flat_map(|setting| ["-c", setting]))
        .death_signal("QUIT")
        .spawn()?;
    process.wait_for_line("that it is ready", START_TIMEOUT, |line| {
        line.contains("ready to accept connections")
    })?;
    Ok(process)
}

/// The server refuses to run as root, so root hands it over to the system's `postgres`.
fn as_postgres(launch: Launch) -> Launch {
    let launch = launch.dir("/");
    if postgres_user().is_some() { launch.user("postgres") } else { launch }
}

/// The numeric user and group of `postgres`, if this process is root and must give up root for them.
fn postgres_user() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|line| line.starts_with("postgres:"))?;
    let mut numbers = line.split(':').skip(2).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn parent_directory(durability: Durability) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let room =
        rustix::fs::statvfs(memory).map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize));
    if durability == Durability::Fast && room >= MEMORY_BYTES_MIN {
        return memory.to_owned();
    }
    // Not TMPDIR: the server runs as another user, who may not reach a private one.
    PathBuf::from("/tmp")
}

/// Removes the folders of clusters whose owner was killed before it could: the folder's name says who that was.
fn remove_leftovers(parent: &Path) {
    for folder in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = folder.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(DIR_PREFIX)?.split('-').next());
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists()) {
            fs::remove_dir_all(folder.path()).ok();
        }
    }
}

/// A program of the newest installed PostgreSQL: Debian keeps them off `PATH`.
fn program(name: &str) -> Result<PathBuf, Error> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.filter_map(|entry| {
        let major: u32 = entry.file_name().to_str()?.parse().ok()?;
        let program = entry.path().join("bin").join(name);
        program.exists().then_some((major, program))
    });
    newest.max().map_or_else(|| tools::on_path(name), |(_, program)| Ok(program))
}

fn psql(url: &str, sql: &str) -> Result<String, Error> {
    let output = Launch::new("psql", program("psql")?)
        .args([
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--set=ON_ERROR_STOP=1",
            "--dbname",
            url,
        ])
        .args(["--command", sql])
        .run()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

fn with_database(url: &str, name: &str) -> String {
    let (base, query) =
        url.split_once('?').map_or((url, None), |(base, query)| (base, Some(query)));
    let authority_end = base.find("://").map_or(0, |at| at + 3);
    let path_start = base[authority_end..].find('/').map_or(base.len(), |at| authority_end + at);
    let query = query.map_or(String::new(), |query| format!("?{query}"));
    format!("{}/{name}{query}", &base[..path_start])
}

#[cfg(test)]
mod tests;
