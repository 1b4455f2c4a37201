//! New repositories, their settings, branches and tags, likes.

use std::time::Duration;

use steelyard_core::{OrgRole, Visibility};
use steelyard_service::accounts::CreateOrg;

use super::Session;
use crate::world::World;

#[tokio::test]
async fn a_form_makes_a_repository_with_a_card() {
    for world in World::all().await {
        let alice = Session::of(&world, "alice").await;
        for (path, base, api, sdk) in [
            ("/new", "/alice/things", "/api/models/alice/things", ""),
            ("/new-dataset", "/datasets/alice/things", "/api/datasets/alice/things", ""),
            ("/new-space", "/spaces/alice/things", "/api/spaces/alice/things", "static"),
        ] {
            alice.get(path).await.has(&["name=\"license\"", "alice (public by default)"]);
            let fields = [
                ("name", "things"),
                ("license", "mit"),
                ("sdk", sdk),
                ("card", "1"),
                ("visibility", ""),
            ];
            let made = alice.post(path, &fields).await;
            assert_eq!(
                (made.status.as_u16(), made.header("location")),
                (303, base),
                "{}",
                made.body
            );
            // Sent twice: the same repository.
            let again = alice.post(path, &fields).await;
            assert_eq!((again.status.as_u16(), again.header("location")), (303, base));
            let page = alice.get(base).await;
            page.has(&["Put files in", "Add files", "hf upload alice/things", "Settings"]);
            page.has(&["href=\"/settings/tokens\"", "is the password", "href=\"/new\""]);
            assert!(!world.browse(base).await.body.contains("Put files in"));
            let card = world.file(&format!("{base}/resolve/main/README.md")).await;
            card.has(&["license: mit", "# things"]);
            let known = world.ask("GET", api, None, "*/*").await;
            known.has(&["license:mit"]);
        }
    }
}

#[tokio::test]
async fn what_breaks_a_rule_is_told_beside_the_form() {
    for world in World::all().await {
        world.repo("model", "taken", false, &[]).await;
        world.test.clock.advance(Duration::from_secs(3600));
        let alice = Session::of(&world, "alice").await;
        for (name, license, owner, status, words) in [
            ("a--b", "", "", 400, "Name"),
            ("<script>", "", "", 400, "&#60;script&#62;"),
            ("ok", "no-such", "", 400, "License must be one of the list"),
            ("taken", "", "", 409, "already created"),
        ] {
            let fields = [("name", name), ("license", license), ("owner", owner), ("card", "1")];
            let page = alice.post("/new", &fields).await;
            assert_eq!(page.status, status, "{name}: {}", page.body);
            page.has(&[words, "name=\"name\""]).lacks(&["<script>"]);
        }
        let foreign = alice.post("/new", &[("name", "x"), ("owner", "mallory")]).await;
        assert_eq!(foreign.status, 403);
        assert_eq!(world.browse("/mallory/x").await.status, 404);
        let anonymous = world.browse("/new").await;
        assert_eq!(
            (anonymous.status.as_u16(), anonymous.header("location")),
            (303, "/login?next=%2Fnew")
        );
    }
}

#[tokio::test]
async fn members_create_in_their_organisation() {
    for world in World::all().await {
        let name = "lab".to_owned();
        let org = CreateOrg { name, full_name: None, default_visibility: Visibility::Private };
        world.test.hub.create_org(&org).await.unwrap();
        for (user, role, may) in
            [("alice", OrgRole::Contributor, true), ("mallory", OrgRole::Read, false)]
        {
            world.test.hub.set_member("lab", user, role).await.unwrap();
            let session = Session::of(&world, user).await;
            let page = session.get("/new").await;
            assert_eq!(page.body.contains(">lab ("), may);
            let made = session.post("/new", &[("name", user), ("owner", "lab")]).await;
            assert_eq!(made.status, if may { 303 } else { 403 }, "{user}");
        }
    }
}

