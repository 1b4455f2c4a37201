//! `steelyard dev`: for those who test and measure.

use std::num::NonZeroU64;

use clap::{Args, Subcommand};

/// The `dev` subcommands.
#[derive(Debug, Clone, Subcommand)]
pub enum DevCommand {
    /// Fills a hub with a catalogue that looks like a real one's.
    Seed(SeedArgs),
}

/// `steelyard dev seed`: fills a hub with a catalogue that looks like a real one's.
///
/// Seven models of ten, two datasets, one Space, with the owners, tasks, licences, languages, sizes, lineages, results,
/// downloads and likes that one meets in the wild: a few have nearly everything, most have nearly nothing. The repositories
/// are real: each has a commit that can be cloned and whose files can be downloaded. Only the files of weights are
/// empty, though their sizes and parameters are told as if they were not.
///
/// The same seed and number make the same catalogue again, on the same day. A million take a few minutes and about
/// 8 GB on SQLite. Stop it at any time: what was written until then is whole.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  steelyard dev seed --repos 10000 --data /tmp/hub     then: steelyard serve --data /tmp/hub
  steelyard dev seed --repos 1000000 --seed 7 --json
  steelyard dev seed --repos 500 --into-existing       beside what is there")]
pub struct SeedArgs {
    /// How many repositories.
    #[arg(long, value_name = "N", default_value = "10000")]
    pub repos: NonZeroU64,
    /// Another seed makes another catalogue.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Also where there are repositories already; without it, such a hub is left alone.
    #[arg(long)]
    pub into_existing: bool,
    /// Prints what was made as JSON.
    #[arg(long)]
    pub json: bool,
}
