//! Apps that people register, and what they allowed others.

use serde_json::json;
use steelyard_core::Secret;
use steelyard_db::event;
use steelyard_db::oauth::{self, AppRow, GrantRow};

use crate::access::{hash_secret, in_session};
use crate::accounts::check_website;
use crate::{Actor, Error, Hub, Missing, Result};

/// Apps that one user may register.
const APPS_MAX: usize = 50;
/// Addresses that one app may have, and their length in bytes.
const REDIRECTS_MAX: usize = 10;
const REDIRECT_BYTES_MAX: usize = 500;

/// An app to register.
#[derive(Debug, Clone, Default)]
pub struct NewApp {
    /// What people know it by.
    pub name: String,
    /// Where to read about it; may be empty.
    pub website: String,
    /// Where people may be sent back to, one address a line.
    pub redirect_uris: String,
    /// Whether it runs where a secret would be seen: in a browser, on a telephone, at a shell.
    pub is_public: bool,
}

/// What the owner of a new app is shown once.
#[derive(Debug)]
pub struct RegisteredApp {
    /// The id it names itself by.
    pub client_id: String,
    /// Its secret, if it can keep one.
    pub secret: Option<Secret>,
}

impl Hub {
    /// Registers an app of the actor's.
    pub async fn register_app(&self, actor: &Actor, wanted: &NewApp) -> Result<RegisteredApp> {
        let user = in_session(actor)?;
        let name = wanted.name.trim();
        if name.is_empty() || name.chars().count() > 60 || name.chars().any(char::is_control) {
            return Err(Error::invalid("name", "must have 1 to 60 printable characters"));
        }
        let website = Some(wanted.website.trim()).filter(|text| !text.is_empty());
        website.map_or(Ok(()), check_website)?;
        let uris = parse_redirects(&wanted.redirect_uris)?;
        let secret = (!wanted.is_public).then(|| self.oauth_secret("hf_cs_"));
        let (client_id, now) = (self.fresh_uuid().to_string(), self.now());
        let mut tx = self.db().write().await?;
        if oauth::list_apps(&mut tx, user.id).await?.len() >= APPS_MAX {
            return Err(Error::conflict("you have 50 apps; delete one first"));
        }
        let new = oauth::NewApp {
            client_id: &client_id,
            owner_id: user.id,
            name,
            website,
            secret_hash: secret.as_ref().map(|secret| hash_secret(secret.expose())),
            redirect_uris: &uris,
            created_at: now,
        };
        oauth::create_app(&mut tx, &new).await?;
        let payload = json!({"client_id": client_id, "name": name});
        event::append_event(&mut tx, "oauth.app.create", Some(user.id), None, &payload, now)
            .await?;
        tx.commit().await?;
        Ok(RegisteredApp { client_id, secret })
    }

    /// The apps that the actor registered, newest first.
    pub async fn list_own_apps(&self, actor: &Actor) -> Result<Vec<AppRow>> {
        let user = in_session(actor)?;
        let mut conn = self.db().read().await?;
        Ok(oauth::list_apps(&mut conn, user.id).await?)
    }

    /// Deletes an app of the actor's; every token it holds ends.
    pub async fn delete_own_app(&self, actor: &Actor, client_id: &str) -> Result<()> {
        let user = in_session(actor)?;
        let (mut tx, now) = (self.db().write().await?, self.now());
        if !oauth::delete_app(&mut tx, user.id, client_id, now).await? {
            return Err(Error::NotFound(Missing::Other("app")));
        }
        let payload = json!({"client_id": client_id});
        event::append_event(&mut tx, "oauth.app.delete", Some(user.id), None, &payload, now)
            .await?;
        Ok(tx.commit().await?)
    }

    /// What the actor allowed apps, newest first.
    pub async fn list_own_grants(&self, actor: &Actor) -> Result<Vec<GrantRow>> {
        let user = in_session(actor)?;
        let mut conn = self.db().read().await?;
        Ok(oauth::list_grants(&mut conn, user.id, self.now()).await?)
    }

    /// Takes back what the actor allowed an app; its tokens end at once.
    pub async fn revoke_own_grant(&self, actor: &Actor, public_id: &str) -> Result<()> {
        let user = in_session(actor)?;
        let (mut tx, now) = (self.db().write().await?, self.now());
        let grants = oauth::list_grants(&mut tx, user.id, now).await?;
        let found = grants.into_iter().find(|grant| grant.public_id == public_id);
        let grant = found.ok_or(Error::NotFound(Missing::Other("authorization")))?;
        oauth::revoke_grant(&mut tx, grant.id, now).await?;
        let payload = json!({"grant_id": grant.id, "app": grant.app_name});
        event::append_event(&mut tx, "oauth.revoke", Some(user.id), None, &payload, now).await?;
        Ok(tx.commit().await?)
    }
}

/// Addresses one a line: over TLS, or on the user's own machine.
fn parse_redirects(text: &str) -> Result<Vec<String>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let uris: Vec<String> = lines.map(str::to_owned).collect();
    if uris.is_empty() || uris.len() > REDIRECTS_MAX {
        return Err(Error::invalid(
            "redirect addresses",
            "must be one to ten, each on its own line",
        ));
    }
    for uri in &uris {
        if uri.len() > REDIRECT_BYTES_MAX || !is_redirect(uri) {
            let rule = "must begin with https://, or with http://localhost or http://127.0.0.1, and have no #";
            return Err(Error::invalid("redirect addresses", rule));
        }
    }
    Ok(uris)
}

fn is_redirect(uri: &str) -> bool {
    let is_plain =
        uri.bytes().all(|byte| byte.is_ascii_graphic() && !b"#<>\"\\^`{|}';,*".contains(&byte));
    let (Some((scheme, rest)), true) = (uri.split_once("://"), is_plain) else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        Some(_) => return false,
        None => authority,
    };
    let is_name = !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    is_name
        && (scheme == "https" || (scheme == "http" && ["localhost", "127.0.0.1"].contains(&host)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_back_are_over_tls_or_on_the_own_machine() {
        for taken in [
            "https://app.example/cb",
            "https://app.example:8443/cb?x=1",
            "http://localhost:7860/login/callback",
            "http://127.0.0.1/",
        ] {
            assert!(is_redirect(taken), "{taken}");
        }
        for refused in [
            "http://app.example/cb",
            "https://",
            "https://a@b/cb",
            "https://app.example/#x",
            "javascript://app.example/",
            "https://app.example/ x",
            "http://localhost.evil.example/",
            "https://app.example;script-src/",
            "app.example",
        ] {
            assert!(!is_redirect(refused), "{refused}");
        }
        assert_eq!(parse_redirects(" https://a/\r\n\n https://b/ ").unwrap().len(), 2);
        assert!(
            parse_redirects("").is_err() && parse_redirects(&"https://a/\n".repeat(11)).is_err()
        );
    }
}
