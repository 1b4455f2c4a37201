//! Who gets a token for the content store, what it is good for, and until when.

use std::time::Duration;

use steelyard_core::Visibility::{Private, Public};
use steelyard_core::{RefName, RepoId, RepoPath, Revision, TokenRole};
use steelyard_service::access::UserActor;
use steelyard_service::commits::{CommitRequest, Operation};
use steelyard_service::xet::{XetGrant, XetScope};
use steelyard_service::{Action, Actor, Error, Hub, Missing};

use crate::client::{pack, random, send_xorb};
use crate::world::{A_WHILE, MODEL, World, id, on_every_store};

on_every_store!(
    readers_get_tokens_for_what_they_can_read,
    writers_get_tokens_for_where_they_can_write,
    pull_requests_are_written_by_those_who_may_propose,
    tokens_are_good_for_half_an_hour_and_what_they_say,
    no_other_text_is_a_token,
    rights_that_end_end_for_tokens_too,
);

async fn grant(
    w: &World,
    actor: &Actor,
    repo: &RepoId,
    scope: XetScope,
    revision: &str,
) -> Result<XetGrant, Error> {
    w.hub.grant_xet_token(actor, MODEL, repo, scope, revision, false).await
}

fn with_role(actor: &Actor, token_role: TokenRole) -> Actor {
    let Actor::User(user) = actor.clone() else { panic!("nobody has no role") };
    Actor::User(UserActor { token_role, ..user })
}

/// Opens a pull request; returns the name of its ref.
async fn open_pull_request(w: &World, actor: &Actor, repo: &RepoId) -> RefName {
    let path = RepoPath::parse("new.txt").unwrap();
    let request = CommitRequest {
        summary: "a proposal".to_owned(),
        description: String::new(),
        parent: None,
        operations: vec![Operation::File { path, content: "new".into() }],
        create_pr: true,
    };
    let made = w.hub.commit(actor, MODEL, repo, "main", request).await.unwrap();
    RefName::pull_request(made.pull_request.unwrap())
}

async fn readers_get_tokens_for_what_they_can_read(w: World) {
    let open = w.repo(&w.alice, "open", Public).await;
    let closed = w.repo(&w.alice, "closed", Private).await;
    let read = XetScope::Read;
    for actor in [&Actor::Anonymous, &w.bob, &w.alice, &with_role(&w.alice, TokenRole::Read)] {
        grant(&w, actor, &open, read, "main").await.unwrap();
    }
    grant(&w, &w.alice, &closed, read, "main").await.unwrap();
    for (actor, anonymous) in [(&w.bob, false), (&Actor::Anonymous, true)] {
        let hidden = [
            grant(&w, actor, &closed, read, "main").await.unwrap_err(),
            grant(&w, actor, &id("alice", "none"), read, "main").await.unwrap_err(),
        ];
        for error in hidden {
            let expected = Missing::Repo { anonymous };
            assert!(matches!(&error, Error::NotFound(missing) if *missing == expected));
        }
    }
    let main = Revision::parse("main").unwrap();
    let head = w.hub.snapshot(&w.alice, MODEL, &open, &main, Action::ReadContent).await.unwrap();
    let commit = head.commit.to_string();
    grant(&w, &w.bob, &open, read, &commit).await.unwrap();
    let error = grant(&w, &w.bob, &open, read, "no-such-branch").await.unwrap_err();
    assert!(matches!(error, Error::NotFound(Missing::Revision(_))), "{error:?}");
    w.execute("UPDATE repo SET gated = 'manual' WHERE id = $1", vec![w.key(&open).await.into()])
        .await;
    let error = grant(&w, &w.bob, &open, read, "main").await.unwrap_err();
    assert!(matches!(error, Error::Gated { anonymous: false, .. }), "{error:?}");
    grant(&w, &w.alice, &open, read, "main").await.unwrap();
}

async fn writers_get_tokens_for_where_they_can_write(w: World) {
    let repo = w.repo(&w.alice, "m", Public).await;
    let write = XetScope::Write;
    grant(&w, &w.alice, &repo, write, "main").await.unwrap();
    grant(&w, &w.root, &repo, write, "main").await.unwrap();
    let error = grant(&w, &w.bob, &repo, write, "main").await.unwrap_err();
    assert!(matches!(error, Error::Forbidden(_)), "{error:?}");
    let reader = with_role(&w.alice, TokenRole::Read);
    let error = grant(&w, &reader, &repo, write, "main").await.unwrap_err();
    assert!(matches!(error, Error::Forbidden(_)), "{error:?}");
    let error = grant(&w, &Actor::Anonymous, &repo, write, "main").await.unwrap_err();
    assert!(matches!(error, Error::LoginRequired(_)), "{error:?}");
    let error = grant(&w, &w.alice, &repo, write, "no-such-branch").await.unwrap_err();
    assert!(matches!(error, Error::NotFound(Missing::Revision(_))), "{error:?}");
    let error = grant(&w, &w.alice, &repo, write, &"a".repeat(40)).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "commits cannot be committed to: {error:?}");
}

