//! A real S3 server, [Garage](https://garagehq.deuxfleurs.fr), on one node with a directory of its own.

use std::env;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{Error, Launch, Process, free_port, tools};

const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Tries to start on other ports when somebody took one that was free a moment ago.
const PORT_TRIES: usize = 3;
const DIR_PREFIX: &str = "steelyard-s3-";
/// Garage wants this header, which curl only sends from 8.3 on.
const CONTENT_UNSIGNED: &str = "x-amz-content-sha256: UNSIGNED-PAYLOAD";
const REGION: &str = "garage";

/// An S3 server to make buckets in.
#[derive(Debug)]
pub struct Garage {
    endpoint: String,
    region: String,
    access_key: String,
    secret_key: String,
    server: Option<Server>,
}

impl Garage {
    /// The server that `STEELYARD_TEST_S3` (`endpoint,region,access key,secret key`) names, if it is set: `cargo xtask
    /// test` starts one for all suites.
    pub fn from_env() -> Option<Self> {
        let value = env::var("STEELYARD_TEST_S3").ok().filter(|value| !value.is_empty())?;
        let [endpoint, region, access_key, secret_key] =
            value.split(',').map(str::to_owned).collect::<Vec<_>>().try_into().ok()?;
        Some(Self { endpoint, region, access_key, secret_key, server: None })
    }

    /// Starts a server of its own on free loopback ports; it ends with this value or this process.
    pub fn start() -> Result<Self, Error> {
        let program = program()?;
        let (access_key, secret_key) = (format!("GK{}", &secret()[..24]), secret());
        let mut tries = 0;
        loop {
            tries += 1;
            match Server::start(&program, &access_key, &secret_key) {
                Ok(server) => {
                    let endpoint = format!("http://{}", server.address);
                    let region = REGION.to_owned();
                    return Ok(Self {
                        endpoint,
                        region,
                        access_key,
                        secret_key,
                        server: Some(server),
                    });
                }
                Err(Error::Ended { .. }) if tries < PORT_TRIES => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The server of this process: the one the environment names, or one that is started at the first call.
    pub fn shared() -> Result<&'static Self, Error> {
        static SHARED: OnceLock<Result<Garage, Error>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| Self::from_env().map_or_else(Self::start, Ok));
        shared.as_ref().map_err(|error| Error::Io {
            what: "use the shared S3 server".to_owned(),
            source: std::io::Error::other(error.to_string()),
        })
    }

    /// Like [`Garage::shared`], but `None` with a printed note where Garage is not installed. In CI (`CI` is set) a
    /// missing Garage is an error, so that no suite is skipped there unseen.
    pub fn shared_or_skip() -> Result<Option<&'static Self>, Error> {
        if env::var_os("CI").is_none()
            && Self::from_env().is_none()
            && let Err(error) = program()
        {
            eprintln!("skipped on S3: {error}");
            return Ok(None);
        }
        Self::shared().map(Some)
    }

    /// Its address, as clients on this machine write it.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Where it listens, if this value started it.
    pub fn address(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(|server| server.address)
    }

    /// The region that requests are signed for.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The id of a key that may create buckets.
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// That key's secret.
    pub fn secret_key(&self) -> &str {
        &self.secret_key
    }

    /// What `STEELYARD_TEST_S3` must say so that other processes use this server.
    pub fn env_value(&self) -> String {
        [&*self.endpoint, &self.region, &self.access_key, &self.secret_key].join(",")
    }

    /// Makes an empty bucket with a name of its own.
    pub fn bucket(&self) -> Result<String, Error> {
        let name = format!("test-{}", &secret()[..20]);
        let answer = Launch::new("curl", tools::curl()?)
            .args(["--silent", "--show-error", "--fail-with-body", "--request", "PUT"])
            .args(["--user", &format!("{}:{}", self.access_key, self.secret_key)])
            .args(["--aws-sigv4", &format!("aws:amz:{}:s3", self.region)])
            .args(["--header", CONTENT_UNSIGNED])
            .arg(format!("{}/{name}", self.endpoint))
            .run();
        answer.map(|_| name)
    }
}

#[derive(Debug)]
struct Server {
    /// Before the directory, so that the server is gone when its files go.
    _process: Process,
    address: SocketAddr,
    _directory: TempDir,
}

