//! The hub as OAuth provider: apps, what users allowed them, and the codes and tokens by which apps come. Only hashes are
//! stored of what an app must keep to itself.

mod app;
mod device;
mod grant;
mod token;

pub use app::{AppRow, NewApp, create_app, delete_app, find_app, list_apps};
pub use device::{
    DeviceRow, NewDevice, count_devices, create_device, decide_device, delete_device, find_device,
    poll_device,
};
pub use grant::{
    AuthCode, GrantRow, NewGrant, create_auth_code, create_grant, find_grant, list_grants,
    revoke_grant, revoke_user_grants, use_auth_code,
};
pub use token::{
    NewGrantedToken, RefreshRow, create_granted_token, create_refresh, find_bearer, find_refresh,
    is_token_name_taken, revoke_granted_tokens, use_refresh,
};

use steelyard_core::Timestamp;

use crate::{DbError, Tx, Value};

/// Deletes codes, requests and refresh tokens that ended before `before`.
pub async fn trim_oauth(tx: &mut Tx, before: Timestamp) -> Result<u64, DbError> {
    let before = || vec![Value::from(before)];
    let codes = tx.execute("DELETE FROM oauth_code WHERE expires_at < $1", before()).await?;
    let devices = tx.execute("DELETE FROM oauth_device WHERE expires_at < $1", before()).await?;
    let tokens = tx.execute("DELETE FROM oauth_refresh WHERE expires_at < $1", before()).await?;
    Ok(codes + devices + tokens)
}
