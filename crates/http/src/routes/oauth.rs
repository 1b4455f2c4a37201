//! OAuth 2 and OpenID Connect: what apps ask by themselves. What people see of it are pages (`steelyard-web`).

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts as _, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use steelyard_core::Secret;
use steelyard_service::login::Visitor;
use steelyard_service::oauth::{Client, Credentials, OAuthError};
use steelyard_service::{Error, Hub};

use crate::error::{ERROR_MESSAGE, header_text};
use crate::extract::{ClientAddress, token_of};
use crate::wire::EmptyResponse;
use crate::wire::oauth::{
    DeviceRequest, DeviceResponse, KeysResponse, OAuthErrorResponse, ProviderResponse,
    RevokeRequest, TokenRequest, TokenResponse, UserInfoResponse,
};
use crate::{Access, ApiError, Origin, Params, Route, browser, read_body};

/// Largest request, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;
const FORM: &str = "application/x-www-form-urlencoded";
const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const EXCHANGE_GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

pub(super) fn add(table: &mut Vec<Route>) {
    let (get_only, post_only): (&[&str], &[&str]) = (&["GET"], &["POST"]);
    let anyone = Access::Anyone;
    let summary = "Begins to sign a program in that has no browser";
    table.push(
        Route::new(post_only, "/oauth/device", anyone, summary, post(begin_device))
            .takes_as::<DeviceRequest>(FORM)
            .gives::<DeviceResponse>(),
    );
    let summary = "Gives an app tokens for a code or a refresh token";
    table.push(
        Route::new(post_only, "/oauth/token", anyone, summary, post(tokens))
            .takes_as::<TokenRequest>(FORM)
            .gives::<TokenResponse>()
            .fails(&[501]),
    );
    let summary = "Ends what an app holds";
    table.push(
        Route::new(post_only, "/oauth/revoke", anyone, summary, post(revoke))
            .takes_as::<RevokeRequest>(FORM)
            .gives::<EmptyResponse>(),
    );
    let (methods, summary): (&[&str], _) = (&["GET", "POST"], "Tells an app who allowed it");
    table.push(
        Route::new(methods, "/oauth/userinfo", Access::User, summary, get(who).post(who))
            .gives::<UserInfoResponse>(),
    );
    let summary = "The keys that id tokens are checked with";
    table.push(
        Route::new(get_only, "/oauth/jwks", anyone, summary, get(keys)).gives::<KeysResponse>(),
    );
    let summary = "What the hub offers apps";
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        table.push(
            Route::new(get_only, path, anyone, summary, get(provider)).gives::<ProviderResponse>(),
        );
    }
}

/// What an app is told instead of tokens, in the standards' words.
struct Refusal(OAuthError);

impl<E: Into<OAuthError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = match self.0 {
            // The hub's own errors go out as everywhere: with 429 and 503 programs try again.
            OAuthError::Hub(error) => return ApiError::from(error).into_response(),
            error => error,
        };
        let status = match &error {
            OAuthError::InvalidClient => StatusCode::UNAUTHORIZED,
            OAuthError::NoTokenExchange => StatusCode::NOT_IMPLEMENTED,
            _ => StatusCode::BAD_REQUEST,
        };
        let body = OAuthErrorResponse::of(&error);
        let mut headers = uncached();
        headers.insert(ERROR_MESSAGE, header_text(&error.to_string()));
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Basic realm=\"oauth\"");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        (status, headers, Json(body)).into_response()
    }
}

/// No cache keeps what is secret.
fn uncached() -> HeaderMap {
    HeaderMap::from_iter([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))])
}

/// What an app sent: a form, or JSON with the same names, as the client's exchange of tokens sends it.
struct AppRequest {
    fields: Params,
    headers: HeaderMap,
    origin: String,
    visitor: Visitor,
}

impl FromRequest<Hub> for AppRequest {
    type Rejection = Refusal;

    async fn from_request(request: Request, hub: &Hub) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let body = read_body(body, BODY_BYTES_MAX).await.map_err(OAuthError::Hub)?;
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let is_json = kind.is_some_and(|kind| kind.starts_with("application/json"));
        let fields = if is_json { from_json(&body)? } else { Params::parse(&body) };
        let Ok(Origin(origin)) = Origin::from_request_parts(&mut parts, hub).await;
        let visitor = browser::visitor(&parts, hub);
        Ok(Self { fields, headers: parts.headers, origin, visitor })
    }
}

