//! What the author of a card is told when it has landed: warnings that kept nothing out.

use steelyard_card::license::{self, Severity};
use steelyard_card::{CardInput, derive, validate_bytes};
use steelyard_core::RepoKind;
use steelyard_db::repo::RepoRow;

use crate::{Actor, Hub, Result};

/// Lines of advice on one card.
const LINES_MAX: usize = 20;
/// Ids of one card that are looked up.
const IDS_MAX: usize = 10;

impl Hub {
    /// Warnings about the card that `actor` has just put into `repo`, one line each: what the rules let pass with a warning,
    /// a licence that does not fit those of the base models, ids that look like others that are here. It never fails:
    /// the card is there already.
    pub async fn advice(&self, actor: &Actor, repo: &RepoRow, readme: &[u8]) -> Vec<String> {
        let report = validate_bytes(repo.kind, Some(&repo.repo.to_string()), readme);
        let shown = |issue: steelyard_card::Issue| {
            let line = issue.line.map_or_else(String::new, |line| format!(" line {line}"));
            format!("README.md{line}: warning: {}", issue.message)
        };
        let mut lines: Vec<String> = report.warnings.into_iter().map(shown).collect();
        match self.advice_on_names(actor, repo, readme).await {
            Ok(more) => lines.extend(more),
            Err(error) => tracing::warn!(%error, "a card was not compared with others"),
        }
        lines.truncate(LINES_MAX);
        lines
    }

    async fn advice_on_names(
        &self,
        actor: &Actor,
        repo: &RepoRow,
        readme: &[u8],
    ) -> Result<Vec<String>> {
        let readme = String::from_utf8_lossy(readme);
        let input = CardInput { readme: Some(&readme), ..CardInput::default() };
        let facts = derive(repo.kind, input);
        let mut lines = Vec::new();
        if repo.kind == RepoKind::Model && !facts.base_models.is_empty() {
            let mut conn = self.db().read().await?;
            let links = self.walk_up(&mut conn, actor, repo, &facts).await?;
            let own = repo.repo.to_string();
            let conflicts = license::lineage(&links).conflicts.into_iter();
            for conflict in
                conflicts.filter(|one| one.child == own && one.severity == Severity::Conflict)
            {
                lines.push(format!("README.md: warning: {}", conflict.because));
                if let Some(suggestion) = conflict.suggestion {
                    lines.push(format!(
                        "README.md: \"license: {}\" would fit: {}",
                        suggestion.license, suggestion.because
                    ));
                }
            }
        }
        for known in self.known_ids(actor, &facts, IDS_MAX).await? {
            if let (false, Some(nearest)) = (known.exists, known.nearest.first()) {
                let (key, id) = (known.key, known.id);
                lines.push(format!(
                    "README.md: warning: \"{key}\" names {id}, which is not here; did you mean {nearest}?"
                ));
            }
        }
        Ok(lines)
    }
}
