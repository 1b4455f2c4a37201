//! Signing in and up, and what people change of their own account, by forms.

use axum::http::StatusCode;
use steelyard_core::Secret;
use steelyard_service::login::SignUpRule;
use steelyard_testkit::{Stores, TestHub};

use crate::browser::{Browser, between, csrf};
use crate::world::World;

const PASSWORD: &str = "a beam and a poise";

steelyard_testkit::on_every_store!(
    somebody_signs_in_and_out,
    a_wrong_password_keeps_the_name,
    a_page_for_users_leads_through_the_sign_in_page,
    forged_forms_change_nothing,
    the_second_factor_is_set_up_and_asked_for,
    tokens_are_made_shown_once_and_revoked,
    browsers_are_listed_and_signed_out,
    a_profile_is_written,
    keys_come_and_go,
    scripts_of_a_page_use_the_api_with_its_token,
    private_files_are_seen_in_the_browser_of_their_owner,
);

async fn alice(world: &World) -> Browser<'_> {
    world.test.hub.set_password("alice", &Secret::new(PASSWORD)).await.unwrap();
    Browser::signed_in(world, "alice", PASSWORD).await
}

async fn somebody_signs_in_and_out(world: World) {
    world.browse("/").await.has(&["href=\"/login\">Sign in"]);
    let browser = alice(&world).await;
    assert!(browser.cookie("steelyard_session").is_some());
    let home = browser.get("/").await;
    home.has(&["Account: </span>alice", "action=\"/logout\""])
        .lacks(&["href=\"/admin\"", "Sign in"]);
    // Who is signed in has no use for the page.
    assert_eq!(browser.get("/login?next=/models").await.header("location"), "/models");
    let out = browser.post("/logout", &csrf(&home), &[]).await;
    assert_eq!(out.header("location"), "/login?done=out");
    assert_eq!(browser.cookie("steelyard_session"), None);
    browser.get("/login?done=out").await.has(&["You are signed out."]);
    browser.get("/login?done=%3Cscript%3E").await.lacks(&["<script>", "class=\"banner"]);
}

async fn a_wrong_password_keeps_the_name(world: World) {
    world.test.hub.set_password("alice", &Secret::new(PASSWORD)).await.unwrap();
    let browser = Browser::new(&world);
    let fields = [("name", "\"><b>alice"), ("password", "wrong")];
    let page = browser.submit("/login?next=/a/b", &fields).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    page.has(&["There is no account with this name and password.", "role=\"alert\""]);
    page.has(&["value=\"&#34;&#62;&#60;b&#62;alice\""]).lacks(&["<b>alice", "wrong\""]);
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(browser.cookie("steelyard_session"), None);
}

async fn a_page_for_users_leads_through_the_sign_in_page(world: World) {
    world.test.hub.set_password("alice", &Secret::new(PASSWORD)).await.unwrap();
    let browser = Browser::new(&world);
    let asked = browser.get("/settings/tokens?x=1").await;
    assert_eq!(asked.status, StatusCode::SEE_OTHER);
    let login = asked.header("location").to_owned();
    assert_eq!(login, "/login?next=%2Fsettings%2Ftokens%3Fx%3D1");
    let form = browser.get(&login).await;
    form.has(&["name=\"next\" value=\"/settings/tokens?x=1\""]);
    let fields = [("name", "alice"), ("password", PASSWORD), ("next", "/settings/tokens?x=1")];
    let done = browser.post("/login", &csrf(&form), &fields).await;
    assert_eq!(done.header("location"), "/settings/tokens?x=1");
    for elsewhere in ["https://evil.example", "//evil.example", "/\\evil.example"] {
        let other = Browser::new(&world);
        let fields = [("name", "alice"), ("password", PASSWORD), ("next", elsewhere)];
        assert_eq!(other.submit("/login", &fields).await.header("location"), "/", "{elsewhere}");
    }
}

