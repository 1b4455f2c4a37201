use std::fs;

use tempfile::TempDir;

use super::*;

/// Sources with a file of this text, these variables and these flags.
struct Case {
    folder: TempDir,
    sources: Sources,
}

impl Case {
    fn new(file: &str, env: &[(&str, &str)], flags: &[(&'static str, &'static str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.toml");
        fs::write(&path, file).unwrap();
        let env =
            env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let flags = flags
            .iter()
            .map(|(key, name, value)| Flag { key, name, value: (*value).to_owned() })
            .collect();
        Self { folder, sources: Sources { file: Some(path), env, flags } }
    }

    fn load(&self) -> Loaded {
        load(&self.sources).unwrap()
    }

    /// The problems, with the file's folder left out.
    fn problems(&self) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        match load(&self.sources) {
            Err(ConfigError::Invalid(problems)) => {
                problems.iter().map(|problem| problem.to_string().replace(&folder, "")).collect()
            }
            other => panic!("expected problems, got {other:?}"),
        }
    }
}

#[test]
fn nothing_is_needed() {
    let loaded = load(&Sources::default()).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.config.database(), Database::Sqlite("./steelyard-data/steelyard.db".into()));
    assert_eq!(loaded.config.storage(), Storage::Directory("./steelyard-data/objects".into()));
    assert!(!loaded.is_explicit("server.admin_listen"));
}

#[test]
fn flags_win_over_variables_over_the_file() {
    let file = "[server]\nlisten = '1.1.1.1:1'\ndata = '/file'\npublic_url = 'https://file'\n";
    let env = [("STEELYARD_SERVER__DATA", "/env"), ("STEELYARD_SERVER__PUBLIC_URL", "https://env")];
    let case = Case::new(file, &env, &[("server.public_url", "--public-url", "https://flag")]);
    let loaded = case.load();
    let server = &loaded.config.server;
    assert_eq!(server.listen.to_string(), "1.1.1.1:1");
    assert_eq!(server.data.to_str(), Some("/env"));
    assert_eq!(server.public_url.as_ref().unwrap().as_str(), "https://flag");
    assert_eq!(loaded.origin("server.listen"), &Origin::File(case.folder.path().join("hub.toml")));
    assert_eq!(loaded.origin("server.data"), &Origin::Env("STEELYARD_SERVER__DATA".to_owned()));
    assert_eq!(loaded.origin("server.public_url"), &Origin::Flag("--public-url"));
    assert_eq!(loaded.origin("log.filter"), &Origin::Default);
}

