//! The server's configuration: what it is, where it comes from, and what is wrong with it.
//!
//! Sections hold typed values and work without any file; [`load`] lays a TOML file, environment variables and flags over
//! the defaults and remembers for every setting which of them won.

mod error;
mod keys;
mod layers;
pub mod print;
pub mod schema;
mod secrets;
mod sections;
mod values;

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;

pub use error::{ConfigError, Problem};
pub use layers::{Flag, Origin};
pub use sections::{
    Accounts, Config, Database, DatabaseSection, Git, Limits, Log, LogFormat, MailSection, Server,
    SignUp, Storage, StorageSection,
};
pub use values::{
    AdminListen, ByteSize, DatabaseUrl, ListenAddress, Period, PublicUrl, SecretText, StorageUrl,
};

/// Where settings may come from, in rising order.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// Environment variables; only `STEELYARD_SECTION__KEY` count.
    pub env: Vec<(String, String)>,
    /// Flags of the command line.
    pub flags: Vec<Flag>,
}

impl Sources {
    /// This process's environment, with the given file and flags.
    pub fn of_process(file: Option<PathBuf>, flags: Vec<Flag>) -> Self {
        let env = env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self { file, env: env.collect(), flags }
    }
}

/// A configuration that is valid, and where each of its settings comes from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    origins: BTreeMap<String, Origin>,
}

impl Loaded {
    /// Where the setting `section.key` comes from.
    pub fn origin(&self, key: &str) -> &Origin {
        self.origins.get(key).unwrap_or(&Origin::Default)
    }

    /// True if the operator chose the value of `section.key`.
    pub fn is_explicit(&self, key: &str) -> bool {
        self.origins.contains_key(key)
    }
}

/// Reads, lays over each other and checks all settings; the error names every mistake at once.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let mut problems = Vec::new();
    let mut merged = layers::merge(sources, &mut problems)?;
    secrets::read_files(&mut merged, &mut problems);
    let config = sections::from_settings(&merged, &mut problems);
    let origins = merged.into_iter().map(|(key, setting)| (key, setting.origin)).collect();
    match config {
        Some(config) if problems.is_empty() => Ok(Loaded { config, origins }),
        _ => Err(ConfigError::Invalid(problems)),
    }
}

#[cfg(test)]
mod tests;