async fn forged_forms_change_nothing(world: World) {
    let browser = alice(&world).await;
    let other = Browser::signed_in(&world, "alice", PASSWORD).await;
    let (ours, theirs) = (csrf(&browser.get("/").await), csrf(&other.get("/").await));
    assert_ne!(ours, theirs);
    let fields = [("action", "create"), ("name", "stolen"), ("role", "write")];
    let path = "/settings/tokens";
    for token in ["", "made-up", &*theirs] {
        let refused = browser.post(path, token, &fields).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{token}");
        refused.has(&["this form is out of date", "<!doctype html>"]);
    }
    for header in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        let refused = browser.post_with(path, &ours, &fields, &[header]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{header:?}");
    }
    // Signing somebody in as somebody else is a forgery as well.
    let fresh = Browser::new(&world);
    let fields_in = [("name", "alice"), ("password", PASSWORD)];
    assert_eq!(fresh.post("/login", &ours, &fields_in).await.status, StatusCode::FORBIDDEN);
    browser.get(path).await.lacks(&["stolen"]);
    let same = [("sec-fetch-site", "same-origin"), ("origin", "http://hub.test")];
    let made = browser.post_with(path, &ours, &fields, &same).await;
    assert_eq!(made.status, StatusCode::OK);
    // A second click makes no second token.
    let again = browser.post(path, &ours, &fields).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert_eq!(browser.get(path).await.body.matches("stolen</th>").count(), 1);
}

/// What an app shows for the secret on the page.
fn code_of(world: &World, secret: &str) -> String {
    let key = totp_rs::Secret::Encoded(secret.replace(' ', "")).to_bytes().unwrap();
    let totp = totp_rs::TOTP::new(totp_rs::Algorithm::SHA1, 6, 1, 30, key).unwrap();
    totp.generate(u64::try_from(world.test.hub.now().secs()).unwrap())
}

async fn the_second_factor_is_set_up_and_asked_for(world: World) {
    let browser = alice(&world).await;
    let page = browser.get("/settings/password?begin=1").await;
    page.has(&["<svg class=\"qr\"", "Turn it on"]);
    let secret = between(&page.body, "or type <code>", "</code>");
    let token = csrf(&page);
    let path = "/settings/password";
    let wrong = browser.post(path, &token, &[("action", "confirm"), ("code", "123")]).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    wrong.has(&["Code is not the one that the app shows now.", "Turn it on"]);
    let now = code_of(&world, &secret);
    let on = browser.post(path, &token, &[("action", "confirm"), ("code", &now)]).await;
    on.has(&["Your recovery codes", "10 recovery codes are left"]);
    let recovery = between(&on.body, "data-copy><code>", "\n");
    let second = Browser::new(&world);
    let fields = [("name", "alice"), ("password", PASSWORD), ("next", "/models")];
    let asked = second.submit("/login", &fields).await;
    assert_eq!(asked.header("location"), "/login/code?next=%2Fmodels");
    // With the password alone nothing is open.
    second.get("/").await.has(&["Sign in"]);
    assert_eq!(second.get("/settings/profile").await.status, StatusCode::SEE_OTHER);
    let refused = second.submit("/login/code?next=/models", &[("code", &now)]).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "the same code again");
    let done = second.submit("/login/code", &[("code", &recovery), ("next", "/models")]).await;
    assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, "/models"));
    second.get("/").await.has(&["Account: </span>alice"]);
    let off = browser.post(path, &token, &[("action", "off"), ("current", PASSWORD)]).await;
    assert_eq!(off.header("location"), "/settings/password?done=off");
    Browser::signed_in(&world, "alice", PASSWORD).await.get("/").await.has(&["</span>alice"]);
}

