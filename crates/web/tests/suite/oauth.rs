//! Apps that come to an account: the device flow, the authorization code with PKCE, refresh tokens, and every refusal.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use steelyard_core::Secret;
use steelyard_service::oauth::HF_CLIENT_ID;

use crate::browser::{Browser, between, csrf};
use crate::world::World;

const PASSWORD: &str = "a beam and a poise";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const CALLBACK: &str = "https://app.example/cb?x=1";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

steelyard_testkit::on_every_store!(
    a_program_without_a_browser_signs_in,
    a_device_that_asks_too_often_is_slowed_down,
    a_device_is_denied_or_too_late,
    wrong_user_codes_are_counted,
    a_refresh_token_is_good_once,
    a_web_app_signs_somebody_in,
    a_code_is_good_once_for_its_app_its_address_and_its_verifier,
    requests_to_authorize_are_checked,
    an_app_may_want_a_fresh_sign_in_or_no_question,
    an_app_without_repositories_opens_none,
    what_was_allowed_is_taken_back,
    apps_authenticate_or_get_nothing,
);

async fn alice(world: &World) -> Browser<'_> {
    world.test.hub.set_password("alice", &Secret::new(PASSWORD)).await.unwrap();
    Browser::signed_in(world, "alice", PASSWORD).await
}

fn form(fields: &[(&str, &str)]) -> String {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(fields).finish()
}

/// What an app sends; the answer as JSON.
async fn send(world: &World, path: &str, fields: &[(&str, &str)]) -> (StatusCode, Value) {
    send_as(world, path, fields, None).await
}

async fn send_as(
    world: &World,
    path: &str,
    fields: &[(&str, &str)],
    authorization: Option<&str>,
) -> (StatusCode, Value) {
    let mut request = Request::builder().method("POST").uri(path).header("host", "hub.test");
    request = request.header("content-type", "application/x-www-form-urlencoded");
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    let page = world.send(request.body(Body::from(form(fields))).unwrap()).await;
    assert_eq!(page.header("cache-control"), "no-store", "{path}: {}", page.body);
    (page.status, serde_json::from_str(&page.body).unwrap())
}

/// Fails unless an app was refused with this word.
#[track_caller]
fn assert_refused(answer: &(StatusCode, Value), word: &str) {
    let status = if word == "invalid_client" { 401 } else { 400 };
    assert_eq!((answer.0.as_u16(), answer.1["error"].as_str()), (status, Some(word)), "{answer:?}");
    assert!(answer.1["error_description"].is_string());
}

async fn begin(world: &World) -> (String, String) {
    let (status, codes) = send(world, "/oauth/device", &[("client_id", HF_CLIENT_ID)]).await;
    assert_eq!(status, StatusCode::OK, "{codes}");
    assert_eq!(codes["verification_uri"], "http://hub.test/oauth/device");
    let user_code = codes["user_code"].as_str().unwrap().to_owned();
    let complete = format!("http://hub.test/oauth/device?user_code={user_code}");
    assert_eq!(codes["verification_uri_complete"], complete);
    assert_eq!((codes["interval"].as_i64(), codes["expires_in"].as_i64()), (Some(5), Some(900)));
    (codes["device_code"].as_str().unwrap().to_owned(), user_code)
}

async fn poll(world: &World, device_code: &str) -> (StatusCode, Value) {
    let fields =
        [("grant_type", DEVICE), ("device_code", device_code), ("client_id", HF_CLIENT_ID)];
    send(world, "/oauth/token", &fields).await
}

