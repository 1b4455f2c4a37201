//! Who may know of a xorb: whoever can read a file that uses it.

use std::collections::HashSet;

use steelyard_core::{OrgRole, Visibility, XetHash};
use steelyard_db::account::{self, AccountKind};
use steelyard_db::xet::{self, Reader};
use steelyard_db::{lfs, repo};

use super::{NOBODY, claim, file, link, new_file, reader, user_and_repo, xorb};
use crate::base::{Base, at, db_suite, sha256};

db_suite!(
    readers_of_a_repository_see_its_xorbs,
    a_wrong_claim_shows_nothing,
    only_the_newest_files_are_looked_at,
);

/// Whether the reader sees the xorb; both queries must agree.
async fn sees(base: &Base, reader: &Reader, xorb: i64) -> bool {
    let mut conn = base.read().await;
    let xorbs = xet::readable_xorbs(&mut conn, reader, &[xorb]).await.unwrap();
    let files = xet::readable_files_of_xorb(&mut conn, reader, xorb, 10).await.unwrap();
    assert_eq!(xorbs.is_empty(), files.is_empty());
    assert!(xorbs.is_subset(&HashSet::from([xorb])));
    !xorbs.is_empty()
}

async fn set_repo(base: &Base, id: i64, visibility: Visibility, gated: &str) {
    let mut tx = base.write().await;
    repo::update_repo(&mut tx, id, Some(visibility), Some(gated), None).await.unwrap();
    tx.commit().await.unwrap();
}

async fn readers_of_a_repository_see_its_xorbs(base: Base) {
    let org = base.account(AccountKind::Org, "org").await;
    let creator = base.user("creator").await;
    let id = base.repo(("org", org), "r").await;
    let (owner, personal) = user_and_repo(&base, "owner").await;
    let stranger = base.user("stranger").await;
    let mut members = vec![(creator, OrgRole::Contributor)];
    for (name, role) in [
        ("reads", OrgRole::Read),
        ("contributes", OrgRole::Contributor),
        ("writes", OrgRole::Write),
        ("administers", OrgRole::Admin),
    ] {
        members.push((base.user(name).await, role));
    }
    let mut tx = base.write().await;
    for (user, role) in &members {
        account::set_member(&mut tx, org, *user, *role, at(1)).await.unwrap();
    }
    let sql = "UPDATE repo SET creator_id = $1 WHERE id = $2";
    tx.execute(sql, vec![creator.into(), id.into()]).await.unwrap();
    tx.commit().await.unwrap();
    let (in_org, own, unused) = (xorb(&base, 1).await, xorb(&base, 2).await, xorb(&base, 3).await);
    link(&base, id, 1, file(&base, 1, &[in_org]).await).await;
    claim(&base, personal, 2, file(&base, 2, &[own]).await, "claim").await;

    let admin = Reader { user_id: Some(stranger), is_admin: true };
    for (visibility, gated, strangers, plain_members) in [
        (Visibility::Public, "", true, true),
        (Visibility::Private, "", false, true),
        (Visibility::Public, "auto", false, false),
        (Visibility::Private, "manual", false, false),
    ] {
        set_repo(&base, id, visibility, gated).await;
        set_repo(&base, personal, visibility, gated).await;
        for xorb in [in_org, own] {
            assert_eq!(sees(&base, &NOBODY, xorb).await, strangers, "{visibility:?} {gated}");
            assert_eq!(sees(&base, &reader(stranger), xorb).await, strangers);
            assert!(sees(&base, &admin, xorb).await);
            assert!(!sees(&base, &admin, unused).await);
        }
        assert!(sees(&base, &reader(owner), own).await);
        for (user, role) in &members {
            let expected = plain_members || *role >= OrgRole::Write || *user == creator;
            assert_eq!(sees(&base, &reader(*user), in_org).await, expected, "{role:?} {gated}");
            assert_eq!(sees(&base, &reader(*user), own).await, strangers);
        }
    }
    let both = xet::readable_xorbs(&mut base.read().await, &admin, &[unused, own, in_org]).await;
    assert_eq!(both.unwrap(), HashSet::from([own, in_org]));

    set_repo(&base, id, Visibility::Public, "").await;
    let mut tx = base.write().await;
    let sql = "UPDATE repo SET disabled = $1 WHERE id = $2";
    tx.execute(sql, vec![true.into(), id.into()]).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!sees(&base, &admin, in_org).await, "out of service");
    let mut tx = base.write().await;
    assert!(repo::delete_repo(&mut tx, personal, at(9)).await.unwrap());
    tx.commit().await.unwrap();
    assert!(!sees(&base, &reader(owner), own).await, "deleted");
}

async fn a_wrong_claim_shows_nothing(base: Base) {
    let (_, repo) = user_and_repo(&base, "u").await;
    let x = xorb(&base, 1).await;
    let lie = file(&base, 1, &[x]).await;
    claim(&base, repo, 5, lie, "lie").await;
    assert!(sees(&base, &NOBODY, x).await);
    let mut tx = base.write().await;
    xet::confirm_claims(&mut tx, lie, sha256(6), at(9)).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!sees(&base, &NOBODY, x).await);
    assert_eq!(lfs::xet_hashes(&mut base.read().await, repo, &[sha256(5)]).await.unwrap().len(), 0);
}

async fn only_the_newest_files_are_looked_at(base: Base) {
    let (_, repo) = user_and_repo(&base, "u").await;
    let x = xorb(&base, 1).await;
    link(&base, repo, 1, file(&base, 1, &[x]).await).await;
    for (count, seen) in [(999_u32, true), (1, false)] {
        let mut tx = base.write().await;
        for n in 0..count {
            let mut bytes = [count.to_le_bytes()[0]; 32];
            bytes[..4].copy_from_slice(&u32::to_le_bytes(n));
            let new =
                xet::NewFile { hash: XetHash::new(bytes), ..new_file(2, std::slice::from_ref(&x)) };
            assert!(xet::insert_file(&mut tx, &new, at(1)).await.unwrap().1);
        }
        tx.commit().await.unwrap();
        assert_eq!(sees(&base, &NOBODY, x).await, seen);
    }
}
