//! Making an account oneself.

use serde_json::json;
use steelyard_core::{Secret, Sha256, Visibility};
use steelyard_db::account::AccountKind;
use steelyard_db::login::{self, CodePurpose, CodeRow, NewCode};
use steelyard_db::{Tx, event};

use super::{Visitor, password};
use crate::access::{administrator, hash_secret};
use crate::accounts::CreateUser;
use crate::{Actor, Error, Hub, Missing, Result};

/// How long an invitation is good.
const INVITATION_SECS: i64 = 7 * 24 * 3600;
/// What codes are written with, and how long they are.
const ALPHABET: &[u8; 28] = b"23456789bcdfghjkmnpqrstvwxyz";
const CODE_LETTERS: usize = 20;
/// Invitations that a page shows.
const LISTED: i64 = 200;

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignUpRule {
    /// Nobody: administrators make accounts.
    #[default]
    Closed,
    /// Whoever has a code of an administrator.
    Invitation,
    /// Everybody who reaches the hub.
    Open,
}

/// What somebody typed who wants an account.
#[derive(Debug, Clone)]
pub struct SignUp {
    /// The name.
    pub name: String,
    /// Mail address, if they gave one.
    pub email: Option<String>,
    /// The password.
    pub password: Secret,
    /// The code of an invitation.
    pub invitation: Option<String>,
}

/// An invitation, without its code.
pub type Invitation = CodeRow;

/// Codes are shown in groups; what people type may lack the hyphens.
pub(super) fn hash_code(code: &str) -> Sha256 {
    let folded: String = code.chars().filter(char::is_ascii_alphanumeric).take(128).collect();
    hash_secret(&folded.to_ascii_lowercase())
}

impl Hub {
    /// Makes an account by the operator's rule and begins its first session.
    pub async fn sign_up(&self, wanted: &SignUp, visitor: &Visitor) -> Result<Secret> {
        self.check_failures(None, &visitor.address).await?;
        let rule = self.settings().login.sign_up;
        if rule == SignUpRule::Closed {
            let message = "this hub makes no accounts by itself; ask an administrator for one";
            return Err(Error::Forbidden(message.to_owned()));
        }
        password::check_new(
            &wanted.password,
            &[&wanted.name, wanted.email.as_deref().unwrap_or("")],
        )?;
        let hash = self.passwords().hash(&wanted.password, self.rng()).await?;
        let mut tx = self.db().write().await?;
        if rule == SignUpRule::Invitation && !self.use_invitation(&mut tx, wanted).await? {
            drop(tx);
            self.count_failure(None, &visitor.address).await?;
            return Err(Error::invalid(
                "invitation",
                "is not known, or was used, or is older than seven days",
            ));
        }
        let user = CreateUser {
            name: wanted.name.clone(),
            email: wanted.email.clone(),
            ..CreateUser::default()
        };
        let row =
            self.create_account_on(&mut tx, AccountKind::User, &user, Visibility::Public).await?;
        login::set_password(&mut tx, row.id, &hash, self.now()).await?;
        let secret = self.begin_session(&mut tx, row.id, false, visitor).await?;
        tx.commit().await?;
        Ok(secret)
    }

    async fn use_invitation(&self, tx: &mut Tx, wanted: &SignUp) -> Result<bool> {
        let Some(code) = &wanted.invitation else { return Ok(false) };
        let used =
            login::use_code(tx, hash_code(code), CodePurpose::Invitation, self.now()).await?;
        Ok(used.is_some())
    }

    /// Makes an invitation; its code is shown only now. For administrators.
    pub async fn create_invitation(&self, actor: &Actor, email: Option<&str>) -> Result<Secret> {
        let admin = administrator(actor)?;
        let code = self.fresh_code();
        let now = self.now();
        let mut tx = self.db().write().await?;
        let new = NewCode {
            hash: hash_code(code.expose()),
            purpose: CodePurpose::Invitation,
            user_id: None,
            email,
            created_by: Some(admin.id),
            created_at: now,
            expires_at: now.plus_secs(INVITATION_SECS),
        };
        login::create_code(&mut tx, &new).await?;
        let payload = json!({"email": email});
        event::append_event(&mut tx, "account.invite", Some(admin.id), None, &payload, now).await?;
        tx.commit().await?;
        Ok(code)
    }

    /// Invitations that nobody used yet. For administrators.
    pub async fn list_invitations(&self, actor: &Actor) -> Result<Vec<Invitation>> {
        administrator(actor)?;
        let mut conn = self.db().read().await?;
        Ok(login::list_codes(&mut conn, CodePurpose::Invitation, self.now(), LISTED).await?)
    }

    /// Takes an invitation back. For administrators.
    pub async fn revoke_invitation(&self, actor: &Actor, id: i64) -> Result<()> {
        administrator(actor)?;
        let mut tx = self.db().write().await?;
        if !login::delete_code(&mut tx, id).await? {
            return Err(Error::NotFound(Missing::Other("invitation")));
        }
        Ok(tx.commit().await?)
    }

    /// 96 random bits in groups that can be read over the phone: no vowels, nothing that looks like a digit.
    pub(crate) fn fresh_code(&self) -> Secret {
        let mut letters = Vec::new();
        while letters.len() < CODE_LETTERS {
            let mut bytes = [0; 32];
            self.rng().fill(&mut bytes);
            // Bytes from 252 on are thrown away: keeping them would favour the alphabet's first letters.
            let fresh = bytes.iter().filter(|byte| **byte < 252);
            letters.extend(fresh.map(|byte| char::from(ALPHABET[usize::from(byte % 28)])));
        }
        letters.truncate(CODE_LETTERS);
        let groups: Vec<String> = letters.chunks(5).map(|group| group.iter().collect()).collect();
        Secret::new(groups.join("-"))
    }
}
