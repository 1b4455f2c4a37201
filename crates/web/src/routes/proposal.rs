//! What pages of files say of the pull request whose files they show.

use steelyard_service::Result;
use steelyard_service::repos::RepoRow;

use super::repo::Head;
use crate::frame::Visit;
use crate::links;

/// A pull request.
pub(super) struct Proposal {
    pub(super) number: i64,
    pub(super) title: String,
    /// `open`, `draft`, `merged` or `closed`.
    pub(super) status: String,
    /// The branch it is for.
    pub(super) base: String,
    /// The address of what it changes there.
    pub(super) changes: String,
    /// It waits for somebody who merges it.
    pub(super) is_open: bool,
}

impl Proposal {
    /// The pull request that the shown revision is, if it is one.
    pub(super) async fn of(visit: &Visit, row: &RepoRow, head: &Head) -> Result<Option<Self>> {
        let number = head.revision.strip_prefix("refs/pr/").and_then(|text| text.parse().ok());
        let Some(number) = number else { return Ok(None) };
        let Some(found) = visit.hub.pull_request(row.id, number).await? else { return Ok(None) };
        let base = found.base_ref.unwrap_or_else(|| "refs/heads/main".to_owned());
        let base = base.strip_prefix("refs/heads/").unwrap_or(&base).to_owned();
        let (from, to) = (links::segment(&base), links::segment(&head.revision));
        Ok(Some(Self {
            number,
            title: found.title,
            is_open: ["open", "draft"].contains(&found.status.as_str()),
            status: found.status,
            changes: format!("{}/compare/{from}..{to}", head.base),
            base,
        }))
    }
}