async fn refresh(world: &World, token: &str) -> (StatusCode, Value) {
    let fields =
        [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", HF_CLIENT_ID)];
    send(world, "/oauth/token", &fields).await
}

async fn decide(browser: &Browser<'_>, user_code: &str, action: &str) -> crate::world::Page {
    let page = browser.get(&format!("/oauth/device?user_code={user_code}")).await;
    let fields = [("user_code", user_code), ("action", action)];
    browser.post("/oauth/device/decide", &csrf(&page), &fields).await
}

async fn device_tokens(world: &World, browser: &Browser<'_>) -> Value {
    let (device_code, user_code) = begin(world).await;
    let decided = decide(browser, &user_code, "allow").await;
    assert_eq!(decided.header("location"), "/oauth/device?done=allowed", "{}", decided.body);
    let (status, tokens) = poll(world, &device_code).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
    tokens
}

async fn who(world: &World, token: &str) -> crate::world::Page {
    world.ask("GET", "/api/whoami-v2", Some(token), "*/*").await
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

async fn a_program_without_a_browser_signs_in(world: World) {
    let browser = alice(&world).await;
    let (device_code, user_code) = begin(&world).await;
    assert_refused(&poll(&world, &device_code).await, "authorization_pending");
    // Who is not signed in comes back to the same code afterwards.
    let path = format!("/oauth/device?user_code={user_code}");
    let stranger = Browser::new(&world).get(&path).await;
    assert!(stranger.header("location").starts_with("/login?next=%2Foauth%2Fdevice%3F"));
    let typed = user_code.to_lowercase().replace('-', " ");
    let page = browser.get(&format!("/oauth/device?user_code={}", typed.replace(' ', "+"))).await;
    page.has(&["<strong>huggingface_hub</strong>", "upload to every repository", "unknown"]);
    let decided = decide(&browser, &user_code, "allow").await;
    browser.get(decided.header("location")).await.has(&["The program goes on by itself"]);
    world.test.clock.advance(Duration::from_secs(5));
    let (status, tokens) = poll(&world, &device_code).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
    assert!(tokens["expires_in"].as_i64().unwrap() > 24 * 3600, "{tokens}");
    let me = who(&world, &text(&tokens, "access_token")).await;
    me.has(&["\"name\":\"alice\"", "\"displayName\":\"huggingface_hub\"", "\"role\":\"write\""]);
    // Both codes are used up.
    assert_refused(&poll(&world, &device_code).await, "invalid_grant");
    assert_eq!(decide(&browser, &user_code, "allow").await.status, StatusCode::BAD_REQUEST);
    // A second machine gets a token of another name.
    let second = device_tokens(&world, &browser).await;
    let me = who(&world, &text(&second, "access_token")).await;
    me.has(&["\"displayName\":\"huggingface_hub 2\""]);
    world.test.clock.advance(Duration::from_secs(30 * 24 * 3600));
    assert_eq!(who(&world, &text(&second, "access_token")).await.status, StatusCode::UNAUTHORIZED);
}

async fn a_device_that_asks_too_often_is_slowed_down(world: World) {
    let (device_code, _) = begin(&world).await;
    assert_refused(&poll(&world, &device_code).await, "authorization_pending");
    for (millis, word) in
        [(1000, "slow_down"), (3999, "slow_down"), (4000, "authorization_pending")]
    {
        world.test.clock.advance(Duration::from_millis(millis));
        assert_refused(&poll(&world, &device_code).await, word);
    }
    // Nobody fills the table from one place.
    for _ in 1..50 {
        begin(&world).await;
    }
    let request = Request::builder().method("POST").uri("/oauth/device");
    let body = form(&[("client_id", HF_CLIENT_ID)]);
    let page = world.send(request.body(Body::from(body)).unwrap()).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
}

async fn a_device_is_denied_or_too_late(world: World) {
    let browser = alice(&world).await;
    let (device_code, user_code) = begin(&world).await;
    let decided = decide(&browser, &user_code, "deny").await;
    assert_eq!(decided.header("location"), "/oauth/device?done=denied");
    assert_refused(&poll(&world, &device_code).await, "access_denied");
    let (device_code, user_code) = begin(&world).await;
    world.test.clock.advance(Duration::from_secs(900));
    assert_refused(&poll(&world, &device_code).await, "expired_token");
    let late = decide(&browser, &user_code, "allow").await;
    assert_eq!(late.status, StatusCode::BAD_REQUEST);
    late.has(&["is older than 15 minutes"]);
    assert_refused(&poll(&world, "made up").await, "invalid_grant");
}

async fn wrong_user_codes_are_counted(world: World) {
    let browser = alice(&world).await;
    let (_, user_code) = begin(&world).await;
    for _ in 0..20 {
        let page = browser.get("/oauth/device?user_code=ABCD-EFGH").await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST);
        page.has(&["Code is not known"]);
    }
    let blocked = browser.get(&format!("/oauth/device?user_code={user_code}")).await;
    assert_eq!(blocked.status, StatusCode::TOO_MANY_REQUESTS);
    blocked.lacks(&["huggingface_hub</strong>"]);
}

async fn a_refresh_token_is_good_once(world: World) {
    let browser = alice(&world).await;
    let first = device_tokens(&world, &browser).await;
    let (status, second) = refresh(&world, &text(&first, "refresh_token")).await;
    assert_eq!(status, StatusCode::OK, "{second}");
    assert_eq!(who(&world, &text(&first, "access_token")).await.status, StatusCode::UNAUTHORIZED);
    let me = who(&world, &text(&second, "access_token")).await;
    me.has(&["\"displayName\":\"huggingface_hub\""]);
    let (status, third) = refresh(&world, &text(&second, "refresh_token")).await;
    assert_eq!(status, StatusCode::OK, "{third}");
    // Somebody has an old one: whoever has the newest is out as well, because nobody knows which of the two is the thief.
    assert_refused(&refresh(&world, &text(&first, "refresh_token")).await, "invalid_grant");
    assert_eq!(who(&world, &text(&third, "access_token")).await.status, StatusCode::UNAUTHORIZED);
    assert_refused(&refresh(&world, &text(&third, "refresh_token")).await, "invalid_grant");
    let unused = device_tokens(&world, &browser).await;
    world.test.clock.advance(Duration::from_secs(90 * 24 * 3600));
    assert_refused(&refresh(&world, &text(&unused, "refresh_token")).await, "invalid_grant");
    // Other people's accounts end their apps, too.
    let kept = device_tokens(&world, &alice(&world).await).await;
    let mut tx = world.test.db.write().await.unwrap();
    tx.execute("UPDATE account SET disabled_at = 1 WHERE name = 'alice'", vec![]).await.unwrap();
    tx.commit().await.unwrap();
    assert_refused(&refresh(&world, &text(&kept, "refresh_token")).await, "invalid_grant");
}

/// Registers an app; its id, and its secret if it has one.
async fn register(browser: &Browser<'_>, name: &str, is_public: bool) -> (String, String) {
    let mut fields = vec![
        ("action", "register"),
        ("name", name),
        ("website", ""),
        ("redirect_uris", "https://app.example/cb?x=1\r\nhttp://localhost:7860/cb"),
    ];
    if is_public {
        fields.push(("is_public", "1"));
    }
    let page = browser.submit("/settings/applications", &fields).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let id = between(&page.body, "OAUTH_CLIENT_ID=", "\n");
    let id = id.split('<').next().unwrap().to_owned();
    (id, between(&page.body, "OAUTH_CLIENT_SECRET=", "<"))
}

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER.as_bytes()))
}

