use super::*;

fn shown<T: std::str::FromStr + std::fmt::Display>(text: &str) -> Option<String> {
    text.parse::<T>().ok().map(|value| value.to_string())
}

#[test]
fn sizes_need_a_unit_and_print_their_largest_one() {
    assert_eq!("64MiB".parse::<ByteSize>().unwrap().bytes(), 64 * 1024 * 1024);
    assert_eq!("10 mb".parse::<ByteSize>().unwrap().bytes(), 10_000_000);
    for (text, printed) in [
        ("1024KiB", "1MiB"),
        ("0B", "0B"),
        ("1500B", "1500B"),
        ("3000000B", "3MB"),
        ("2TiB", "2TiB"),
    ] {
        assert_eq!(shown::<ByteSize>(text).as_deref(), Some(printed));
    }
    for text in ["64", "", "MiB", "1.5GiB", "-1B", "1 parsec", "16777216TiB"] {
        assert_eq!(shown::<ByteSize>(text), None, "{text}");
    }
}

#[test]
fn periods_need_a_unit_and_print_their_largest_one() {
    assert_eq!("90s".parse::<Period>().unwrap().duration().as_secs(), 90);
    for (text, printed) in
        [("120s", "2m"), ("90s", "90s"), ("0s", "0s"), ("48h", "2d"), ("1500ms", "1500ms")]
    {
        assert_eq!(shown::<Period>(text).as_deref(), Some(printed));
    }
    for text in ["30", "s", "1.5s", "5 minutes", "-1s", "213503982335d"] {
        assert_eq!(shown::<Period>(text), None, "{text}");
    }
}

#[test]
fn addresses() {
    assert_eq!(shown::<ListenAddress>("[::1]:0").as_deref(), Some("[::1]:0"));
    assert_eq!(shown::<ListenAddress>("8080"), None);
    assert_eq!("off".parse(), Ok(AdminListen::Off));
    assert_eq!(shown::<AdminListen>("127.0.0.1:1").as_deref(), Some("127.0.0.1:1"));
    assert_eq!(shown::<AdminListen>("never"), None);
}

#[test]
fn public_urls_have_no_path() {
    assert_eq!(
        shown::<PublicUrl>("https://hub.example.org/").as_deref(),
        Some("https://hub.example.org")
    );
    for good in ["http://10.0.0.1:8080", "http://[::1]:8080", "http://[::1]", "https://hub"] {
        assert_eq!(shown::<PublicUrl>(good).as_deref(), Some(good));
    }
    for bad in [
        "hub.example.org",
        "ftp://hub",
        "https://hub/models",
        "https://u@hub",
        "https://hub:70000",
        "https://",
        "http://:80",
    ] {
        assert_eq!(shown::<PublicUrl>(bad), None, "{bad}");
    }
}

#[test]
fn database_urls_hide_their_password() {
    let url: DatabaseUrl =
        "postgres://hub:s3cret@db:5432/hub?sslmode=disable&sslpassword=s3cret".parse().unwrap();
    assert_eq!(url.to_string(), "postgres://hub:***@db:5432/hub?sslmode=disable&sslpassword=***");
    assert!(!format!("{url:?}").contains("s3cret"));
    assert!(url.postgres_url().unwrap().expose().contains("s3cret"));
    let with_at: DatabaseUrl = "postgresql://hub:p@ss@db/hub".parse().unwrap();
    assert_eq!(with_at.to_string(), "postgresql://hub:***@db/hub");
}

#[test]
fn database_paths_are_sqlite_files() {
    for text in ["sqlite:hub.db", "sqlite://hub.db", "hub.db"] {
        assert_eq!(
            text.parse::<DatabaseUrl>().unwrap().sqlite_path().unwrap().to_str(),
            Some("hub.db")
        );
    }
    for text in ["", "mysql://db/hub", "postgres://", "sqlite:", "sqlite::memory:"] {
        assert_eq!(shown::<DatabaseUrl>(text), None, "{text}");
    }
}

#[test]
fn stores_are_buckets_or_folders() {
    assert_eq!("/srv/objects".parse::<StorageUrl>().unwrap().directory(), Some("/srv/objects"));
    assert_eq!(
        "file:///srv/objects".parse::<StorageUrl>().unwrap().directory(),
        Some("/srv/objects")
    );
    assert_eq!(
        "s3://hub?endpoint=http://127.0.0.1:3900".parse::<StorageUrl>().unwrap().directory(),
        None
    );
    for text in ["", "gs://hub", "s3://", "s3://UPPER", "s3://key:secret@hub"] {
        assert_eq!(shown::<StorageUrl>(text), None, "{text}");
    }
}