async fn tokens_are_made_shown_once_and_revoked(world: World) {
    let browser = alice(&world).await;
    let path = "/settings/tokens";
    let fields = [("action", "create"), ("name", "lap<top"), ("role", "read")];
    let made = browser.submit(path, &fields).await;
    assert_eq!(made.header("cache-control"), "no-store");
    let token = between(&made.body, "data-copy><code>", "</code>");
    assert!(token.starts_with("hf_"), "{token}");
    let who = world.ask("GET", "/api/whoami-v2", Some(&token), "*/*").await;
    who.has(&["\"name\":\"alice\"", "\"role\":\"read\""]);
    let page = browser.get(path).await;
    page.has(&["lap&#60;top</th><td>read</td>"]).lacks(&[&*token]);
    let row = between(&page.body, "lap&#60;top</th>", "</tr>");
    let id = between(&row, "name=\"id\" value=\"", "\"");
    for (name, role) in [("", "read"), ("x", "admin"), ("x", "")] {
        let fields = [("action", "create"), ("name", name), ("role", role)];
        let refused = browser.submit(path, &fields).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{name} {role}");
    }
    let revoked = browser.submit(path, &[("action", "revoke"), ("id", &id)]).await;
    assert_eq!(revoked.header("location"), "/settings/tokens?done=revoked");
    let who = world.ask("GET", "/api/whoami-v2", Some(&token), "*/*").await;
    assert_eq!(who.status, StatusCode::UNAUTHORIZED);
}

