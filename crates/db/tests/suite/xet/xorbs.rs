//! Rows of xorbs, and who may refer to them.

use std::collections::HashSet;

use steelyard_core::XetHash;
use steelyard_db::xet::{self, XorbInsert, XorbState};

use super::{hash, new_xorb, xorb};
use crate::base::{Base, at, db_suite};

db_suite!(
    a_xorb_is_recorded_once,
    xorbs_are_found_in_any_number,
    a_condemned_xorb_lives_again_under_another_generation,
    uses_last_until_they_end,
    unused_bytes_are_those_of_the_uploader,
    locked_xorbs_come_in_order,
);

async fn a_xorb_is_recorded_once(base: Base) {
    let user = base.user("u").await;
    let mut tx = base.write().await;
    let first = new_xorb(3, u32::MAX, Some(user), &[7; 120]);
    let XorbInsert::Inserted(id) = xet::insert_xorb(&mut tx, &first, at(10)).await.unwrap() else {
        panic!("it is new")
    };
    let again = new_xorb(3, 5, None, &[8; 120]);
    let XorbInsert::Exists(row) = xet::insert_xorb(&mut tx, &again, at(20)).await.unwrap() else {
        panic!("it is there")
    };
    tx.commit().await.unwrap();
    assert_eq!((row.id, row.hash, row.generation), (id, hash(3), u32::MAX));
    assert_eq!((row.state, row.n_chunks), (XorbState::Live, 3));
    assert_eq!((row.raw_bytes, row.stored_bytes), (6000, 3000));
    assert_eq!((row.used_at, row.created_at), (None, at(10)));
    let mut conn = base.read().await;
    let found = xet::find_xorbs(&mut conn, &[hash(3), hash(4)]).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&row));
    assert_eq!(xet::find_xorbs_by_id(&mut conn, &[id, id + 1]).await.unwrap(), [row]);
    assert_eq!(xet::xorb_tables(&mut conn, &[id]).await.unwrap(), [(id, vec![7; 120])]);
}

async fn xorbs_are_found_in_any_number(base: Base) {
    let mut tx = base.write().await;
    let mut all = Vec::new();
    for n in 0..1100_u32 {
        let mut bytes = [1; 32];
        bytes[..4].copy_from_slice(&n.to_be_bytes());
        let new = xet::NewXorb { hash: XetHash::new(bytes), ..new_xorb(1, n, None, &[0; 40]) };
        let XorbInsert::Inserted(id) = xet::insert_xorb(&mut tx, &new, at(1)).await.unwrap() else {
            panic!("{n} is new")
        };
        all.push((id, new.hash));
    }
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    for count in [0, 1, 2, 3, 511, 512, 513, 1024, 1100] {
        let wanted = &all[..count];
        let hashes: Vec<_> = wanted.iter().map(|(_, hash)| *hash).collect();
        let ids: Vec<_> = wanted.iter().rev().chain(wanted).map(|(id, _)| *id).collect();
        let expected: HashSet<_> = wanted.iter().copied().collect();
        for rows in [
            xet::find_xorbs(&mut conn, &hashes).await.unwrap(),
            xet::find_xorbs_by_id(&mut conn, &ids).await.unwrap(),
        ] {
            assert_eq!(rows.len(), count, "each comes once");
            let found: HashSet<_> = rows.into_iter().map(|row| (row.id, row.hash)).collect();
            assert_eq!(found, expected);
        }
    }
}

async fn a_condemned_xorb_lives_again_under_another_generation(base: Base) {
    let user = base.user("u").await;
    let (condemned, deleting) = (xorb(&base, 1).await, xorb(&base, 2).await);
    let now = at(10 * 86_400);
    let mut tx = base.write().await;
    xet::condemn_xorbs(&mut tx, &[deleting], now).await.unwrap();
    xet::claim_xorbs_to_delete(&mut tx, at(11 * 86_400), 10).await.unwrap();
    xet::condemn_xorbs(&mut tx, &[condemned], now).await.unwrap();
    tx.commit().await.unwrap();
    let states = xet::find_xorbs_by_id(&mut base.read().await, &[condemned, deleting]).await;
    let states: HashSet<_> = states.unwrap().iter().map(|row| (row.id, row.state)).collect();
    assert_eq!(
        states,
        HashSet::from([(condemned, XorbState::Condemned), (deleting, XorbState::Deleting)])
    );
    for (n, id) in [(1, condemned), (2, deleting)] {
        let mut tx = base.write().await;
        let new = new_xorb(n, 77, Some(user), &[9; 40]);
        let outcome = xet::insert_xorb(&mut tx, &new, at(900)).await.unwrap();
        assert_eq!(outcome, XorbInsert::Revived(id));
        tx.commit().await.unwrap();
        let mut conn = base.read().await;
        let row = xet::find_xorbs_by_id(&mut conn, &[id]).await.unwrap().remove(0);
        assert_eq!((row.generation, row.state, row.used_at), (77, XorbState::Live, None));
        assert_eq!(row.created_at, at(900));
        assert_eq!(xet::xorb_tables(&mut conn, &[id]).await.unwrap(), [(id, vec![9; 40])]);
    }
    assert_eq!(xet::unused_bytes(&mut base.read().await, user).await.unwrap(), 3000);
    let mut tx = base.write().await;
    assert!(!xet::delete_xorb(&mut tx, deleting, 2).await.unwrap(), "the old object's row is gone");
}

