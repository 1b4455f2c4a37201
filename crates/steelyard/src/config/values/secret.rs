use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use steelyard_core::Secret;

/// What is shown in place of a secret.
pub(in crate::config) const REDACTED: &str = "[redacted]";

/// A secret of the configuration; it never shows itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretText(Secret);

impl SecretText {
    /// The secret, for the one place that needs it.
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

impl FromStr for SecretText {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(Secret::new(text)))
    }
}

impl fmt::Display for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

super::text_value!(SecretText, expecting "a text", example "correct horse battery staple");
