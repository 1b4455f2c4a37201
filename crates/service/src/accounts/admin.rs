//! What the operator's commands do to accounts.

use serde_json::json;
use steelyard_core::{Namespace, OrgRole, Secret, TokenRole, Visibility};
use steelyard_db::account::{self, AccountKind, AccountRow, NewAccount};
use steelyard_db::{Conn, DbError, Tx, event, token};

use crate::access::hash_secret;
use crate::access::token::{check_chosen_token, generate_token};
use crate::{Error, Hub, Missing, Result};

const FULL_NAME_BYTES_MAX: usize = 200;
/// RFC 5321, 4.5.3.1.3, without the angle brackets.
const EMAIL_BYTES_MAX: usize = 254;

/// A user to create.
#[derive(Debug, Default, Clone)]
pub struct CreateUser {
    /// Name; see [`Namespace::parse_new`].
    pub name: String,
    /// Display name; the name when absent.
    pub full_name: Option<String>,
    /// Mail address.
    pub email: Option<String>,
    /// Whether they administer the hub.
    pub is_admin: bool,
}

/// An organisation to create.
#[derive(Debug, Clone)]
pub struct CreateOrg {
    /// Name; see [`Namespace::parse_new`].
    pub name: String,
    /// Display name; the name when absent.
    pub full_name: Option<String>,
    /// Visibility of its repositories when their creator asks for none.
    pub default_visibility: Visibility,
}

/// A token to create.
#[derive(Debug, Clone)]
pub struct CreateToken {
    /// For this user.
    pub user: String,
    /// Its name, unique among the user's live tokens.
    pub name: String,
    /// What it may do.
    pub role: TokenRole,
    /// A chosen value instead of a random one.
    pub value: Option<Secret>,
}

impl Hub {
    /// Creates a user.
    pub async fn create_user(&self, wanted: &CreateUser) -> Result<AccountRow> {
        self.create_account(AccountKind::User, wanted, Visibility::Public).await
    }

    /// Creates an organisation.
    pub async fn create_org(&self, wanted: &CreateOrg) -> Result<AccountRow> {
        let account = CreateUser {
            name: wanted.name.clone(),
            full_name: wanted.full_name.clone(),
            ..CreateUser::default()
        };
        self.create_account(AccountKind::Org, &account, wanted.default_visibility).await
    }

