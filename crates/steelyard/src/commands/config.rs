//! `steelyard config`: what the server would run with, and whether it would.

use anyhow::Result;

use crate::cli::{ConfigCommand, SettingFlags};
use crate::config::{self, Loaded};

/// Runs one of the `config` subcommands.
pub fn run(flags: &SettingFlags, command: &ConfigCommand) -> Result<()> {
    let text = match command {
        ConfigCommand::Print { json: true } => config::print::json(&load(flags)?),
        ConfigCommand::Print { json: false } => config::print::toml(&load(flags)?),
        ConfigCommand::Check => {
            load(flags)?;
            "the configuration is valid\n".to_owned()
        }
        ConfigCommand::Schema => format!("{:#}\n", config::schema::document()),
    };
    Ok(super::print(&text)?)
}

fn load(flags: &SettingFlags) -> Result<Loaded> {
    Ok(config::load(&config::Sources::of_process(flags.config.clone(), flags.settings()))?)
}
