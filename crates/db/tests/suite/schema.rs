//! Both engines have the same tables, columns and indexes.

use std::collections::{BTreeMap, BTreeSet};

use steelyard_core::XetHash;
use steelyard_db::lfs::{self, Home};
use steelyard_db::xet::{self, ClaimOutcome, NewFile};
use steelyard_db::{Db, DbError, PoolSizes, repo};
use steelyard_testkit::Postgres;

use crate::base::{Base, at, db_suite, sha256};

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
            "double precision" | "real" => "fraction",
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

/// SQLite waits for other processes before it reads or writes, but not before it turns on its log: a file that is new to
/// all of them, again and again.
#[tokio::test]
async fn processes_may_open_and_migrate_a_file_at_once() {
    for _ in 0..20 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        let open = (0..4).map(|_| Db::open_sqlite(&path, PoolSizes::default()));
        let processes = futures_util::future::join_all(open).await;
        migrate_at_once(processes.into_iter().map(Result::unwrap).collect()).await;
    }
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

/// A database of version 1 with rows of that time; the rest is up to this program.
async fn put_version_1(db: &Db, newest: &Db) {
    db.schema_versions().await.unwrap();
    let sql = "SELECT description, checksum FROM _sqlx_migrations WHERE version = 1";
    let row = newest.read().await.unwrap().fetch_one(sql, Vec::new()).await.unwrap();
    let (description, checksum) =
        (row.text("description").unwrap(), row.bytes("checksum").unwrap());
    let mut tx = db.write().await.unwrap();
    tx.execute(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (1, $1, $2, $3, 0)",
        vec![description.into(), true.into(), checksum.into()],
    )
    .await
    .unwrap();
    for sql in [
        "INSERT INTO account (public_id, kind, name, name_folded, full_name, is_admin, default_visibility, created_at) \
         VALUES ('a', 'user', 'u', 'u', 'U', FALSE, 'public', 1)",
        "INSERT INTO repo (public_id, kind, owner_id, name, name_folded, creator_id, visibility, gated, disabled, \
         created_at, last_modified, next_discussion, settings, facts) \
         SELECT 'r', 'model', id, 'r', 'r', id, 'public', '', FALSE, 1, 1, 1, '{}', '{}' FROM account",
    ] {
        tx.execute(sql, Vec::new()).await.unwrap();
    }
    for n in [1, 2] {
        let object = "INSERT INTO lfs_object (sha256, size_bytes, created_at) VALUES ($1, $2, 7)";
        tx.execute(object, vec![sha256(n).into(), i64::from(n).into()]).await.unwrap();
        let link = "INSERT INTO lfs_link (repo_id, sha256, public_id, filename, ref_name, linked_at) \
                    SELECT id, $1, $2, 'a/b', 'refs/heads/main', 8 FROM repo";
        tx.execute(link, vec![sha256(n).into(), format!("link-{n}").into()]).await.unwrap();
    }
    let upload = "INSERT INTO lfs_upload (id, repo_id, user_id, sha256, size_bytes, created_at, expires_at) \
                  SELECT 'up', id, owner_id, $1, 5, 1, 9 FROM repo";
    tx.execute(upload, vec![sha256(3).into()]).await.unwrap();
    tx.commit().await.unwrap();
}

/// Large files of a database of version 1 are there after the migration, and work as new ones do.
async fn check_migrated(db: &Db) {
    db.migrate().await.unwrap();
    let mut tx = db.write().await.unwrap();
    let repo = repo::list_all_repos(&mut tx, 0, 9).await.unwrap().remove(0).id;
    let links = lfs::list_links(&mut tx, repo, "", 9).await.unwrap();
    let seen: Vec<_> = links
        .iter()
        .map(|link| (&*link.public_id, link.sha256, link.size_bytes, link.home))
        .collect();
    let expected = [("link-1", sha256(1), 1, Home::Raw), ("link-2", sha256(2), 2, Home::Raw)];
    assert_eq!(seen, expected);
    assert_eq!(links[0].filename.as_deref(), Some("a/b"));
    assert_eq!(links[0].ref_name.as_deref(), Some("refs/heads/main"));
    assert_eq!(links[0].linked_at.millis(), 8);
    let content = lfs::find_content(&mut tx, sha256(1)).await.unwrap().unwrap();
    assert!(content.has_raw && content.xet.is_none() && content.raw_retired_at.is_none());
    let upload = lfs::find_upload(&mut tx, "up").await.unwrap().unwrap();
    assert_eq!((upload.size_bytes, upload.xet_file_id), (5, None));
    let file =
        NewFile { hash: XetHash::ZERO, size_bytes: 9, n_terms: 0, terms: &[], xorb_ids: &[] };
    let (file, _) = xet::insert_file(&mut tx, &file, at(1)).await.unwrap();
    let claimed = xet::claim_link(&mut tx, repo, sha256(9), "claim", file, at(1)).await.unwrap();
    assert_eq!(claimed, ClaimOutcome::Linked, "a claim needs no content");
    tx.commit().await.unwrap();
    let mut tx = db.write().await.unwrap();
    let twice = "INSERT INTO lfs_link (repo_id, sha256, public_id, linked_at) SELECT repo_id, $1, public_id, 1 FROM lfs_link";
    let result = tx.execute(twice, vec![sha256(8).into()]).await;
    assert!(matches!(result, Err(DbError::Conflict { .. })), "public ids stay unique: {result:?}");
}

#[tokio::test]
async fn an_older_file_is_migrated_with_its_rows() {
    let newest = Base::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let db = Db::open_sqlite(&directory.path().join("db"), PoolSizes::default()).await.unwrap();
    let mut tx = db.write().await.unwrap();
    tx.execute(include_str!("../../migrations/sqlite/0001_init.sql"), Vec::new()).await.unwrap();
    tx.commit().await.unwrap();
    put_version_1(&db, &newest.db).await;
    check_migrated(&db).await;
    assert_eq!(tables(&db).await, tables(&newest.db).await);
    assert_eq!(indexes(&db).await, indexes(&newest.db).await);
}

#[tokio::test]
async fn an_older_server_is_migrated_with_its_rows() {
    let Some(newest) = Base::postgres().await else { return };
    let database = Postgres::from_env().unwrap().fresh_database().unwrap();
    database.psql(include_str!("../../migrations/postgres/0001_init.sql")).unwrap();
    let db = Db::open_postgres(database.url(), PoolSizes::default()).await.unwrap();
    put_version_1(&db, &newest.db).await;
    check_migrated(&db).await;
    assert_eq!(tables(&db).await, tables(&newest.db).await);
    assert_eq!(indexes(&db).await, indexes(&newest.db).await);
}
