//! Changing a password, and setting one that was forgotten.

use serde_json::json;
use steelyard_core::{Secret, Timestamp};
use steelyard_db::login::{self, CodePurpose, NewCode};
use steelyard_db::{Conn, Tx, account, event, job, session};

use super::failures::Subject;
use super::mail::Mail;
use super::sign_in::find_user;
use super::sign_up::hash_code;
use super::{Visitor, password};
use crate::access::{administrator, in_session};
use crate::jobs::JobKind;
use crate::{Actor, Error, Hub, Result};

/// How long a code by mail is good.
const MAILED_SECS: i64 = 3600;
/// How long a code that an administrator hands out is good.
const HANDED_SECS: i64 = 24 * 3600;

impl Hub {
    /// True when the hub can send mail.
    pub fn can_mail(&self) -> bool {
        self.settings().login.mailer.is_some()
    }

    /// Changes the actor's password and ends their other sessions.
    pub async fn change_password(
        &self,
        actor: &Actor,
        old: &Secret,
        new: &Secret,
        address: &str,
    ) -> Result<()> {
        let user = in_session(actor)?;
        self.check_own_password(user.id, old, address).await?;
        let mut conn = self.db().read().await?;
        self.check_new_password(&mut conn, user.id, new).await?;
        drop(conn);
        let hash = self.passwords().hash(new, self.rng()).await?;
        let mut tx = self.db().write().await?;
        self.put_password(&mut tx, user.id, &hash, user.session).await?;
        Ok(tx.commit().await?)
    }

    async fn check_new_password(&self, conn: &mut Conn, user_id: i64, new: &Secret) -> Result<()> {
        let row = account::find_account_by_id(conn, user_id).await?;
        let row = row.ok_or(Error::BadCredentials)?;
        password::check_new(new, &[&row.name, row.email.as_deref().unwrap_or("")])
    }

    /// Stores a password, ends sessions but one, and takes codes back that would set another.
    async fn put_password(
        &self,
        tx: &mut Tx,
        user_id: i64,
        hash: &str,
        but: Option<i64>,
    ) -> Result<()> {
        login::set_password(tx, user_id, hash, self.now()).await?;
        login::delete_reset_codes(tx, user_id).await?;
        session::delete_sessions(tx, user_id, but).await?;
        self.forgive_failures(tx, &Subject::Password(user_id)).await?;
        let payload = json!({"user_id": user_id});
        let now = self.now();
        event::append_event(tx, "account.password", Some(user_id), None, &payload, now).await?;
        Ok(())
    }

    /// Asks for the actor's password once more.
    pub(super) async fn check_own_password(
        &self,
        user_id: i64,
        password: &Secret,
        address: &str,
    ) -> Result<()> {
        let subject = Subject::Password(user_id);
        self.check_failures(Some(&subject), address).await?;
        let mut conn = self.db().read().await?;
        let login = login::find_login(&mut conn, user_id).await?;
        drop(conn);
        let hash = login.map(|login| login.password_hash);
        if self.passwords().is_right(password, hash).await? {
            return Ok(());
        }
        self.count_failure(Some(&subject), address).await?;
        Err(Error::invalid("current password", "is not right"))
    }