/// What an app asks for, with some of it changed.
fn asks<'a>(
    client_id: &'a str,
    challenge: &'a str,
    changed: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        ("client_id", client_id),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid profile email read-repos"),
        ("state", "s&1"),
        ("nonce", "n1"),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in changed {
        fields.retain(|(known, _)| known != name);
        fields.push((name, value));
    }
    fields
}

/// Allows an app; the code it is sent.
async fn allow(browser: &Browser<'_>, fields: &[(&str, &str)]) -> String {
    let page = browser.get(&format!("/oauth/authorize?{}", form(fields))).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let mut sent = fields.to_vec();
    sent.push(("action", "allow"));
    let done = browser.post("/oauth/authorize/decide", &csrf(&page), &sent).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    let to = done.header("location");
    assert!(to.starts_with("https://app.example/cb?x=1&code=hf_ac_"), "{to}");
    assert!(to.ends_with("&state=s%261&iss=http%3A%2F%2Fhub.test"), "{to}");
    assert_eq!(done.header("referrer-policy"), "no-referrer");
    between(to, "code=", "&")
}

fn exchange<'a>(
    client_id: &'a str,
    code: &'a str,
    changed: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("client_id", client_id),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    for (name, value) in changed {
        fields.retain(|(known, _)| known != name);
        fields.push((name, value));
    }
    fields
}

