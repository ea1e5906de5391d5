//! `veza jobs …`.

use chrono::{DateTime, Utc};
use clap::{ArgGroup, Args, Subcommand};
use veza_jobs::{JobId, JobState, QueueName, RedriveId};

use super::{DataArgs, Limit};

const QUEUES: &str = "A queue of the pull API is written pull:NAME, as in --queue pull:orders.";

/// `veza jobs …`. Works on the configured database, or on that of a running `veza up`.
#[derive(Debug, Subcommand)]
pub enum JobsCommand {
    /// List jobs
    #[command(after_help = "Examples:\n  \
        veza jobs ls                               what waits, of all organisations\n  \
        veza jobs ls --state dead --queue mail     what failed for good, latest first\n  \
        veza jobs ls --tenant acme --state running\n  \
        veza jobs ls --state dead --json | jq -r .error | sort | uniq -c\n\n\
        Of the jobs that have ended, only those that asked to be kept are there.")]
    Ls(JobsListArgs),
    /// Watch the queues
    #[command(
        after_help = "OLDEST is how long the first job in line has waited. The two rates count since the \
        last refresh.\n\nExamples:\n  veza jobs top\n  veza jobs top --once"
    )]
    Top(JobsTopArgs),
    /// Show one job with its payload, its errors and its result (JSON)
    Show(JobArgs),
    /// Let dead jobs begin anew, or deferred ones now
    #[command(after_help = "Examples:\n  \
        veza jobs retry 019a6f3c-5b1a-7c00-8000-000000000001\n  \
        veza jobs retry --queue mail               all dead jobs of the queue: a redrive\n\n\
        The attempts of a dead job begin at one again; its history stays.")]
    Retry(JobsRetryArgs),
    /// Take dead jobs of a queue back, oldest death first, at a rate
    #[command(after_help = "Examples:\n  \
        veza jobs redrive --queue mail --per-minute 600\n  \
        veza jobs redrive --queue mail --tenant acme --reason lost\n  \
        veza jobs redrives                         how far they are\n\n\
        Running processes do the work; it goes on after a restart. One redrive begins for each organisation.")]
    Redrive(JobsRedriveArgs),
    /// List redrives, or cancel one
    Redrives(JobsRedrivesArgs),
    /// Let nothing more begin: in a queue, of an organisation, or both
    #[command(after_help = "Examples:\n  \
        veza jobs pause --queue mail --reason 'the provider is down'\n  \
        veza jobs pause --tenant acme\n  \
        veza jobs pause --tenant acme --queue reports\n  \
        veza jobs pause --all\n\n\
        What runs goes on. Each pause is lifted by a `resume` with the same options.")]
    Pause(JobsHoldArgs),
    /// Lift a pause
    #[command(after_help = "Examples:\n  veza jobs resume --queue mail\n  veza jobs resume --tenant acme")]
    Resume(JobsHoldArgs),
    /// List what is paused, and by whom
    Holds(JobsHoldsArgs),
    /// Delete dead jobs, or end waiting and deferred ones, for good
    #[command(after_help = "Examples:\n  \
        veza jobs purge --dead --queue mail --died-until 2026-01-01T00:00:00Z\n  \
        veza jobs purge --waiting --queue reports --tenant acme --yes\n\n\
        It asks first, unless --yes is given. Jobs that run are not touched.")]
    Purge(JobsPurgeArgs),
    /// Cancel jobs; those that run are told to stop
    Cancel(JobsCancelArgs),
    /// Set or show an organisation's share of a queue
    #[command(after_help = "Examples:\n  \
        veza jobs limit --tenant acme --queue reports --max-running 2\n  \
        veza jobs limit --tenant acme --queue mail --per-minute 600 --weight 3\n  \
        veza jobs limit --tenant acme --queue mail --per-minute default\n\n\
        Limits hold over all processes. An organisation with weight 3 gets three times the time of one with 1.")]
    Limit(JobsLimitArgs),
}

/// Whose jobs, and of which queue.
#[derive(Debug, Clone, Args)]
pub struct JobsScope {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// The organisation's id or slug [default: all]
    #[arg(long, value_name = "ORGANIZATION")]
    pub tenant: Option<String>,
}

/// `veza jobs ls`.
#[derive(Debug, Args)]
pub struct JobsListArgs {
    /// Whose.
    #[command(flatten)]
    pub scope: JobsScope,
    /// Of this queue
    #[arg(long, value_parser = queue, long_help = QUEUES)]
    pub queue: Option<QueueName>,
    /// waiting, deferred, running, done, cancelled or dead
    #[arg(long, value_parser = state, default_value = "waiting")]
    pub state: JobState,
    /// Of this kind
    #[arg(long)]
    pub kind: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub limit: usize,
    /// Print JSON lines
    #[arg(long)]
    pub json: bool,
}

/// `veza jobs top`.
#[derive(Debug, Args)]
pub struct JobsTopArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// Print once and end
    #[arg(long)]
    pub once: bool,
}

/// One job.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// The job's id
    pub id: JobId,
}

/// `veza jobs cancel`.
#[derive(Debug, Args)]
pub struct JobsCancelArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// The jobs' ids
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<JobId>,
}