    /// Sends a code for a new password to whoever has this name or mail address. The answer is the same whether there is
    /// such a user: the mail goes out later, and only to the address the hub knows.
    pub async fn request_reset(&self, name: &str, visitor: &Visitor) -> Result<()> {
        if !self.can_mail() {
            let message = "this hub sends no mail; an administrator can give you a code";
            return Err(Error::Forbidden(message.to_owned()));
        }
        self.check_failures(None, &visitor.address).await?;
        // Everybody may ask, and asking costs somebody a mail: it counts like a wrong password.
        self.throttle().record_failure(&visitor.address, self.now());
        let mut tx = self.db().write().await?;
        let user = find_user(&mut tx, name.trim()).await?;
        if let Some(user) = user.filter(|user| user.email.is_some() && user.disabled_at.is_none()) {
            let (kind, now) = (JobKind::MailReset.as_str(), self.now());
            job::enqueue(&mut tx, kind, &user.id.to_string(), now, now).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Makes a code for a new password and sends it. The code is made here, so that no row ever holds its text; a second run
    /// after a crash sends another one, and both are good.
    pub(crate) async fn mail_reset(&self, user_id: i64) -> Result<()> {
        let Some(mailer) = &self.settings().login.mailer else { return Ok(()) };
        let mut tx = self.db().write().await?;
        let user = account::find_account_by_id(&mut tx, user_id).await?;
        let Some((name, email)) = user.and_then(|user| Some((user.name, user.email?))) else {
            return Ok(());
        };
        let code = self.new_reset_code(&mut tx, user_id, None, MAILED_SECS).await?;
        tx.commit().await?;
        // Never the address of the request: whoever asks could name one of their own.
        let place = match &self.settings().public_url {
            Some(address) => format!("Open {address}/reset"),
            None => {
                "Open the hub as you always do, choose \"Sign in\" and \"I forgot my password\","
                    .to_owned()
            }
        };
        let text = format!(
            "Somebody asked for a new password for {name}.\n\n{place} and enter this code within an hour:\n\n    \
             {}\n\nIf it was not you, do nothing: your password stays as it is.\n",
            code.expose()
        );
        let mail = Mail { to: email, subject: "A new password for the hub".to_owned(), text };
        mailer.send(mail).await.map_err(Error::Unavailable)
    }

    /// Makes a code for a new password of a user, to be handed to them. For administrators.
    pub async fn create_reset_code(&self, actor: &Actor, name: &str) -> Result<Secret> {
        let admin = administrator(actor)?;
        let mut tx = self.db().write().await?;
        let user = crate::accounts::find_user(&mut tx, name).await?;
        let code = self.new_reset_code(&mut tx, user.id, Some(admin.id), HANDED_SECS).await?;
        tx.commit().await?;
        Ok(code)
    }

    async fn new_reset_code(
        &self,
        tx: &mut Tx,
        user_id: i64,
        created_by: Option<i64>,
        lives_secs: i64,
    ) -> Result<Secret> {
        let code = self.fresh_code();
        let now: Timestamp = self.now();
        let new = NewCode {
            hash: hash_code(code.expose()),
            purpose: CodePurpose::Reset,
            user_id: Some(user_id),
            email: None,
            created_by,
            created_at: now,
            expires_at: now.plus_secs(lives_secs),
        };
        login::create_code(tx, &new).await?;
        let payload = json!({"user_id": user_id});
        event::append_event(tx, "account.reset", created_by, None, &payload, now).await?;
        Ok(code)
    }

    /// Sets a new password with a code, and ends every session of its user. The second factor stays in force.
    pub async fn reset_password(&self, code: &str, new: &Secret, visitor: &Visitor) -> Result<()> {
        self.check_failures(None, &visitor.address).await?;
        password::check_new(new, &[])?;
        let hash = self.passwords().hash(new, self.rng()).await?;
        let mut tx = self.db().write().await?;
        let used =
            login::use_code(&mut tx, hash_code(code), CodePurpose::Reset, self.now()).await?;
        let Some(user_id) = used.and_then(|used| used.user_id) else {
            drop(tx);
            self.count_failure(None, &visitor.address).await?;
            return Err(Error::invalid("code", "is not known, or was used, or is too old"));
        };
        self.check_new_password(&mut tx, user_id, new).await?;
        self.put_password(&mut tx, user_id, &hash, None).await?;
        Ok(tx.commit().await?)
    }

    /// As [`Hub::create_reset_code`], for the operator's own commands.
    pub async fn operator_reset_code(&self, name: &str) -> Result<Secret> {
        let mut tx = self.db().write().await?;
        let user = crate::accounts::find_user(&mut tx, name).await?;
        let code = self.new_reset_code(&mut tx, user.id, None, HANDED_SECS).await?;
        tx.commit().await?;
        Ok(code)
    }

    /// Gives a user a password made by chance, for the first start.
    pub async fn fresh_password(&self, name: &str) -> Result<Secret> {
        let password = self.fresh_code();
        self.set_password(name, &password).await?;
        Ok(password)
    }

    /// Sets a user's password, as the operator's command does; their sessions end.
    pub async fn set_password(&self, name: &str, new: &Secret) -> Result<()> {
        let hash = self.passwords().hash(new, self.rng()).await?;
        let mut tx = self.db().write().await?;
        let user = crate::accounts::find_user(&mut tx, name).await?;
        password::check_new(new, &[&user.name, user.email.as_deref().unwrap_or("")])?;
        self.put_password(&mut tx, user.id, &hash, None).await?;
        Ok(tx.commit().await?)
    }
}
