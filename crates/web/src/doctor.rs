//! The doctor: from what somebody saw of a failed request to what is wrong and what to do.
//!
//! [`pasted`] reads what people have: the output of `curl -v`, a traceback, or an address. [`signs`] tells what these words
//! alone say; what only the hub knows (a token, a repository, a revision) is asked in `routes/doctor.rs`, with the rights
//! that the pasted token has, so that nobody learns here what the interface would not tell them.

pub(crate) mod pasted;
pub(crate) mod refusals;
pub(crate) mod signs;

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// `bad`: this is it; `mind`: this may be it; `good`: this is not it.
    pub(crate) tone: &'static str,
    /// What is so.
    pub(crate) what: String,
    /// What to do; empty where there is nothing.
    pub(crate) cure: String,
}

impl Finding {
    pub(crate) fn bad(what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { tone: "bad", what: what.into(), cure: cure.into() }
    }

    pub(crate) fn mind(what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { tone: "mind", what: what.into(), cure: cure.into() }
    }

    pub(crate) fn good(what: impl Into<String>) -> Self {
        Self { tone: "good", what: what.into(), cure: String::new() }
    }
}
