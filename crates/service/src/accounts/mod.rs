//! Users, organisations and their tokens.

mod admin;
mod login;

pub use admin::{CreateOrg, CreateToken, CreateUser};
pub use login::WhoAmI;
pub use steelyard_db::account::{AccountKind, AccountRow};
