//! Files in a text area: written, edited, renamed, deleted, proposed.

use super::{Session, field};
use crate::world::World;

#[tokio::test]
async fn a_file_is_written_edited_renamed_and_deleted() {
    for world in World::all().await {
        world.repo("model", "m", false, &[("dos.txt", "a\r\nb\r\n")]).await;
        let alice = Session::of(&world, "alice").await;
        alice.get("/alice/m/tree/main").await.has(&["/alice/m/new/main", "/alice/m/upload/main"]);
        let page = alice.get("/alice/m/new/main/notes").await;
        page.has(&["value=\"notes/\""]);
        let parent = field(&page, "parent");
        let fields = [
            ("path", "notes/one.txt"),
            ("text", "first\r\nsecond"),
            ("action", "save"),
            ("target", "branch"),
            ("parent", &*parent),
        ];
        for _ in 0..2 {
            let made = alice.post("/alice/m/new/main/notes", &fields).await;
            assert_eq!(
                made.header("location"),
                "/alice/m/blob/main/notes/one.txt",
                "{}",
                made.body
            );
        }
        assert_eq!(world.file("/alice/m/resolve/main/notes/one.txt").await.body, "first\nsecond");
        // One commit at the beginning, one of the set-up, one of the two forms.
        assert_eq!(world.commits("alice/m", "main").await, 3);

        let blob = alice.get("/alice/m/blob/main/notes/one.txt").await;
        blob.has(&["/alice/m/edit/main/notes/one.txt", "/alice/m/delete/main/notes/one.txt"]);
        let page = alice.get("/alice/m/edit/main/notes/one.txt").await;
        page.has(&["first\nsecond</textarea>"]);
        let parent = field(&page, "parent");
        let fields = [
            ("path", "two.txt"),
            ("text", "third"),
            ("action", "save"),
            ("target", "branch"),
            ("parent", &parent),
        ];
        for _ in 0..2 {
            let moved = alice.post("/alice/m/edit/main/notes/one.txt", &fields).await;
            assert_eq!(moved.header("location"), "/alice/m/blob/main/two.txt", "{}", moved.body);
        }
        assert_eq!(world.file("/alice/m/resolve/main/two.txt").await.body, "third");
        assert_eq!(world.file("/alice/m/resolve/main/notes/one.txt").await.status, 404);
        assert_eq!(world.commits("alice/m", "main").await, 4);

        let parent = field(&alice.get("/alice/m/edit/main/dos.txt").await, "parent");
        let fields = [
            ("path", "dos.txt"),
            ("text", "a\r\nc\r\n"),
            ("action", "save"),
            ("target", "branch"),
            ("parent", &parent),
        ];
        assert_eq!(alice.post("/alice/m/edit/main/dos.txt", &fields).await.status, 303);
        assert_eq!(world.file("/alice/m/resolve/main/dos.txt").await.body, "a\r\nc\r\n");

        let page = alice.get("/alice/m/delete/main/two.txt").await;
        let parent = field(&page, "parent");
        for _ in 0..2 {
            let gone = alice
                .post("/alice/m/delete/main/two.txt", &[("parent", &parent), ("target", "branch")])
                .await;
            assert_eq!(gone.header("location"), "/alice/m/tree/main", "{}", gone.body);
        }
        assert_eq!(world.file("/alice/m/resolve/main/two.txt").await.status, 404);
        assert_eq!(world.commits("alice/m", "main").await, 6);
    }
}

