//! Users, organisations and memberships.

use steelyard_core::{Namespace, OrgRole, Timestamp, Visibility};

use crate::conn::args;
use crate::{Conn, DbError, Row, Tx, dialect};

/// What an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// A person or a robot.
    User,
    /// An organisation of users.
    Org,
}

impl AccountKind {
    /// The Hub's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Org => "org",
        }
    }

    /// Reads a stored word.
    pub(crate) fn of(word: &str) -> Self {
        if word == "org" { Self::Org } else { Self::User }
    }
}

/// A user or an organisation.
#[derive(Debug, Clone)]
pub struct AccountRow {
    /// Internal key.
    pub id: i64,
    /// The id clients see.
    pub public_id: String,
    /// User or organisation.
    pub kind: AccountKind,
    /// The name, spelled as its owner does.
    pub name: String,
    /// The display name.
    pub full_name: String,
    /// Mail address, when known.
    pub email: Option<String>,
    /// True for administrators of the hub.
    pub is_admin: bool,
    /// Visibility of new repositories that ask for none.
    pub default_visibility: Visibility,
    /// What the owner says of it.
    pub about: Option<String>,
    /// Where else it can be found.
    pub website: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was taken out of service.
    pub disabled_at: Option<Timestamp>,
}

macro_rules! columns {
    () => {
        "id, public_id, kind, name, full_name, email, is_admin, default_visibility, about, website, created_at, disabled_at"
    };
}

fn account(row: &Row) -> Result<AccountRow, DbError> {
    let kind = match row.text("kind")?.as_str() {
        "user" => AccountKind::User,
        "org" => AccountKind::Org,
        _ => return Err(DbError::Inconsistent { column: "kind" }),
    };
    Ok(AccountRow {
        id: row.int("id")?,
        public_id: row.text("public_id")?,
        kind,
        name: row.text("name")?,
        full_name: row.text("full_name")?,
        email: row.opt_text("email")?,
        is_admin: row.bool("is_admin")?,
        default_visibility: row.parsed("default_visibility", Visibility::parse)?,
        about: row.opt_text("about")?,
        website: row.opt_text("website")?,
        created_at: row.timestamp("created_at")?,
        disabled_at: row.opt_timestamp("disabled_at")?,
    })
}

/// A new account.
#[derive(Debug)]
pub struct NewAccount<'a> {
    /// The id clients will see.
    pub public_id: String,
    /// User or organisation.
    pub kind: AccountKind,
    /// The name.
    pub name: &'a Namespace,
    /// The display name.
    pub full_name: &'a str,
    /// Mail address.
    pub email: Option<&'a str>,
    /// Whether it administers the hub.
    pub is_admin: bool,
    /// Visibility of new repositories that ask for none.
    pub default_visibility: Visibility,
    /// Now.
    pub created_at: Timestamp,
}

/// Creates an account; [`DbError::Conflict`] when the name is taken in any case.
pub async fn create_account(tx: &mut Tx, new: &NewAccount<'_>) -> Result<i64, DbError> {
    let row = tx
        .fetch_one(
            "INSERT INTO account (public_id, kind, name, name_folded, full_name, email, is_admin, \
             default_visibility, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
            args![
                new.public_id.as_str(),
                new.kind.as_str(),
                new.name.as_str(),
                new.name.folded(),
                new.full_name,
                new.email,
                new.is_admin,
                new.default_visibility.as_str(),
                new.created_at,
            ],
        )
        .await?;
    row.int("id")
}

/// The account of that name, in any case.
pub async fn find_account(
    conn: &mut Conn,
    name: &Namespace,
) -> Result<Option<AccountRow>, DbError> {
    let sql = concat!("SELECT ", columns!(), " FROM account WHERE name_folded = $1");
    conn.fetch_optional(sql, args![name.folded()]).await?.as_ref().map(account).transpose()
}

/// The account with that key.
pub async fn find_account_by_id(conn: &mut Conn, id: i64) -> Result<Option<AccountRow>, DbError> {
    let sql = concat!("SELECT ", columns!(), " FROM account WHERE id = $1");
    conn.fetch_optional(sql, args![id]).await?.as_ref().map(account).transpose()
}

/// The user with that mail address, in any case; with several, the oldest.
pub async fn find_user_by_email(
    conn: &mut Conn,
    email: &str,
) -> Result<Option<AccountRow>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM account WHERE kind = 'user' AND LOWER(email) = LOWER($1) ORDER BY id LIMIT 1"
    );
    conn.fetch_optional(sql, args![email]).await?.as_ref().map(account).transpose()
}

/// What an account says of itself.
#[derive(Debug)]
pub struct ProfileText<'a> {
    /// The display name.
    pub full_name: &'a str,
    /// Mail address.
    pub email: Option<&'a str>,
    /// A few words.
    pub about: Option<&'a str>,
    /// Where else it can be found.
    pub website: Option<&'a str>,
}

/// Changes what an account says of itself.
pub async fn set_profile(tx: &mut Tx, id: i64, text: &ProfileText<'_>) -> Result<(), DbError> {
    let sql =
        "UPDATE account SET full_name = $2, email = $3, about = $4, website = $5 WHERE id = $1";
    tx.execute(sql, args![id, text.full_name, text.email, text.about, text.website]).await?;
    Ok(())
}

