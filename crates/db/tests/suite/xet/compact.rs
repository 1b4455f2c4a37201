//! Moving what is still used of a xorb into another one.

use steelyard_db::{check, xet};

use super::{file, hash, xorb};
use crate::base::{Base, at, db_suite};

db_suite!(a_xorb_is_noted_when_a_file_of_it_goes, a_file_moves_to_another_xorb);

async fn a_xorb_is_noted_when_a_file_of_it_goes(base: Base) {
    let (one, two) = (xorb(&base, 1).await, xorb(&base, 2).await);
    let gone = file(&base, 1, &[one]).await;
    file(&base, 2, &[one, two]).await;
    let mut tx = base.write().await;
    xet::condemn_files(&mut tx, &[gone], at(300)).await.unwrap();
    assert_eq!(xet::delete_files(&mut tx, at(400), 9, at(500)).await.unwrap(), [gone]);
    let list = async |tx: &mut _, before, after| {
        let rows = xet::list_shrunk_xorbs(tx, at(before), after, 9).await.unwrap();
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(list(&mut *tx, 101, 0).await, [one]);
    assert!(list(&mut *tx, 100, 0).await.is_empty(), "too young");
    assert!(list(&mut *tx, 101, one).await.is_empty(), "before the page");
    xet::clear_shrunk(&mut tx, one).await.unwrap();
    assert!(list(&mut *tx, 101, 0).await.is_empty());
}

async fn a_file_moves_to_another_xorb(base: Base) {
    let (from, to, other) = (xorb(&base, 1).await, xorb(&base, 2).await, xorb(&base, 3).await);
    let (a, b) = (file(&base, 1, &[from, other]).await, file(&base, 2, &[from]).await);
    let mut tx = base.write().await;
    let known = [(hash(10), from, 0), (hash(11), from, 4), (hash(12), other, 0)];
    xet::insert_dedup(&mut tx, &known).await.unwrap();
    assert_eq!(xet::list_files_of_xorb(&mut tx, from, 9).await.unwrap(), [a, b]);
    assert_eq!(xet::list_files_of_xorb(&mut tx, from, 1).await.unwrap(), [a]);
    let chunks = xet::list_dedup_of_xorb(&mut tx, from).await.unwrap();
    assert_eq!(chunks, [(hash(10), 0), (hash(11), 4)]);
    xet::move_file(&mut tx, a, b"other terms", from, to).await.unwrap();
    xet::move_dedup(&mut tx, from, to, &[(hash(11), 1)]).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    assert_eq!(xet::file_terms(&mut conn, a).await.unwrap(), b"other terms");
    let edges = check::file_edges(&mut conn, &[a, b]).await.unwrap();
    assert_eq!(edges, [(a, to), (a, other), (b, from)]);
    assert!(xet::list_dedup_of_xorb(&mut conn, from).await.unwrap().is_empty());
    assert_eq!(xet::list_dedup_of_xorb(&mut conn, to).await.unwrap(), [(hash(11), 1)]);
    assert_eq!(xet::list_dedup_of_xorb(&mut conn, other).await.unwrap(), [(hash(12), 0)]);
}
