//! Clients under control: an environment that names this hub and nothing else.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use steelyard_testkit::{HfVersion, tools};

use crate::Hub;

/// A user at a shell: a home folder, a token, a hub.
pub struct Client {
    home: PathBuf,
    url: String,
    token: String,
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Ran {
    /// True when its status was 0.
    pub ok: bool,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// Fails the test unless the command succeeded; returns its output.
    #[track_caller]
    pub fn success(self) -> String {
        assert!(self.ok, "failed\nstdout: {}\nstderr: {}", self.stdout, self.stderr);
        self.stdout
    }

    /// Fails the test unless the command failed; returns both outputs.
    #[track_caller]
    pub fn failure(self) -> String {
        assert!(
            !self.ok,
            "succeeded unexpectedly\nstdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        format!("{}{}", self.stdout, self.stderr)
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            ok: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Client {
    /// A user of this hub; an empty token is nobody.
    pub fn new(hub: &Hub, name: &str, token: &str) -> Self {
        Self { home: hub.scratch(&format!("home-{name}")), url: hub.url(), token: token.to_owned() }
    }

    /// The same user, who reaches the hub at another address.
    pub fn at(mut self, url: &str) -> Self {
        url.clone_into(&mut self.url);
        self
    }

    /// Their home folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The hub's address with the token as password, as git takes it.
    pub fn git_url(&self, path: &str) -> String {
        let host = self.url.trim_start_matches("http://");
        if self.token.is_empty() {
            format!("http://{host}/{path}")
        } else {
            format!("http://user:{}@{host}/{path}", self.token)
        }
    }

    /// A command in this user's environment.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(&self.home);
        for key in ["PATH", "LANG", "LD_LIBRARY_PATH"] {
            if let Some(value) = std::env::var_os(key) {
                command.env(key, value);
            }
        }
        command
            .env("HOME", &self.home)
            .env("HF_ENDPOINT", &self.url)
            .env("HF_HOME", self.home.join("hf"))
            .env("HF_HUB_DISABLE_UPDATE_CHECK", "1")
            .env("HF_HUB_DISABLE_PROGRESS_BARS", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "Test")
            .env("GIT_AUTHOR_EMAIL", "test@example.org")
            .env("GIT_COMMITTER_NAME", "Test")
            .env("GIT_COMMITTER_EMAIL", "test@example.org");
        if !self.token.is_empty() {
            command.env("HF_TOKEN", &self.token);
        }
        command
    }

    /// Runs the `hf` command (`huggingface-cli` before 0.34).
    pub fn hf(&self, version: HfVersion, args: &[&str]) -> Ran {
        self.command(&version.venv().unwrap().hf()).args(args).output().unwrap().into()
    }

    /// Runs a script of `clients/` in the environment of a client version.
    pub fn script(&self, version: HfVersion, name: &str, args: &[&str]) -> Ran {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name);
        self.command(&version.venv().unwrap().python())
            .arg(path)
            .args(args)
            .output()
            .unwrap()
            .into()
    }

    /// Runs a script of `clients/` with Node.js, where the pinned JavaScript packages are found.
    pub fn javascript(&self, name: &str, args: &[&str]) -> Ran {
        // Packages are looked up from where a script lies, so it goes to a place that sees them.
        let modules = tools::javascript().unwrap().join("node_modules");
        let link = self.home.join("node_modules");
        if !link.exists() {
            std::os::unix::fs::symlink(modules, &link).unwrap();
        }
        let script = self.home.join(name);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name);
        std::fs::copy(source, &script).unwrap();
        self.command(&tools::node().unwrap()).arg(script).args(args).output().unwrap().into()
    }

    /// Runs a script of `clients/browser/` with Node.js, which drives a browser in front of this hub.
    pub fn browser(&self, script: &str, args: &[&str]) -> Ran {
        self.browser_with(script, args, &[])
    }

    /// As [`Client::browser`], with more of an environment.
    pub fn browser_with(&self, script: &str, args: &[&str], env: &[(&str, &Path)]) -> Ran {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/browser");
        self.command(&tools::node().unwrap())
            .env("STEELYARD_CHROMIUM", tools::chromium().unwrap())
            .env("STEELYARD_JAVASCRIPT", tools::javascript().unwrap())
            .envs(env.iter().copied())
            .arg(folder.join(script))
            .args(args)
            .output()
            .unwrap()
            .into()
    }

    /// Runs git in a folder.
    pub fn git(&self, dir: &Path, args: &[&str]) -> Ran {
        let mut command = self.command(&tools::git().unwrap());
        command
            .args(["-c", "protocol.version=2", "-c", "init.defaultBranch=main"])
            .args(args)
            .current_dir(dir);
        command.output().unwrap().into()
    }

    /// Runs curl with the user's token.
    pub fn curl(&self, args: &[&str]) -> Ran {
        let mut command = self.command(&tools::curl().unwrap());
        command.args(["--silent", "--show-error"]);
        if !self.token.is_empty() {
            command.args(["-H", &format!("Authorization: Bearer {}", self.token)]);
        }
        command.args(args).output().unwrap().into()
    }
}
