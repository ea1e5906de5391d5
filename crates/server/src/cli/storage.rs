//! `veza storage …`.
#![allow(clippy::doc_markdown, reason = "help is read on a terminal")]

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};

use super::DataArgs;

/// `veza storage …`. `ls`, `cp`, `rm` and `du` speak to the HTTP API with an API key; the others are the operator's and
/// work on the configured database and backend, or on those of a running `veza up`.
#[derive(Debug, Subcommand)]
pub enum StorageCommand {
    /// List buckets, or objects
    #[command(after_help = "Examples:\n  \
        veza storage ls\n  veza storage ls veza://files/2026/\n  veza storage ls -r veza://files --json | jq -r .key")]
    Ls(StorageListArgs),
    /// Copy files to a bucket, objects to files, or objects to objects
    #[command(after_help = "Examples:\n  \
        veza storage cp report.pdf veza://files/reports/\n  \
        veza storage cp -r ./photos veza://files/photos\n  \
        veza storage cp -r veza://files/photos ./photos\n  \
        veza storage cp veza://files/a veza://archive/a\n\n\
        A place that ends with / takes the name of what is copied. A download that breaks off goes on where it was.\n\
        So does the upload of a file of 32 MiB or more, also when the command is given again after it was killed: what is\n\
        needed for that is noted in $XDG_STATE_HOME/veza/uploads, and forgotten when the file is there.")]
    Cp(StorageCopyArgs),
    /// Delete objects
    #[command(
        after_help = "Examples:\n  veza storage rm veza://files/a.txt\n  veza storage rm -r veza://files/old/"
    )]
    Rm(StorageRemoveArgs),
    /// Add up the sizes of objects
    Du(StorageListArgs),
    /// Compare the database with the backend: after a restore, or when in doubt; exit 1 when they do not agree
    #[command(after_help = "Examples:\n  \
        veza storage audit                                     everything, and change nothing\n  \
        veza storage audit --since 2026-11-20T12:00:00Z        what was stored since the moment restored to\n  \
        veza storage audit --since 2026-11-20T12:00:00Z --collect")]
    Audit(StorageAuditArgs),
    /// Wrap all organisations' keys with the first key of the root key file, so that the others can go
    RewrapRoot(StorageRewrapArgs),
    /// Destroy the keys of an organisation, and with them all of its encrypted files, for good
    Shred(StorageShredArgs),
}

/// Whom a client speaks to.
#[derive(Debug, Clone, Args)]
pub struct ClientArgs {
    /// Where the API is
    #[arg(long, env = "VEZA_URL", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub url: String,
    /// The API key, or an access token
    #[arg(long, env = "VEZA_API_KEY", value_name = "KEY", hide_env_values = true)]
    pub api_key: Option<String>,
    /// Instead: a file that holds it
    #[arg(long, env = "VEZA_API_KEY_FILE", value_name = "FILE", conflicts_with = "api_key")]
    pub api_key_file: Option<PathBuf>,
    /// One line of JSON for each thing
    #[arg(long)]
    pub json: bool,
}

/// `veza storage ls`, `du`.
#[derive(Debug, Args)]
pub struct StorageListArgs {
    /// Whom to speak to.
    #[command(flatten)]
    pub client: ClientArgs,
    /// A bucket, or a part of one: veza://BUCKET/PREFIX
    #[arg(value_name = "PLACE")]
    pub place: Option<String>,
    /// Also what lies below
    #[arg(short, long)]
    pub recursive: bool,
}

/// `veza storage cp`.
#[derive(Debug, Args)]
pub struct StorageCopyArgs {
    /// Whom to speak to.
    #[command(flatten)]
    pub client: ClientArgs,
    /// A file, a directory, or veza://BUCKET/KEY
    pub from: String,
    /// The same
    pub to: String,
    /// A directory, or all objects below a prefix
    #[arg(short, long)]
    pub recursive: bool,
    /// Files at a time
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64), value_name = "N")]
    pub parallel: u8,
}

/// `veza storage rm`.
#[derive(Debug, Args)]
pub struct StorageRemoveArgs {
    /// Whom to speak to.
    #[command(flatten)]
    pub client: ClientArgs,
    /// veza://BUCKET/KEY
    #[arg(value_name = "PLACE")]
    pub place: String,
    /// All objects that begin so
    #[arg(short, long)]
    pub recursive: bool,
}

/// `veza storage audit`.
#[derive(Debug, Args)]
pub struct StorageAuditArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// Only what was stored since then (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub since: Option<DateTime<Utc>>,
    /// Remove bytes that no row knows
    #[arg(long)]
    pub collect: bool,
    /// Remove nothing when there are more of them: it may be another database's backend
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    pub at_most: usize,
}

/// `veza storage rewrap-root`.
#[derive(Debug, Args)]
pub struct StorageRewrapArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `veza storage shred`.
#[derive(Debug, Args)]
pub struct StorageShredArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// The organisation's id or slug
    #[arg(value_name = "ORGANIZATION")]
    pub organization: String,
    /// The organisation's id, to show that it is meant
    #[arg(long, value_name = "ID")]
    pub confirm: String,
}

impl StorageCommand {
    /// Where the data is, for the operator's commands.
    pub(crate) fn data(&self) -> Option<&DataArgs> {
        match self {
            Self::Ls(_) | Self::Cp(_) | Self::Rm(_) | Self::Du(_) => None,
            Self::Audit(args) => Some(&args.data),
            Self::RewrapRoot(args) => Some(&args.data),
            Self::Shred(args) => Some(&args.data),
        }
    }
}
