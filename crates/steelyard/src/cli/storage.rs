//! `steelyard gc` and `steelyard storage`: what takes room, and how it is given back.

use clap::{Args, Subcommand};

/// `steelyard gc`: clears away what nothing uses any more, as the running hub does every ten minutes.
///
/// Nothing that a repository links to ever goes. What nobody names is condemned first and deleted long after: files after 30
/// days, because clients reuse what they uploaded for three weeks without asking.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "\
Examples:
  steelyard gc --dry-run            what would go, when and why
  steelyard gc --dry-run --json
  steelyard gc                      does it now, beside a running server")]
pub struct GcArgs {
    /// Only tells what would go, when and why.
    #[arg(long)]
    pub dry_run: bool,
    /// Prints JSON.
    #[arg(long)]
    pub json: bool,
}

/// The `storage` subcommands.
#[derive(Debug, Clone, Subcommand)]
pub enum StorageCommand {
    /// Tells what large files take: of the whole hub, or of one repository file by file.
    Explain(ExplainArgs),
}

/// `steelyard storage explain`: what large files take and share, and what deleting them would free.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "\
Examples:
  steelyard storage explain
  steelyard storage explain models/alice/bert
  steelyard storage explain datasets/alice/corpus --json")]
pub struct ExplainArgs {
    /// Only this repository: models/NAMESPACE/NAME, datasets/NAMESPACE/NAME, …
    #[arg(value_name = "REPO")]
    pub repo: Option<String>,
    /// Prints JSON.
    #[arg(long)]
    pub json: bool,
}