#[test]
fn variables_take_the_type_of_their_key() {
    let env = [
        ("STEELYARD_DATABASE__POSTGRES_CONNECTIONS", "7"),
        ("STEELYARD_ACCOUNTS__FIRST_ADMIN", "123"),
        ("STEELYARD_LOG__FORMAT", "json"),
        ("STEELYARD_TEST_S3", "not a setting"),
        ("STEELYARDS__LOG__FORMAT", "nor this"),
    ];
    let config = Case::new("", &env, &[]).load().config;
    assert_eq!(config.database.postgres_connections.get(), 7);
    assert_eq!(config.accounts.first_admin, "123");
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn unknown_keys_are_refused_with_what_may_be_meant() {
    let file = "listen = '1.1.1.1:1'\n[server]\nlissten = 'x'\nformat = 'json'\n[databse]\nurl = 'x'\n[log]\nxyzzy = 1\n";
    let case =
        Case::new(file, &[("STEELYARD_STORAGE__ACESS_KEY", "x"), ("STEELYARD_SERVR__X", "x")], &[]);
    let mut problems = case.problems();
    problems.sort();
    assert_eq!(
        problems,
        [
            "databse (from hub.toml): unknown section; did you mean `database`?",
            "listen (from hub.toml): unknown key; did you mean `server.listen`?",
            "log.xyzzy (from hub.toml): unknown key; `steelyard config schema` lists those that exist",
            "server.format (from hub.toml): unknown key; did you mean `log.format`?",
            "server.lissten (from hub.toml): unknown key; did you mean `server.listen`?",
            "servr (from STEELYARD_SERVR__X): unknown section; did you mean `server`?",
            "storage.acess_key (from STEELYARD_STORAGE__ACESS_KEY): unknown key; did you mean `storage.access_key`?",
        ]
    );
}

#[test]
fn every_bad_value_is_told_with_its_source_and_rule() {
    let file =
        "[limits]\nlfs_object_max = 5\n[log]\nformat = 'xml'\n[database]\nsqlite_readers = 0\n";
    let env = [("STEELYARD_DATABASE__POSTGRES_CONNECTIONS", "many")];
    let problems = Case::new(file, &env, &[("server.listen", "--listen", "8080")]).problems();
    let has = |start: &str, part: &str| {
        problems.iter().any(|text| text.starts_with(start) && text.contains(part))
    };
    assert_eq!(problems.len(), 5, "{problems:#?}");
    assert!(
        has("limits.lfs_object_max (from hub.toml)", "a size with its unit, such as \"64MiB\""),
        "{problems:#?}"
    );
    assert!(has("log.format (from hub.toml)", "expected `text` or `json`"), "{problems:#?}");
    assert!(has("database.sqlite_readers (from hub.toml)", "nonzero"), "{problems:#?}");
    assert!(has(
        "database.postgres_connections (from STEELYARD_DATABASE__POSTGRES_CONNECTIONS)",
        "\"many\""
    ));
    assert!(
        has("server.listen (from --listen)", "must be an IP address and a port"),
        "{problems:#?}"
    );
}

#[test]
fn secrets_come_from_files_too() {
    let mut case = Case::new("", &[], &[]);
    let (access, secret) = (case.folder.path().join("access"), case.folder.path().join("secret"));
    fs::write(&access, "GK123\n").unwrap();
    fs::write(&secret, " s3cret \r\n").unwrap();
    case.sources.env = vec![
        ("STEELYARD_STORAGE__ACCESS_KEY_FILE".to_owned(), access.display().to_string()),
        ("STEELYARD_STORAGE__SECRET_KEY_FILE".to_owned(), secret.display().to_string()),
        ("STEELYARD_STORAGE__URL".to_owned(), "s3://hub".to_owned()),
    ];
    let loaded = case.load();
    let Storage::S3 { keys: Some((access_key, secret_key)), .. } = loaded.config.storage() else {
        panic!("no keys in {:?}", loaded.config.storage());
    };
    assert_eq!((access_key.secret().expose(), secret_key.secret().expose()), ("GK123", " s3cret "));
    assert_eq!(loaded.origin("storage.access_key"), &Origin::Content(access));
}

#[test]
fn the_upper_source_chooses_the_form_of_a_secret() {
    let file = "[database]\nurl_file = '/does/not/exist'\n";
    let env = [("STEELYARD_DATABASE__URL", "postgres://env@db/hub")];
    let config = Case::new(file, &env, &[]).load().config;
    assert_eq!(config.database.url.unwrap().to_string(), "postgres://env@db/hub");
    let both = Case::new("[database]\nurl = 'a.db'\nurl_file = '/b'\n", &[], &[]).problems();
    assert!(
        both[0].starts_with("database.url_file (from hub.toml): set either this or database.url"),
        "{both:?}"
    );
}

#[test]
fn a_secret_file_that_is_not_there_is_told() {
    let problems =
        Case::new("[storage]\nsecret_key_file = '/does/not/exist'\n", &[], &[]).problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0]
            .starts_with("storage.secret_key_file (from hub.toml): cannot read /does/not/exist")
    );
}

#[test]
fn half_a_pair_of_keys_is_refused() {
    let problems = Case::new("[storage]\naccess_key = 'GK1'\n", &[], &[]).problems();
    assert_eq!(
        problems,
        [
            "storage.access_key (from hub.toml): needs storage.secret_key (or storage.secret_key_file) beside it"
        ]
    );
}

#[test]
fn larger_files_than_a_pointer_can_name_are_refused() {
    let file = "[limits]\nlfs_object_max = '2TiB'\n";
    let problems = Case::new(file, &[], &[]).problems();
    assert_eq!(problems, ["limits.lfs_object_max (from hub.toml): must be at most 1TiB"]);
}

