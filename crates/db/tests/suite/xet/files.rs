//! Files and their terms.

use steelyard_core::{Sha256, XetHash};
use steelyard_db::xet::ClaimOutcome;
use steelyard_db::{check, xet};

use super::{NOBODY, claim, file, hash, link, new_file, user_and_repo, xorb};
use crate::base::{Base, at, db_suite, sha256};

db_suite!(
    a_file_is_registered_once,
    many_files_are_registered_at_once,
    a_file_is_found_through_its_repository_only,
);

async fn a_file_is_registered_once(base: Base) {
    let (one, two) = (xorb(&base, 1).await, xorb(&base, 2).await);
    let mut tx = base.write().await;
    let (id, is_new) =
        xet::insert_file(&mut tx, &new_file(9, &[two, one, two]), at(5)).await.unwrap();
    assert!(is_new);
    let only = [one];
    let other = xet::NewFile { terms: &[1; 56], n_terms: 2, ..new_file(9, &only) };
    assert_eq!(xet::insert_file(&mut tx, &other, at(6)).await.unwrap(), (id, false));
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    let row = xet::find_file(&mut conn, &hash(9)).await.unwrap().unwrap();
    assert_eq!((row.id, row.hash, row.size_bytes), (id, hash(9), 9000));
    assert_eq!((row.n_terms, row.sha256, row.created_at), (1, None, at(5)));
    let terms = b"twenty-eight bytes of a term".to_vec();
    assert_eq!(xet::file_terms(&mut conn, id).await.unwrap(), terms);
    assert_eq!(xet::list_terms(&mut conn, &[id, id + 1]).await.unwrap(), [(id, terms)]);
    assert_eq!(xet::file_terms(&mut conn, id + 1).await.unwrap(), Vec::<u8>::new());
    let edges = check::file_edges(&mut conn, &[id]).await.unwrap();
    assert_eq!(edges, [(id, one), (id, two)], "what the second one named does not count");
    assert_eq!(xet::find_files(&mut conn, &[hash(8), hash(9)]).await.unwrap(), [row]);
    assert!(xet::find_file(&mut conn, &XetHash::ZERO).await.unwrap().is_none());
    assert!(xet::find_file_by_id(&mut conn, id + 1).await.unwrap().is_none());
    drop(conn);
    let mut tx = base.write().await;
    xet::set_file_sha256(&mut tx, id, sha256(9)).await.unwrap();
    let row = xet::find_file_by_id(&mut tx, id).await.unwrap().unwrap();
    assert_eq!(row.sha256, Some(sha256(9)));
}

async fn a_file_is_found_through_its_repository_only(base: Base) {
    let (_, repo) = user_and_repo(&base, "u").await;
    let (_, other) = user_and_repo(&base, "v").await;
    let x = xorb(&base, 1).await;
    let (linked, claimed, lie) =
        (file(&base, 1, &[x]).await, file(&base, 2, &[x]).await, file(&base, 3, &[x]).await);
    link(&base, repo, 11, linked).await;
    claim(&base, repo, 12, claimed, "claim").await;
    claim(&base, repo, 13, lie, "lie").await;
    assert_eq!(claim(&base, other, 99, linked, "other").await, ClaimOutcome::Other);
    let find = async |repo, n| {
        let found = xet::find_repo_file(&mut base.read().await, repo, &hash(n)).await.unwrap();
        found.map(|found| (found.file.id, found.sha256, found.verified))
    };
    assert_eq!(find(repo, 1).await, Some((linked, sha256(11), true)));
    assert_eq!(find(repo, 2).await, Some((claimed, sha256(12), false)));
    assert_eq!(find(repo, 3).await, Some((lie, sha256(13), false)));
    assert_eq!(find(other, 1).await, None);
    assert_eq!(find(other, 2).await, None);
    let mut tx = base.write().await;
    xet::confirm_claims(&mut tx, lie, Sha256::ZERO, at(400)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(find(repo, 3).await, None, "quarantined");
    let found = xet::readable_files_of_xorb(&mut base.read().await, &NOBODY, x, 10).await.unwrap();
    assert_eq!(found, [claimed, linked]);
}

async fn many_files_are_registered_at_once(base: Base) {
    let (one, two) = (xorb(&base, 1).await, xorb(&base, 2).await);
    let (condemned, known) = (file(&base, 1, &[one]).await, file(&base, 2, &[one]).await);
    let mut tx = base.write().await;
    xet::condemn_files(&mut tx, &[condemned], at(9)).await.unwrap();
    let both = [one, two];
    let mut new: Vec<_> = (1..=150).rev().map(|n| new_file(n, &both)).collect();
    new.push(new_file(77, &both[..1]));
    let ids = xet::insert_files(&mut tx, &new, at(10)).await.unwrap();
    assert_eq!(ids.len(), 151);
    assert_eq!((ids[149], ids[148]), ((condemned, false), (known, false)));
    assert!(ids[..148].iter().all(|(_, is_new)| *is_new));
    assert_eq!(ids[150], (ids[150 - 77].0, false), "the first of two counts");
    let sums: Vec<_> = ids
        .iter()
        .zip(&new)
        .map(|((id, _), new)| (*id, Sha256::new(*new.hash.as_bytes())))
        .collect();
    xet::set_files_sha256(&mut tx, &sums).await.unwrap();
    assert_eq!(xet::insert_files(&mut tx, &[], at(10)).await.unwrap(), []);
    assert_eq!(xet::delete_files(&mut tx, at(99), 9, at(99)).await.unwrap(), Vec::<i64>::new());
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    for (new, (id, _)) in new.iter().zip(&ids) {
        let row = xet::find_file(&mut conn, &new.hash).await.unwrap().unwrap();
        assert_eq!((row.id, row.size_bytes), (*id, new.size_bytes));
        assert_eq!(row.sha256, Some(Sha256::new(*new.hash.as_bytes())));
    }
    let edges = check::file_edges(&mut conn, &[known, ids[150].0]).await.unwrap();
    assert_eq!(edges, [(known, one), (ids[150].0, one), (ids[150].0, two)]);
    drop(conn);
    let mut tx = base.write().await;
    let missing = [one, 999];
    assert!(
        xet::insert_file(&mut tx, &new_file(200, &missing), at(1)).await.is_err(),
        "no such xorb"
    );
}
