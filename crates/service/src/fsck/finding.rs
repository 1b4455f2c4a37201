//! What a check has to say.

use serde::Serialize;

/// Findings told of one repository; more of them say nothing new.
const FINDINGS_MAX: usize = 500;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// No fault: what a crash may leave and a sweep takes away.
    Info,
    /// No data is lost, but somebody should look.
    Warning,
    /// Something is lost, or cannot be reached.
    Error,
}

impl Severity {
    /// The word shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that is wrong, or worth knowing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The repository, such as `models/alice/bert`; absent for what belongs to the whole hub.
    pub repo: Option<String>,
    /// The ref, pack, object or file.
    #[serde(rename = "where")]
    pub place: String,
    /// What is wrong with it.
    pub what: String,
    /// What to do.
    pub hint: String,
}

impl Finding {
    /// A finding about the whole hub.
    pub(super) fn new(
        severity: Severity,
        place: impl Into<String>,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { severity, repo: None, place: place.into(), what: what.into(), hint: hint.into() }
    }

    /// Data is lost or cannot be reached.
    pub(super) fn error(
        place: impl Into<String>,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Error, place, what, hint)
    }

    /// Somebody should look.
    pub(super) fn warning(
        place: impl Into<String>,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Warning, place, what, hint)
    }

    /// No fault.
    pub(super) fn info(
        place: impl Into<String>,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Info, place, what, hint)
    }

    /// The same, about a repository.
    #[must_use]
    pub(super) fn about(mut self, repo: &str) -> Self {
        self.repo = Some(repo.to_owned());
        self
    }
}

/// Findings about one repository, held back until it is sure that they are not the traces of a change under way.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    more: usize,
}

impl Findings {
    pub(super) fn push(&mut self, finding: Finding) {
        if self.list.len() < FINDINGS_MAX {
            self.list.push(finding);
        } else {
            self.more += 1;
        }
    }

    pub(super) fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }

    pub(super) fn has_errors(&self) -> bool {
        self.list.iter().any(|finding| finding.severity == Severity::Error)
    }

    pub(super) fn into_list(mut self) -> Vec<Finding> {
        if self.more > 0 {
            let what = format!("{} more findings are not shown", self.more);
            self.list.push(Finding::error(
                "this repository",
                what,
                "repair what is shown and check again",
            ));
        }
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_counted() {
        let mut findings = Findings::default();
        findings.extend(
            (0..FINDINGS_MAX + 7).map(|n| Finding::warning(n.to_string(), "is odd", "look")),
        );
        assert!(!findings.has_errors());
        let list = findings.into_list();
        assert_eq!(list.len(), FINDINGS_MAX + 1);
        assert_eq!(list[FINDINGS_MAX].what, "7 more findings are not shown");
    }
}
