//! What people change of their own account, in a browser.

use serde_json::json;
use steelyard_core::{Secret, TokenRole};
use steelyard_db::account::{self, AccountRow, ProfileText};
use steelyard_db::event;
use steelyard_db::token::{self, TokenLine};

use super::CreateToken;
use super::admin::{check_email, check_full_name};
use crate::access::in_session;
use crate::{Actor, Error, Hub, Missing, Result};

/// Longest text about oneself, in bytes.
const ABOUT_BYTES_MAX: usize = 1000;
/// Longest address of a website, in bytes.
const WEBSITE_BYTES_MAX: usize = 300;

/// What somebody says of themselves; empty texts take away.
#[derive(Debug, Clone, Default)]
pub struct ProfileChange {
    /// The display name.
    pub full_name: String,
    /// Mail address; shown to nobody else.
    pub email: String,
    /// A few words.
    pub about: String,
    /// An `https://` or `http://` address.
    pub website: String,
}

/// A token somebody makes for themselves.
#[derive(Debug, Clone)]
pub struct OwnToken {
    /// Its name, unique among their live tokens.
    pub name: String,
    /// What it may do.
    pub role: TokenRole,
}

impl Hub {
    /// The actor's own account.
    pub async fn own_account(&self, actor: &Actor) -> Result<AccountRow> {
        let user = in_session(actor)?;
        let mut conn = self.db().read().await?;
        let row = account::find_account_by_id(&mut conn, user.id).await?;
        row.ok_or(Error::BadCredentials)
    }

    /// Changes what the actor says of themselves.
    pub async fn change_profile(&self, actor: &Actor, change: &ProfileChange) -> Result<()> {
        let user = in_session(actor)?;
        let given = |text: &'_ str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let full_name = given(&change.full_name).unwrap_or_else(|| user.name.clone());
        check_full_name(&full_name)?;
        let (email, about) = (given(&change.email), given(&change.about));
        let website = given(&change.website);
        email.as_deref().map_or(Ok(()), check_email)?;
        check_about(about.as_deref().unwrap_or(""))?;
        check_website(website.as_deref().unwrap_or("https://"))?;
        let text = ProfileText {
            full_name: &full_name,
            email: email.as_deref(),
            about: about.as_deref(),
            website: website.as_deref(),
        };
        let mut tx = self.db().write().await?;
        account::set_profile(&mut tx, user.id, &text).await?;
        let payload = json!({"account_id": user.id});
        let now = self.now();
        event::append_event(&mut tx, "account.profile", Some(user.id), None, &payload, now).await?;
        Ok(tx.commit().await?)
    }

    /// The actor's live tokens, newest first.
    pub async fn list_own_tokens(&self, actor: &Actor) -> Result<Vec<TokenLine>> {
        let user = in_session(actor)?;
        let mut conn = self.db().read().await?;
        Ok(token::list_tokens(&mut conn, user.id, self.now()).await?)
    }

    /// Makes a token for the actor and returns its text, which is stored nowhere.
    pub async fn create_own_token(&self, actor: &Actor, wanted: &OwnToken) -> Result<Secret> {
        let user = in_session(actor)?;
        let wanted = CreateToken {
            user: user.name.clone(),
            name: wanted.name.trim().to_owned(),
            role: wanted.role,
            value: None,
        };
        self.create_token(&wanted).await
    }

    /// Revokes one of the actor's tokens.
    pub async fn revoke_own_token(&self, actor: &Actor, public_id: &str) -> Result<()> {
        let user = in_session(actor)?;
        let mut tx = self.db().write().await?;
        let tokens = token::list_tokens(&mut tx, user.id, self.now()).await?;
        let found = tokens.into_iter().find(|token| token.public_id == public_id);
        let name = found.ok_or(Error::NotFound(Missing::Other("token")))?.name;
        token::revoke_token(&mut tx, user.id, &name, self.now()).await?;
        let payload = json!({"user_id": user.id, "name": name});
        let now = self.now();
        event::append_event(&mut tx, "token.revoke", Some(user.id), None, &payload, now).await?;
        Ok(tx.commit().await?)
    }
}

fn check_about(text: &str) -> Result<()> {
    let is_sound = text.len() <= ABOUT_BYTES_MAX
        && !text.chars().any(|c| c.is_control() && c != '\n' && c != '\r');
    if is_sound {
        Ok(())
    } else {
        Err(Error::invalid("about", "must have at most 1,000 bytes of text"))
    }
}

pub(crate) fn check_website(text: &str) -> Result<()> {
    let is_sound = text.len() <= WEBSITE_BYTES_MAX
        && (text.starts_with("https://") || text.starts_with("http://"))
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"\\^`{|}".contains(&byte));
    if is_sound {
        return Ok(());
    }
    Err(Error::invalid("website", "must be an address that begins with https:// or http://"))
}
