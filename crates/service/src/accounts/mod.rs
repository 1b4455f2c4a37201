//! Users, organisations and their tokens.

mod admin;
mod keys;
mod login;
mod own;
mod profile;
mod token_uses;

pub use admin::{CreateOrg, CreateToken, CreateUser};
pub use login::WhoAmI;
pub use own::{OwnToken, ProfileChange};
pub use profile::Profile;
pub use steelyard_db::account::{AccountKind, AccountRow};
pub use steelyard_db::ssh_key::SshKeyRow;
pub use steelyard_db::token::TokenLine;

pub(crate) use admin::{find_org, find_user};
pub(crate) use own::check_website;
pub(crate) use token_uses::TokenUses;