/// `veza jobs retry`.
#[derive(Debug, Args)]
pub struct JobsRetryArgs {
    /// Whose.
    #[command(flatten)]
    pub scope: JobsScope,
    /// The jobs' ids
    #[arg(value_name = "ID", required_unless_present = "queue", conflicts_with_all = ["queue", "tenant"])]
    pub ids: Vec<JobId>,
    /// All dead jobs of this queue
    #[arg(long, value_parser = queue, long_help = QUEUES)]
    pub queue: Option<QueueName>,
}

/// Which dead jobs.
#[derive(Debug, Clone, Args)]
pub struct DeadArgs {
    /// Of this kind
    #[arg(long)]
    pub kind: Option<String>,
    /// Dead for this reason: failed, fatal, lost or rejected
    #[arg(long)]
    pub reason: Option<String>,
    /// Dead at this time or later (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub died_from: Option<DateTime<Utc>>,
    /// Dead at this time or before (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub died_until: Option<DateTime<Utc>>,
}

/// `veza jobs redrive`.
#[derive(Debug, Args)]
pub struct JobsRedriveArgs {
    /// Whose.
    #[command(flatten)]
    pub scope: JobsScope,
    /// The queue in which they died
    #[arg(long, value_parser = queue, long_help = QUEUES)]
    pub queue: QueueName,
    /// Which of them.
    #[command(flatten)]
    pub dead: DeadArgs,
    /// At most so many per minute, for each organisation [default: as fast as it goes]
    #[arg(long, value_name = "N")]
    pub per_minute: Option<i32>,
    /// Into this queue instead of their own
    #[arg(long, value_parser = queue, value_name = "QUEUE")]
    pub to: Option<QueueName>,
}

/// `veza jobs redrives`.
#[derive(Debug, Args)]
pub struct JobsRedrivesArgs {
    /// Whose.
    #[command(flatten)]
    pub scope: JobsScope,
    /// End this one; what it moved stays moved
    #[arg(long, value_name = "ID", requires = "tenant")]
    pub cancel: Option<RedriveId>,
}

/// `veza jobs pause` and `resume`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true).args(["tenant", "queue", "all"]))]
pub struct JobsHoldArgs {
    /// Whose.
    #[command(flatten)]
    pub scope: JobsScope,
    /// This queue
    #[arg(long, value_parser = queue, long_help = QUEUES)]
    pub queue: Option<QueueName>,
    /// Every queue of every organisation
    #[arg(long, conflicts_with_all = ["tenant", "queue"])]
    pub all: bool,
    /// Why, for whoever looks later
    #[arg(long)]
    pub reason: Option<String>,
}

/// `veza jobs holds`.
#[derive(Debug, Args)]
pub struct JobsHoldsArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `veza jobs purge`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["dead", "waiting"]))]
pub struct JobsPurgeArgs {
    /// Whose.
    #[command(flatten)]
    pub scope: JobsScope,
    /// The queue
    #[arg(long, value_parser = queue, long_help = QUEUES)]
    pub queue: QueueName,
    /// Dead jobs
    #[arg(long)]
    pub dead: bool,
    /// Waiting and deferred jobs; of a pull queue, received messages too
    #[arg(long, conflicts_with_all = ["kind", "reason", "died_from", "died_until"])]
    pub waiting: bool,
    /// Which of the dead.
    #[command(flatten)]
    pub filter: DeadArgs,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// `veza jobs limit`.
#[derive(Debug, Args)]
pub struct JobsLimitArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// The organisation's id or slug
    #[arg(long, value_name = "ORGANIZATION")]
    pub tenant: String,
    /// The queue
    #[arg(long, value_parser = queue, long_help = QUEUES)]
    pub queue: QueueName,
    /// Jobs at once: a number, or `default` for no limit
    #[arg(long, value_name = "N")]
    pub max_running: Option<Limit>,
    /// Jobs that begin per minute: a number, or `default` for no limit
    #[arg(long, value_name = "N")]
    pub per_minute: Option<Limit>,
    /// The share against other organisations, from 1 to 1000 [default: 1]
    #[arg(long, value_name = "N")]
    pub weight: Option<i32>,
}

fn queue(text: &str) -> Result<QueueName, String> {
    QueueName::parse(text).map_err(|error| error.to_string())
}

fn state(text: &str) -> Result<JobState, &'static str> {
    JobState::parse(text).ok_or("one of waiting, deferred, running, done, cancelled and dead")
}

impl JobsCommand {
    /// Where the data is.
    pub(crate) fn data(&self) -> &DataArgs {
        match self {
            Self::Ls(args) => &args.scope.data,
            Self::Top(args) => &args.data,
            Self::Show(args) => &args.data,
            Self::Retry(args) => &args.scope.data,
            Self::Redrive(args) => &args.scope.data,
            Self::Redrives(args) => &args.scope.data,
            Self::Pause(args) | Self::Resume(args) => &args.scope.data,
            Self::Holds(args) => &args.data,
            Self::Purge(args) => &args.scope.data,
            Self::Cancel(args) => &args.data,
            Self::Limit(args) => &args.data,
        }
    }
}
