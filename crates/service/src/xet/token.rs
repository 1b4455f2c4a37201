//! Tokens for the content store: made for one repository, checked without the database, good for half an hour or as long as
//! the operator says.
//!
//! A token is `xet_` and the base64url of 26 bytes of claims with their HMAC. The claims are what the contract asks for
//! except the revision: nothing a token is used for names one.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::Mac as _;
use steelyard_core::{RepoId, RepoKind, Revision, Secret, Timestamp};
use steelyard_db::refs;
use subtle::ConstantTimeEq as _;

use crate::commits::commit_target;
use crate::{Action, Actor, Error, Hub, Result};

/// For how much longer than it says a token is taken, but at most twice as long: a client never asks again when it is
/// refused, so its clock may be a little late.
const LEEWAY_SECS: i64 = 60;

const PREFIX: &str = "xet_";
const VERSION: u8 = 1;
const CLAIMS_BYTES: usize = 26;
const TOKEN_BYTES: usize = CLAIMS_BYTES + 32;
const WRITES: u8 = 1;
const PROPOSES: u8 = 2;

/// What a token is for; each includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum XetScope {
    /// Reading files.
    Read,
    /// Uploading xorbs and registering files.
    Write,
}

/// A token that somebody may use.
#[derive(Debug)]
pub struct XetGrant {
    /// Its text.
    pub token: Secret,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What a token that was found good says. What its user may do now is another question: [`Hub::xet_repo`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XetToken {
    /// The repository's key.
    pub repo_id: i64,
    /// What it is for.
    pub scope: XetScope,
    /// Whose it is; `None` reads public repositories.
    pub user_id: Option<i64>,
    /// True when it was given to somebody who may propose changes, and perhaps no more than that.
    pub(super) proposes: bool,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Hub {
    /// Gives `actor` a token for a repository: to read to whoever may read its files at that revision; to write to whoever
    /// may commit there, or open a pull request when `create_pr` is set (then the revision is not looked at).
    pub async fn grant_xet_token(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        scope: XetScope,
        revision: &str,
        create_pr: bool,
    ) -> Result<XetGrant> {
        let (repo_id, proposes) = match scope {
            XetScope::Read => {
                let revision = Revision::parse(revision)?;
                let action = Action::ReadContent;
                (self.snapshot(actor, kind, id, &revision, action).await?.repo.id, false)
            }
            XetScope::Write => self.check_writer(actor, kind, id, revision, create_pr).await?,
        };
        let ttl_secs = self.settings().xet.token_ttl_secs;
        let expires_at = Timestamp::from_secs(self.now().secs()).plus_secs(ttl_secs);
        let token = XetToken { repo_id, scope, user_id: actor.id(), proposes, expires_at };
        Ok(XetGrant { token: self.sign_xet_token(&token), expires_at })
    }

    /// The repository to which `actor` may commit, and whether only by a proposal.
    async fn check_writer(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        revision: &str,
        create_pr: bool,
    ) -> Result<(i64, bool)> {
        let repo = self.authorize_commit(actor, kind, id, revision, create_pr).await?;
        if create_pr {
            return Ok((repo.id, true));
        }
        let target = commit_target(revision)?;
        let mut conn = self.db().read().await?;
        if refs::find_ref(&mut conn, repo.id, &target).await?.is_none() {
            return Err(Error::no_revision(revision));
        }
        Ok((repo.id, target.pull_request_number().is_some()))
    }

    /// Checks a token's signature and age ([`Error::BadCredentials`]) and what it is for ([`Error::Forbidden`]). Asks no
    /// database.
    pub fn verify_xet_token(&self, text: &str, needs: XetScope) -> Result<XetToken> {
        let token = self.open_xet_token(text).ok_or(Error::BadCredentials)?;
        let leeway_secs = LEEWAY_SECS.min(self.settings().xet.token_ttl_secs);
        if self.now() >= token.expires_at.plus_secs(leeway_secs) {
            return Err(Error::BadCredentials);
        }
        if token.scope < needs {
            let message = "this token may only read; ask for a write token".to_owned();
            return Err(Error::Forbidden(message));
        }
        Ok(token)
    }

    fn sign_xet_token(&self, token: &XetToken) -> Secret {
        let claims = token.encode();
        let mut mac = self.xet().token_key.clone();
        mac.update(&claims);
        let mut bytes = Vec::with_capacity(TOKEN_BYTES);
        bytes.extend_from_slice(&claims);
        bytes.extend_from_slice(&mac.finalize().into_bytes());
        Secret::new(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }

    fn open_xet_token(&self, text: &str) -> Option<XetToken> {
        let mut bytes = [0; TOKEN_BYTES];
        let text = text.strip_prefix(PREFIX)?;
        let length = BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        let (claims, signature) = bytes.split_first_chunk::<CLAIMS_BYTES>()?;
        let mut mac = self.xet().token_key.clone();
        mac.update(claims);
        let right: [u8; TOKEN_BYTES - CLAIMS_BYTES] = mac.finalize().into_bytes().into();
        let is_right = length == TOKEN_BYTES && bool::from(right.as_slice().ct_eq(signature));
        is_right.then(|| XetToken::decode(claims)).flatten()
    }
}

impl XetToken {
    fn encode(&self) -> [u8; CLAIMS_BYTES] {
        let mut claims = [0; CLAIMS_BYTES];
        claims[0] = VERSION;
        claims[1] = if self.scope == XetScope::Write { WRITES } else { 0 }
            | if self.proposes { PROPOSES } else { 0 };
        claims[2..10].copy_from_slice(&self.repo_id.to_le_bytes());
        claims[10..18].copy_from_slice(&self.user_id.unwrap_or(0).to_le_bytes());
        claims[18..].copy_from_slice(&self.expires_at.secs().to_le_bytes());
        claims
    }

    fn decode(claims: &[u8; CLAIMS_BYTES]) -> Option<Self> {
        let number = |at: usize| {
            let bytes = claims[at..at + 8].try_into().expect("eight bytes were taken");
            i64::from_le_bytes(bytes)
        };
        let flags = claims[1];
        if claims[0] != VERSION || flags & !(WRITES | PROPOSES) != 0 {
            return None;
        }
        Some(Self {
            repo_id: number(2),
            scope: if flags & WRITES == 0 { XetScope::Read } else { XetScope::Write },
            user_id: Some(number(10)).filter(|id| *id != 0),
            proposes: flags & PROPOSES != 0,
            expires_at: Timestamp::from_secs(number(18)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_come_back_as_they_were() {
        for (scope, user_id, proposes) in
            [(XetScope::Read, None, false), (XetScope::Write, Some(7), true)]
        {
            let expires_at = Timestamp::from_secs(1_800_000_000);
            let token = XetToken { repo_id: 1 << 40, scope, user_id, proposes, expires_at };
            assert_eq!(XetToken::decode(&token.encode()), Some(token));
        }
    }

    #[test]
    fn claims_of_another_version_are_not_guessed_at() {
        let expires_at = Timestamp::from_secs(1);
        let scope = XetScope::Read;
        let token = XetToken { repo_id: 1, scope, user_id: None, proposes: false, expires_at };
        for (at, value) in [(0, VERSION + 1), (1, 4)] {
            let mut claims = token.encode();
            claims[at] = value;
            assert_eq!(XetToken::decode(&claims), None);
        }
    }
}