#[tokio::test]
async fn a_forged_form_changes_nothing() {
    for world in World::all().await {
        world.repo("model", "m", false, &[("a.txt", "a")]).await;
        let (alice, mallory) =
            (Session::of(&world, "alice").await, Session::of(&world, "mallory").await);
        let parent = "0".repeat(40);
        for (path, fields) in [
            ("/new", &[("name", "forged")][..]),
            ("/alice/m/settings", &[("action", "delete"), ("confirm", "alice/m")]),
            ("/alice/m/refs", &[("action", "branch"), ("name", "forged"), ("from", "main")]),
            (
                "/alice/m/edit/main/a.txt",
                &[("path", "a.txt"), ("text", "b"), ("action", "save"), ("parent", &parent)],
            ),
            ("/alice/m/delete/main/a.txt", &[("parent", &parent)]),
            ("/alice/m/like", &[("action", "like")]),
        ] {
            for csrf in ["", &mallory.csrf] {
                let page = alice.post_forged(path, csrf, fields).await;
                assert_eq!(page.status, 403, "{path}: {}", page.body);
            }
        }
        assert_eq!(world.browse("/alice/forged").await.status, 404);
        assert_eq!(world.file("/alice/m/resolve/main/a.txt").await.body, "a");
        world.browse("/alice/m").await.has(&["<b>0</b> likes"]);
        let files =
            alice.send_files("/alice/m/upload/main", &[("csrf", "x")], &[("b.txt", b"b")]).await;
        // The first field of that name counts, which is the session's own.
        assert_eq!(files.status, 303, "{}", files.body);
        let forged = Session { csrf: mallory.csrf.clone(), ..alice };
        let files = forged.send_files("/alice/m/upload/main", &[], &[("c.txt", b"c")]).await;
        assert_eq!(files.status, 403);
        assert_eq!(world.file("/alice/m/resolve/main/c.txt").await.status, 404);
    }
}

#[tokio::test]
async fn settings_change_access_name_and_end() {
    for world in World::all().await {
        world.repo("model", "m", false, &[("README.md", "# Hello")]).await;
        let (alice, mallory) =
            (Session::of(&world, "alice").await, Session::of(&world, "mallory").await);
        assert_eq!(mallory.get("/alice/m/settings").await.status, 403);
        mallory.get("/alice/m").await.lacks(&["/alice/m/settings"]);
        let page = alice.get("/alice/m/settings").await;
        page.has(&["Large files", "Rename or transfer", "Asking for access comes later"]);
        let fields = [("action", "access"), ("visibility", "private"), ("gated", "auto")];
        assert_eq!(mallory.post("/alice/m/settings", &fields).await.status, 403);
        let set = alice.post("/alice/m/settings", &fields).await;
        assert_eq!(set.header("location"), "/alice/m/settings?done=access");
        assert_eq!(world.browse("/alice/m").await.status, 404);
        alice
            .get("/alice/m/settings?done=access")
            .await
            .has(&["Saved.", "value=\"auto\" selected"]);
        let bad = alice
            .post("/alice/m/settings", &[("action", "access"), ("visibility", "secret")])
            .await;
        assert_eq!(bad.status, 400);
        let rename = [("action", "move"), ("owner", "alice"), ("name", "n")];
        let moved = alice.post("/alice/m/settings", &rename).await;
        assert_eq!(moved.header("location"), "/alice/n/settings?done=moved", "{}", moved.body);
        let again = alice.post("/alice/m/settings", &rename).await;
        assert_eq!(again.header("location"), "/alice/n/settings?done=moved", "{}", again.body);
        let foreign = [("action", "move"), ("owner", "mallory"), ("name", "n")];
        assert_eq!(alice.post("/alice/n/settings", &foreign).await.status, 403);
        let unsure =
            alice.post("/alice/n/settings", &[("action", "delete"), ("confirm", "alice/m")]).await;
        assert_eq!(unsure.status, 400);
        unsure.has(&["Name must be typed as it is, alice/n,"]);
        // Who deletes what others were made from says that they know.
        let card = "---\nbase_model: alice/n\n---\n";
        world.repo("model", "child", false, &[("README.md", card)]).await;
        alice.get("/alice/n/settings").await.has(&["Made from it: <a href=\"/alice/child\">"]);
        let sure = [("action", "delete"), ("confirm", "alice/n")];
        let refused = alice.post("/alice/n/settings", &sure).await;
        assert_eq!(refused.status, 400);
        refused.has(&["models were made from it, alice/child for one"]);
        assert_eq!(alice.get("/alice/n").await.status, 200);
        let sure = [sure[0], sure[1], ("despite", "children")];
        let gone = alice.post("/alice/n/settings", &sure).await;
        assert_eq!((gone.status.as_u16(), gone.header("location")), (303, "/alice"));
        assert_eq!(alice.get("/alice/n").await.status, 404);
    }
}

