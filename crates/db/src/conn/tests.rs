use futures_util::FutureExt;

use super::*;

async fn fresh() -> (tempfile::TempDir, Db) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open_sqlite(&dir.path().join("db"), PoolSizes::default()).await.unwrap();
    let mut tx = db.write().await.unwrap();
    tx.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)", args![]).await.unwrap();
    tx.commit().await.unwrap();
    (dir, db)
}

async fn keys(db: &Db) -> Vec<i64> {
    let mut conn = db.read().await.unwrap();
    let rows = conn.fetch_all("SELECT k FROM t ORDER BY k", args![]).await.unwrap();
    rows.iter().map(|row| row.int("k").unwrap()).collect()
}

const INSERT: &str = "INSERT INTO t (k, v) VALUES ($1, $2)";

#[test]
fn parameters_are_counted_on() {
    let pending = vec![("A $1 $2".into(), args![1, "x"]), ("B".into(), args![])];
    let (text, values) = compose(pending, "C $2, $1 '$' $10", args![2, 3]);
    assert_eq!(text, "A $1 $2;B;C $4, $3 '$' $12");
    assert_eq!(values.len(), 4);
}

#[tokio::test]
async fn pending_statements_run_before_the_next_one_and_before_the_commit() {
    let (_dir, db) = fresh().await;
    let mut tx = db.write().await.unwrap();
    tx.execute_later(INSERT, args![1, "a"]).await.unwrap();
    tx.execute_later(INSERT, args![2, "b"]).await.unwrap();
    let row = tx
        .fetch_one("SELECT COUNT(*) AS n, MAX(v) AS v FROM t WHERE k < $1", args![3])
        .await
        .unwrap();
    assert_eq!((row.int("n").unwrap(), row.text("v").unwrap()), (2, "b".to_owned()));
    tx.execute_later(INSERT, args![3, "c"]).await.unwrap();
    assert_eq!(tx.execute("UPDATE t SET v = $1 WHERE k <= $2", args!["z", 2]).await.unwrap(), 2);
    tx.execute_later(INSERT, args![4, "d"]).await.unwrap();
    assert_eq!(keys(&db).await, Vec::<i64>::new());
    tx.commit().await.unwrap();
    assert_eq!(keys(&db).await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn many_rows_and_many_statements_wait_for_the_next_one() {
    let (_dir, db) = fresh().await;
    let mut tx = db.write().await.unwrap();
    for count in [0, 1, 7, 150] {
        let first = count * 1000;
        let rows = (first..first + count).map(|key| [Value::from(key), Value::from("v")]);
        let rows: Vec<_> = rows.collect();
        tx.insert_later("INSERT INTO t (k, v) VALUES ", rows.into_iter()).await.unwrap();
    }
    for key in 1..200 {
        tx.execute_later(INSERT, args![-key, "w"]).await.unwrap();
    }
    assert!(tx.pending.len() <= PENDING_MAX);
    tx.commit().await.unwrap();
    let expected: Vec<i64> =
        (-199..0).chain([1000]).chain(7000..7007).chain(150_000..150_150).collect();
    assert_eq!(keys(&db).await, expected);
}

#[tokio::test]
async fn a_transaction_in_which_a_pending_statement_failed_cannot_be_committed() {
    let (_dir, db) = fresh().await;
    let mut tx = db.write().await.unwrap();
    tx.execute(INSERT, args![1, "a"]).await.unwrap();
    tx.execute_later(INSERT, args![1, "again"]).await.unwrap();
    tx.execute_later(INSERT, args![2, "b"]).await.unwrap();
    let failed = tx.execute(INSERT, args![3, "c"]).await;
    assert!(matches!(failed, Err(DbError::Conflict { .. })));
    assert!(tx.execute(INSERT, args![4, "d"]).await.is_err());
    assert!(tx.commit().await.is_err());
    assert_eq!(keys(&db).await, Vec::<i64>::new());

    let mut tx = db.write().await.unwrap();
    tx.execute_later(INSERT, args![5, "e"]).await.unwrap();
    tx.execute_later(INSERT, args![5, "e"]).await.unwrap();
    assert!(matches!(tx.commit().await, Err(DbError::Conflict { .. })));
    assert_eq!(keys(&db).await, Vec::<i64>::new());
}

#[tokio::test]
async fn a_statement_that_fails_by_itself_leaves_the_transaction_usable() {
    let (_dir, db) = fresh().await;
    let mut tx = db.write().await.unwrap();
    tx.execute_later(INSERT, args![1, "a"]).await.unwrap();
    assert!(matches!(tx.execute(INSERT, args![1, "again"]).await, Err(DbError::Conflict { .. })));
    tx.execute(INSERT, args![2, "b"]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(keys(&db).await, [1, 2]);
}

#[tokio::test]
async fn a_dropped_transaction_leaves_no_trace_and_the_writer_goes_on() {
    let (_dir, db) = fresh().await;
    for started in [false, true] {
        let mut tx = db.write().await.unwrap();
        if started {
            tx.execute(INSERT, args![1, "a"]).await.unwrap();
        }
        tx.execute_later(INSERT, args![2, "b"]).await.unwrap();
        drop(tx);
        assert_eq!(keys(&db).await, Vec::<i64>::new());
    }
    // Dropped in the middle of its commit: either way the next one finds a connection without a transaction.
    let mut tx = db.write().await.unwrap();
    tx.execute(INSERT, args![3, "c"]).await.unwrap();
    assert!(tx.commit().now_or_never().is_none());
    let mut tx = db.write().await.unwrap();
    tx.execute(INSERT, args![4, "d"]).await.unwrap();
    tx.commit().await.unwrap();
    assert!(keys(&db).await.ends_with(&[4]));
}

#[tokio::test]
async fn waiters_get_the_connection_in_turn_and_none_after_the_close() {
    let (_dir, db) = fresh().await;
    let mut held = db.write().await.unwrap();
    held.execute(INSERT, args![0, ""]).await.unwrap();
    let waiting: Vec<_> = (1..20)
        .map(|key: i64| {
            let db = db.clone();
            tokio::spawn(async move {
                let mut tx = db.write().await.unwrap();
                tx.execute_later(INSERT, args![key, ""]).await.unwrap();
                tx.commit().await.unwrap();
            })
        })
        .collect();
    held.commit().await.unwrap();
    for task in waiting {
        task.await.unwrap();
    }
    assert_eq!(keys(&db).await.len(), 20);
    db.close().await;
    assert!(matches!(db.read().await, Err(DbError::Unavailable(_))));
}
