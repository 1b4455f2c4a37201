//! OAuth 2 and OpenID Connect: names and shapes are the standards'.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use steelyard_service::oauth::{DeviceCodes, OAuthError, Scopes, Tokens, UserInfo};

/// What a program without a browser sends first (RFC 8628, 3.1).
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DeviceRequest {
    /// Which app; huggingface_hub's own id needs no registration.
    pub client_id: String,
    /// What it asks for; by default what a write token may do, for huggingface_hub.
    pub scope: Option<String>,
}

/// Its answer (RFC 8628, 3.2).
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeviceResponse {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: String,
    expires_in: i64,
    interval: i64,
}

impl DeviceResponse {
    pub(crate) fn of(codes: &DeviceCodes, origin: &str) -> Self {
        let page = format!("{origin}/oauth/device");
        Self {
            device_code: codes.device_code.expose().to_owned(),
            user_code: codes.user_code.clone(),
            verification_uri_complete: format!("{page}?user_code={}", codes.user_code),
            verification_uri: page,
            expires_in: codes.expires_in,
            interval: codes.interval,
        }
    }
}

/// What an app sends for tokens. Its id and secret may also come in `Authorization: Basic`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct TokenRequest {
    /// `authorization_code`, `urn:ietf:params:oauth:grant-type:device_code` or `refresh_token`.
    pub grant_type: String,
    /// Which app.
    pub client_id: Option<String>,
    /// Its secret, if it has one.
    pub client_secret: Option<String>,
    /// Of the grant `authorization_code`.
    pub code: Option<String>,
    /// Where that code was sent.
    pub redirect_uri: Option<String>,
    /// What `code_challenge` is the hash of.
    pub code_verifier: Option<String>,
    /// Of the grant `device_code`.
    pub device_code: Option<String>,
    /// Of the grant `refresh_token`; good once.
    pub refresh_token: Option<String>,
}

/// Tokens for an app.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    refresh_token: String,
    scope: String,
    /// With the scope `openid`: a JSON web token, signed with ES256.
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

impl From<Tokens> for TokenResponse {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access_token.expose().to_owned(),
            token_type: "bearer",
            expires_in: tokens.expires_in,
            refresh_token: tokens.refresh_token.expose().to_owned(),
            scope: tokens.scope,
            id_token: tokens.id_token,
        }
    }
}

/// Why an app gets nothing (RFC 6749, 5.2).
#[derive(Debug, Serialize, JsonSchema)]
pub struct OAuthErrorResponse {
    error: &'static str,
    error_description: String,
}

impl OAuthErrorResponse {
    pub(crate) fn of(error: &OAuthError) -> Self {
        Self { error: error.code(), error_description: error.to_string() }
    }
}

/// What an app hands back (RFC 7009).
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RevokeRequest {
    /// An access token or a refresh token; both end.
    pub token: String,
    /// Which app.
    pub client_id: Option<String>,
    /// Its secret, if it has one.
    pub client_secret: Option<String>,
}

/// Who allowed the app.
#[derive(Debug, Serialize, JsonSchema)]
pub struct UserInfoResponse {
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    website: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
    #[serde(rename = "isPro", skip_serializing_if = "Option::is_none")]
    is_pro: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    orgs: Vec<UserInfoOrg>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct UserInfoOrg {
    sub: String,
    name: String,
    #[serde(rename = "preferred_username")]
    preferred_username: String,
    picture: String,
    is_enterprise: bool,
    role_in_org: &'static str,
}

impl UserInfoResponse {
    pub(crate) fn of(info: UserInfo, origin: &str) -> Self {
        // The hub has no pictures of people; clients want an address.
        let picture = format!("{origin}/favicon.ico");
        let told = info.has_profile;
        let orgs = info.orgs.into_iter().map(|(org, role)| UserInfoOrg {
            sub: org.public_id,
            name: org.full_name,
            preferred_username: org.name,
            picture: picture.clone(),
            is_enterprise: false,
            role_in_org: role.as_str(),
        });
        let orgs = orgs.collect();
        let email = info.user.email.filter(|_| info.has_email);
        Self {
            sub: info.user.public_id,
            profile: told.then(|| format!("{origin}/{}", info.user.name)),
            name: told.then_some(info.user.full_name),
            preferred_username: told.then_some(info.user.name),
            picture: told.then_some(picture),
            website: info.user.website.filter(|_| told),
            email_verified: email.is_some().then_some(false),
            email,
            is_pro: told.then_some(false),
            orgs,
        }
    }
}

/// What this hub offers apps (OpenID Connect Discovery 1.0; RFC 8414).
#[derive(Debug, Serialize, JsonSchema)]
pub struct ProviderResponse {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    device_authorization_endpoint: String,
    userinfo_endpoint: String,
    revocation_endpoint: String,
    jwks_uri: String,
    scopes_supported: Vec<&'static str>,
    response_types_supported: Vec<&'static str>,
    response_modes_supported: Vec<&'static str>,
    grant_types_supported: Vec<&'static str>,
    subject_types_supported: Vec<&'static str>,
    id_token_signing_alg_values_supported: Vec<&'static str>,
    token_endpoint_auth_methods_supported: Vec<&'static str>,
    revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    code_challenge_methods_supported: Vec<&'static str>,
    claims_supported: Vec<&'static str>,
    prompt_values_supported: Vec<&'static str>,
    authorization_response_iss_parameter_supported: bool,
}

impl ProviderResponse {
    pub(crate) fn of(origin: &str) -> Self {
        let at = |path: &str| format!("{origin}{path}");
        let methods = vec!["client_secret_basic", "client_secret_post", "none"];
        Self {
            issuer: origin.to_owned(),
            authorization_endpoint: at("/oauth/authorize"),
            token_endpoint: at("/oauth/token"),
            device_authorization_endpoint: at("/oauth/device"),
            userinfo_endpoint: at("/oauth/userinfo"),
            revocation_endpoint: at("/oauth/revoke"),
            jwks_uri: at("/oauth/jwks"),
            scopes_supported: Scopes::known(),
            response_types_supported: vec!["code"],
            response_modes_supported: vec!["query"],
            grant_types_supported: vec![
                "authorization_code",
                "refresh_token",
                "urn:ietf:params:oauth:grant-type:device_code",
            ],
            subject_types_supported: vec!["public"],
            id_token_signing_alg_values_supported: vec!["ES256"],
            token_endpoint_auth_methods_supported: methods.clone(),
            revocation_endpoint_auth_methods_supported: methods,
            code_challenge_methods_supported: vec!["S256"],
            claims_supported: vec![
                "sub",
                "iss",
                "aud",
                "exp",
                "iat",
                "nonce",
                "auth_time",
                "name",
                "preferred_username",
                "profile",
                "email",
                "email_verified",
            ],
            prompt_values_supported: vec!["none", "login", "consent"],
            authorization_response_iss_parameter_supported: true,
        }
    }
}

/// The keys that id tokens are checked with (RFC 7517).
#[derive(Debug, Serialize, JsonSchema)]
pub struct KeysResponse {
    keys: Vec<serde_json::Value>,
}
