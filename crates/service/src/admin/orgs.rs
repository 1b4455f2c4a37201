//! Organisations and who belongs to them.

use serde_json::json;
use steelyard_core::{OrgRole, Visibility};
use steelyard_db::account::{self, AccountKind, AccountRow};

use crate::access::administrator;
use crate::accounts::{CreateUser, find_org, find_user};
use crate::{Actor, Error, Hub, Missing, Result};

impl Hub {
    /// Makes an organisation.
    pub async fn admin_create_org(
        &self,
        actor: &Actor,
        name: &str,
        full_name: &str,
        default_visibility: Visibility,
    ) -> Result<()> {
        administrator(actor)?;
        let wanted = CreateUser {
            name: name.to_owned(),
            full_name: Some(full_name.trim().to_owned()).filter(|name| !name.is_empty()),
            ..CreateUser::default()
        };
        let mut tx = self.db().write().await?;
        let kind = AccountKind::Org;
        let row = self.create_account_on(&mut tx, kind, &wanted, default_visibility).await?;
        let payload = json!({"org_id": row.id, "name": row.name});
        self.note_act(&mut tx, "admin.org.create", actor, None, &payload).await?;
        Ok(tx.commit().await?)
    }

    /// The members of an organisation with their roles.
    pub async fn admin_members(
        &self,
        actor: &Actor,
        org: &str,
    ) -> Result<Vec<(AccountRow, OrgRole)>> {
        administrator(actor)?;
        let mut conn = self.db().read().await?;
        let org = find_org(&mut conn, org).await?;
        Ok(account::list_members(&mut conn, org.id).await?)
    }

    /// Adds a member, changes their role, or takes them out with `None`.
    pub async fn admin_set_member(
        &self,
        actor: &Actor,
        org: &str,
        user: &str,
        role: Option<OrgRole>,
    ) -> Result<()> {
        administrator(actor)?;
        let mut tx = self.db().write().await?;
        let org = find_org(&mut tx, org).await?;
        let user = find_user(&mut tx, user).await.map_err(|error| match error {
            Error::NotFound(_) => Error::invalid("name", "belongs to nobody who has an account"),
            other => other,
        })?;
        match role {
            Some(role) => account::set_member(&mut tx, org.id, user.id, role, self.now()).await?,
            None => {
                if !account::remove_member(&mut tx, org.id, user.id).await? {
                    return Err(Error::NotFound(Missing::Other("member")));
                }
            }
        }
        let role = role.map(OrgRole::as_str);
        let payload = json!({"org_id": org.id, "user_id": user.id, "role": role});
        self.note_act(&mut tx, "org.member", actor, None, &payload).await?;
        Ok(tx.commit().await?)
    }
}