/// Makes a user an administrator of the hub, or no longer.
pub async fn set_admin(tx: &mut Tx, id: i64, is_admin: bool) -> Result<(), DbError> {
    tx.execute("UPDATE account SET is_admin = $2 WHERE id = $1", args![id, is_admin]).await?;
    Ok(())
}

/// Takes an account out of service, or puts it back with `None`.
pub async fn set_disabled(tx: &mut Tx, id: i64, at: Option<Timestamp>) -> Result<(), DbError> {
    tx.execute("UPDATE account SET disabled_at = $2 WHERE id = $1", args![id, at]).await?;
    Ok(())
}

/// All accounts of a kind by name, after `after`, at most `limit`.
pub async fn list_accounts(
    conn: &mut Conn,
    kind: AccountKind,
    after: &str,
    limit: i64,
) -> Result<Vec<AccountRow>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM account WHERE kind = $1 AND name_folded > $2 ORDER BY name_folded LIMIT $3"
    );
    let rows = conn.fetch_all(sql, args![kind.as_str(), after, limit]).await?;
    rows.iter().map(account).collect()
}

/// Accounts of a kind whose names begin with a text or else contain it, in any case; the former first.
pub async fn find_accounts_like(
    conn: &mut Conn,
    kind: AccountKind,
    text: &str,
    limit: i64,
) -> Result<Vec<AccountRow>, DbError> {
    // No name has it, and PostgreSQL has no text with it.
    if text.contains('\0') {
        return Ok(Vec::new());
    }
    let folded = text.to_ascii_lowercase();
    let escaped = folded.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM account WHERE kind = $1 AND name_folded LIKE $2 ESCAPE '\\' \
         ORDER BY CASE WHEN name_folded LIKE $3 ESCAPE '\\' THEN 0 ELSE 1 END, name_folded LIMIT $4"
    );
    let args = args![kind.as_str(), format!("%{escaped}%"), format!("{escaped}%"), limit];
    conn.fetch_all(sql, args).await?.iter().map(account).collect()
}

/// How many users there are.
pub async fn count_users(conn: &mut Conn) -> Result<i64, DbError> {
    conn.fetch_one("SELECT COUNT(*) AS n FROM account WHERE kind = 'user'", args![]).await?.int("n")
}

/// Adds a member or changes their role.
pub async fn set_member(
    tx: &mut Tx,
    org_id: i64,
    user_id: i64,
    role: OrgRole,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO org_member (org_id, user_id, role, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (org_id, user_id) DO UPDATE SET role = excluded.role",
        args![org_id, user_id, role.as_str(), now],
    )
    .await?;
    Ok(())
}

/// The user's role in the organisation, if they are a member.
pub async fn find_role(
    conn: &mut Conn,
    org_id: i64,
    user_id: i64,
) -> Result<Option<OrgRole>, DbError> {
    let sql = "SELECT role FROM org_member WHERE org_id = $1 AND user_id = $2";
    let row = conn.fetch_optional(sql, args![org_id, user_id]).await?;
    row.map(|row| row.parsed("role", OrgRole::parse)).transpose()
}

/// The organisations of a user with their role, by name.
pub async fn list_memberships(
    conn: &mut Conn,
    user_id: i64,
) -> Result<Vec<(AccountRow, OrgRole)>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        ", role FROM (SELECT a.*, m.role FROM account a JOIN org_member m ON m.org_id = a.id \
         WHERE m.user_id = $1) AS membership ORDER BY name_folded"
    );
    let rows = conn.fetch_all(sql, args![user_id]).await?;
    rows.iter().map(|row| Ok((account(row)?, row.parsed("role", OrgRole::parse)?))).collect()
}

/// The members of an organisation with their role, by name, at most 1,000.
pub async fn list_members(
    conn: &mut Conn,
    org_id: i64,
) -> Result<Vec<(AccountRow, OrgRole)>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        ", role FROM (SELECT a.*, m.role FROM account a JOIN org_member m ON m.user_id = a.id \
         WHERE m.org_id = $1) AS membership ORDER BY name_folded LIMIT 1000"
    );
    let rows = conn.fetch_all(sql, args![org_id]).await?;
    rows.iter().map(|row| Ok((account(row)?, row.parsed("role", OrgRole::parse)?))).collect()
}

/// Takes a member out of an organisation; false when they were none.
pub async fn remove_member(tx: &mut Tx, org_id: i64, user_id: i64) -> Result<bool, DbError> {
    let sql = "DELETE FROM org_member WHERE org_id = $1 AND user_id = $2";
    Ok(tx.execute(sql, args![org_id, user_id]).await? > 0)
}

/// How many users and organisations there are.
pub async fn count_accounts(conn: &mut Conn) -> Result<(i64, i64), DbError> {
    let sql = "SELECT COALESCE(SUM(CASE WHEN kind = 'user' THEN 1 ELSE 0 END), 0) AS users, COUNT(*) AS n FROM account";
    let row = conn.fetch_one(sql, args![]).await?;
    let (users, all) = (row.int("users")?, row.int("n")?);
    Ok((users, all - users))
}

/// The keys of the administrators in service; none of them changes until the transaction ends.
pub async fn lock_admins(tx: &mut Tx) -> Result<Vec<i64>, DbError> {
    let sql = format!(
        "SELECT id FROM account WHERE kind = 'user' AND is_admin AND disabled_at IS NULL ORDER BY id{}",
        dialect::lock_rows(tx)
    );
    tx.fetch_dynamic(sql, args![]).await?.iter().map(|row| row.int("id")).collect()
}
