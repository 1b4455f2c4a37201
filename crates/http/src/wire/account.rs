//! `whoami-v2`.

use schemars::JsonSchema;
use serde::Serialize;
use steelyard_service::accounts::WhoAmI;

/// The answer of `GET /api/whoami-v2`; field names are the Hub's.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WhoAmIResponse {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    name: String,
    fullname: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    email_verified: bool,
    is_pro: bool,
    can_pay: bool,
    is_admin: bool,
    avatar_url: String,
    orgs: Vec<OrgResponse>,
    auth: AuthResponse,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct OrgResponse {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    name: String,
    fullname: String,
    avatar_url: String,
    is_enterprise: bool,
    role_in_org: &'static str,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct AuthResponse {
    #[serde(rename = "type")]
    kind: &'static str,
    access_token: AccessTokenResponse,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct AccessTokenResponse {
    display_name: String,
    role: &'static str,
}

impl From<WhoAmI> for WhoAmIResponse {
    fn from(who: WhoAmI) -> Self {
        let orgs = who.orgs.into_iter().map(|(org, role)| OrgResponse {
            kind: "org",
            id: org.public_id,
            name: org.name,
            fullname: org.full_name,
            avatar_url: String::new(),
            is_enterprise: false,
            role_in_org: role.as_str(),
        });
        Self {
            kind: "user",
            id: who.user.public_id,
            name: who.user.name,
            fullname: who.user.full_name,
            email: who.user.email,
            email_verified: false,
            is_pro: false,
            can_pay: false,
            is_admin: who.user.is_admin,
            avatar_url: String::new(),
            orgs: orgs.collect(),
            auth: AuthResponse {
                kind: "access_token",
                access_token: AccessTokenResponse {
                    display_name: who.token_name,
                    role: who.token_role.as_str(),
                },
            },
        }
    }
}