    async fn create_account(
        &self,
        kind: AccountKind,
        wanted: &CreateUser,
        default_visibility: Visibility,
    ) -> Result<AccountRow> {
        let mut tx = self.db().write().await?;
        let row = self.create_account_on(&mut tx, kind, wanted, default_visibility).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Creates an account in a transaction of the caller's.
    pub(crate) async fn create_account_on(
        &self,
        tx: &mut Tx,
        kind: AccountKind,
        wanted: &CreateUser,
        default_visibility: Visibility,
    ) -> Result<AccountRow> {
        let name = Namespace::parse_new(&wanted.name)?;
        let full_name = wanted.full_name.as_deref().unwrap_or(name.as_str());
        check_full_name(full_name)?;
        wanted.email.as_deref().map_or(Ok(()), check_email)?;
        let new = NewAccount {
            public_id: self.fresh_id(),
            kind,
            name: &name,
            full_name,
            email: wanted.email.as_deref(),
            is_admin: wanted.is_admin,
            default_visibility,
            created_at: self.now(),
        };
        let id = match account::create_account(tx, &new).await {
            Err(DbError::Conflict { .. }) => {
                return Err(Error::conflict(format!("the name {name} is taken")));
            }
            other => other?,
        };
        let payload = json!({"account_id": id, "kind": kind.as_str(), "name": name.as_str()});
        event::append_event(tx, "account.create", None, None, &payload, self.now()).await?;
        let row = account::find_account_by_id(tx, id).await?;
        row.ok_or_else(|| Error::internal("a new account cannot be read back"))
    }

    /// Adds a member to an organisation, or changes their role.
    pub async fn set_member(&self, org: &str, user: &str, role: OrgRole) -> Result<()> {
        let mut tx = self.db().write().await?;
        let org = find_org(&mut tx, org).await?;
        let user = find_user(&mut tx, user).await?;
        account::set_member(&mut tx, org.id, user.id, role, self.now()).await?;
        let payload = json!({"org_id": org.id, "user_id": user.id, "role": role.as_str()});
        event::append_event(&mut tx, "org.member", None, None, &payload, self.now()).await?;
        Ok(tx.commit().await?)
    }

    /// Creates a token and returns its text, which is stored nowhere.
    pub async fn create_token(&self, wanted: &CreateToken) -> Result<Secret> {
        let mut tx = self.db().write().await?;
        let user = find_user(&mut tx, &wanted.user).await?;
        let value = self.create_token_on(&mut tx, &user, wanted).await?;
        tx.commit().await?;
        Ok(value)
    }

    /// Creates a token in a transaction of the caller's.
    pub(super) async fn create_token_on(
        &self,
        tx: &mut Tx,
        user: &AccountRow,
        wanted: &CreateToken,
    ) -> Result<Secret> {
        let (name, role) = (&wanted.name, wanted.role);
        if name.is_empty() || name.len() > 96 || name.chars().any(char::is_control) {
            let rule = "a token's name must have 1 to 96 printable characters";
            return Err(Error::invalid("name", rule));
        }
        if let Some(value) = &wanted.value {
            check_chosen_token(value.expose())?;
        }
        let value = wanted.value.clone().unwrap_or_else(|| generate_token(self.rng()));
        let (id, hash, now) = (self.fresh_id(), hash_secret(value.expose()), self.now());
        match token::create_token(tx, &id, user.id, name, role, hash, now).await {
            Err(DbError::Conflict { .. }) => {
                let who = &user.name;
                let message = format!("{who} has a token named \"{name}\", or the value is in use");
                return Err(Error::conflict(message));
            }
            other => other?,
        }
        let payload = json!({"user_id": user.id, "name": name, "role": role.as_str()});
        event::append_event(tx, "token.create", None, None, &payload, now).await?;
        Ok(value)
    }

    /// Revokes a user's token by name.
    pub async fn revoke_token(&self, user: &str, name: &str) -> Result<()> {
        let mut tx = self.db().write().await?;
        let user = find_user(&mut tx, user).await?;
        if !token::revoke_token(&mut tx, user.id, name, self.now()).await? {
            return Err(Error::NotFound(Missing::Other("token")));
        }
        let payload = json!({"user_id": user.id, "name": name});
        event::append_event(&mut tx, "token.revoke", None, None, &payload, self.now()).await?;
        Ok(tx.commit().await?)
    }

    /// All users or organisations, by name.
    pub async fn list_accounts(&self, kind: AccountKind) -> Result<Vec<AccountRow>> {
        let mut conn = self.db().read().await?;
        let mut all: Vec<AccountRow> = Vec::new();
        loop {
            let after = all.last().map(|row| row.name.to_ascii_lowercase()).unwrap_or_default();
            let page = account::list_accounts(&mut conn, kind, &after, 500).await?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// True when nobody has an account yet.
    pub async fn is_new(&self) -> Result<bool> {
        let mut conn = self.db().read().await?;
        Ok(account::count_users(&mut conn).await? == 0)
    }
}

pub(super) fn check_full_name(name: &str) -> Result<()> {
    if name.len() > FULL_NAME_BYTES_MAX || name.chars().any(char::is_control) {
        return Err(Error::invalid("full name", "must have at most 200 printable bytes"));
    }
    Ok(())
}

pub(super) fn check_email(email: &str) -> Result<()> {
    let is_sound = email.len() <= EMAIL_BYTES_MAX
        && email.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
        && !email.chars().any(|c| c.is_control() || c.is_whitespace());
    if is_sound { Ok(()) } else { Err(Error::invalid("email", "must be a mail address")) }
}

/// The user of that name.
pub(crate) async fn find_user(conn: &mut Conn, name: &str) -> Result<AccountRow> {
    find(conn, name, AccountKind::User).await
}

/// The organisation of that name.
pub(crate) async fn find_org(conn: &mut Conn, name: &str) -> Result<AccountRow> {
    find(conn, name, AccountKind::Org).await
}

async fn find(conn: &mut Conn, name: &str, kind: AccountKind) -> Result<AccountRow> {
    let what = if kind == AccountKind::User { "user" } else { "organization" };
    let row = account::find_account(conn, &Namespace::parse(name)?).await?;
    row.filter(|row| row.kind == kind).ok_or(Error::NotFound(Missing::Other(what)))
}
