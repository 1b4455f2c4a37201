//! Which app asks.

use steelyard_core::{Secret, Sha256};
use steelyard_db::oauth::{self, AppRow};
use subtle::ConstantTimeEq as _;

use super::OAuthError;
use crate::access::hash_secret;
use crate::{Hub, Result};

/// How `huggingface_hub` names itself when nobody told it otherwise (`constants.py`, `DEVICE_CODE_OAUTH_CLIENT_ID`).
pub const HF_CLIENT_ID: &str = "26be6b09-91c5-47da-9861-d2d2bb7a7e36";
/// Longest id that is looked up, in bytes.
const CLIENT_ID_BYTES_MAX: usize = 100;

/// How an app says which one it is.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// `client_id`.
    pub client_id: String,
    /// `client_secret`, of an app that has one.
    pub secret: Option<Secret>,
}

/// An app.
#[derive(Debug, Clone)]
pub struct Client {
    /// The id it names itself by.
    pub client_id: String,
    /// What people know it by.
    pub name: String,
    /// Where to read about it.
    pub website: Option<String>,
    /// Who registered it; `None` for what the hub knows by itself.
    pub owner: Option<String>,
    /// Where people may be sent back to.
    pub redirect_uris: Vec<String>,
    secret_hash: Option<Sha256>,
}

impl Client {
    /// True for an app that can keep no secret.
    pub fn is_public(&self) -> bool {
        self.secret_hash.is_none()
    }

    /// What it gets when it asks for nothing in particular.
    pub(super) fn default_scope(&self) -> &'static str {
        match self.owner {
            // As with a write token, which is what people pasted before.
            None => "openid profile email read-repos gated-repos write-repos manage-repos",
            Some(_) => "openid profile",
        }
    }

    fn of(row: AppRow) -> Self {
        Self {
            client_id: row.client_id,
            name: row.name,
            website: row.website,
            owner: Some(row.owner_name),
            redirect_uris: row.redirect_uris,
            secret_hash: row.secret_hash,
        }
    }

    fn huggingface_hub() -> Self {
        Self {
            client_id: HF_CLIENT_ID.to_owned(),
            name: "huggingface_hub".to_owned(),
            website: None,
            owner: None,
            redirect_uris: Vec::new(),
            secret_hash: None,
        }
    }
}

impl Hub {
    /// The app that names itself so.
    pub async fn find_client(&self, client_id: &str) -> Result<Option<Client>> {
        if client_id == HF_CLIENT_ID {
            return Ok(Some(Client::huggingface_hub()));
        }
        if client_id.is_empty() || client_id.len() > CLIENT_ID_BYTES_MAX || client_id.contains('\0')
        {
            return Ok(None);
        }
        let mut conn = self.db().read().await?;
        Ok(oauth::find_app(&mut conn, client_id).await?.map(Client::of))
    }

    /// The app that proves to be the one it says. Guessing a secret is slow, as guessing a token is.
    pub async fn authenticate_client(
        &self,
        credentials: &Credentials,
        address: &str,
    ) -> Result<Client, OAuthError> {
        self.check_oauth_address(address)?;
        let client = self.find_client(&credentials.client_id).await?;
        let is_right = client.as_ref().is_some_and(|client| match client.secret_hash {
            None => true,
            Some(known) => credentials.secret.as_ref().is_some_and(|secret| {
                bool::from(hash_secret(secret.expose()).as_bytes().ct_eq(known.as_bytes()))
            }),
        });
        match client.filter(|_| is_right) {
            Some(client) => Ok(client),
            None => {
                self.throttle().record_failure(address, self.now());
                Err(OAuthError::InvalidClient)
            }
        }
    }

    /// Fails while an address has met too many wrong tries.
    pub(super) fn check_oauth_address(&self, address: &str) -> Result<()> {
        match self.throttle().blocked_secs(address, self.now()) {
            Some(retry_after_secs) => Err(crate::Error::RateLimited { retry_after_secs }),
            None => Ok(()),
        }
    }
}
