//! Both engines have the same tables, columns and indexes.

use std::collections::{BTreeMap, BTreeSet};

use steelyard_db::{Db, PoolSizes};
use steelyard_testkit::Postgres;

use crate::base::{Base, db_suite};

db_suite!(migrating_again_changes_nothing);

/// Columns by table, each with its type in words of neither engine, and whether it may be NULL.
type Tables = BTreeMap<String, BTreeSet<(String, String, bool)>>;

async fn tables(db: &Db) -> Tables {
    let sql = match db.is_postgres() {
        true => {
            "SELECT table_name AS t, column_name AS c, data_type AS k, \
             CAST(CASE WHEN is_nullable = 'YES' THEN 1 ELSE 0 END AS BIGINT) AS n \
             FROM information_schema.columns WHERE table_schema = 'public'"
        }
        // The integer primary key of SQLite is never NULL although nothing says so.
        false => {
            "SELECT m.name AS t, p.name AS c, p.type AS k, \
             CASE WHEN p.\"notnull\" = 0 AND p.pk = 0 THEN 1 ELSE 0 END AS n \
             FROM sqlite_schema m JOIN pragma_table_info(m.name) p WHERE m.type = 'table'"
        }
    };
    let mut tables = Tables::new();
    for row in db.read().await.unwrap().fetch_all(sql, Vec::new()).await.unwrap() {
        let (table, kind) = (row.text("t").unwrap(), row.text("k").unwrap().to_ascii_lowercase());
        if table.starts_with("sqlite_") || table.starts_with("_sqlx") {
            continue;
        }
        let kind = match &*kind {
            "bigint" | "integer" => "number",
            "bytea" | "blob" => "bytes",
            other => other,
        };
        let column = (row.text("c").unwrap(), kind.to_owned(), row.int("n").unwrap() == 1);
        tables.entry(table).or_default().insert(column);
    }
    tables
}

/// The names of the indexes that the migrations name.
async fn indexes(db: &Db) -> BTreeSet<String> {
    let sql = match db.is_postgres() {
        true => {
            "SELECT i.indexname AS name FROM pg_indexes i WHERE i.schemaname = 'public' \
             AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conname = i.indexname)"
        }
        false => "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL",
    };
    let rows = db.read().await.unwrap().fetch_all(sql, Vec::new()).await.unwrap();
    rows.iter()
        .map(|row| row.text("name").unwrap())
        .filter(|name| !name.starts_with("_sqlx"))
        .collect()
}

#[tokio::test]
async fn both_engines_have_the_same_schema() {
    let sqlite = Base::sqlite().await;
    let on_sqlite = tables(&sqlite.db).await;
    assert!(on_sqlite.len() > 15, "{:?}", on_sqlite.keys());
    let Some(postgres) = Base::postgres().await else { return };
    let on_postgres = tables(&postgres.db).await;
    assert_eq!(on_sqlite.keys().collect::<Vec<_>>(), on_postgres.keys().collect::<Vec<_>>());
    for (table, columns) in &on_sqlite {
        assert_eq!(columns, &on_postgres[table], "{table}");
    }
    assert_eq!(indexes(&sqlite.db).await, indexes(&postgres.db).await);
}

async fn migrating_again_changes_nothing(base: Base) {
    let before = tables(&base.db).await;
    base.db.migrate().await.unwrap();
    assert_eq!(tables(&base.db).await, before);
    let (known, applied) = base.db.schema_versions().await.unwrap();
    assert_eq!(applied, Some(known));
}

/// Each process has connections of its own, as a server and an operator's command beside it do.
async fn migrate_at_once(processes: Vec<Db>) {
    for migrated in futures_util::future::join_all(processes.iter().map(Db::migrate)).await {
        migrated.unwrap();
    }
    assert!(tables(&processes[0]).await.len() > 15);
}

#[tokio::test]
async fn processes_may_migrate_a_file_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let open = (0..4).map(|_| Db::open_sqlite(&path, PoolSizes::default()));
    let processes = futures_util::future::join_all(open).await;
    migrate_at_once(processes.into_iter().map(Result::unwrap).collect()).await;
}

#[tokio::test]
async fn replicas_may_migrate_a_server_at_once() {
    let Some(postgres) = Postgres::from_env() else { return };
    let database = postgres.fresh_database().unwrap();
    let open = (0..4).map(|_| Db::open_postgres(database.url(), PoolSizes::default()));
    let processes = futures_util::future::join_all(open).await;
    migrate_at_once(processes.into_iter().map(Result::unwrap).collect()).await;
}

#[tokio::test]
async fn an_empty_file_is_behind() {
    let directory = tempfile::tempdir().unwrap();
    let db = Db::open_sqlite(&directory.path().join("db"), PoolSizes::default()).await.unwrap();
    let (known, applied) = db.schema_versions().await.unwrap();
    assert!(known >= 1);
    assert_eq!(applied, None);
}