async fn pull_requests_are_written_by_those_who_may_propose(w: World) {
    let open = w.repo(&w.alice, "open", Public).await;
    let closed = w.repo(&w.alice, "closed", Private).await;
    let write = XetScope::Write;
    // The client knows no revision yet and says "None".
    w.hub.grant_xet_token(&w.bob, MODEL, &open, write, "None", true).await.unwrap();
    let error = w.hub.grant_xet_token(&w.bob, MODEL, &closed, write, "None", true).await;
    assert!(matches!(error, Err(Error::NotFound(_))), "{error:?}");
    let nobody = w.hub.grant_xet_token(&Actor::Anonymous, MODEL, &open, write, "None", true).await;
    assert!(matches!(nobody, Err(Error::LoginRequired(_))), "{nobody:?}");
    let bobs = open_pull_request(&w, &w.bob, &open).await;
    let alices = open_pull_request(&w, &w.alice, &open).await;
    grant(&w, &w.bob, &open, write, bobs.as_str()).await.unwrap();
    grant(&w, &w.alice, &open, write, bobs.as_str()).await.unwrap();
    let error = grant(&w, &w.bob, &open, write, alices.as_str()).await.unwrap_err();
    assert!(matches!(error, Error::Forbidden(_)), "{error:?}");
    let error = grant(&w, &w.alice, &open, write, "refs/pr/77").await.unwrap_err();
    assert!(matches!(error, Error::NotFound(Missing::Revision(_))), "{error:?}");
}

async fn tokens_are_good_for_half_an_hour_and_what_they_say(w: World) {
    let repo = w.repo(&w.alice, "m", Public).await;
    let read = grant(&w, &w.alice, &repo, XetScope::Read, "main").await.unwrap();
    let write = grant(&w, &w.alice, &repo, XetScope::Write, "main").await.unwrap();
    assert_eq!(write.expires_at.secs() - w.hub.now().secs(), 1800);
    let verify = |grant: &XetGrant, scope| w.hub.verify_xet_token(grant.token.expose(), scope);
    let token = verify(&write, XetScope::Write).unwrap();
    assert_eq!((token.repo_id, token.user_id), (w.key(&repo).await, w.alice.id()));
    assert_eq!((token.scope, token.expires_at), (XetScope::Write, write.expires_at));
    verify(&write, XetScope::Read).unwrap();
    verify(&read, XetScope::Read).unwrap();
    let error = verify(&read, XetScope::Write).unwrap_err();
    assert!(matches!(error, Error::Forbidden(_)), "{error:?}");
    // Another replica has the same keys; another hub has not.
    let replica = w.replica(2).await;
    replica.verify_xet_token(write.token.expose(), XetScope::Write).unwrap();
    let other = World::embedded().await;
    let sql = "UPDATE setting SET value = 'another' WHERE name = 'url_signing_key'";
    other.execute(sql, Vec::new()).await;
    let other = other.replica(2).await;
    let error = other.verify_xet_token(write.token.expose(), XetScope::Read).unwrap_err();
    assert!(matches!(error, Error::BadCredentials), "{error:?}");
    // A client whose clock is half a minute late still gets through.
    w.clock.advance(Duration::from_secs(1800 + 30));
    verify(&write, XetScope::Write).unwrap();
    w.clock.advance(Duration::from_secs(31));
    let error = verify(&write, XetScope::Write).unwrap_err();
    assert!(matches!(error, Error::BadCredentials), "{error:?}");
}

fn assert_bad(hub: &Hub, text: &str) {
    let verified = hub.verify_xet_token(text, XetScope::Read);
    assert!(matches!(verified, Err(Error::BadCredentials)), "{text}: {verified:?}");
}

async fn no_other_text_is_a_token(w: World) {
    let repo = w.repo(&w.alice, "m", Public).await;
    let grant = grant(&w, &w.alice, &repo, XetScope::Read, "main").await.unwrap();
    let text = grant.token.expose();
    assert!(text.starts_with("xet_") && text.len() < 100 && text.is_ascii());
    for at in 0..text.len() {
        let mut changed = text.as_bytes().to_vec();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        // The last letter carries bits that mean nothing; a decoder that takes them is no hole, ours takes none.
        assert_bad(&w.hub, &changed);
    }
    for text in ["", "xet_", "hf_abc", &text[..text.len() - 1], &format!("{text}A"), &text[4..]] {
        assert_bad(&w.hub, text);
    }
    assert_bad(&w.hub, &format!("xet_{}", "A".repeat(100_000)));
}

async fn rights_that_end_end_for_tokens_too(w: World) {
    let repo = w.repo(&w.alice, "m", Public).await;
    let packed = pack(&[&random(1, 100_000)], 8192);
    let grant = w.hub.grant_xet_token(&w.bob, MODEL, &repo, XetScope::Write, "None", true).await;
    let text = grant.unwrap().token;
    let token = w.hub.verify_xet_token(text.expose(), XetScope::Write).unwrap();
    send_xorb(&w.hub, &token, &packed.xorbs[0]).await.unwrap();
    w.set_visibility(&repo, Private).await;
    let error = send_xorb(&w.hub, &token, &packed.xorbs[0]).await.unwrap_err();
    assert!(matches!(error, Error::NotFound(Missing::Repo { .. })), "{error:?}");
    w.set_visibility(&repo, Public).await;
    send_xorb(&w.hub, &token, &packed.xorbs[0]).await.unwrap();
    w.execute(
        "UPDATE repo SET disabled = $2 WHERE id = $1",
        vec![w.key(&repo).await.into(), true.into()],
    )
    .await;
    w.clock.advance(A_WHILE);
    let error = send_xorb(&w.hub, &token, &packed.xorbs[0]).await.unwrap_err();
    assert!(matches!(error, Error::Disabled), "{error:?}");
    w.delete_repo(&w.root, &repo).await;
    let error = send_xorb(&w.hub, &token, &packed.xorbs[0]).await.unwrap_err();
    assert!(matches!(error, Error::NotFound(Missing::Repo { .. })), "{error:?}");
}