/// The claims of a token whose signature is the hub's.
async fn claims(world: &World, token: &str) -> Value {
    let keys = world.ask("GET", "/oauth/jwks", None, "*/*").await;
    let keys: Value = serde_json::from_str(&keys.body).unwrap();
    let key = &keys["keys"][0];
    assert_eq!((key["kty"].as_str(), key["crv"].as_str()), (Some("EC"), Some("P-256")));
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let point =
        [vec![4], decode(key["x"].as_str().unwrap()), decode(key["y"].as_str().unwrap())].concat();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let public =
        ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_FIXED, point);
    public.verify(signed.as_bytes(), &decode(signature)).unwrap();
    let (header, body) = signed.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&decode(header)).unwrap();
    assert_eq!((header["alg"].as_str(), &header["kid"]), (Some("ES256"), &key["kid"]));
    serde_json::from_slice(&decode(body)).unwrap()
}

async fn a_web_app_signs_somebody_in(world: World) {
    let browser = alice(&world).await;
    let (client_id, secret) = register(&browser, "Demo <b>", false).await;
    assert!(secret.starts_with("hf_cs_"), "{secret}");
    // The secret is shown once, and its owner finds the app again.
    browser.get("/settings/applications").await.has(&[&client_id]).lacks(&[&secret, "Demo <b>"]);
    let (page, challenge) = (browser.get("/.well-known/openid-configuration").await, challenge());
    page.has(&["\"issuer\":\"http://hub.test\"", "\"S256\"", "http://hub.test/oauth/authorize"]);
    let other = browser.get("/.well-known/oauth-authorization-server").await;
    assert_eq!(page.body, other.body);
    let fields = asks(&client_id, &challenge, &[]);
    let consent = browser.get(&format!("/oauth/authorize?{}", form(&fields))).await;
    consent.has(&["Let Demo &#60;b&#62; in?", "app.example", "see your mail address"]);
    let policy = consent.header("content-security-policy");
    assert!(policy.contains("form-action 'self' https://app.example;"), "{policy}");
    let code = allow(&browser, &fields).await;
    let basic = STANDARD.encode(format!("{client_id}:{secret}"));
    let sent = exchange("", &code, &[]);
    let (status, tokens) =
        send_as(&world, "/oauth/token", &sent, Some(&format!("Basic {basic}"))).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
    assert_eq!(tokens["scope"], "openid profile email read-repos");
    let claims = claims(&world, tokens["id_token"].as_str().unwrap()).await;
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("http://hub.test"), &json!(client_id)));
    assert_eq!((&claims["nonce"], &claims["preferred_username"]), (&json!("n1"), &json!("alice")));
    let token = text(&tokens, "access_token");
    who(&world, &token).await.has(&["\"role\":\"read\"", "\"displayName\":\"Demo <b>\""]);
    let info = world.ask("GET", "/oauth/userinfo", Some(&token), "*/*").await;
    let info: Value = serde_json::from_str(&info.body).unwrap();
    assert_eq!((&info["sub"], &info["profile"]), (&claims["sub"], &json!("http://hub.test/alice")));
    assert!(info["picture"].is_string() && info.get("email").is_none(), "{info}");
    let kept = [("token", &*token), ("client_id", &client_id), ("client_secret", &secret)];
    assert_eq!(send(&world, "/oauth/revoke", &kept).await.0, StatusCode::OK);
    assert_eq!(send(&world, "/oauth/revoke", &kept).await.0, StatusCode::OK);
    assert_eq!(who(&world, &token).await.status, StatusCode::UNAUTHORIZED);
}

