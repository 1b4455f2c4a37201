//! Servers under test.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use steelyard_testkit::{Garage, Launch, Postgres, Process, TestDatabase, tools};
use tempfile::TempDir;

use crate::balancer::Balancer;

/// Which stores a hub runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stores {
    /// SQLite and a directory: the default of `steelyard serve`.
    Embedded,
    /// PostgreSQL and an S3 server.
    ScaledOut,
}

/// How to start a hub.
#[derive(Debug, Clone)]
pub struct HubBuilder {
    stores: Stores,
    replicas: usize,
    env: Vec<(String, String)>,
}

impl HubBuilder {
    /// Several servers behind a balancer that alternates between them, request by request.
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// Sets an environment variable of the server.
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.env.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Starts it; `None`, with a word on standard error, when this machine lacks the stores' servers.
    pub fn start(self) -> Option<Hub> {
        let dir = tempfile::tempdir().unwrap();
        let mut args = Vec::new();
        let mut env = self.env.clone();
        let mut database = None;
        if self.stores == Stores::ScaledOut {
            let (Some(postgres), Some(garage)) = (Postgres::from_env(), Garage::from_env()) else {
                eprintln!("skipped: no PostgreSQL and S3 server (cargo xtask test starts them)");
                assert!(std::env::var_os("CI").is_none(), "CI must run this suite on real servers");
                return None;
            };
            let fresh = postgres.fresh_database().unwrap();
            let bucket = garage.bucket().unwrap();
            args.extend(["--database".to_owned(), fresh.url().to_owned()]);
            let url =
                format!("s3://{bucket}?endpoint={}&region={}", garage.endpoint(), garage.region());
            args.extend(["--storage".to_owned(), url]);
            env.push(("STEELYARD_STORAGE__ACCESS_KEY".to_owned(), garage.access_key().to_owned()));
            env.push(("STEELYARD_STORAGE__SECRET_KEY".to_owned(), garage.secret_key().to_owned()));
            database = Some(fresh);
        }
        let mut hub = Hub {
            dir,
            args,
            env,
            servers: Vec::new(),
            addresses: Vec::new(),
            balancer: None,
            admin_token: String::new(),
            _database: database,
        };
        for _ in 0..self.replicas {
            hub.add_server();
        }
        if self.replicas > 1 {
            hub.balancer = Some(Balancer::start(&hub.addresses));
        }
        Some(hub)
    }
}

/// A running hub.
pub struct Hub {
    dir: TempDir,
    args: Vec<String>,
    env: Vec<(String, String)>,
    servers: Vec<Process>,
    addresses: Vec<String>,
    balancer: Option<Balancer>,
    admin_token: String,
    _database: Option<TestDatabase>,
}

impl Hub {
    /// A hub on these stores, one server.
    pub fn on(stores: Stores) -> HubBuilder {
        HubBuilder { stores, replicas: 1, env: Vec::new() }
    }

    fn launch(&self, number: usize) -> Launch {
        let data = self.data(number);
        let mut launch = Launch::new(format!("steelyard-{number}"), tools::steelyard().unwrap())
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "off", "--data"])
            .arg(data.to_str().unwrap())
            .args(&self.args)
            .dir(self.dir.path());
        for (key, value) in &self.env {
            launch = launch.env(key, value);
        }
        launch
    }

    fn add_server(&mut self) {
        let number = self.servers.len();
        let (process, address) = self.boot(number);
        self.servers.push(process);
        self.addresses.push(address);
    }

    fn boot(&mut self, number: usize) -> (Process, String) {
        let mut process = self.launch(number).spawn().unwrap();
        let ready = |line: &str| line.contains("is ready at");
        process.wait_for_line("the server to be ready", Duration::from_secs(60), ready).unwrap();
        let output = process.output();
        let line = output.lines().find(|line| line.contains("is ready at")).unwrap();
        let address = line.rsplit("http://").next().unwrap().trim().to_owned();
        if self.admin_token.is_empty() {
            let is_token = |line: &str| line.trim().starts_with("hf_");
            let token = process
                .wait_for_line("the first token", Duration::from_secs(10), is_token)
                .unwrap();
            token.trim().clone_into(&mut self.admin_token);
        }
        (process, address)
    }

    /// Kills a server as a power cut would, and starts it again on the same data, without `env`'s fail points.
    pub fn kill_and_restart(&mut self, number: usize) {
        self.servers[number].kill();
        self.env.retain(|(key, _)| key != "STEELYARD_CRASH_AT");
        let (process, address) = self.boot(number);
        self.servers[number] = process;
        self.addresses[number] = address;
    }

    /// True while the server runs.
    pub fn is_running(&mut self, number: usize) -> bool {
        self.servers[number].is_running()
    }

    /// The address clients are given: the balancer's, or the only server's.
    pub fn url(&self) -> String {
        match &self.balancer {
            Some(balancer) => balancer.url(),
            None => format!("http://{}", self.addresses[0]),
        }
    }

    /// The address of one server.
    pub fn url_of(&self, number: usize) -> String {
        format!("http://{}", self.addresses[number])
    }

    /// The process id of one server.
    pub fn pid(&self, number: usize) -> u32 {
        self.servers[number].pid()
    }

    /// The administrator's token of the first start.
    pub fn admin_token(&self) -> &str {
        &self.admin_token
    }

    /// A folder that lives as long as the hub.
    pub fn scratch(&self, name: &str) -> std::path::PathBuf {
        let path = self.dir.path().join("scratch").join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    /// The folder that holds a server's data: with [`Stores::Embedded`] the stores, in any case its caches.
    pub fn data(&self, number: usize) -> std::path::PathBuf {
        self.dir.path().join(format!("data-{number}"))
    }

    /// Runs an operator's command on this hub's stores, beside the running server; returns its JSON.
    pub fn admin(&self, args: &[&str]) -> Value {
        let output = self.command(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// Runs a subcommand of the binary on this hub's stores.
    pub fn command(&self, args: &[&str]) -> std::process::Output {
        let mut command = Command::new(tools::steelyard().unwrap());
        command.args(args).args(["--data", path_text(&self.data(0))]).args(&self.args);
        command.envs(
            self.env.iter().filter(|(key, _)| key != "STEELYARD_CRASH_AT").map(|(k, v)| (k, v)),
        );
        command.output().unwrap()
    }

    /// Creates a user with a write token and returns the token.
    pub fn user(&self, name: &str) -> String {
        self.admin(&["admin", "user", "create", name, "--json"]);
        self.token(name, "write")
    }

    /// Creates a token of a user and returns it.
    pub fn token(&self, user: &str, role: &str) -> String {
        let made = self
            .admin(&["admin", "token", "create", user, "--name", role, "--role", role, "--json"]);
        made["token"].as_str().unwrap().to_owned()
    }

    /// Runs `steelyard fsck`; returns what it printed when it found errors.
    pub fn fsck(&self) -> Result<(), String> {
        let output = self.command(&["fsck"]);
        if output.status.success() {
            return Ok(());
        }
        Err(format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ))
    }
}

fn path_text(path: &Path) -> &str {
    path.to_str().unwrap()
}
