//! The command line of `search` and `card`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Which running hub is asked, and as whom.
#[derive(Debug, Clone, Default, Args)]
pub struct RemoteArgs {
    /// The hub's address [default: $HF_ENDPOINT, else where `steelyard serve` listens here].
    #[arg(long, value_name = "URL", env = "HF_ENDPOINT")]
    pub endpoint: Option<String>,
    /// A token, to see private repositories too [default: $HF_TOKEN, else the one of `hf auth login`].
    #[arg(long, value_name = "TOKEN", env = "HF_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
}

/// A kind of repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KindArg {
    /// A model.
    Model,
    /// A dataset.
    Dataset,
    /// A Space.
    Space,
    /// A kernel.
    Kernel,
}

impl KindArg {
    /// The word in addresses and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Dataset => "dataset",
            Self::Space => "space",
            Self::Kernel => "kernel",
        }
    }
}

/// Searches a running hub by a structured query.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steelyard search 'task:text-classification lang:en license:apache-2.0 size:<100MB'
  steelyard search 'english sentiment lineage:permissive eval:mnli.f1>0.9'
  steelyard search 'format:gguf quant:4bit params:1B..8B context:>=32k' --sort downloads
  steelyard search 'base:meta/llama -quant:4bit newer:12mo' --json

Every field is described in docs/search.md; words beside the fields are looked for in names and cards.")]
pub struct SearchArgs {
    /// The query.
    pub query: String,
    /// Only this kind.
    #[arg(long = "type", value_enum, value_name = "KIND")]
    pub kind: Option<KindArg>,
    /// relevance, trendingScore, createdAt, lastModified, downloads or likes.
    #[arg(long, value_name = "ORDER", default_value = "relevance")]
    pub sort: String,
    /// Hits to show.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: u32,
    /// Prints the hub's answer as it is.
    #[arg(long)]
    pub json: bool,
    /// Which hub.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// The `card` subcommands.
#[derive(Debug, Subcommand)]
pub enum CardCommand {
    /// Checks a card: its metadata by the rules, its sections, and what can be trusted.
    Check(CheckArgs),
}

/// What is checked.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steelyard card check ./my-model              a folder, before it is pushed
  steelyard card check ./README.md --type dataset
  steelyard card check alice/minilm            a repository of the hub at $HF_ENDPOINT

Exits with 1 when the hub would refuse the card.")]
pub struct CheckArgs {
    /// A folder, a README.md, or the id of a repository of a running hub.
    pub target: PathBuf,
    /// What it is the card of.
    #[arg(long = "type", value_enum, value_name = "KIND", default_value = "model")]
    pub kind: KindArg,
    /// Prints the findings as JSON.
    #[arg(long)]
    pub json: bool,
    /// Which hub.
    #[command(flatten)]
    pub remote: RemoteArgs,
}
