//! Addresses that carry their own permission: for uploads and downloads that clients do without their token.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use steelyard_core::{Secret, Timestamp};
use subtle::ConstantTimeEq;

const EXPIRES: &str = "expires";
const SIGNATURE: &str = "signature";
/// Most fields of one address.
const FIELDS_MAX: usize = 32;
/// Longest query string that is looked at, in bytes.
const QUERY_BYTES_MAX: usize = 16 * 1024;

/// Signs the query strings of addresses, and checks them again.
#[derive(Clone)]
pub struct UrlSigner {
    keyed: Hmac<Sha256>,
}

/// Why a signed address is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It has no signature or expiry, or too much of anything.
    #[error("the address is not signed")]
    Malformed,
    /// It was changed, is for another purpose, or was signed by somebody else.
    #[error("the address's signature does not match")]
    Mismatch,
    /// It was good, once.
    #[error("the address has expired")]
    Expired,
}

/// The fields of a signed address that was found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedFields {
    fields: Vec<(String, String)>,
    expires: Timestamp,
}

impl SignedFields {
    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| &**value)
    }

    /// When the address stops being good.
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }
}

impl UrlSigner {
    /// Signs with `secret`, which all replicas share.
    pub fn new(secret: &Secret) -> Self {
        let keyed = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes());
        Self { keyed: keyed.expect("HMAC takes keys of any length") }
    }

    /// The query string for an address that serves one `purpose` until `expires` (to the second). Field names must
    /// differ from each other and from `expires` and `signature`.
    pub fn sign(&self, purpose: &str, fields: &[(&str, &str)], expires: Timestamp) -> String {
        let seconds = expires.secs();
        let mut signature = [0; 64];
        hex::encode_to_slice(self.signature(purpose, fields, seconds), &mut signature)
            .expect("the room is twice as long as the signature");
        let signature = std::str::from_utf8(&signature).expect("digits are ASCII");
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .append_pair(EXPIRES, &seconds.to_string())
            .append_pair(SIGNATURE, signature)
            .finish()
    }

    /// Checks the query string of an address for its signature, purpose and expiry, in this order.
    ///
    /// Every field is covered: one that was added, dropped, doubled or changed makes the signature wrong.
    pub fn verify(
        &self,
        purpose: &str,
        query: &str,
        now: Timestamp,
    ) -> Result<SignedFields, SignatureError> {
        if query.len() > QUERY_BYTES_MAX {
            return Err(SignatureError::Malformed);
        }
        let (mut fields, mut expires, mut signature) = (Vec::new(), None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                EXPIRES if expires.is_none() => expires = value.parse().ok(),
                SIGNATURE if signature.is_none() => signature = hex::decode(&*value).ok(),
                _ if fields.len() < FIELDS_MAX => {
                    fields.push((name.into_owned(), value.into_owned()));
                }
                _ => return Err(SignatureError::Malformed),
            }
        }
        let expires: i64 = expires.ok_or(SignatureError::Malformed)?;
        let signature: Vec<u8> = signature.ok_or(SignatureError::Malformed)?;
        let borrowed: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        let right = self.signature(purpose, &borrowed, expires);
        if !bool::from(right.as_slice().ct_eq(&signature)) {
            return Err(SignatureError::Mismatch);
        }
        let expires = Timestamp::from_secs(expires);
        if now >= expires {
            return Err(SignatureError::Expired);
        }
        Ok(SignedFields { fields, expires })
    }

    /// Lengths go before texts, so that no two lists of fields are signed as the same bytes; the order does not count,
    /// because proxies may change it.
    fn signature(&self, purpose: &str, fields: &[(&str, &str)], expires: i64) -> [u8; 32] {
        let mut sorted = fields.to_vec();
        sorted.sort_unstable();
        let mut mac = self.keyed.clone();
        mac.update(b"steelyard-url-1\0");
        mac.update(&expires.to_be_bytes());
        let texts = sorted.iter().flat_map(|(name, value)| [*name, *value]);
        for text in std::iter::once(purpose).chain(texts) {
            mac.update(&(text.len() as u64).to_be_bytes());
            mac.update(text.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for UrlSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UrlSigner")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
    const FIELDS: [(&str, &str); 2] = [("oid", "ab c&d=e"), ("repo", "7")];

    fn signer() -> UrlSigner {
        UrlSigner::new(&Secret::new("a secret"))
    }

    fn signed() -> String {
        signer().sign("lfs-upload", &FIELDS, NOW.plus_secs(60))
    }

    #[test]
    fn good_addresses_give_their_fields_back() {
        let fields = signer().verify("lfs-upload", &signed(), NOW).unwrap();
        assert_eq!((fields.get("oid"), fields.get("repo")), (Some("ab c&d=e"), Some("7")));
        assert_eq!(fields.get("signature"), None);
        assert_eq!(fields.expires(), NOW.plus_secs(60));
        let mut parts: Vec<_> = signed().split('&').map(str::to_owned).collect();
        parts.reverse();
        assert!(signer().verify("lfs-upload", &parts.join("&"), NOW).is_ok());
    }

    #[test]
    fn the_signature_is_the_same_everywhere() {
        // From an independent implementation (Python's hmac), so that replicas of different versions agree.
        assert_eq!(
            signer().sign("p", &[("b", "2"), ("a", "1")], Timestamp::from_secs(5)),
            "b=2&a=1&expires=5&signature=2caf25b6326a071b2dba3d151564c5e379add5e9c9119285e83bbf27d552897f"
        );
    }

    #[test]
    fn every_change_is_noticed() {
        let signed = signed();
        for changed in [
            signed.replace("repo=7", "repo=8"),
            signed.replace("&repo=7", ""),
            signed.replace("repo=7", "repo=7&repo=7"),
            signed.replace("repo=7", "repo=7&admin=1"),
            signed.replace("expires=", "expires=1"),
            signed.clone() + "0a",
            signed.clone() + "&expires=1",
            signed.clone() + "&signature=00",
        ] {
            let verified = signer().verify("lfs-upload", &changed, NOW);
            assert_eq!(verified, Err(SignatureError::Mismatch), "{changed}");
        }
        let verified = signer().verify("lfs-download", &signed, NOW);
        assert_eq!(verified, Err(SignatureError::Mismatch));
        let other = UrlSigner::new(&Secret::new("another"));
        assert_eq!(other.verify("lfs-upload", &signed, NOW), Err(SignatureError::Mismatch));
    }

    #[test]
    fn expired_and_unsigned_addresses_are_told_apart() {
        let verify = |query: &str, now| signer().verify("lfs-upload", query, now);
        assert!(verify(&signed(), NOW.plus_secs(59)).is_ok());
        assert_eq!(verify(&signed(), NOW.plus_secs(60)), Err(SignatureError::Expired));
        for query in
            ["", "expires=1", "signature=00", "expires=x&signature=00", "expires=1&signature=x"]
        {
            assert_eq!(verify(query, NOW), Err(SignatureError::Malformed), "{query}");
        }
        let many = "a=1&".repeat(FIELDS_MAX + 1) + &signed();
        assert_eq!(verify(&many, NOW), Err(SignatureError::Malformed));
        let long = "x".repeat(QUERY_BYTES_MAX + 1);
        assert_eq!(verify(&long, NOW), Err(SignatureError::Malformed));
    }

    #[test]
    fn fields_cannot_run_into_each_other() {
        let sign = |fields: &[(&str, &str)]| signer().signature("p", fields, 1);
        assert_ne!(sign(&[("a", "bc")]), sign(&[("ab", "c")]));
        assert_ne!(sign(&[("a", "1"), ("b", "2")]), sign(&[("a", "1b2")]));
    }
}
