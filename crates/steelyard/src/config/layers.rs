use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::keys::{self, Kind};
use super::{ConfigError, Problem, Sources};

const FILE_BYTES_MAX: u64 = 1024 * 1024;
const ENV_PREFIX: &str = "STEELYARD_";

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// A flag.
    Flag(&'static str),
    /// The content of the file that a `*_file` setting names.
    Content(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Env(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
            Self::Content(path) => write!(f, "the content of {}", path.display()),
        }
    }
}

/// A setting made by a flag.
#[derive(Debug, Clone)]
pub struct Flag {
    /// The setting, as `section.key`.
    pub key: &'static str,
    /// The flag's name, for messages.
    pub name: &'static str,
    /// What it was set to.
    pub value: String,
}

impl Flag {
    /// The settings of the flags that were given.
    pub fn given<const N: usize>(
        flags: [(&'static str, &'static str, &Option<String>); N],
    ) -> Vec<Self> {
        let given = flags
            .into_iter()
            .filter_map(|(key, name, value)| value.clone().map(|value| Self { key, name, value }));
        given.collect()
    }
}

/// A raw value and its origin.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// Settings by `section.key`.
pub(super) type Settings = BTreeMap<String, Setting>;

/// Lays the sources over each other; unknown keys are told and left out.
pub(super) fn merge(
    sources: &Sources,
    problems: &mut Vec<Problem>,
) -> Result<Settings, ConfigError> {
    let mut merged = Settings::new();
    if let Some(path) = &sources.file {
        lay_over(&mut merged, from_file(path, problems)?, problems);
    }
    lay_over(&mut merged, from_env(&sources.env, problems), problems);
    let flags = sources.flags.iter().map(|flag| {
        let setting =
            Setting { value: Value::String(flag.value.clone()), origin: Origin::Flag(flag.name) };
        (flag.key.to_owned(), setting)
    });
    lay_over(&mut merged, flags.collect(), problems);
    Ok(merged)
}

/// Puts one source above the ones before it. A secret and its `*_file` are one setting in two forms: the upper source's
/// form wins, and one source must not have both.
fn lay_over(below: &mut Settings, above: Settings, problems: &mut Vec<Problem>) {
    for (key, setting) in &above {
        let other_form = keys::other_form(key);
        if let Some(other) = &other_form {
            below.remove(other);
        }
        if let Some(other) =
            other_form.filter(|other| above.contains_key(other) && key.ends_with("_file"))
        {
            let rule = format!("set either this or {other}, not both");
            problems.push(Problem { key: key.clone(), origin: setting.origin.clone(), rule });
        }
    }
    below.extend(above);
}

fn from_file(path: &Path, problems: &mut Vec<Problem>) -> Result<Settings, ConfigError> {
    let read = |source| ConfigError::Read { path: path.to_owned(), source };
    let text = read_limited(path, FILE_BYTES_MAX).map_err(read)?;
    let table: Table = toml::from_str(&text).map_err(|source| ConfigError::Syntax {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    let origin = Origin::File(path.to_owned());
    let mut settings = Settings::new();
    for (section, value) in table {
        let Value::Table(entries) = value else {
            problems.push(keys::unknown(&section, origin.clone()));
            continue;
        };
        if !keys::is_section(&section) {
            problems.push(keys::unknown_section(&section, origin.clone()));
            continue;
        }
        for (key, value) in entries {
            let key = format!("{section}.{key}");
            if keys::kind(&key).is_none() {
                problems.push(keys::unknown(&key, origin.clone()));
                continue;
            }
            settings.insert(key, Setting { value, origin: origin.clone() });
        }
    }
    Ok(settings)
}

fn from_env(env: &[(String, String)], problems: &mut Vec<Problem>) -> Settings {
    let mut settings = Settings::new();
    for (name, text) in env {
        let Some((section, key)) =
            name.strip_prefix(ENV_PREFIX).and_then(|rest| rest.split_once("__"))
        else {
            continue;
        };
        let key = format!("{}.{}", section.to_lowercase(), key.to_lowercase());
        let origin = Origin::Env(name.clone());
        match keys::kind(&key) {
            None => problems.push(keys::unknown(&key, origin)),
            Some(kind) => {
                settings.insert(key, Setting { value: typed(kind, text), origin });
            }
        }
    }
    settings
}

/// A variable's text as the type that its key has; what does not fit stays text and is refused with the key's own rule.
fn typed(kind: Kind, text: &str) -> Value {
    let value = match kind {
        Kind::Text => None,
        Kind::Integer => text.trim().parse().ok().map(Value::Integer),
        Kind::Boolean => text.trim().parse().ok().map(Value::Boolean),
    };
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Reads a small text file.
pub(super) fn read_limited(path: &Path, bytes_max: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(bytes_max + 1).read_to_string(&mut text)?;
    if text.len() as u64 > bytes_max {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is longer than {bytes_max} bytes"),
        ));
    }
    Ok(text)
}
