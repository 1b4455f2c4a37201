//! Passwords: the rule for new ones, and their Argon2id hashes.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use steelyard_core::{Rng, Secret};
use tokio::sync::Semaphore;

use crate::{Error, Result};

/// Shortest password, in characters (NIST SP 800-63B: at least 8, no rules about kinds of characters).
const CHARACTERS_MIN: usize = 10;
/// Longest password, in bytes: hashing must not become a way to waste the hub's time.
const BYTES_MAX: usize = 1024;
/// Hashes that are computed at once: each takes 19 MiB.
const AT_ONCE: usize = 2;
/// How long somebody waits for a place among them: a flood of guesses must not become a queue without end.
const PATIENCE: Duration = Duration::from_secs(10);
/// Memory in KiB, passes and lanes: OWASP's first recommendation for Argon2id.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);
/// Passwords that are tried first, and words that stand on every sign-in page.
const COMMON: [&str; 12] = [
    "1234567890",
    "0123456789",
    "password12",
    "password123",
    "password1234",
    "qwertyuiop",
    "1q2w3e4r5t",
    "iloveyou12",
    "administrator",
    "huggingface",
    "steelyard1",
    "changeme123",
];

/// Computes and checks hashes, a few at a time and away from the threads that answer.
pub(crate) struct Passwords {
    places: Arc<Semaphore>,
    cost: Params,
}

impl Default for Passwords {
    fn default() -> Self {
        let (memory, passes, lanes) = COST;
        let cost = Params::new(memory, passes, lanes, None).unwrap_or(Params::DEFAULT);
        Self { places: Arc::new(Semaphore::new(AT_ONCE)), cost }
    }
}

impl Passwords {
    /// The hash of a new password, in PHC form.
    pub(crate) async fn hash(&self, password: &Secret, rng: &dyn Rng) -> Result<String> {
        let mut salt = [0; 16];
        rng.fill(&mut salt);
        let (argon, password) = (self.argon(), password.clone());
        self.work(move || {
            let salt = SaltString::encode_b64(&salt).map_err(|error| error.to_string())?;
            let hash = argon.hash_password(password.expose().as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
        })
        .await?
        .map_err(Error::internal)
    }

    /// Whether a password has this hash. Without a hash it takes as long and is false, so that time tells nobody who has an
    /// account.
    pub(crate) async fn is_right(&self, password: &Secret, hash: Option<String>) -> Result<bool> {
        if password.expose().len() > BYTES_MAX {
            return Ok(false);
        }
        let (argon, password) = (self.argon(), password.clone());
        self.work(move || match hash {
            Some(hash) => PasswordHash::new(&hash).is_ok_and(|hash| {
                argon.verify_password(password.expose().as_bytes(), &hash).is_ok()
            }),
            None => {
                let mut unused = [0; 32];
                // It is the time that counts; that it fails changes nothing.
                let _ = argon.hash_password_into(
                    password.expose().as_bytes(),
                    b"nobody's salt...",
                    &mut unused,
                );
                false
            }
        })
        .await
    }

    fn argon(&self) -> Argon2<'static> {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.cost.clone())
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let busy = |_| Error::Busy { what: "many people are signing in", retry_after_secs: 5 };
        let place = tokio::time::timeout(PATIENCE, Arc::clone(&self.places).acquire_owned());
        let place = place.await.map_err(busy)?.map_err(Error::internal)?;
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            work()
        });
        done.await.map_err(Error::internal)
    }
}

/// Checks a new password. `names` are what the account is known by.
pub(super) fn check_new(password: &Secret, names: &[&str]) -> Result<()> {
    let (text, refuse) = (password.expose(), |rule: &str| Err(Error::invalid("password", rule)));
    if text.chars().count() < CHARACTERS_MIN {
        return refuse(
            "must have at least 10 characters; a few words that do not belong together are best",
        );
    }
    if text.len() > BYTES_MAX {
        return refuse("must have at most 1024 bytes");
    }
    let folded = text.to_lowercase();
    let is_name = names.iter().any(|name| !name.is_empty() && folded == name.to_lowercase());
    let mut letters = folded.chars();
    let first = letters.next();
    if is_name || COMMON.contains(&folded.as_str()) || letters.all(|letter| Some(letter) == first) {
        return refuse("is among the first that anybody would try");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_passwords_are_long_and_not_the_first_guess() {
        let check = |text: &str| check_new(&Secret::new(text), &["alice-liddell"]);
        for refused in ["", "short", "123456789", "aaaaaaaaaaaa", "Password123", "Alice-Liddell"] {
            assert!(check(refused).is_err(), "{refused}");
        }
        assert!(check(&"x".repeat(1025)).is_err());
        for taken in ["correct horse", "ünïcödé wörds", "aaaaaaaaab"] {
            assert!(check(taken).is_ok(), "{taken}");
        }
    }
}
