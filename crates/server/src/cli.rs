//! The command line.

mod jobs;
mod storage;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use self::jobs::*;
pub use self::storage::*;

/// The backend of a multi-tenant SaaS: organisations, people, access.
///
/// `veza up` starts everything on this machine, with a PostgreSQL of its own. In production, give
/// `veza serve` a database and run `veza migrate` before each new version.
#[derive(Debug, Parser)]
#[command(name = "veza", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// The configuration file [default: veza.toml in the current directory, if it exists]
    #[arg(long, global = true, env = "VEZA_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start everything on this machine, with a private PostgreSQL; for development and small deployments
    Up(UpArgs),
    /// Serve, given a database; for production
    Serve(ServeArgs),
    /// Bring the database schema up to date
    Migrate(MigrateArgs),
    /// Check, show or describe the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Say what is wrong with this installation and what to do
    Doctor(DataArgs),
    /// Create, list, suspend, resume, limit or delete organisations
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Look at jobs, and retry, cancel, pause, limit or purge them
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// Copy, list and delete files; compare the database with the backend; change and destroy keys
    #[command(subcommand)]
    Storage(StorageCommand),
    /// Print the OpenAPI document
    Openapi,
    /// Print the `AsyncAPI` document of the chat's WebSocket
    Asyncapi,
    /// Print the list of error codes (Markdown)
    #[command(hide = true)]
    Errors,
    /// Print the list of metrics (Markdown)
    #[command(hide = true)]
    Metrics,
    /// Print the database schema after all migrations (SQL)
    #[command(hide = true)]
    Schema,
    /// Print a shell's completions
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff)
    Man,
}

/// Where `veza up` keeps its data.
#[derive(Debug, Clone, Args)]
pub struct DataArgs {
    /// Where `veza up` keeps everything [default: /var/lib/veza for root, else ~/.local/share/veza]
    #[arg(long, env = "VEZA_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// `veza up`.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// The address to listen on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<std::net::SocketAddr>,
}

/// `veza serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// What this process does; all of it when absent
    #[arg(long, value_delimiter = ',', value_name = "ROLE")]
    pub role: Vec<Role>,
}

/// A part of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// The HTTP API.
    Api,
    /// What runs beside requests: jobs, e-mail, keys, sweeping.
    Worker,
    /// Live sound and pictures: the media port, and the HTTP API that begins sessions there.
    Stream,
}

impl Role {
    /// All of the work.
    pub const ALL: [Self; 3] = [Self::Api, Self::Worker, Self::Stream];

    /// Whether it serves HTTP.
    pub fn serves(self) -> bool {
        matches!(self, Self::Api | Self::Stream)
    }
}

/// `veza migrate`.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// First create missing roles and the database, as the administrator of this URL
    #[arg(long, env = "VEZA_ADMIN_URL", value_name = "URL", hide_env_values = true)]
    pub admin_url: Option<String>,
    /// The database to create with --admin-url
    #[arg(long, default_value = "veza", value_name = "NAME")]
    pub database: String,
    /// Only say whether something is pending; exit 1 if so
    #[arg(long)]
    pub check: bool,
}

/// `veza config …`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check the configuration; exit 1 when it cannot work
    Check {
        /// Also check that what `veza serve` needs is there
        #[arg(long)]
        serving: bool,
    },
    /// Print the configuration in force (TOML); secrets are hidden
    Show,
    /// Print the JSON schema of the configuration
    Schema,
    /// Print the reference of all keys (Markdown)
    Reference,
}

/// `veza tenant …`. Works on the configured database, or on that of a running `veza up`.
#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Create an organisation with its owner; the owner's password is read from standard input
    Create(TenantCreateArgs),
    /// List organisations
    List {
        /// Where the data is.
        #[command(flatten)]
        data: DataArgs,
        /// Print JSON lines
        #[arg(long)]
        json: bool,
    },
    /// Show one organisation (JSON)
    Show(TenantArgs),
    /// Let nobody of an organisation in; nothing is lost
    Suspend(TransitionArgs),
    /// Let a suspended or deleted organisation in again
    Resume(TransitionArgs),
    /// Mark an organisation as deleted; `resume` takes it back
    Delete(TransitionArgs),
    /// Set an organisation's limits
    Limit(LimitArgs),
}

/// `veza tenant create`.
#[derive(Debug, Args)]
pub struct TenantCreateArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// The organisation's name in addresses: 3 to 40 of a-z, 0-9 and -
    pub slug: String,
    /// Its name for people [default: the slug]
    #[arg(long)]
    pub name: Option<String>,
    /// The owner's e-mail address
    #[arg(long, value_name = "ADDRESS")]
    pub owner_email: String,
    /// The owner's name [default: the address]
    #[arg(long, value_name = "NAME")]
    pub owner_name: Option<String>,
}

/// One organisation.
#[derive(Debug, Args)]
pub struct TenantArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// The organisation's id or slug
    pub organization: String,
}

/// A change of one organisation's state.
#[derive(Debug, Args)]
pub struct TransitionArgs {
    /// Which.
    #[command(flatten)]
    pub tenant: TenantArgs,
    /// Why, for whoever looks later
    #[arg(long)]
    pub reason: Option<String>,
}

/// `veza tenant limit`.
#[derive(Debug, Args)]
pub struct LimitArgs {
    /// Which.
    #[command(flatten)]
    pub tenant: TenantArgs,
    /// Requests per minute: a number, or `default` for the deployment's
    #[arg(long, value_name = "N", required_unless_present = "max_members")]
    pub requests_per_minute: Option<Limit>,
    /// Members: a number, or `default` for the deployment's
    #[arg(long, value_name = "N")]
    pub max_members: Option<Limit>,
}

/// A limit of its own, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(pub Option<i32>);

impl std::str::FromStr for Limit {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "default" {
            return Ok(Self(None));
        }
        text.parse().map(|number| Self(Some(number))).map_err(|_no_number| "a number or `default`")
    }
}