#[tokio::test]
async fn a_concurrent_change_keeps_both_texts() {
    for world in World::all().await {
        world.repo("model", "m", false, &[("a.txt", "old"), ("b.txt", "b")]).await;
        let alice = Session::of(&world, "alice").await;
        let parent = field(&alice.get("/alice/m/edit/main/a.txt").await, "parent");
        // Another file changed: nobody is asked anything.
        world.commit("model", "m", "b", &[("b.txt", "b2")]).await;
        let fields = [
            ("path", "a.txt"),
            ("text", "mine"),
            ("action", "save"),
            ("target", "branch"),
            ("parent", &parent),
        ];
        let saved = alice.post("/alice/m/edit/main/a.txt", &fields).await;
        assert_eq!(saved.status, 303, "{}", saved.body);
        assert_eq!(world.file("/alice/m/resolve/main/b.txt").await.body, "b2");

        let parent = field(&alice.get("/alice/m/edit/main/a.txt").await, "parent");
        world.commit("model", "m", "a", &[("a.txt", "theirs")]).await;
        let fields = [
            ("path", "a.txt"),
            ("text", "my <b>long</b> text"),
            ("action", "save"),
            ("target", "branch"),
            ("parent", &parent),
        ];
        let page = alice.post("/alice/m/edit/main/a.txt", &fields).await;
        assert_eq!(page.status, 412);
        page.has(&[
            "while you wrote",
            "my &#60;b&#62;long&#60;/b&#62; text</textarea>",
            "/alice/m/commits/main/a.txt",
        ]);
        assert_eq!(world.file("/alice/m/resolve/main/a.txt").await.body, "theirs");
        // Sent again from that page it takes their place.
        let parent = field(&page, "parent");
        let fields = [
            ("path", "a.txt"),
            ("text", "both"),
            ("action", "save"),
            ("target", "branch"),
            ("parent", &parent),
        ];
        assert_eq!(alice.post("/alice/m/edit/main/a.txt", &fields).await.status, 303);
        assert_eq!(world.file("/alice/m/resolve/main/a.txt").await.body, "both");

        let parent = field(&alice.get("/alice/m/delete/main/a.txt").await, "parent");
        world.commit("model", "m", "a", &[("a.txt", "theirs again")]).await;
        let page = alice
            .post("/alice/m/delete/main/a.txt", &[("parent", &parent), ("target", "branch")])
            .await;
        assert_eq!(page.status, 412);
        page.has(&["Look at it again"]);
        assert_eq!(world.file("/alice/m/resolve/main/a.txt").await.body, "theirs again");
    }
}

#[tokio::test]
async fn a_stranger_proposes_and_cannot_commit() {
    for world in World::all().await {
        world.repo("model", "m", false, &[("a.txt", "old")]).await;
        let mallory = Session::of(&world, "mallory").await;
        let page = mallory.get("/alice/m/edit/main/a.txt").await;
        page.has(&["value=\"pull\" checked"]).lacks(&["value=\"branch\""]);
        let parent = field(&page, "parent");
        let with = |target: &'static str| {
            [
                ("path", "a.txt"),
                ("text", "better"),
                ("action", "save"),
                ("target", target),
                ("parent", parent.as_str()),
            ]
        };
        assert_eq!(mallory.post("/alice/m/edit/main/a.txt", &with("branch")).await.status, 403);
        for _ in 0..2 {
            let sent = mallory.post("/alice/m/edit/main/a.txt", &with("pull")).await;
            assert_eq!(
                sent.header("location"),
                "/alice/m/blob/refs%2Fpr%2F1/a.txt",
                "{}",
                sent.body
            );
        }
        assert_eq!(world.file("/alice/m/resolve/refs%2Fpr%2F2/a.txt").await.status, 404);
        assert_eq!(world.file("/alice/m/resolve/main/a.txt").await.body, "old");
        assert_eq!(world.file("/alice/m/resolve/refs%2Fpr%2F1/a.txt").await.body, "better");
        // The page says what was made of it, and what comes next; so does the list of files.
        for path in ["/alice/m/blob/refs%2Fpr%2F1/a.txt", "/alice/m/tree/refs%2Fpr%2F1"] {
            let page = mallory.get(path).await;
            page.has(&["Pull request 1 is open:", "Update a.txt", "git fetch origin refs/pr/1"]);
            page.has(&["href=\"/alice/m/compare/main..refs%2Fpr%2F1\""]);
        }
        world.browse("/alice/m/compare/main..refs%2Fpr%2F1").await.has(&["better"]);
        mallory.get("/alice/m/blob/main/a.txt").await.lacks(&["Pull request 1 is"]);
        // Whose pull request it is may go on there.
        let page = mallory.get("/alice/m/edit/refs%2Fpr%2F1/a.txt").await;
        page.has(&["value=\"branch\" checked"]).lacks(&["value=\"pull\""]);
        let anonymous = world.browse("/alice/m/edit/main/a.txt").await;
        assert_eq!(anonymous.header("location"), "/login?next=%2Falice%2Fm%2Fedit%2Fmain%2Fa.txt");
        world.browse("/alice/m/blob/main/a.txt").await.lacks(&["/edit/", "/delete/"]);
        world.browse("/alice/m/tree/main").await.lacks(&["/upload/", "/new/"]);
    }
}

