//! Users of the hub.

use serde_json::json;
use steelyard_core::{Namespace, Secret, Visibility};
use steelyard_db::account::{self, AccountKind, AccountRow};
use steelyard_db::{Tx, oauth, session, token};

use super::PAGE;
use crate::access::administrator;
use crate::accounts::{CreateUser, find_user};
use crate::{Actor, Error, Hub, Missing, Result};

impl Hub {
    /// Accounts of a kind by name, after `after`; with `text`, those whose name has it. One more than a page when there is more.
    pub async fn admin_accounts(
        &self,
        actor: &Actor,
        kind: AccountKind,
        text: &str,
        after: &str,
    ) -> Result<Vec<AccountRow>> {
        administrator(actor)?;
        let limit = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
        let mut conn = self.db().read().await?;
        Ok(match text {
            "" if after.contains('\0') => Vec::new(),
            "" => {
                let after = after.to_ascii_lowercase();
                account::list_accounts(&mut conn, kind, &after, limit).await?
            }
            text => account::find_accounts_like(&mut conn, kind, text, limit).await?,
        })
    }

    /// One account, whatever its state.
    pub async fn admin_account(
        &self,
        actor: &Actor,
        kind: AccountKind,
        name: &str,
    ) -> Result<AccountRow> {
        administrator(actor)?;
        let mut conn = self.db().read().await?;
        let row = account::find_account(&mut conn, &Namespace::parse(name)?).await?;
        row.filter(|row| row.kind == kind).ok_or(Error::NotFound(Missing::Other("account")))
    }

    /// Makes a user and a code with which they set their password.
    pub async fn admin_create_user(&self, actor: &Actor, wanted: &CreateUser) -> Result<Secret> {
        administrator(actor)?;
        let mut tx = self.db().write().await?;
        let kind = AccountKind::User;
        let row = self.create_account_on(&mut tx, kind, wanted, Visibility::Public).await?;
        let payload = json!({"user_id": row.id, "name": row.name, "is_admin": row.is_admin});
        self.note_act(&mut tx, "admin.user.create", actor, None, &payload).await?;
        tx.commit().await?;
        self.create_reset_code(actor, &row.name).await
    }

    /// Makes a user an administrator, or no longer; never the last one.
    pub async fn set_user_admin(&self, actor: &Actor, name: &str, is_admin: bool) -> Result<()> {
        administrator(actor)?;
        let mut tx = self.db().write().await?;
        let user = find_user(&mut tx, name).await?;
        if !is_admin {
            check_not_last_admin(&mut tx, user.id).await?;
        }
        account::set_admin(&mut tx, user.id, is_admin).await?;
        let payload = json!({"user_id": user.id, "is_admin": is_admin});
        self.note_act(&mut tx, "admin.user.role", actor, None, &payload).await?;
        Ok(tx.commit().await?)
    }

    /// Takes a user out of service, or puts them back. Out of service, their sessions, tokens and apps end at once and for
    /// good; what they published stays.
    pub async fn set_user_disabled(&self, actor: &Actor, name: &str, disabled: bool) -> Result<()> {
        administrator(actor)?;
        let (mut tx, now) = (self.db().write().await?, self.now());
        let user = find_user(&mut tx, name).await?;
        if disabled {
            check_not_last_admin(&mut tx, user.id).await?;
            session::delete_sessions(&mut tx, user.id, None).await?;
            oauth::revoke_user_grants(&mut tx, user.id, now).await?;
            token::revoke_tokens(&mut tx, user.id, now).await?;
        }
        account::set_disabled(&mut tx, user.id, disabled.then_some(now)).await?;
        let payload = json!({"user_id": user.id, "disabled": disabled});
        self.note_act(&mut tx, "admin.user.disable", actor, None, &payload).await?;
        Ok(tx.commit().await?)
    }
}

/// A hub without an administrator could only be helped at a shell. All administrators are locked, so that of two who take
/// each other's office away at once one comes too late.
async fn check_not_last_admin(tx: &mut Tx, id: i64) -> Result<()> {
    let admins = account::lock_admins(tx).await?;
    if admins == [id] {
        let message = "this is the last administrator in service; make another one first";
        return Err(Error::conflict(message));
    }
    Ok(())
}
