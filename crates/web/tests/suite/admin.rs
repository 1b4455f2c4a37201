//! Administration of the hub, by forms.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use steelyard_core::{OrgRole, Secret, TokenRole};
use steelyard_service::accounts::{AccountKind, CreateOrg, CreateToken};

use crate::browser::{Browser, between, csrf};
use crate::world::{Page, World};

const PASSWORD: &str = "a beam and a poise";

steelyard_testkit::on_every_store!(
    the_hub_is_seen_at_a_glance,
    a_user_is_made_and_sets_a_password,
    somebody_out_of_service_is_out_at_once,
    the_last_administrator_stays,
    invitations_come_and_go,
    organisations_get_members,
    repositories_of_everybody_are_listed_disabled_and_deleted,
    jobs_that_failed_run_again,
    jobs_show_how_far_they_are,
    sweeps_run_when_asked_for,
    events_tell_who_did_what,
    nobody_else_is_let_in,
);

/// An administrator in a browser.
async fn root(world: &World) -> Browser<'_> {
    world.test.admin("root").await.unwrap();
    sign_in(world, "root").await
}

async fn sign_in<'w>(world: &'w World, name: &str) -> Browser<'w> {
    world.test.hub.set_password(name, &Secret::new(PASSWORD)).await.unwrap();
    Browser::signed_in(world, name, PASSWORD).await
}

/// Fails unless a form did what it says.
#[track_caller]
fn assert_done(page: &Page, to: &str) {
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
    assert_eq!(page.header("location"), to);
}

async fn act(browser: &Browser<'_>, user: &str, action: &str) -> Page {
    browser.submit(&format!("/admin/users/{user}"), &[("action", action)]).await
}

/// The newest event of a kind, as its page shows it.
async fn event(browser: &Browser<'_>, kind: &str) -> String {
    let page = browser.get(&format!("/admin/events?kind={kind}")).await;
    between(&page.body, "<tbody>", "</tr>")
}

async fn the_hub_is_seen_at_a_glance(world: World) {
    world.repo("model", "secret", true, &[("README.md", "# x")]).await;
    let browser = root(&world).await;
    let page = browser.get("/admin").await;
    page.has(&[
        "Database",
        "answers in",
        "Models</dt><dd><span class=\"num\">1<",
        "Users</dt><dd><span class=\"num\">3<",
    ]);
    page.has(&[env!("CARGO_PKG_VERSION"), "codes are handed out"]);
    browser.get("/").await.has(&["href=\"/admin\">Administration"]);
    // Who lets a program in is told what it gets.
    let request = Request::builder().method("POST").uri("/oauth/device");
    let body = format!("client_id={}", steelyard_service::oauth::HF_CLIENT_ID);
    let begun = world.send(request.body(Body::from(body)).unwrap()).await;
    let code = between(&begun.body, "\"user_code\":\"", "\"");
    let asked = browser.get(&format!("/oauth/device?user_code={code}")).await;
    asked.has(&["administrate the hub, because you do"]);
    let page = browser.get("/admin/configuration").await;
    page.has(&["was not told its configuration"]);
}

async fn a_user_is_made_and_sets_a_password(world: World) {
    let browser = root(&world).await;
    let fields = [("action", "create"), ("name", "carol"), ("email", "carol@example.org")];
    let page = browser.submit("/admin/users", &fields).await;
    assert_eq!((page.status, page.header("cache-control")), (StatusCode::OK, "no-store"));
    page.has(&["carol sets a password with this code"]);
    let code = between(&page.body, "data-copy><code>", "<");
    let set = [("action", "set"), ("code", &*code), ("password", PASSWORD)];
    let fresh = Browser::new(&world);
    assert_eq!(fresh.submit("/reset", &set).await.status, StatusCode::SEE_OTHER);
    Browser::signed_in(&world, "carol", PASSWORD).await;
    let told = event(&browser, "admin.user.create").await;
    assert!(told.contains("root") && told.contains("carol"), "{told}");
    let again = browser.submit("/admin/users", &fields).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    again.has(&["The name carol is taken.", "value=\"carol@example.org\""]);
    // Found by a part of the name; a second code replaces no password by itself.
    browser
        .get("/admin/users?q=aro")
        .await
        .has(&["/admin/users/carol"])
        .lacks(&["/admin/users/root"]);
    let page = act(&browser, "carol", "reset").await;
    page.has(&["A new password, with this code"]);
    Browser::signed_in(&world, "carol", PASSWORD).await;
}

