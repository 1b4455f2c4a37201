use std::path::PathBuf;
use std::time::Duration;

/// What can go wrong while a test's surroundings are set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program or file that `cargo xtask setup` installs is not there.
    #[error("{what} is missing (looked at {}): run `cargo xtask setup`", looked_at.display())]
    Missing {
        /// What was looked for.
        what: String,
        /// Where it should have been.
        looked_at: PathBuf,
    },
    /// A program could not be started at all.
    #[error("cannot start {name}")]
    Start {
        /// The program's name in messages.
        name: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A program ended with a failure, or ended when it should have gone on.
    #[error("{name} ended with {status}:\n{output}")]
    Ended {
        /// The program's name in messages.
        name: String,
        /// Its exit status in words.
        status: String,
        /// The last lines it printed.
        output: String,
    },
    /// A program did not say or do what was waited for.
    #[error("{name} did not {what} within {timeout:?}; it printed:\n{output}")]
    TimedOut {
        /// The program's name in messages.
        name: String,
        /// What was waited for, as a verb.
        what: String,
        /// How long was waited.
        timeout: Duration,
        /// The last lines it printed.
        output: String,
    },
    /// A file or socket of the test's surroundings could not be used.
    #[error("cannot {what}")]
    Io {
        /// What was tried, as a verb.
        what: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
