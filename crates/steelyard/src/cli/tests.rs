use clap::{Args, CommandFactory as _, FromArgMatches, Parser as _};
use steelyard_core::{OrgRole, TokenRole, Visibility};

use super::*;

/// Parses the arguments of one subcommand, with the global flags.
fn parse<T: Args + FromArgMatches>(arguments: &[&str]) -> Result<(T, SettingFlags), clap::Error> {
    let command = SettingFlags::augment_args(T::augment_args(clap::Command::new("steelyard")));
    let matches = command.try_get_matches_from(std::iter::once(&"steelyard").chain(arguments))?;
    Ok((T::from_arg_matches(&matches)?, SettingFlags::from_arg_matches(&matches)?))
}

#[test]
fn the_definitions_are_sound() {
    Cli::command().debug_assert();
    for command in [
        AdminArgs::augment_args(clap::Command::new("admin")),
        ServeArgs::augment_args(clap::Command::new("serve")),
        FsckArgs::augment_args(clap::Command::new("fsck")),
        MigrateArgs::augment_args(clap::Command::new("migrate")),
    ] {
        SettingFlags::augment_args(command).debug_assert();
    }
}

#[test]
fn the_flags_of_the_hub_stand_anywhere() {
    for line in [["--data", "d", "config", "check"], ["config", "check", "--data", "d"]] {
        let cli = Cli::try_parse_from(std::iter::once(&"steelyard").chain(&line)).unwrap();
        let settings = cli.settings.settings();
        assert_eq!(
            (settings.len(), settings[0].key, settings[0].value.as_str()),
            (1, "server.data", "d")
        );
    }
}

#[test]
fn serve_flags_become_settings() {
    let (serve, flags) = parse::<ServeArgs>(&[
        "--listen",
        "1.1.1.1:1",
        "--storage",
        "s3://hub",
        "--log-format",
        "json",
    ])
    .unwrap();
    let keys: Vec<_> =
        serve.settings().iter().chain(&flags.settings()).map(|flag| flag.key).collect();
    assert_eq!(keys, ["server.listen", "log.format", "storage.url"]);
}

#[test]
fn every_key_that_a_flag_sets_exists() {
    let all = [
        "--listen",
        "1.1.1.1:1",
        "--public-url",
        "https://h",
        "--admin-listen",
        "off",
        "--log-format",
        "json",
    ];
    let hub = ["--log-filter", "debug", "--data", "d", "--database", "x.db", "--storage", "o"];
    let (serve, flags) = parse::<ServeArgs>(&[all, hub].concat()).unwrap();
    let flags: Vec<_> = serve.settings().into_iter().chain(flags.settings()).collect();
    assert_eq!(flags.len(), 8);
    crate::config::load(&crate::config::Sources { flags, ..Default::default() }).unwrap();
}

#[test]
fn admin_commands_are_parsed_into_types() {
    let (admin, _) =
        parse::<AdminArgs>(&["org", "add-member", "acme", "_alice__", "--role", "contributor"])
            .unwrap();
    let AdminCommand::Org(OrgCommand::AddMember { user, role, .. }) = admin.command else {
        panic!("{admin:?}")
    };
    assert_eq!((user.as_str(), role), ("_alice__", OrgRole::Contributor));

    let line = [
        "token", "create", "alice", "--name", "ci", "--role", "write", "--value", "hf_x", "--json",
    ];
    let (admin, _) = parse::<AdminArgs>(&line).unwrap();
    assert!(admin.json && !format!("{admin:?}").contains("hf_x"));
    let AdminCommand::Token(TokenCommand::Create { role, value, .. }) = admin.command else {
        panic!("{admin:?}")
    };
    assert_eq!((role, value.unwrap().expose()), (TokenRole::Write, "hf_x"));

    let (admin, _) = parse::<AdminArgs>(&["org", "create", "acme", "--database", "x.db"]).unwrap();
    let AdminCommand::Org(OrgCommand::Create { default_visibility, .. }) = admin.command else {
        panic!("{admin:?}")
    };
    assert_eq!(default_visibility, Visibility::Public);
}

#[test]
fn bad_names_and_roles_are_refused_with_their_rule() {
    let error = parse::<AdminArgs>(&["org", "add-member", "acme", "al/ice", "--role", "read"])
        .unwrap_err()
        .to_string();
    assert!(error.contains("al/ice"), "{error}");
    let error = parse::<AdminArgs>(&["org", "add-member", "acme", "alice", "--role", "boss"])
        .unwrap_err()
        .to_string();
    assert!(error.contains("admin, write, contributor, read"), "{error}");
}
