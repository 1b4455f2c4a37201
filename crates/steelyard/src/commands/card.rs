//! `steelyard card check`: the rules and the report for a card, before or after it is pushed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use steelyard_card::report::{Known, ReportInput, report};
use steelyard_card::{CardInput, Issue, Report, derive, validate_bytes};
use steelyard_core::RepoKind;

use super::remote::Remote;
use crate::cli::{CardCommand, CheckArgs, KindArg, SettingFlags};

/// Files of a folder that are looked at, and folders deep.
const FILES_MAX: usize = 5000;
const DEPTH_MAX: usize = 8;
/// Largest configuration that is read, in bytes.
const CONFIG_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Runs a `card` command.
pub fn run(flags: &SettingFlags, command: &CardCommand) -> Result<()> {
    let CardCommand::Check(args) = command;
    let (rules, told) =
        if args.target.exists() { local(args)? } else { (Report::default(), remote(flags, args)?) };
    let text = if args.json {
        format!("{}\n", json!({"validation": rules, "report": told}))
    } else {
        format!("{}{}", issues(&rules), findings(&told))
    };
    super::print(&text)?;
    match rules.errors.len() {
        0 => Ok(()),
        count => bail!("the hub would refuse this card: {count} to mend"),
    }
}

/// Checks a folder or a README.md on this machine.
fn local(args: &CheckArgs) -> Result<(Report, Value)> {
    let is_folder = args.target.is_dir();
    let readme = if is_folder { args.target.join("README.md") } else { args.target.clone() };
    let bytes = match std::fs::read(&readme) {
        Ok(bytes) => Some(bytes),
        Err(error) if is_folder && error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", readme.display()));
        }
    };
    let rules = match &bytes {
        Some(bytes) => validate_bytes(kind_of(args.kind), None, bytes),
        None => {
            let message = "there is none, so nothing says what this is".to_owned();
            Report { errors: Vec::new(), warnings: vec![Issue { message, line: None }] }
        }
    };
    let text = bytes.as_deref().map(String::from_utf8_lossy);
    let kind = kind_of(args.kind);
    let mut found = Vec::new();
    if is_folder {
        list(&args.target, Path::new(""), 0, &mut found);
    }
    let config = is_folder.then(|| small(&args.target.join("config.json"))).flatten();
    let adapter = is_folder.then(|| small(&args.target.join("adapter_config.json"))).flatten();
    let files: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
    let sizes: Vec<u64> = found.iter().map(|(_, size)| *size).collect();
    let facts = derive(
        kind,
        CardInput {
            readme: text.as_deref(),
            files: &files,
            sizes: &sizes,
            config_json: config.as_deref(),
            adapter_config_json: adapter.as_deref(),
            ..CardInput::default()
        },
    );
    let known = Known::default();
    let readme = text.as_deref();
    let told = report(ReportInput { kind, readme, facts: &facts, files: &files, known: &known });
    Ok((rules, serde_json::to_value(told)?))
}

fn remote(flags: &SettingFlags, args: &CheckArgs) -> Result<Value> {
    let id = args.target.to_str().filter(|id| steelyard_core::RepoId::parse(id).is_ok());
    let Some(id) = id else {
        bail!(
            "{} is neither a file or folder here nor the id of a repository",
            args.target.display()
        )
    };
    let path = format!("/api/{}/{id}/card-report", kind_of(args.kind).plural());
    Remote::new(flags, &args.remote)?.get(&path, &[])
}

fn kind_of(kind: KindArg) -> RepoKind {
    match kind {
        KindArg::Model => RepoKind::Model,
        KindArg::Dataset => RepoKind::Dataset,
        KindArg::Space => RepoKind::Space,
        KindArg::Kernel => RepoKind::Kernel,
    }
}