impl Server {
    fn start(program: &Path, access_key: &str, secret_key: &str) -> Result<Self, Error> {
        remove_leftovers();
        let directory = tempfile::Builder::new()
            .prefix(DIR_PREFIX)
            .tempdir()
            .map_err(Error::io("make a folder for the S3 server"))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let config = directory.path().join("garage.toml");
        fs::write(&config, configuration(directory.path(), address, free_port()?))
            .map_err(Error::io("write the S3 server's configuration"))?;
        let mut process = command(program, &config)
            .args(["server", "--single-node", "--default-access-key"])
            .env("GARAGE_DEFAULT_ACCESS_KEY", access_key)
            .env("GARAGE_DEFAULT_SECRET_KEY", secret_key)
            .env("RUST_LOG", "garage=warn")
            .spawn()?;
        fs::write(directory.path().join("pid"), process.pid().to_string())
            .map_err(Error::io("note the S3 server's process id"))?;
        process.wait_for_port(address, START_TIMEOUT)?;
        allow_creating_buckets(program, &config, access_key, &mut process)?;
        Ok(Self { _process: process, address, _directory: directory })
    }
}

/// Gives the default key the right to make buckets; it appears a moment after the server listens.
fn allow_creating_buckets(
    program: &Path,
    config: &Path,
    access_key: &str,
    process: &mut Process,
) -> Result<(), Error> {
    let until = Instant::now() + START_TIMEOUT;
    loop {
        let allowed = command(program, config)
            .args(["key", "allow", "--create-bucket", access_key])
            .env("RUST_LOG", "garage=error")
            .run();
        match allowed {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() >= until || !process.is_running() => return Err(error),
            Err(_) => thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn command(program: &Path, config: &Path) -> Launch {
    Launch::new("garage", program).arg("-c").arg(config)
}

/// No fsync and the quick metadata engine: what is tested is the client, not the server's own durability.
fn configuration(directory: &Path, address: SocketAddr, rpc_port: u16) -> String {
    let directory = directory.display();
    let rpc_secret = secret();
    format!(
        r#"metadata_dir = "{directory}/meta"
data_dir = "{directory}/data"
db_engine = "lmdb"
replication_factor = 1
metadata_fsync = false
data_fsync = false
compression_level = "none"
rpc_bind_addr = "127.0.0.1:{rpc_port}"
rpc_public_addr = "127.0.0.1:{rpc_port}"
rpc_secret = "{rpc_secret}"

[s3_api]
s3_region = "{REGION}"
api_bind_addr = "{address}"
root_domain = ".s3.garage.localhost"
"#
    )
}

/// 64 hexadecimal characters that nobody else has; good enough for a server that only this machine can reach.
fn secret() -> String {
    (0..4)
        .map(|n| format!("{:016x}", RandomState::new().hash_one((std::process::id(), n))))
        .collect()
}

/// The Garage that setup built, or one on `PATH`.
fn program() -> Result<PathBuf, Error> {
    tools::built("garage").or_else(|missing| tools::on_path("garage").map_err(|_| missing))
}

/// Removes the folders of servers whose process is gone: a shared server is never dropped, only killed.
fn remove_leftovers() {
    for folder in fs::read_dir(env::temp_dir()).into_iter().flatten().flatten() {
        let ours = folder.file_name().to_string_lossy().starts_with(DIR_PREFIX);
        let pid = fs::read_to_string(folder.path().join("pid")).ok();
        // Without the file the server is being started right now: leave it to its owner.
        if ours && pid.is_some_and(|pid| !Path::new("/proc").join(pid.trim()).exists()) {
            fs::remove_dir_all(folder.path()).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serves_a_bucket_and_leaves_nothing_behind() {
        let Some(_) = Garage::shared_or_skip().unwrap() else { return };
        let garage = Garage::start().unwrap();
        let bucket = garage.bucket().unwrap();
        let url = format!("{}/{bucket}/key", garage.endpoint());
        let user = format!("{}:{}", garage.access_key(), garage.secret_key());
        let curl = |args: &[&str]| {
            Launch::new("curl", tools::curl().unwrap())
                .args(["--silent", "--fail", "--header", CONTENT_UNSIGNED])
                .args(["--aws-sigv4", "aws:amz:garage:s3", "--user", &user])
                .args(args)
                .run()
        };
        curl(&["--request", "PUT", "--data-binary", "hello", &url]).unwrap();
        assert_eq!(curl(&[&url]).unwrap().stdout, b"hello");
        let without_key = Launch::new("curl", tools::curl().unwrap()).args(["--fail", &url]).run();
        assert!(without_key.is_err(), "the bucket is not public");
        let (address, directory) = {
            let server = garage.server.as_ref().unwrap();
            (server.address, server._directory.path().to_owned())
        };
        drop(garage);
        assert!(std::net::TcpStream::connect(address).is_err());
        assert!(!directory.exists());
    }
}
