//! Access tokens: made here, shown once, stored as a hash.

use sha2::{Digest, Sha256 as Hasher};
use steelyard_core::{Invalid, Rng, Secret, Sha256};

/// What every token starts with, so that scanners recognise leaked ones.
pub const TOKEN_PREFIX: &str = "hf_";

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const RANDOM_CHARACTERS: usize = 34;

/// The hash under which a token is stored, and whatever else the hub made by chance: secrets of sessions, codes. A plain
/// SHA-256 is enough for what carries so many random bits; passwords have a slow hash of their own.
pub(crate) fn hash_secret(secret: &str) -> Sha256 {
    Sha256::new(Hasher::digest(secret.as_bytes()).into())
}

/// Makes a fresh token.
pub(crate) fn generate_token(rng: &dyn Rng) -> Secret {
    let mut text = String::from(TOKEN_PREFIX);
    while text.len() < TOKEN_PREFIX.len() + RANDOM_CHARACTERS {
        let mut bytes = [0; 64];
        rng.fill(&mut bytes);
        // Bytes from 248 on are thrown away: keeping them would favour the alphabet's first letters.
        let letters = bytes
            .iter()
            .filter(|byte| **byte < 248)
            .map(|byte| char::from(ALPHABET[usize::from(byte % 62)]));
        text.extend(letters.take(TOKEN_PREFIX.len() + RANDOM_CHARACTERS - text.len()));
    }
    Secret::new(text)
}

/// Checks a token that an administrator chose.
pub(crate) fn check_chosen_token(text: &str) -> Result<(), Invalid> {
    let rest = text.strip_prefix(TOKEN_PREFIX).unwrap_or("");
    let is_sound = (20..=200).contains(&rest.len())
        && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_sound {
        return Ok(());
    }
    Err(Invalid::new("value", "a token must be hf_ followed by 20 to 200 letters and digits"))
}
