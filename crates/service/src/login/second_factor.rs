//! The second factor: codes that change every half minute (TOTP, RFC 6238), and recovery codes for a lost phone.

use serde_json::json;
use steelyard_core::{Secret, Sha256};
use steelyard_db::{Tx, event, login};
use totp_rs::{Algorithm, TOTP};

use super::failures::Subject;
use crate::access::{hash_secret, in_session};
use crate::{Actor, Error, Hub, Result};

/// Length of a secret, in bytes (RFC 4226: at least 16, 20 recommended).
const SECRET_BYTES: usize = 20;
/// What every authenticator app understands.
const DIGITS: usize = 6;
const STEP_SECS: u64 = 30;
/// Clocks may differ by one step.
const SKEW: u8 = 1;
/// Recovery codes that are handed out.
const RECOVERY_CODES: usize = 10;

/// A second factor that was begun, for its owner's eyes.
#[derive(Debug, Clone)]
pub struct SecondFactor {
    /// The secret in base 32, to be typed.
    pub secret: Secret,
    /// The same as an `otpauth://` address, to be drawn as a code.
    pub address: Secret,
}

/// Codes that stand for the second factor once, shown only now.
pub type RecoveryCodes = Vec<Secret>;

fn totp(secret: Vec<u8>) -> Result<TOTP> {
    TOTP::new(Algorithm::SHA1, DIGITS, SKEW, STEP_SECS, secret)
        .map_err(|error| Error::internal(error.to_string()))
}

impl Hub {
    /// Whether the actor has a second factor, and how many recovery codes are left.
    pub async fn second_factor(&self, actor: &Actor) -> Result<Option<i64>> {
        let user = in_session(actor)?;
        let mut conn = self.db().read().await?;
        let login = login::find_login(&mut conn, user.id).await?;
        if !login.is_some_and(|login| login.has_second_factor()) {
            return Ok(None);
        }
        Ok(Some(login::count_recovery_codes(&mut conn, user.id).await?))
    }

    /// Begins a second factor; it counts from [`Hub::confirm_second_factor`] on. Whoever begins again before that gets the same
    /// secret, so that a page may be loaded twice.
    pub async fn begin_second_factor(&self, actor: &Actor) -> Result<SecondFactor> {
        let user = in_session(actor)?;
        let mut tx = self.db().write().await?;
        let Some(login) = login::find_login(&mut tx, user.id).await? else {
            return Err(Error::conflict("set a password first"));
        };
        if login.has_second_factor() {
            return Err(Error::conflict("there is a second factor already"));
        }
        let secret = match login.totp_secret {
            Some(secret) => secret,
            None => {
                let mut secret = vec![0; SECRET_BYTES];
                self.rng().fill(&mut secret);
                login::set_totp_secret(&mut tx, user.id, Some(&secret)).await?;
                secret
            }
        };
        tx.commit().await?;
        let text = totp(secret)?.get_secret_base32();
        let issuer = format!("Steelyard ({})", self.mail_domain());
        let (issuer, name) = (percent(&issuer), percent(&user.name));
        let address = format!(
            "otpauth://totp/{issuer}:{name}?secret={text}&issuer={issuer}&digits={DIGITS}&period={STEP_SECS}"
        );
        Ok(SecondFactor { secret: Secret::new(text), address: Secret::new(address) })
    }

    /// Puts the second factor in force with a first code, and hands out recovery codes.
    pub async fn confirm_second_factor(
        &self,
        actor: &Actor,
        code: &str,
        address: &str,
    ) -> Result<RecoveryCodes> {
        let user = in_session(actor)?;
        let subject = Subject::Code(user.id);
        self.check_failures(Some(&subject), address).await?;
        let mut tx = self.db().write().await?;
        let login = login::find_login(&mut tx, user.id).await?;
        if login.as_ref().is_some_and(login::LoginRow::has_second_factor) {
            return Err(Error::conflict("there is a second factor already"));
        }
        if !self.use_totp(&mut tx, user.id, login.and_then(|login| login.totp_secret), code).await?
        {
            drop(tx);
            self.count_failure(Some(&subject), address).await?;
            return Err(Error::invalid("code", "is not the one that the app shows now"));
        }
        let codes = self.fresh_recovery_codes();
        let hashes: Vec<Sha256> = codes.iter().map(|code| hash_secret(code.expose())).collect();
        login::set_recovery_codes(&mut tx, user.id, &hashes).await?;
        self.forgive_failures(&mut tx, &subject).await?;
        self.note_second_factor(&mut tx, user.id, true).await?;
        tx.commit().await?;
        Ok(codes)
    }