async fn somebody_out_of_service_is_out_at_once(world: World) {
    let (browser, alice) = (root(&world).await, sign_in(&world, "alice").await);
    let token = Some(&*world.alice);
    assert_eq!(world.ask("GET", "/api/whoami-v2", token, "*/*").await.status, StatusCode::OK);
    let disabled = act(&browser, "alice", "disable").await;
    assert_done(&disabled, "/admin/users/alice?done=disabled");
    assert_eq!(alice.get("/settings/profile").await.status, StatusCode::SEE_OTHER);
    let refused = world.ask("GET", "/api/whoami-v2", token, "*/*").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let fresh = Browser::new(&world);
    let fields = [("name", "alice"), ("password", PASSWORD)];
    assert_eq!(fresh.submit("/login", &fields).await.status, StatusCode::UNAUTHORIZED);
    browser.get("/admin/users/alice").await.has(&["disabled</span>"]);
    let enabled = act(&browser, "alice", "enable").await;
    assert_done(&enabled, "/admin/users/alice?done=enabled");
    Browser::signed_in(&world, "alice", PASSWORD).await;
    // What ended stays ended.
    let refused = world.ask("GET", "/api/whoami-v2", token, "*/*").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let told = event(&browser, "admin.user.disable").await;
    assert!(told.contains("root") && told.contains("disabled"), "{told}");
}

async fn the_last_administrator_stays(world: World) {
    let browser = root(&world).await;
    for action in ["demote", "disable"] {
        let page = act(&browser, "root", action).await;
        assert_eq!(page.status, StatusCode::CONFLICT, "{action}");
        page.has(&["This is the last administrator in service"]);
    }
    assert_done(&act(&browser, "alice", "promote").await, "/admin/users/alice?done=promoted");
    let alice = sign_in(&world, "alice").await;
    alice.get("/admin").await.has(&["Administration"]);
    assert_done(&act(&alice, "root", "demote").await, "/admin/users/root?done=demoted");
    assert_eq!(browser.get("/admin").await.status, StatusCode::FORBIDDEN);
    assert_eq!(act(&alice, "alice", "demote").await.status, StatusCode::CONFLICT);
    let csrf = csrf(&alice.get("/").await);
    let nobody = alice.post("/admin/users/nobody", &csrf, &[("action", "demote")]).await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
}

async fn invitations_come_and_go(world: World) {
    let browser = root(&world).await;
    let fields = [("action", "invite"), ("email", "dora@example.org")];
    let page = browser.submit("/admin/users", &fields).await;
    page.has(&["An invitation, good once", "/join", "dora@example.org</th>"]);
    let id = between(&page.body, "name=\"id\" value=\"", "\"");
    let revoked = browser.submit("/admin/users", &[("action", "revoke"), ("id", &id)]).await;
    assert_done(&revoked, "/admin/users?done=revoked");
    let noted = browser.submit("/admin/users", &[("action", "invite"), ("email", "for bob")]).await;
    noted.has(&["for bob</th>", "name=\"email\" maxlength"]);
    let id = between(&noted.body, "name=\"id\" value=\"", "\"");
    browser.submit("/admin/users", &[("action", "revoke"), ("id", &id)]).await;
    browser.get("/admin/users").await.has(&["Nobody is invited."]);
}