#[test]
fn uploads_in_chunks_need_memory_and_time() {
    let file = "[xet]\nupload_memory = '255MiB'\nunused_keep = '21d'\ntoken_ttl = '4s'\naddress_ttl = '25h'\n";
    let problems = Case::new(file, &[], &[]).problems();
    assert_eq!(
        problems,
        [
            "xet.upload_memory (from hub.toml): must be at least 256MiB",
            "xet.unused_keep (from hub.toml): must be at least 22d",
            "xet.token_ttl (from hub.toml): must be between 5s and 1d",
            "xet.address_ttl (from hub.toml): must be between 5s and 1d"
        ]
    );
}

#[test]
fn files_that_cannot_be_read_or_parsed_are_named() {
    let sources = Sources { file: Some("/does/not/exist.toml".into()), ..Sources::default() };
    assert_eq!(
        load(&sources).unwrap_err().to_string(),
        "cannot read the configuration file /does/not/exist.toml"
    );
    let error = load(&Case::new("[server\n", &[], &[]).sources).unwrap_err();
    assert!(matches!(error, ConfigError::Syntax { .. }), "{error:?}");
}

#[test]
fn printing_shows_sources_and_no_secret() {
    let file = "[storage]\naccess_key = 'GK123'\nsecret_key = 's3cret'\n[database]\nurl = 'postgres://u:s3cret@h/d'\n";
    let loaded = Case::new(file, &[("STEELYARD_LOG__FORMAT", "json")], &[]).load();
    let (text, json) = (print::toml(&loaded), print::json(&loaded));
    for shown in [&text, &json, &format!("{loaded:?}")] {
        assert!(!shown.contains("s3cret") && !shown.contains("GK123"), "{shown}");
    }
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        json["log"]["format"],
        serde_json::json!({ "value": "json", "source": "STEELYARD_LOG__FORMAT" })
    );
    assert_eq!(json["storage"]["secret_key"]["value"], "[redacted]");
    assert_eq!(json["server"]["public_url"]["value"], serde_json::Value::Null);
    assert!(
        text.lines().any(|line| line.starts_with("format = \"json\" ")
            && line.ends_with("# STEELYARD_LOG__FORMAT"))
    );
    assert!(text.lines().any(|line| line.starts_with("# secret_key is hidden")));
}

#[test]
fn printed_toml_is_a_configuration_again() {
    let file = "[server]\nlisten = '1.1.1.1:1'\n[limits]\nlfs_object_max = '5GB'\n[log]\nfilter = 'a=\"b\\c\"'\n";
    let loaded = Case::new(file, &[], &[]).load();
    let again = Case::new(&print::toml(&loaded), &[], &[]).load();
    assert_eq!(again.config, loaded.config);
}

#[test]
fn the_schema_describes_every_key() {
    let document = schema::document();
    for key in keys::all().keys() {
        let (section, name) = key.split_once('.').unwrap();
        let schema = &document["properties"][section]["properties"][name];
        assert!(schema["description"].is_string(), "{key} has no description: {schema}");
    }
    assert_eq!(keys::kind("database.sqlite_readers"), Some(keys::Kind::Integer));
    assert_eq!(document["properties"]["server"]["additionalProperties"], false);
    assert!(
        !document.to_string().contains("$ref"),
        "a reference would hide keys from the key check"
    );
}

#[test]
fn the_page_lists_every_key() {
    let page = include_str!("../../../../docs/configuration.md");
    let document = schema::document();
    let values: serde_json::Value =
        serde_json::from_str(&print::json(&load(&Sources::default()).unwrap())).unwrap();
    let missing: Vec<String> = keys::all()
        .keys()
        .map(|key| {
            let (section, name) = key.split_once('.').unwrap();
            let default = match &values[section][name]["value"] {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(text) => format!("`{text}`"),
                other => format!("`{other}`"),
            };
            let what = &document["properties"][section]["properties"][name]["description"];
            let what: Vec<&str> = what.as_str().unwrap().split_whitespace().collect();
            format!("| `{key}` | {default} | {} |", what.join(" "))
        })
        .filter(|line| !page.contains(line.as_str()))
        .collect();
    assert!(missing.is_empty(), "docs/configuration.md lacks:\n{}", missing.join("\n"));
    let keys = page.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(keys, keys::all().len(), "docs/configuration.md lists a key that is gone");
}