    /// Takes the second factor away; the password is asked for again, because a browser may have been left open.
    pub async fn remove_second_factor(
        &self,
        actor: &Actor,
        password: &Secret,
        address: &str,
    ) -> Result<()> {
        let user = in_session(actor)?;
        self.check_own_password(user.id, password, address).await?;
        let mut tx = self.db().write().await?;
        login::set_totp_secret(&mut tx, user.id, None).await?;
        login::set_recovery_codes(&mut tx, user.id, &[]).await?;
        self.note_second_factor(&mut tx, user.id, false).await?;
        Ok(tx.commit().await?)
    }

    async fn note_second_factor(&self, tx: &mut Tx, user_id: i64, is_on: bool) -> Result<()> {
        let payload = json!({"user_id": user_id, "on": is_on});
        event::append_event(tx, "account.second_factor", Some(user_id), None, &payload, self.now())
            .await?;
        Ok(())
    }

    /// Uses up a code of the second factor or a recovery code; says which it was.
    pub(super) async fn use_second_factor(
        &self,
        tx: &mut Tx,
        user_id: i64,
        code: &str,
    ) -> Result<Option<&'static str>> {
        let secret = login::find_login(tx, user_id).await?.and_then(|login| login.totp_secret);
        if self.use_totp(tx, user_id, secret, code).await? {
            return Ok(Some("second factor"));
        }
        let folded: String =
            code.chars().filter(char::is_ascii_alphanumeric).take(64).collect::<String>();
        let hash = hash_secret(&folded.to_ascii_lowercase());
        let was_there = login::use_recovery_code(tx, user_id, hash).await?;
        Ok(was_there.then_some("recovery code"))
    }

    async fn use_totp(
        &self,
        tx: &mut Tx,
        user_id: i64,
        secret: Option<Vec<u8>>,
        code: &str,
    ) -> Result<bool> {
        let code: String = code.chars().filter(|c| !c.is_whitespace()).take(16).collect();
        let Some(secret) = secret else { return Ok(false) };
        let Some(step) = step_of(&totp(secret)?, &code, self.now().secs()) else {
            return Ok(false);
        };
        Ok(login::use_totp_step(tx, user_id, step).await?)
    }

    fn fresh_recovery_codes(&self) -> RecoveryCodes {
        let code = |_| {
            let mut bytes = [0; 8];
            self.rng().fill(&mut bytes);
            Secret::new(hex::encode(bytes))
        };
        (0..RECOVERY_CODES).map(code).collect()
    }
}

/// The time step near `now` whose code this is.
fn step_of(totp: &TOTP, code: &str, now: i64) -> Option<i64> {
    let now = u64::try_from(now).ok()? / STEP_SECS;
    let steps = now.saturating_sub(SKEW.into())..=now + u64::from(SKEW);
    let is_equal = |step: &u64| {
        let expected = totp.generate(step * STEP_SECS);
        subtle::ConstantTimeEq::ct_eq(expected.as_bytes(), code.as_bytes()).into()
    };
    steps.into_iter().find(is_equal).and_then(|step| i64::try_from(step).ok())
}

/// Percent-encodes everything that has a meaning in an address.
fn percent(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b if b.is_ascii_alphanumeric() || b"-_.".contains(&b) => char::from(b).to_string(),
        b => format!("%{b:02X}"),
    };
    text.bytes().map(byte).collect()
}
