//! Who asks, and what they may do.

mod actor;
mod hub;
mod permission;
mod throttle;
pub(crate) mod token;

pub(crate) use hub::{administrator, in_session};

pub use actor::{Actor, UserActor};
pub use permission::{Action, Standing, Verdict, authorize};
pub use throttle::{Throttle, ThrottleSettings};
pub use token::TOKEN_PREFIX;
pub(crate) use token::hash_secret;
