//! What anybody may know of an account.

use steelyard_core::Namespace;
use steelyard_db::account::{self, AccountKind};

use crate::{Error, Hub, Missing, Result};

/// A user or an organisation, as its page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The name, spelled as its owner does.
    pub name: String,
    /// The display name; empty where there is none.
    pub full_name: String,
    /// Whether it is an organisation.
    pub is_org: bool,
    /// What its owner says of it.
    pub about: Option<String>,
    /// Where else it can be found.
    pub website: Option<String>,
    /// Of an organisation the names of its members, of a user those of the organisations they belong to.
    pub fellows: Vec<String>,
}

impl Hub {
    /// The account of that name, in any case.
    pub async fn profile(&self, name: &str) -> Result<Profile> {
        let missing = || Error::NotFound(Missing::Other("user or organisation"));
        let name = Namespace::parse(name).map_err(|_| missing())?;
        let mut conn = self.db().read().await?;
        let row = account::find_account(&mut conn, &name).await?.ok_or_else(missing)?;
        let is_org = row.kind == AccountKind::Org;
        let fellows = match is_org {
            true => account::list_members(&mut conn, row.id).await?,
            false => account::list_memberships(&mut conn, row.id).await?,
        };
        Ok(Profile {
            name: row.name,
            full_name: row.full_name,
            is_org,
            about: row.about,
            website: row.website,
            fellows: fellows
                .into_iter()
                .filter(|(row, _)| row.disabled_at.is_none())
                .map(|(row, _)| row.name)
                .collect(),
        })
    }
}