async fn browsers_are_listed_and_signed_out(world: World) {
    let browser = alice(&world).await;
    let other = Browser::signed_in(&world, "alice", PASSWORD).await;
    let page = browser.get("/settings/sessions").await;
    page.has(&["Firefox on Linux", "this one", "Sign all others out"]);
    let done = browser.submit("/settings/sessions", &[]).await;
    assert_eq!(done.header("location"), "/settings/sessions?done=others");
    other.get("/").await.has(&["Sign in"]);
    browser.get("/").await.has(&["</span>alice"]);
    let gone = browser.submit("/settings/sessions", &[("id", "no-such")]).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

async fn a_profile_is_written(world: World) {
    let browser = alice(&world).await;
    let good = [("full_name", "Alice <L>"), ("about", "Down."), ("website", "https://w.example/")];
    let saved = browser.submit("/settings/profile", &good).await;
    assert_eq!(saved.header("location"), "/settings/profile?done=saved");
    browser
        .get("/settings/profile")
        .await
        .has(&["value=\"Alice &#60;L&#62;\"", ">Down.</textarea>"]);
    let page = world.browse("/alice").await;
    page.has(&[
        "Alice &#60;L&#62;",
        "Down.",
        "href=\"https://w.example/\" rel=\"nofollow ugc noopener\"",
    ]);
    let bad = [("about", "kept words"), ("website", "javascript:alert(1)")];
    let refused = browser.submit("/settings/profile", &bad).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    refused.has(&["Website must be an address", "kept words"]);
    world.browse("/alice").await.lacks(&["javascript:"]);
}

async fn keys_come_and_go(world: World) {
    let browser = alice(&world).await;
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDsc7cEI6FFtTMF0RhUtkPG6mTzCrOy1aCfGBDVZSwWR me@laptop";
    let path = "/settings/keys";
    let added = browser.submit(path, &[("action", "add"), ("title", ""), ("key", key)]).await;
    assert_eq!(added.header("location"), "/settings/keys?done=added");
    let page = browser.get(path).await;
    page.has(&["me@laptop", "SHA256:"]);
    let refused = browser.submit(path, &[("action", "add"), ("key", "ssh-rsa nonsense")]).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    refused.has(&["Key is cut off or changed", "ssh-rsa nonsense"]);
    let id = between(&page.body, "name=\"id\" value=\"", "\"");
    let deleted = browser.submit(path, &[("action", "delete"), ("id", &id)]).await;
    assert_eq!(deleted.header("location"), "/settings/keys?done=deleted");
}

async fn scripts_of_a_page_use_the_api_with_its_token(world: World) {
    let browser = alice(&world).await;
    let token = between(&browser.get("/").await.body, "<meta name=\"csrf\" content=\"", "\"");
    browser.get("/api/whoami-v2").await.has(&["\"name\":\"alice\""]);
    let create = async |headers: &[(&str, &str)]| {
        let body = r#"{"name": "made-by-a-script", "type": "model"}"#;
        browser.post_json("/api/repos/create", body, headers).await.status
    };
    assert_eq!(create(&[]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(create(&[("x-csrf-token", "made-up")]).await, StatusCode::UNAUTHORIZED);
    let cross = [("x-csrf-token", &*token), ("origin", "https://evil.example")];
    assert_eq!(create(&cross).await, StatusCode::FORBIDDEN);
    assert_eq!(create(&[("x-csrf-token", &*token)]).await, StatusCode::OK);
    browser.get("/alice").await.has(&["made-by-a-script"]);
}

async fn private_files_are_seen_in_the_browser_of_their_owner(world: World) {
    world.repo("model", "secret", true, &[("README.md", "# Hidden words")]).await;
    let browser = alice(&world).await;
    browser.get("/alice/secret").await.has(&["Hidden words"]);
    browser.get("/alice/secret/resolve/main/README.md").await.has(&["Hidden words"]);
    browser.get("/models").await.has(&["<b>secret</b>"]);
    browser.get("/").await.has(&["<h2>Yours</h2>", "<b>secret</b>"]);
    browser.get("/index.md").await.has(&["## Yours"]);
    world.browse("/").await.lacks(&["Yours"]);
    let stranger = Browser::new(&world);
    let page = stranger.get("/alice/secret").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    page.has(&["href=\"/login?next=%2Falice%2Fsecret\">Sign in</a>"]).lacks(&["Hidden"]);
    // A cookie that is good for nothing is as none.
    stranger.set_cookie("steelyard_session", "f00d");
    assert_eq!(stranger.get("/alice/secret").await.status, StatusCode::NOT_FOUND);
    assert_eq!(stranger.get("/models").await.status, StatusCode::OK);
}

async fn on(rule: SignUpRule) -> World {
    let setup = TestHub::on(Stores::Embedded);
    let setup = setup.with_settings(move |settings| settings.login.sign_up = rule);
    World::of(setup.start().await.unwrap()).await
}

#[tokio::test]
async fn a_newcomer_makes_an_account_and_is_shown_the_way() {
    let world = on(SignUpRule::Open).await;
    world.browse("/login").await.has(&["href=\"/join\""]);
    let browser = Browser::new(&world);
    let fields = [("name", "carol"), ("email", ""), ("password", "words of a newcomer")];
    let made = browser.submit("/join", &fields).await;
    assert_eq!(made.header("location"), "/setup", "{}", made.body);
    browser.get("/").await.has(&["</span>carol"]);
    // A second click finds the name taken.
    let again = Browser::new(&world).submit("/join", &fields).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    again.has(&["The name carol is taken.", "value=\"carol\""]).lacks(&["newcomer"]);
}

#[tokio::test]
async fn a_closed_hub_says_whom_to_ask() {
    let world = on(SignUpRule::Closed).await;
    world.browse("/login").await.has(&["made by its administrators"]).lacks(&["/join"]);
    world
        .browse("/join")
        .await
        .has(&["Ask one of them"])
        .lacks(&["<form method=\"post\" action=\"/join\""]);
    let code = world.test.hub.operator_reset_code("alice").await.unwrap();
    let browser = Browser::new(&world);
    browser.get("/reset").await.has(&["This hub sends no mail"]);
    let wrong = [("action", "set"), ("code", "made-up"), ("password", "quite new words")];
    let refused = browser.submit("/reset", &wrong).await;
    refused.has(&["Code is not known, or was used, or is too old."]);
    let right = [("action", "set"), ("code", code.expose()), ("password", "quite new words")];
    let done = browser.submit("/reset", &right).await;
    assert_eq!(done.header("location"), "/login?done=password");
    Browser::signed_in(&world, "alice", "quite new words").await;
}
