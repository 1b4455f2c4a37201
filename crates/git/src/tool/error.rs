//! What can go wrong with the git binary, and how its complaints become a text for people.

use std::io;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use super::version::GitVersion;
use crate::pktline::one_line;

/// Most lines and bytes of git's complaints that are passed on.
const LINES_MAX: usize = 5;
const TEXT_BYTES_MAX: usize = 800;

/// An operation of the git binary failed.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The program did not start.
    #[error("starting git {operation}")]
    Spawn {
        /// The git command.
        operation: &'static str,
        /// Why it did not start.
        #[source]
        source: io::Error,
    },
    /// The program is no git, or too old.
    #[error("git {needed} or later is needed, found {found}")]
    Version {
        /// What it says of itself.
        found: String,
        /// The oldest version that will do.
        needed: GitVersion,
    },
    /// The pipes or files between git and us failed.
    #[error("exchanging data with git {operation}")]
    Io {
        /// The git command.
        operation: &'static str,
        /// What failed.
        #[source]
        source: io::Error,
    },
    /// What was to be fed to git could not be read: most often the client went away.
    #[error("reading the input of git {operation}")]
    Input {
        /// The git command.
        operation: &'static str,
        /// What failed.
        #[source]
        source: io::Error,
    },
    /// Nobody reads the output any more.
    #[error("the reader of git {operation} went away")]
    Aborted {
        /// The git command.
        operation: &'static str,
    },
    /// Nothing moved for too long; git was killed.
    #[error("git {operation} made no progress for {}s", after.as_secs())]
    Timeout {
        /// The git command.
        operation: &'static str,
        /// How long it was waited for.
        after: Duration,
    },
    /// All places for such an operation stayed taken.
    #[error("too many git operations at once; try again later")]
    Busy {
        /// The git command.
        operation: &'static str,
    },
    /// What the client sent was refused; the reason is fit to be shown to it.
    #[error("{reason}")]
    Refused {
        /// Git's reason, without local paths.
        reason: String,
    },
    /// The pack exceeds the limit.
    #[error("the pack is larger than {limit} bytes")]
    PackTooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// Git failed for a reason that is not the client's.
    #[error("git {operation} failed ({status}): {text}")]
    Exit {
        /// The git command.
        operation: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// What it said, shortened.
        text: String,
    },
    /// Git answered something unexpected.
    #[error("git {operation} answered \"{}\"", answer.escape_debug())]
    Answer {
        /// The git command.
        operation: &'static str,
        /// The answer, shortened.
        answer: String,
    },
}

impl ToolError {
    /// True when the fault lies in what the client sent.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::PackTooLarge { .. })
    }
}

/// Condenses what git wrote to stderr: errors without their prefix, no warnings, no local paths.
pub(super) fn explain(stderr: &[u8], hidden: &[&Path]) -> String {
    let mut text = String::from_utf8_lossy(stderr).into_owned();
    for path in hidden.iter().filter_map(|path| path.to_str()).filter(|path| path.len() > 1) {
        text = text.replace(path, "...");
    }
    let is_warning = |line: &&str| line.starts_with("warning:") || line.starts_with("hint:");
    let strip = |line: &str| {
        let line =
            line.strip_prefix("error: ").or_else(|| line.strip_prefix("fatal: ")).unwrap_or(line);
        one_line(line, TEXT_BYTES_MAX)
    };
    let lines: Vec<String> = text
        .lines()
        .filter(|line| !line.trim().is_empty() && !is_warning(line))
        .map(strip)
        .take(LINES_MAX)
        .collect();
    if lines.is_empty() {
        return "no reason given".to_owned();
    }
    one_line(&lines.join("; "), TEXT_BYTES_MAX)
}

/// True when git failed for want of space, memory or rights: nothing that the client could mend.
pub(super) fn is_local_fault(stderr: &[u8]) -> bool {
    const SIGNS: [&str; 9] = [
        "No space left on device",
        "Disk quota exceeded",
        "Permission denied",
        "Read-only file system",
        "Input/output error",
        "Too many open files",
        "out of memory",
        "Out of memory",
        "Cannot allocate memory",
    ];
    let text = String::from_utf8_lossy(stderr);
    SIGNS.iter().any(|sign| text.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_lose_prefixes_warnings_and_paths() {
        let stderr = b"warning: object 12: zeroPaddedFilemode: x\nerror: object ab: hasDotgit: contains '.git'\n\
            fatal: cannot open /var/q/1/pack/x\x1b[31m\n\n";
        let text = explain(stderr, &[Path::new("/var/q/1")]);
        assert_eq!(text, "object ab: hasDotgit: contains '.git'; cannot open .../pack/x [31m");
        assert_eq!(explain(b"", &[]), "no reason given");
        assert!(explain("é".repeat(5000).as_bytes(), &[]).len() <= TEXT_BYTES_MAX);
    }

    #[test]
    fn a_full_disk_is_not_the_clients_fault() {
        assert!(is_local_fault(b"fatal: write error: No space left on device"));
        assert!(!is_local_fault(b"fatal: early EOF"));
    }
}