async fn a_code_is_good_once_for_its_app_its_address_and_its_verifier(world: World) {
    let browser = alice(&world).await;
    let (client_id, _) = register(&browser, "Public", true).await;
    let (other, _) = register(&browser, "Other", true).await;
    let challenge = challenge();
    let fields = asks(&client_id, &challenge, &[]);
    let wrong = "x".repeat(43);
    for (name, value, advance) in [
        ("code_verifier", &*wrong, 0),
        ("code_verifier", "", 0),
        ("redirect_uri", "http://localhost:7860/cb", 0),
        ("client_id", &other, 0),
        ("client_id", &client_id, 121),
    ] {
        let code = allow(&browser, &fields).await;
        world.test.clock.advance(Duration::from_secs(advance));
        let sent = exchange(&client_id, &code, &[(name, value)]);
        assert_refused(&send(&world, "/oauth/token", &sent).await, "invalid_grant");
    }
    let code = allow(&browser, &fields).await;
    let sent = exchange(&client_id, &code, &[]);
    let (status, tokens) = send(&world, "/oauth/token", &sent).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
    // Who brings the code again has it from somebody: what the first one got ends.
    assert_refused(&send(&world, "/oauth/token", &sent).await, "invalid_grant");
    let token = text(&tokens, "access_token");
    assert_eq!(who(&world, &token).await.status, StatusCode::UNAUTHORIZED);
}

