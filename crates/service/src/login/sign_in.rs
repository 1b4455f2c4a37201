//! Signing in.

use serde_json::json;
use steelyard_core::{Namespace, Secret};
use steelyard_db::account::{self, AccountKind, AccountRow};
use steelyard_db::login::{self, LoginRow};
use steelyard_db::{Conn, event, session};

use super::failures::Subject;
use super::{BrowserSession, Visitor};
use crate::{Hub, Result};

/// A name and a password that somebody typed.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Name or mail address.
    pub name: String,
    /// The password.
    pub password: Secret,
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub enum SignIn {
    /// The secret of the new session.
    Done(Secret),
    /// The password was right; the secret of a session that waits for the second factor.
    CodeNeeded(Secret),
    /// Wrong, for whatever reason.
    Refused,
}

impl Hub {
    /// Checks a name and a password and begins a session.
    ///
    /// Wrong names and wrong passwords are answered alike, in words and in time.
    pub async fn sign_in(&self, attempt: &Attempt, visitor: &Visitor) -> Result<SignIn> {
        self.check_failures(None, &visitor.address).await?;
        let mut conn = self.db().read().await?;
        let found = find_login_by_name(&mut conn, attempt.name.trim()).await?;
        drop(conn);
        let subject = found.as_ref().map(|(user, _)| Subject::Password(user.id));
        self.check_failures(subject.as_ref(), &visitor.address).await?;
        let hash = found.as_ref().map(|(_, login)| login.password_hash.clone());
        let is_right = self.passwords().is_right(&attempt.password, hash).await?;
        let (Some((user, login)), Some(subject), true) = (found, &subject, is_right) else {
            self.count_failure(subject.as_ref(), &visitor.address).await?;
            return Ok(SignIn::Refused);
        };
        let awaits_code = login.has_second_factor();
        let mut tx = self.db().write().await?;
        let secret = self.begin_session(&mut tx, user.id, awaits_code, visitor).await?;
        if awaits_code {
            tx.commit().await?;
            return Ok(SignIn::CodeNeeded(secret));
        }
        self.forgive_failures(&mut tx, subject).await?;
        self.note_sign_in(&mut tx, user.id, "password").await?;
        tx.commit().await?;
        Ok(SignIn::Done(secret))
    }

    /// Checks the second factor of a session that waits for it, or a recovery code. The session gets a new secret: the old
    /// one was known to whoever knew the password only.
    pub async fn sign_in_with_code(
        &self,
        waiting: &BrowserSession,
        code: &str,
        visitor: &Visitor,
    ) -> Result<SignIn> {
        let user_id = waiting.row.user_id;
        let subject = Subject::Code(user_id);
        self.check_failures(Some(&subject), &visitor.address).await?;
        let mut tx = self.db().write().await?;
        let Some(how) = self.use_second_factor(&mut tx, user_id, code).await? else {
            drop(tx);
            self.count_failure(Some(&subject), &visitor.address).await?;
            return Ok(SignIn::Refused);
        };
        session::delete_session(&mut tx, user_id, &waiting.row.public_id).await?;
        let secret = self.begin_session(&mut tx, user_id, false, visitor).await?;
        self.forgive_failures(&mut tx, &subject).await?;
        self.forgive_failures(&mut tx, &Subject::Password(user_id)).await?;
        self.note_sign_in(&mut tx, user_id, how).await?;
        tx.commit().await?;
        Ok(SignIn::Done(secret))
    }

    async fn note_sign_in(&self, tx: &mut steelyard_db::Tx, user_id: i64, how: &str) -> Result<()> {
        let payload = json!({"user_id": user_id, "by": how});
        let now = self.now();
        event::append_event(tx, "session.create", Some(user_id), None, &payload, now).await?;
        Ok(())
    }
}

/// The user of that name or mail address, if they are in service and have a password.
async fn find_login_by_name(conn: &mut Conn, name: &str) -> Result<Option<(AccountRow, LoginRow)>> {
    let user = find_user(conn, name).await?;
    let Some(user) = user.filter(|user| user.disabled_at.is_none()) else { return Ok(None) };
    Ok(login::find_login(conn, user.id).await?.map(|login| (user, login)))
}

/// The user of that name or mail address.
pub(super) async fn find_user(conn: &mut Conn, name: &str) -> Result<Option<AccountRow>> {
    if name.len() > 254 || name.contains('\0') {
        return Ok(None);
    }
    if name.contains('@') {
        return Ok(account::find_user_by_email(conn, name).await?);
    }
    let Ok(name) = Namespace::parse(name) else { return Ok(None) };
    let row = account::find_account(conn, &name).await?;
    Ok(row.filter(|row| row.kind == AccountKind::User))
}