/// The files below a folder with their sizes; hidden ones and links are passed over.
fn list(root: &Path, below: &Path, depth: usize, found: &mut Vec<(String, u64)>) {
    let Ok(entries) = std::fs::read_dir(root.join(below)) else { return };
    let mut names: Vec<PathBuf> =
        entries.filter_map(|entry| Some(below.join(entry.ok()?.file_name()))).collect();
    names.sort();
    for name in names {
        let is_hidden = name.file_name().is_some_and(|name| name.as_encoded_bytes()[0] == b'.');
        let Ok(about) = root.join(&name).symlink_metadata() else { continue };
        if found.len() >= FILES_MAX || is_hidden {
            continue;
        }
        if about.is_dir() && depth < DEPTH_MAX {
            list(root, &name, depth + 1, found);
        } else if about.is_file()
            && let Some(path) = name.to_str()
        {
            found.push((path.to_owned(), about.len()));
        }
    }
}

fn small(path: &Path) -> Option<Vec<u8>> {
    let about = path.metadata().ok()?;
    (about.is_file() && about.len() <= CONFIG_BYTES_MAX).then(|| std::fs::read(path).ok()).flatten()
}

fn issues(rules: &Report) -> String {
    let mut text = String::new();
    for (word, issues) in [("error", &rules.errors), ("warning", &rules.warnings)] {
        for issue in issues {
            let line = issue.line.map_or_else(String::new, |line| format!(":{line}"));
            // Writing to a string cannot fail.
            let _ = writeln!(text, "README.md{line}: {word}: {}", issue.message);
        }
    }
    text
}

/// A report in words: what is there of the sections, the answers, and what would mend it.
fn findings(told: &Value) -> String {
    let list = |name: &str| told[name].as_array().cloned().unwrap_or_default();
    let word = |value: &Value, name: &str| value[name].as_str().unwrap_or("").to_owned();
    let mut text = format!("\nsections written: {} of 100\n", told["score"]);
    for section in list("sections") {
        let mark = if section["state"] == "present" { "  yes " } else { "  no  " };
        let _ = writeln!(text, "{mark} {} ({})", word(&section, "title"), word(&section, "state"));
    }
    text.push_str("\nsigns of care:\n");
    for signal in list("signals").iter().filter(|signal| signal["state"] != "notApplicable") {
        let _ = writeln!(text, "  {:<8} {}", word(signal, "state"), word(signal, "title"));
        for evidence in signal["evidence"].as_array().into_iter().flatten() {
            let line =
                evidence["line"].as_u64().map_or_else(String::new, |n| format!(" (line {n})"));
            let _ = writeln!(text, "             {}{line}", word(evidence, "text"));
        }
    }
    let fixes = list("fixes");
    if !fixes.is_empty() {
        text.push_str("\nwhat would mend it:\n");
    }
    for fix in fixes {
        let _ = writeln!(text, "  {}: {}", word(&fix, "title"), word(&fix, "why"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::RemoteArgs;

    fn check(folder: &Path) -> (Report, Value) {
        let args = CheckArgs {
            target: folder.to_owned(),
            kind: KindArg::Model,
            json: false,
            remote: RemoteArgs::default(),
        };
        local(&args).unwrap()
    }

    #[test]
    fn a_folder_is_checked_before_it_is_pushed() {
        let dir = tempfile::tempdir().unwrap();
        let (rules, told) = check(dir.path());
        assert!(rules.is_valid() && told["score"] == 0, "no card at all: {told}");
        assert!(issues(&rules).starts_with("README.md: warning: there is none"));
        std::fs::write(dir.path().join("README.md"), "---\nlicense: [1\n---\n# A\n").unwrap();
        let (rules, _) = check(dir.path());
        assert!(issues(&rules).starts_with("README.md:"), "{}", issues(&rules));
        assert!(!rules.is_valid());
        std::fs::write(dir.path().join("README.md"), "---\nlicense: mit\n---\n# A\n").unwrap();
        std::fs::write(dir.path().join("model.safetensors"), "weights").unwrap();
        let (rules, told) = check(dir.path());
        assert!(rules.is_valid());
        assert!(findings(&told).contains("signs of care"), "{}", findings(&told));
    }
}