async fn requests_to_authorize_are_checked(world: World) {
    let browser = alice(&world).await;
    let (client_id, _) = register(&browser, "Public", true).await;
    let challenge = challenge();
    for (name, value) in [
        ("client_id", "made-up"),
        ("redirect_uri", "https://app.example/cb"),
        ("redirect_uri", "https://app.example/cb?x=1/"),
        ("redirect_uri", ""),
    ] {
        let fields = asks(&client_id, &challenge, &[(name, value)]);
        let page = browser.get(&format!("/oauth/authorize?{}", form(&fields))).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{name}={value}");
        assert_eq!(page.header("location"), "");
    }
    for (name, value, word) in [
        ("response_type", "token", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("scope", "inference-api", "invalid_scope"),
        ("prompt", "none login", "invalid_request"),
        ("prompt", "select_account", "invalid_request"),
        ("max_age", "soon", "invalid_request"),
        ("prompt", "none", "consent_required"),
    ] {
        let fields = asks(&client_id, &challenge, &[(name, value)]);
        let page = browser.get(&format!("/oauth/authorize?{}", form(&fields))).await;
        let to = page.header("location");
        let begins = format!("https://app.example/cb?x=1&error={word}&");
        assert!(to.starts_with(&begins) && to.contains("&state=s%261&"), "{name}={value}: {to}");
    }
    let fields = asks(&client_id, &challenge, &[]);
    let page = browser.get(&format!("/oauth/authorize?{}", form(&fields))).await;
    let mut sent = fields.clone();
    sent.push(("action", "deny"));
    let denied = browser.post("/oauth/authorize/decide", &csrf(&page), &sent).await;
    assert!(denied.header("location").contains("error=access_denied"));
    // Another site cannot press the button.
    sent.push(("action", "allow"));
    let forged = browser.post("/oauth/authorize/decide", "made-up", &sent).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
}

async fn an_app_may_want_a_fresh_sign_in_or_no_question(world: World) {
    let browser = alice(&world).await;
    let (client_id, _) = register(&browser, "Public", true).await;
    let challenge = challenge();
    let asked = |name, value| form(&asks(&client_id, &challenge, &[(name, value)]));
    let silent = world.browse(&format!("/oauth/authorize?{}", asked("prompt", "none"))).await;
    assert!(silent.header("location").contains("?x=1&error=login_required&"), "{}", silent.body);
    // Nobody learns from this of an address that no app has.
    let elsewhere = [("prompt", "none"), ("redirect_uri", "https://evil.example/")];
    let elsewhere = form(&asks(&client_id, &challenge, &elsewhere));
    let refused = world.browse(&format!("/oauth/authorize?{elsewhere}")).await;
    assert_eq!((refused.status, refused.header("location")), (StatusCode::BAD_REQUEST, ""));

    world.test.clock.advance(Duration::from_secs(120));
    let page = browser.get(&format!("/oauth/authorize?{}", asked("max_age", "3600"))).await;
    assert_eq!(page.status, StatusCode::OK, "two minutes are less than an hour");
    for (name, value) in [("max_age", "119"), ("prompt", "login"), ("max_age", "0")] {
        let sent = browser.get(&format!("/oauth/authorize?{}", asked(name, value))).await;
        let to = sent.header("location").to_owned();
        assert!(to.starts_with("/login?again=1&next=%2Foauth%2Fauthorize%3Fclient_id"), "{to}");
        let page = browser.get(&to).await;
        page.has(&["name=\"password\""]);
        let again = Browser::signed_in(&world, "alice", PASSWORD).await;
        let next = page.body.split("name=\"next\" value=\"").nth(1).unwrap();
        let next = next.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
        again.get(&next).await.has(&["Let Public in?"]);
    }
    let code = allow(&browser, &asks(&client_id, &challenge, &[])).await;
    let (_, tokens) = send(&world, "/oauth/token", &exchange(&client_id, &code, &[])).await;
    let id_token = text(&tokens, "id_token");
    let claims = URL_SAFE_NO_PAD.decode(id_token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let age = claims["iat"].as_i64().unwrap() - claims["auth_time"].as_i64().unwrap();
    assert_eq!(age, 120);

    // As a form the request comes without a cookie, and goes round once.
    let request =
        Request::builder().method("POST").uri("/oauth/authorize").header("host", "hub.test");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let body = form(&asks(&client_id, &challenge, &[("made_up", "1")]));
    let round = world.send(request.body(Body::from(body)).unwrap()).await;
    let to = format!("/oauth/authorize?{}", form(&asks(&client_id, &challenge, &[])));
    assert_eq!((round.status, round.header("location")), (StatusCode::SEE_OTHER, &*to));
}

async fn an_app_without_repositories_opens_none(world: World) {
    world.repo("model", "secret", true, &[("README.md", "# Hidden")]).await;
    let browser = alice(&world).await;
    let (client_id, _) = register(&browser, "Public", true).await;
    let challenge = challenge();
    let fields = asks(&client_id, &challenge, &[("scope", "openid")]);
    let code = allow(&browser, &fields).await;
    let (_, tokens) = send(&world, "/oauth/token", &exchange(&client_id, &code, &[])).await;
    let token = text(&tokens, "access_token");
    for path in ["/api/whoami-v2", "/api/models/alice/secret"] {
        let page = world.ask("GET", path, Some(&token), "*/*").await;
        assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let info = world.ask("GET", "/oauth/userinfo", Some(&token), "*/*").await;
    assert_eq!(info.status, StatusCode::OK);
    info.has(&["\"sub\":"]).lacks(&["alice", "email"]);
    let own = world.ask("GET", "/oauth/userinfo", Some(&world.alice), "*/*").await;
    own.has(&["\"preferred_username\":\"alice\""]);
}

async fn what_was_allowed_is_taken_back(world: World) {
    let browser = alice(&world).await;
    let tokens = device_tokens(&world, &browser).await;
    let page = browser.get("/settings/applications").await;
    page.has(&["huggingface_hub"]);
    let id = between(&page.body, "name=\"id\" value=\"", "\"");
    let fields = [("action", "revoke"), ("id", &*id)];
    let mallory = {
        world.test.hub.set_password("mallory", &Secret::new(PASSWORD)).await.unwrap();
        Browser::signed_in(&world, "mallory", PASSWORD).await
    };
    let stolen = mallory.submit("/settings/applications", &fields).await;
    assert_eq!(stolen.status, StatusCode::NOT_FOUND);
    let token = text(&tokens, "access_token");
    assert_eq!(who(&world, &token).await.status, StatusCode::OK);
    browser.submit("/settings/applications", &fields).await;
    assert_eq!(who(&world, &token).await.status, StatusCode::UNAUTHORIZED);
    assert_refused(&refresh(&world, &text(&tokens, "refresh_token")).await, "invalid_grant");
    // An app that goes takes what it held with it.
    let (client_id, _) = register(&browser, "Public", true).await;
    let challenge = challenge();
    let code = allow(&browser, &asks(&client_id, &challenge, &[])).await;
    let (_, tokens) = send(&world, "/oauth/token", &exchange(&client_id, &code, &[])).await;
    let token = text(&tokens, "access_token");
    let fields = [("action", "delete"), ("id", &*client_id)];
    let foreign = mallory.submit("/settings/applications", &fields).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    browser.submit("/settings/applications", &fields).await;
    assert_eq!(who(&world, &token).await.status, StatusCode::UNAUTHORIZED);
    for uris in ["", "http://app.example/", "https://app.example/#x", "https://a/ https://b/"] {
        let fields = [("action", "register"), ("name", "x"), ("redirect_uris", uris)];
        let page = browser.submit("/settings/applications", &fields).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{uris}");
    }
}

async fn apps_authenticate_or_get_nothing(world: World) {
    let browser = alice(&world).await;
    let (client_id, secret) = register(&browser, "Secretive", false).await;
    let challenge = challenge();
    let code = allow(&browser, &asks(&client_id, &challenge, &[])).await;
    for wrong in ["", "hf_cs_wrong"] {
        let sent = exchange(&client_id, &code, &[("client_secret", wrong)]);
        assert_refused(&send(&world, "/oauth/token", &sent).await, "invalid_client");
    }
    let sent = [("grant_type", "password"), ("client_id", HF_CLIENT_ID)];
    assert_refused(&send(&world, "/oauth/token", &sent).await, "unsupported_grant_type");
    for missing in [&[][..], &[("grant_type", "refresh_token")], &[("grant_type", DEVICE)]] {
        assert_refused(&send(&world, "/oauth/token", missing).await, "invalid_request");
    }
    let sent = exchange(&client_id, &code, &[("client_secret", &secret)]);
    assert_eq!(send(&world, "/oauth/token", &sent).await.0, StatusCode::OK);
    // What CI systems of the Hugging Face Hub send, as JSON.
    let body = json!({
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token": "x",
        "subject_token_type": "urn:ietf:params:oauth:token-type:id_token", "resource": "a/b",
    });
    let request = Request::builder().method("POST").uri("/oauth/token");
    let request = request.header("content-type", "application/json");
    let page = world.send(request.body(Body::from(body.to_string())).unwrap()).await;
    assert_eq!(page.status, StatusCode::NOT_IMPLEMENTED);
    page.has(&["unsupported_grant_type", "does not exchange tokens"]);
    // Guessing secrets blocks the address, as guessing tokens does.
    let sent = exchange(&client_id, &code, &[("client_secret", "guess")]);
    for _ in 0..40 {
        let body = Body::from(form(&sent));
        let request = Request::builder().method("POST").uri("/oauth/token").body(body).unwrap();
        if world.send(request).await.status == StatusCode::TOO_MANY_REQUESTS {
            return;
        }
    }
    panic!("nobody stops whoever guesses");
}