#[tokio::test]
async fn clicks_at_once_propose_once() {
    for world in World::all().await {
        world.repo("model", "m", false, &[("a.txt", "old")]).await;
        let mallory = Session::of(&world, "mallory").await;
        let page = mallory.get("/alice/m/edit/main/a.txt").await;
        let parent = field(&page, "parent");
        let fields = [
            ("path", "a.txt"),
            ("text", "better"),
            ("action", "save"),
            ("target", "pull"),
            ("parent", parent.as_str()),
        ];
        let clicks = (0..6).map(|_| mallory.post("/alice/m/edit/main/a.txt", &fields));
        for sent in futures_util::future::join_all(clicks).await {
            let there = "/alice/m/blob/refs%2Fpr%2F1/a.txt";
            assert_eq!(sent.header("location"), there, "{}", sent.body);
        }
        let changed = [&fields[..1], &[("text", "better still")], &fields[2..]].concat();
        let other = mallory.post("/alice/m/edit/main/a.txt", &changed).await;
        assert_eq!(other.header("location"), "/alice/m/blob/refs%2Fpr%2F2/a.txt");
    }
}

#[tokio::test]
async fn what_cannot_be_edited_says_why() {
    for world in World::all().await {
        world.repo("model", "m", false, &[("a.txt", "a"), ("b.txt", "b")]).await;
        let alice = Session::of(&world, "alice").await;
        alice.post("/alice/m/refs", &[("action", "tag"), ("name", "v1"), ("from", "main")]).await;
        let tag = alice.get("/alice/m/edit/v1/a.txt").await;
        assert_eq!(tag.status, 400);
        tag.has(&["must be a branch"]);
        alice.get("/alice/m/blob/v1/a.txt").await.lacks(&["/edit/"]);
        assert_eq!(alice.get("/alice/m/edit/main/missing.txt").await.status, 404);
        assert_eq!(alice.get("/alice/m/edit/nowhere/a.txt").await.status, 404);
        let parent = field(&alice.get("/alice/m/edit/main/a.txt").await, "parent");
        let large = "x".repeat(1024 * 1024 + 1);
        for (path, text, status, words) in [
            ("../x", "a", 400, "must not contain"),
            ("", "a", 400, "must not be empty"),
            ("b.txt", "a", 409, "is there already"),
            ("a/<img src=x>\u{1}", "a", 400, "&#60;img"),
            ("a.txt", &large, 413, "1 MiB"),
        ] {
            let fields = [
                ("path", path),
                ("text", text),
                ("action", "save"),
                ("target", "branch"),
                ("parent", &parent),
            ];
            let page = alice.post("/alice/m/edit/main/a.txt", &fields).await;
            assert_eq!(page.status, status, "{path}: {}", &page.body[..400]);
            page.has(&[words, "</textarea>"]).lacks(&["<img"]);
        }
        let name = "d/<i>\"&'.txt";
        let fields = [
            ("path", name),
            ("text", "t"),
            ("action", "save"),
            ("target", "branch"),
            ("parent", &parent),
        ];
        let made = alice.post("/alice/m/new/main", &fields).await;
        assert_eq!(made.status, 303, "{}", made.body);
        let address = made.header("location").replace("/blob/", "/edit/");
        alice.get(&address).await.has(&["d/&#60;i&#62;"]).lacks(&["<i>"]);
        alice.get(&address.replace("/edit/", "/delete/")).await.lacks(&["<i>"]);
    }
}
