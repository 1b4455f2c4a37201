use clap::{Args, Subcommand};
use steelyard_core::{Namespace, OrgRole, Secret, TokenRole, Visibility};

/// `steelyard admin`: users, organisations and tokens, beside a running server or without one.
///
/// Works on the database directly, so it takes the same --config, --data, --database and --storage as `serve` and needs no
/// token.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  steelyard admin user create alice --full-name 'Alice Liddell' --email alice@example.org
  steelyard admin org create wonderland --default-visibility private
  steelyard admin org add-member wonderland alice --role admin
  steelyard admin token create alice --name laptop --role write
  steelyard admin user list --json")]
pub struct AdminArgs {
    /// Prints JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to administrate.
    #[command(subcommand)]
    pub command: AdminCommand,
}

/// The `admin` subcommands.
#[derive(Debug, Clone, Subcommand)]
pub enum AdminCommand {
    /// Creates and lists users.
    #[command(subcommand)]
    User(UserCommand),
    /// Creates and lists organisations, and adds members to them.
    #[command(subcommand)]
    Org(OrgCommand),
    /// Creates and revokes tokens.
    #[command(subcommand)]
    Token(TokenCommand),
}

/// The `admin user` subcommands.
#[derive(Debug, Clone, Subcommand)]
pub enum UserCommand {
    /// Creates a user and prints a code with which they set their password. Tokens are made by them, or with
    /// `admin token create`.
    Create {
        /// The user's name: letters, digits, `-`, `_` and `.`.
        #[arg(value_parser = Namespace::parse_new)]
        name: Namespace,
        /// The name shown beside it.
        #[arg(long, value_name = "TEXT")]
        full_name: Option<String>,
        /// Address for notifications; never shown to others.
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        /// May administrate the hub.
        #[arg(long)]
        admin: bool,
    },
    /// Prints a code with which a user sets a new password on the page /reset, good for a day.
    Reset {
        /// The user.
        #[arg(value_parser = Namespace::parse)]
        name: Namespace,
    },
    /// Lists users by name.
    List,
}

/// The `admin org` subcommands.
#[derive(Debug, Clone, Subcommand)]
pub enum OrgCommand {
    /// Creates an organisation without members.
    Create {
        /// The organisation's name: letters, digits, `-`, `_` and `.`.
        #[arg(value_parser = Namespace::parse_new)]
        name: Namespace,
        /// The name shown beside it.
        #[arg(long, value_name = "TEXT")]
        full_name: Option<String>,
        /// Visibility of new repositories whose creator asks for none: `public` or `private`.
        #[arg(long, value_name = "VISIBILITY", default_value = "public", value_parser = Visibility::parse)]
        default_visibility: Visibility,
    },
    /// Adds a member to an organisation, or changes a member's role.
    AddMember {
        /// The organisation.
        #[arg(value_parser = Namespace::parse)]
        org: Namespace,
        /// The user.
        #[arg(value_parser = Namespace::parse)]
        user: Namespace,
        /// `admin`, `write`, `contributor` (writes only their own repositories) or `read`.
        #[arg(long, value_parser = OrgRole::parse)]
        role: OrgRole,
    },
    /// Lists organisations by name.
    List,
}

/// The `admin token` subcommands.
#[derive(Debug, Clone, Subcommand)]
pub enum TokenCommand {
    /// Creates a token and prints it; it is stored hashed and never shown again.
    Create {
        /// The user it speaks for.
        #[arg(value_parser = Namespace::parse)]
        user: Namespace,
        /// What the user calls it.
        #[arg(long)]
        name: String,
        /// `read`, or `write` to do all that the user may do.
        #[arg(long, value_parser = TokenRole::parse)]
        role: TokenRole,
        /// Takes this token (`hf_…`) instead of making one, for scripted set-ups.
        #[arg(long, value_name = "TOKEN", value_parser = secret)]
        value: Option<Secret>,
    },
    /// Revokes a token; it stops working at once.
    Revoke {
        /// The user it speaks for.
        #[arg(value_parser = Namespace::parse)]
        user: Namespace,
        /// What the user called it.
        #[arg(long)]
        name: String,
    },
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}