#[tokio::test]
async fn branches_and_tags_are_made_protected_and_deleted() {
    for world in World::all().await {
        world.repo("model", "m", false, &[("a.txt", "a")]).await;
        let (alice, mallory) =
            (Session::of(&world, "alice").await, Session::of(&world, "mallory").await);
        assert_eq!(mallory.get("/alice/m/refs").await.status, 403);
        alice.get("/alice/m/tree/main").await.has(&["/alice/m/refs?from=main"]);
        for (action, name) in [("branch", "try/<b>"), ("branch", "other"), ("tag", "v1")] {
            for _ in 0..2 {
                let fields = [("action", action), ("name", name), ("from", "main")];
                assert_eq!(mallory.post("/alice/m/refs", &fields).await.status, 403);
                let made = alice.post("/alice/m/refs", &fields).await;
                assert_eq!(
                    made.header("location"),
                    format!("/alice/m/refs?done={action}"),
                    "{}",
                    made.body
                );
            }
        }
        let page = alice.get("/alice/m/refs").await;
        page.has(&["try/&#60;b&#62;", "other", "v1", "default"]).lacks(&["<b>\""]);
        for (action, name, from, status, words) in [
            ("branch", "a b", "main", 400, "must not contain spaces"),
            ("branch", "x", "nowhere", 404, "There is no revision nowhere"),
            ("delete-branch", "main", "", 403, "default branch"),
        ] {
            let page = alice
                .post("/alice/m/refs", &[("action", action), ("name", name), ("from", from)])
                .await;
            assert_eq!(page.status, status, "{}", page.body);
            page.has(&[words]);
        }
        // A click on Delete asks; only the answer deletes.
        page.has(&["/alice/m/refs?delete=branch&#38;name=try%2F%3Cb%3E"]);
        page.lacks(&[
            "value=\"delete-branch\"",
            "value=\"delete-tag\"",
            "delete=branch&#38;name=main",
        ]);
        let asked = alice.get("/alice/m/refs?delete=branch&name=try%2F%3Cb%3E").await;
        asked.has(&["Delete the branch try/&#60;b&#62;?", "value=\"delete-branch\"", "Leave it"]);
        let asked = alice.get("/alice/m/refs?delete=tag&name=v1").await;
        asked.has(&["Delete the tag v1?", "value=\"delete-tag\""]);
        for odd in ["delete=tag&name=other", "delete=x&name=v1", "delete=branch"] {
            let page = alice.get(&format!("/alice/m/refs?{odd}")).await;
            assert_eq!(page.status, 200);
            page.lacks(&["Leave it"]);
        }
        let protect = [("action", "protect"), ("name", "other")];
        assert_eq!(alice.post("/alice/m/refs", &protect).await.status, 303);
        let delete = [("action", "delete-branch"), ("name", "other")];
        let delete = alice.post("/alice/m/refs", &delete).await;
        assert_eq!(delete.status, 403);
        delete.has(&["protected", "Unprotect"]);
        for (action, name) in [
            ("open", "other"),
            ("delete-branch", "other"),
            ("delete-branch", "other"),
            ("delete-tag", "v1"),
        ] {
            let sent = alice.post("/alice/m/refs", &[("action", action), ("name", name)]).await;
            assert_eq!(sent.status, 303, "{action}: {}", sent.body);
        }
        alice.get("/alice/m/refs").await.lacks(&[">other<", ">v1<"]);
    }
}

#[tokio::test]
async fn a_like_is_a_button_with_its_count() {
    for world in World::all().await {
        world.repo("model", "m", false, &[("a.txt", "a")]).await;
        let mallory = Session::of(&world, "mallory").await;
        for (action, count, next) in
            [("like", 1, "unlike"), ("like", 1, "unlike"), ("unlike", 0, "like")]
        {
            let sent = mallory.post("/alice/m/like", &[("action", action)]).await;
            assert_eq!((sent.status.as_u16(), sent.header("location")), (303, "/alice/m"));
            let page = mallory.get("/alice/m").await;
            page.has(&[&format!("<b>{count}</b> like"), &format!("value=\"{next}\"")]);
        }
        world.browse("/alice/m").await.lacks(&["/alice/m/like"]);
        assert_eq!(mallory.post("/alice/m/like", &[("action", "adore")]).await.status, 400);
    }
}