async fn uses_last_until_they_end(base: Base) {
    let (user, other) = (base.user("u").await, base.user("v").await);
    let (one, two, gone) = (xorb(&base, 1).await, xorb(&base, 2).await, xorb(&base, 3).await);
    let mut tx = base.write().await;
    xet::condemn_xorbs(&mut tx, &[gone], at(200_000)).await.unwrap();
    xet::claim_xorbs_to_delete(&mut tx, at(300_000), 10).await.unwrap();
    xet::condemn_xorbs(&mut tx, &[two], at(200_000)).await.unwrap();
    let touched = xet::touch_use(&mut tx, user, &[two, one, gone, 999, one], at(500)).await;
    assert_eq!(touched.unwrap(), HashSet::from([one, two]));
    xet::touch_use(&mut tx, user, &[one], at(400)).await.unwrap();
    xet::touch_use(&mut tx, user, &[two], at(600)).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    let mut usable = async |user, now| {
        xet::usable_xorbs(&mut conn, user, &[one, two, gone], at(now)).await.unwrap()
    };
    assert_eq!(usable(user, 499).await, HashSet::from([one, two]));
    assert_eq!(usable(user, 500).await, HashSet::from([two]), "shorter ones change nothing");
    assert_eq!(usable(user, 600).await, HashSet::new());
    assert_eq!(usable(other, 1).await, HashSet::new());
    let states = xet::find_xorbs_by_id(&mut conn, &[two]).await.unwrap();
    assert_eq!(states[0].state, XorbState::Live, "a use takes a xorb off the list");
    drop(conn);
    let mut tx = base.write().await;
    xet::touch_use(&mut tx, other, &[one], at(100)).await.unwrap();
    assert_eq!(xet::delete_ended_uses(&mut tx, at(501), 1).await.unwrap(), 1);
    assert_eq!(xet::delete_ended_uses(&mut tx, at(501), 5).await.unwrap(), 1);
    assert_eq!(xet::delete_ended_uses(&mut tx, at(501), 5).await.unwrap(), 0);
    tx.commit().await.unwrap();
    let left = xet::usable_xorbs(&mut base.read().await, user, &[one, two], at(0)).await;
    assert_eq!(left.unwrap(), HashSet::from([two]));
}

async fn unused_bytes_are_those_of_the_uploader(base: Base) {
    let (user, other) = (base.user("u").await, base.user("v").await);
    let mut tx = base.write().await;
    let mut ids = Vec::new();
    for (n, uploader) in [(1, Some(user)), (2, Some(user)), (3, Some(other)), (4, None)] {
        let new = new_xorb(n, 1, uploader, &[0; 40]);
        let XorbInsert::Inserted(id) = xet::insert_xorb(&mut tx, &new, at(1)).await.unwrap() else {
            panic!("{n} is new")
        };
        ids.push(id);
    }
    assert_eq!(xet::unused_bytes(&mut tx, user).await.unwrap(), 3000);
    xet::mark_used(&mut tx, &[ids[1], ids[2], ids[3]], at(50)).await.unwrap();
    xet::mark_used(&mut tx, &[ids[1]], at(60)).await.unwrap();
    assert_eq!(xet::unused_bytes(&mut tx, user).await.unwrap(), 1000);
    assert_eq!(xet::unused_bytes(&mut tx, other).await.unwrap(), 0);
    let used = xet::find_xorbs_by_id(&mut tx, &[ids[1]]).await.unwrap();
    assert_eq!(used[0].used_at, Some(at(50)), "the first use counts");
}

async fn locked_xorbs_come_in_order(base: Base) {
    let (one, two, three) = (xorb(&base, 1).await, xorb(&base, 2).await, xorb(&base, 3).await);
    let mut tx = base.write().await;
    xet::condemn_xorbs(&mut tx, &[two, three], at(200_000)).await.unwrap();
    xet::claim_xorbs_to_delete(&mut tx, at(200_001), 1).await.unwrap();
    let rows = xet::lock_xorbs(&mut tx, &[three, 999, one, two, one]).await.unwrap();
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    assert_eq!(ids, [one, two, three]);
    let dying = rows.iter().find(|row| row.state == XorbState::Deleting).unwrap().id;
    xet::revive_xorbs(&mut tx, &[one, two, three]).await.unwrap();
    for row in xet::lock_xorbs(&mut tx, &[one, two, three]).await.unwrap() {
        let expected = if row.id == dying { XorbState::Deleting } else { XorbState::Live };
        assert_eq!(row.state, expected);
    }
}
