//! Mail that the hub sends. What carries it is handed in by the binary.

use std::future::Future;
use std::pin::Pin;

/// A message to one person, in plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The address.
    pub to: String,
    /// What it is about.
    pub subject: String,
    /// The text.
    pub text: String,
}

/// Why a message could not be handed over.
pub type MailError = Box<dyn std::error::Error + Send + Sync>;

/// Takes messages. `Ok` says that the next server has it.
pub trait Mailer: Send + Sync {
    /// Hands one message over.
    fn send(&self, mail: Mail) -> Pin<Box<dyn Future<Output = Result<(), MailError>> + Send + '_>>;
}
