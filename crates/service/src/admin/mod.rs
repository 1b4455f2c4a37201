//! What administrators of the hub see and do in the browser. Each use case asks for [`administrator`] first and writes an
//! event of the kind `admin.*`, or the one that its change always writes, with the administrator as its actor.

mod events;
mod jobs;
mod orgs;
mod overview;
mod repos;
mod users;

pub use events::{EventLine, EventQuery};
pub use jobs::SWEEPS;
pub use overview::{Counts, Health, Overview};
pub use steelyard_db::job::{JobLine, JobProgress};

use steelyard_db::{Tx, event};

use crate::access::administrator;
use crate::{Actor, Hub, Result};

/// Lines of one page.
pub const PAGE: usize = 50;

impl Hub {
    /// Fails unless the actor administrates the hub.
    pub fn check_administrator(&self, actor: &Actor) -> Result<()> {
        administrator(actor).map(drop)
    }

    /// The configuration as the operator's commands print it, with secrets left out. For administrators.
    pub fn configuration(&self, actor: &Actor) -> Result<&str> {
        administrator(actor)?;
        Ok(&self.settings().configuration)
    }

    async fn note_act(
        &self,
        tx: &mut Tx,
        kind: &str,
        actor: &Actor,
        repo_id: Option<i64>,
        payload: &serde_json::Value,
    ) -> Result<()> {
        Ok(event::append_event(tx, kind, actor.id(), repo_id, payload, self.now()).await?)
    }
}
