//! Users, organisations and their tokens.

mod admin;
mod login;
mod profile;

pub use admin::{CreateOrg, CreateToken, CreateUser};
pub use login::WhoAmI;
pub use profile::Profile;
pub use steelyard_db::account::{AccountKind, AccountRow};