fn from_json(body: &[u8]) -> Result<Params, OAuthError> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| OAuthError::InvalidRequest(error.to_string()))?;
    let Value::Object(map) = value else {
        return Err(OAuthError::InvalidRequest("the body must be an object".to_owned()));
    };
    let pairs = map.into_iter().filter_map(|(name, value)| match value {
        Value::String(text) => Some((name, text)),
        _ => None,
    });
    Ok(Params::of(pairs.collect()))
}

impl AppRequest {
    fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).filter(|value| !value.is_empty())
    }

    fn required(&self, name: &str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| OAuthError::InvalidRequest(format!("{name} is missing")))
    }

    /// The app, by `Authorization: Basic` or by fields (RFC 6749, 2.3.1).
    async fn client(&self, hub: &Hub) -> Result<Client, OAuthError> {
        let credentials = match self.headers.get(header::AUTHORIZATION) {
            Some(value) => basic(value).ok_or(OAuthError::InvalidClient)?,
            None => Credentials {
                client_id: self.required("client_id")?.to_owned(),
                secret: self.get("client_secret").map(Secret::new),
            },
        };
        hub.authenticate_client(&credentials, &self.visitor.address).await
    }
}

/// Id and secret are form-encoded before they are joined.
fn basic(value: &HeaderValue) -> Option<Credentials> {
    let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
    let decoded = base64::engine::general_purpose::STANDARD.decode(rest.trim()).ok()?;
    let decoded =
        String::from_utf8(decoded).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let (id, secret) = decoded.split_once(':')?;
    let plain = |text: &str| percent_decode_str(text).decode_utf8().ok().map(String::from);
    Some(Credentials { client_id: plain(id)?, secret: Some(Secret::new(plain(secret)?)) })
}

async fn begin_device(
    State(hub): State<Hub>,
    sent: AppRequest,
) -> Result<impl IntoResponse, Refusal> {
    let client = sent.client(&hub).await?;
    let codes = hub.begin_device(&client, sent.get("scope"), &sent.visitor).await?;
    Ok((uncached(), Json(DeviceResponse::of(&codes, &sent.origin))))
}

async fn tokens(State(hub): State<Hub>, sent: AppRequest) -> Result<impl IntoResponse, Refusal> {
    let (grant, issuer) = (sent.required("grant_type")?, &*sent.origin);
    let tokens = match grant {
        DEVICE_GRANT => {
            let client = sent.client(&hub).await?;
            hub.exchange_device(&client, sent.required("device_code")?, issuer).await?
        }
        "authorization_code" => {
            let client = sent.client(&hub).await?;
            let (code, way) = (sent.required("code")?, sent.required("redirect_uri")?);
            hub.exchange_code(&client, code, way, sent.get("code_verifier"), issuer).await?
        }
        "refresh_token" => {
            let client = sent.client(&hub).await?;
            hub.refresh_tokens(&client, sent.required("refresh_token")?, issuer).await?
        }
        EXCHANGE_GRANT => return Err(OAuthError::NoTokenExchange.into()),
        _ => return Err(OAuthError::UnsupportedGrantType.into()),
    };
    Ok((uncached(), Json(TokenResponse::from(tokens))))
}

async fn revoke(State(hub): State<Hub>, sent: AppRequest) -> Result<impl IntoResponse, Refusal> {
    let client = sent.client(&hub).await?;
    hub.revoke_oauth(&client, sent.required("token")?).await?;
    Ok((uncached(), Json(serde_json::json!({}))))
}

async fn who(
    State(hub): State<Hub>,
    Origin(origin): Origin,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    let token = token_of(&headers)?;
    let token = token.ok_or_else(|| Error::LoginRequired("to say who you are".to_owned()))?;
    let info = hub.user_info(&token, &address).await?;
    Ok((uncached(), Json(UserInfoResponse::of(info, &origin))))
}

async fn keys(State(hub): State<Hub>) -> Result<Json<Value>, ApiError> {
    Ok(Json(hub.oauth_public_keys().await?))
}

async fn provider(Origin(origin): Origin) -> Json<ProviderResponse> {
    Json(ProviderResponse::of(&origin))
}
