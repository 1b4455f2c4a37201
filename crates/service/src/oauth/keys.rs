//! The key that signs id tokens: made once, kept with the settings, the same for all replicas.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use steelyard_db::setting;
use tokio::sync::OnceCell;

use crate::{Error, Hub, Result};

const SETTING: &str = "oauth_signing_key";

/// The key, once it was needed.
#[derive(Default)]
pub(crate) struct OAuthKeys(OnceCell<SigningKey>);

/// A P-256 key: ES256 is what OpenID Connect libraries know beside RSA, whose keys `ring` cannot make.
pub(super) struct SigningKey {
    pair: EcdsaKeyPair,
    id: String,
}

impl SigningKey {
    fn read(text: &str) -> Result<Self> {
        let stored = STANDARD.decode(text).map_err(Error::internal)?;
        // Signatures need randomness that nobody can foresee or set, so ring takes its own.
        let pair = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &stored,
            &SystemRandom::new(),
        );
        let pair =
            pair.map_err(|_| Error::internal("the stored key of id tokens cannot be read"))?;
        let id = hex::encode(&Sha256::digest(pair.public_key().as_ref())[..8]);
        Ok(Self { pair, id })
    }

    /// A signed JSON web token (RFC 7515, compact form).
    pub(super) fn sign(&self, claims: &Value) -> Result<String> {
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": self.id});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&header), part(claims));
        let signature = self.pair.sign(&SystemRandom::new(), text.as_bytes());
        let signature = signature.map_err(|_| Error::internal("the id token cannot be signed"))?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The public half, as apps read it (RFC 7517).
    pub(super) fn public(&self) -> Value {
        // An uncompressed point: 4, then both coordinates.
        let point = self.pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        })
    }
}

impl Hub {
    /// The hub's key; the first replica that needs one makes it.
    pub(super) async fn oauth_key(&self) -> Result<&SigningKey> {
        let make = || async {
            let fresh = EcdsaKeyPair::generate_pkcs8(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                &SystemRandom::new(),
            );
            let fresh = fresh.map_err(|_| Error::internal("no key of id tokens can be made"))?;
            let mut tx = self.db().write().await?;
            let fresh = STANDARD.encode(fresh.as_ref());
            let kept = setting::ensure_setting(&mut tx, SETTING, &fresh).await?;
            tx.commit().await?;
            SigningKey::read(&kept)
        };
        self.oauth_keys().0.get_or_try_init(make).await
    }

    /// The public keys that id tokens of this hub are checked with.
    pub async fn oauth_public_keys(&self) -> Result<Value> {
        Ok(json!({"keys": [self.oauth_key().await?.public()]}))
    }
}
