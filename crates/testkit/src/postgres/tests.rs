use super::*;

fn cluster() -> Postgres {
    Postgres::from_env().unwrap_or_else(|| Postgres::start(Durability::Fast).unwrap())
}

#[test]
fn databases_are_empty_separate_and_dropped() {
    let postgres = cluster();
    let (one, two) = (postgres.fresh_database().unwrap(), postgres.fresh_database().unwrap());
    one.psql("CREATE TABLE t (n bigint); INSERT INTO t VALUES (7)").unwrap();
    assert_eq!(one.psql("SELECT n FROM t").unwrap(), "7");
    assert!(two.psql("SELECT n FROM t").is_err());
    let collate = "SELECT datcollate FROM pg_database WHERE datname = current_database()";
    assert_eq!(two.psql(collate).unwrap(), "C.UTF-8");
    let name = one.name.clone();
    drop(one);
    let left = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
    assert_eq!(psql(postgres.url(), &left).unwrap(), "0");
}

#[test]
fn a_durable_cluster_keeps_commits_over_a_crash() {
    let mut postgres = Postgres::start(Durability::Full).unwrap();
    let database = postgres.fresh_database().unwrap();
    assert_eq!(database.psql("SHOW fsync").unwrap(), "on");
    database.psql("CREATE TABLE t (n bigint); INSERT INTO t VALUES (7)").unwrap();
    postgres.crash_and_restart().unwrap();
    assert_eq!(database.psql("SELECT n FROM t").unwrap(), "7");
}

#[test]
fn a_dropped_cluster_leaves_nothing() {
    let postgres = Postgres::start(Durability::Fast).unwrap();
    let server = postgres.server.as_ref().unwrap();
    let (folder, proc) =
        (server.directory.path().to_owned(), format!("/proc/{}", server.process.pid()));
    assert!(folder.join("postmaster.pid").exists() && Path::new(&proc).exists());
    drop(postgres);
    assert!(!folder.exists() && !Path::new(&proc).exists());
}

#[test]
fn folders_of_dead_owners_are_removed() {
    let parent = tempfile::tempdir().unwrap();
    // Process ids end far below this one.
    let (dead, alive) =
        (format!("{DIR_PREFIX}4294967295-x"), format!("{DIR_PREFIX}{}-x", std::process::id()));
    for name in [&dead, &alive, "another"] {
        fs::create_dir(parent.path().join(name)).unwrap();
    }
    remove_leftovers(parent.path());
    let left = |name: &str| parent.path().join(name).exists();
    assert_eq!([left(&dead), left(&alive), left("another")], [false, true, true]);
}

#[test]
fn urls_change_database_and_address() {
    assert_eq!(with_database("postgres://u@h:1/postgres", "d"), "postgres://u@h:1/d");
    assert_eq!(
        with_database("postgres://u:p@h?sslmode=disable", "d"),
        "postgres://u:p@h/d?sslmode=disable"
    );
    let database = TestDatabase {
        url: "postgres://u:p@h:1/d?x=1".into(),
        admin_url: "postgres://nobody@127.0.0.1:1/postgres".into(),
        name: "d".into(),
    };
    let proxied = database.url_through(([127, 0, 0, 1], 99).into());
    std::mem::forget(database);
    assert_eq!(proxied, "postgres://u:p@127.0.0.1:99/d?x=1");
}