async fn organisations_get_members(world: World) {
    let browser = root(&world).await;
    let fields = [("name", "scales"), ("full_name", "The Scales"), ("is_private", "1")];
    let made = browser.submit("/admin/orgs", &fields).await;
    assert_done(&made, "/admin/orgs/scales?done=created");
    assert_eq!(browser.submit("/admin/orgs", &fields).await.status, StatusCode::CONFLICT);
    let path = "/admin/orgs/scales";
    for role in ["read", "write"] {
        let set =
            browser.submit(path, &[("action", "set"), ("user", "alice"), ("role", role)]).await;
        assert_done(&set, "/admin/orgs/scales?done=set");
        let who = world.ask("GET", "/api/whoami-v2", Some(&world.alice), "*/*").await;
        who.has(&[&format!("\"roleInOrg\":\"{role}\"")]);
    }
    let wrong =
        browser.submit(path, &[("action", "set"), ("user", "nobody"), ("role", "read")]).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    wrong.has(&["belongs to nobody who has an account", "value=\"nobody\""]);
    browser.get(path).await.has(&["alice</a></th><td>write"]);
    world.browse("/scales").await.has(&["Members</span> <a href=\"/alice\">alice</a>"]);
    world.browse("/alice").await.has(&["Member of</span> <a href=\"/scales\">scales</a>"]);
    world.browse("/scales.md").await.has(&["Members: [alice](/alice)"]);
    let removed = browser.submit(path, &[("action", "remove"), ("user", "alice")]).await;
    assert_done(&removed, "/admin/orgs/scales?done=removed");
    browser.get(path).await.has(&["Nobody belongs to it."]);
    // Users are no organisations.
    assert_eq!(browser.get("/admin/orgs/alice").await.status, StatusCode::NOT_FOUND);
}

async fn repositories_of_everybody_are_listed_disabled_and_deleted(world: World) {
    world.repo("model", "secret", true, &[("README.md", "# x")]).await;
    world.repo("dataset", "words", false, &[("README.md", "# x")]).await;
    let browser = root(&world).await;
    browser.get("/admin/repos").await.has(&["alice/secret", "alice/words", "private"]);
    let datasets = browser.get("/admin/repos?kind=dataset").await;
    datasets.has(&["alice/words"]).lacks(&["alice/secret"]);
    browser.get("/admin/repos?q=secr").await.has(&["alice/secret"]).lacks(&["alice/words"]);
    let of = |action| [("action", action), ("kind", "dataset"), ("id", "alice/words")];
    let done = browser.submit("/admin/repos", &of("disable")).await;
    assert_done(&done, "/admin/repos?done=disabled");
    let hidden = world.ask("GET", "/api/datasets/alice/words", Some(&world.alice), "*/*").await;
    assert_eq!(hidden.status, StatusCode::FORBIDDEN);
    assert_eq!(hidden.header("x-error-message"), "Access to this resource is disabled.");
    // The list stays as it was asked for, and says what disabled means.
    let list = "/admin/repos?q=words&kind=dataset";
    let page = browser.get(list).await;
    page.has(&["action=\"/admin/repos?q=words&#38;kind=dataset\"", "answers 403", ">Enable<"]);
    browser.get("/admin/repos?kind=model").await.lacks(&["answers 403"]);
    let csrf = csrf(&browser.get("/").await);
    let kept = browser.post(list, &csrf, &of("disable")).await;
    assert_done(&kept, "/admin/repos?q=words&kind=dataset&done=disabled");
    let wrong = browser.post(list, &csrf, &of("delete")).await;
    wrong.has(&["value=\"words\"", "alice/words"]).lacks(&["alice/secret"]);
    assert_done(&browser.submit("/admin/repos", &of("enable")).await, "/admin/repos?done=enabled");
    assert_eq!(world.browse("/datasets/alice/words").await.status, StatusCode::OK);
    let refused = browser.submit("/admin/repos", &of("delete")).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let typed = [&of("delete")[..], &[("typed", "alice/words")]].concat();
    assert_done(&browser.submit("/admin/repos", &typed).await, "/admin/repos?done=deleted");
    assert_eq!(world.browse("/datasets/alice/words").await.status, StatusCode::NOT_FOUND);
    let told = event(&browser, "repo.delete").await;
    assert!(told.contains("root") && told.contains("alice/words"), "{told}");
}

async fn jobs_that_failed_run_again(world: World) {
    let sql = "INSERT INTO job (kind, subject, state, run_at, attempts, last_error, created_at, finished_at) \
               VALUES ('git.join', '77', 'failed', 1, 5, 'the <disk> is full', 1, 2)";
    let mut tx = world.test.db.write().await.unwrap();
    tx.execute(sql, Vec::new()).await.unwrap();
    tx.commit().await.unwrap();
    let browser = root(&world).await;
    let page = browser.get("/admin/jobs?state=failed").await;
    page.has(&["git.join", "the &#60;disk&#62; is full", "Run again"]);
    let id = between(&page.body, "name=\"id\" value=\"", "\"");
    assert_done(&browser.submit("/admin/jobs", &[("id", &id)]).await, "/admin/jobs?done=retry");
    browser.get("/admin/jobs?state=failed").await.has(&["No such job."]);
    browser.get("/admin/jobs?state=waiting").await.has(&["git.join"]);
    let again = browser.post("/admin/jobs", &csrf(&browser.get("/").await), &[("id", &id)]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert_eq!(browser.get("/admin/jobs?state=odd").await.status, StatusCode::BAD_REQUEST);
}

async fn jobs_show_how_far_they_are(world: World) {
    let sql = "INSERT INTO job (kind, subject, state, run_at, attempts, created_at, started_at, finished_at, \
               progress_done, progress_total, progress_unit) VALUES \
               ('lfs.chunk', 'aa', 'running', 1, 1, 1, $1, NULL, 250000000, 1000000000, 'bytes'), \
               ('git.join', '7', 'done', 1, 1, 1, 100000, 165000, 12, 12, 'packs'), \
               ('xet.orphans', '', 'failed', 1, 5, 1, 100000, 130000, 2000, NULL, 'objects')";
    let mut tx = world.test.db.write().await.unwrap();
    let started = world.test.hub.now().plus_secs(-90).millis();
    tx.execute(sql, vec![started.into()]).await.unwrap();
    tx.commit().await.unwrap();
    let browser = root(&world).await;
    world.repo("model", "m", false, &[("a.txt", "a")]).await;
    let mut tx = world.test.db.write().await.unwrap();
    let named = "INSERT INTO job (kind, subject, state, run_at, attempts, created_at) \
                 SELECT 'git.drop', CAST(id AS TEXT), 'waiting', 1, 0, 1 FROM repo";
    tx.execute(named, Vec::new()).await.unwrap();
    tx.commit().await.unwrap();
    let page = browser.get("/admin/jobs").await;
    page.has(&["<td><a href=\"/alice/m\">alice/m</a></td>"]);
    page.has(&[
        "<progress max=\"1000000000\" value=\"250000000\"",
        "250 MB of 1.00 GB",
        "for 1 min",
    ]);
    page.has(&["12 packs", "took 1 min", "2,000 objects", "took 30 s"]);
    assert_eq!(page.body.matches("<progress").count(), 1, "only what runs has a way to go");
}

async fn sweeps_run_when_asked_for(world: World) {
    let browser = root(&world).await;
    world.test.hub.run_jobs_until_idle().await.unwrap();
    let page = browser.get("/admin/storage").await;
    page.has(&["Large files, as readers see them", "xet.compact", "just now"]);
    let done = browser.submit("/admin/storage", &[("kind", "xet.compact")]).await;
    assert_done(&done, "/admin/storage?done=sweep");
    browser.get("/admin/jobs?state=waiting").await.has(&["xet.compact"]);
    // It runs although its day is not over.
    world.test.hub.run_jobs_until_idle().await.unwrap();
    let waiting = browser.get("/admin/jobs?state=waiting").await;
    assert!(
        !waiting.body.contains("xet.compact") || waiting.body.contains("due in"),
        "{}",
        waiting.body
    );
    for kind in ["git.drop", "jobs.trim", "made-up", ""] {
        let refused = browser.submit("/admin/storage", &[("kind", kind)]).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{kind}");
    }
}

async fn events_tell_who_did_what(world: World) {
    world.repo("model", "one", false, &[("README.md", "# x")]).await;
    world.repo("dataset", "two", false, &[("README.md", "# x")]).await;
    let browser = root(&world).await;
    let all = browser.get("/admin/events").await;
    all.has(&[
        "repo.create",
        "href=\"/alice/one\"",
        "href=\"/datasets/alice/two\"",
        "href=\"/alice\">alice",
    ]);
    let one = browser.get("/admin/events?repo=alice/one").await;
    one.has(&["href=\"/alice/one\""]).lacks(&["/datasets/alice/two\""]);
    let two = browser.get("/admin/events?repo=datasets/alice/two&kind=repo").await;
    two.has(&["href=\"/datasets/alice/two\""]).lacks(&["/alice/one\""]);
    browser.get("/admin/events?actor=alice").await.has(&["repo.create"]).lacks(&["account.create"]);
    for nothing in ["actor=nobody", "repo=alice/three", "kind=%00", "actor=a%20b"] {
        let page = browser.get(&format!("/admin/events?{nothing}")).await;
        page.has(&["Nothing of that kind happened."]);
    }
    // Fifty to a page.
    for number in 0..51 {
        let name = format!("t{number}");
        let token =
            CreateToken { user: "mallory".into(), name, role: TokenRole::Read, value: None };
        world.test.hub.create_token(&token).await.unwrap();
    }
    let page = browser.get("/admin/events?kind=token.create").await;
    assert_eq!(page.body.matches("token.create</code>").count(), 50);
    let next =
        between(&page.body, "<p><a href=\"", "\"").replace("&#38;", "&").replace("&amp;", "&");
    assert!(next.starts_with("/admin/events?kind=token.create&before="), "{next}");
    browser.get(&next).await.has(&["token.create</code>"]).lacks(&["rel=\"next\""]);
}

async fn nobody_else_is_let_in(world: World) {
    let alice = sign_in(&world, "alice").await;
    let org = CreateOrg {
        name: "scales".into(),
        full_name: None,
        default_visibility: steelyard_core::Visibility::Public,
    };
    world.test.hub.create_org(&org).await.unwrap();
    world.test.hub.set_member("scales", "alice", OrgRole::Admin).await.unwrap();
    let csrf = csrf(&alice.get("/").await);
    for path in ["/admin", "/admin/events", "/admin/configuration"] {
        assert_eq!(alice.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    for (path, fields) in [
        ("/admin/users", [("action", "create"), ("name", "x"), ("is_admin", "1")]),
        ("/admin/users/alice", [("action", "promote"), ("", ""), ("", "")]),
        ("/admin/orgs", [("name", "x"), ("", ""), ("", "")]),
        ("/admin/orgs/scales", [("action", "set"), ("user", "mallory"), ("role", "admin")]),
        ("/admin/repos", [("action", "delete"), ("kind", "model"), ("id", "a/b")]),
        ("/admin/jobs", [("id", "1"), ("", ""), ("", "")]),
        ("/admin/storage", [("kind", "lfs.sweep"), ("", ""), ("", "")]),
    ] {
        assert_eq!(alice.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
        let refused = alice.post(path, &csrf, &fields).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
    }
    let users = world.test.hub.list_accounts(AccountKind::User).await.unwrap();
    assert!(users.iter().all(|user| !user.is_admin && user.name != "x"));
    // A read token of an administrator changes nothing.
    world.test.admin("root").await.unwrap();
    let read = world.test.user("root", TokenRole::Read).await.unwrap();
    let page = world.ask("GET", "/admin", Some(&read), "text/html").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
}
