//! What can go wrong, as facts.

use std::time::Duration;

use veza_core::fault::{Fault, FieldError, Kind};
use veza_core::{DbError, Forbidden};

/// Any failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Fields of the input break rules.
    #[error("the input breaks {} rule(s)", .0.len())]
    Invalid(Vec<FieldError>),
    /// It is not there, or not the caller's.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A queue's name breaks the rule.
    #[error("a queue's name is 1 to 63 of a-z, 0-9, '.', '_' and '-', and begins with a letter")]
    QueueName,
    /// A job's value cannot be written as JSON.
    #[error("the job {kind} cannot be written as JSON: {error}")]
    Unserializable {
        /// The job's kind.
        kind: &'static str,
        /// Why.
        error: String,
    },
    /// A payload is larger than it may be.
    #[error("a payload may have {max} bytes, this one has {size}")]
    TooLarge {
        /// Its bytes.
        size: usize,
        /// The limit: [`MAX_PAYLOAD`](crate::MAX_PAYLOAD), or what the queue takes.
        max: usize,
        /// Where it was in the input, and what the limit is; none for a job of a program.
        fields: Vec<FieldError>,
    },
    /// The job was given to somebody else meanwhile, has ended, or never was this worker's.
    #[error("the lease is not held any more")]
    LeaseLost,
    /// A queue of this name has other settings.
    #[error("a queue of this name exists, with other settings")]
    QueueExists,
    /// Messages are in the queue.
    #[error("the queue holds messages; purge it, or remove it with force")]
    QueueNotEmpty,
    /// A queue of this name was removed a moment ago.
    #[error(
        "a queue of this name was deleted less than a minute ago, or its messages are still being removed"
    )]
    QueueDeletedRecently,
    /// Bindings or schedules send to the queue.
    #[error("bindings or schedules send to the queue; remove them first")]
    QueueInUse,
    /// As many wait for messages as the process can bear.
    #[error("too many receivers wait here; try again, or without waiting")]
    ReceiversBusy,
    /// As many of one organisation wait for messages as may.
    #[error("an organisation may have at most {0} receivers that wait; try again, or without waiting")]
    TooManyReceivers(usize),
    /// An event caused by an event caused by an event, and so on: probably a circle.
    #[error("an event may be {max} hops away from its first cause")]
    TooManyHops {
        /// The limit.
        max: u8,
    },
    /// The tenant has as many as it may have.
    #[error("there may be {max} of these: {noun}")]
    LimitReached {
        /// Of what.
        noun: &'static str,
        /// The limit.
        max: i64,
    },
    /// Another one has the name.
    #[error("another {0} has this name")]
    NameTaken(&'static str),
    /// The version moved on since it was read.
    #[error("it was changed since it was read")]
    VersionMismatch,
    /// Two handlers, or a handler and nothing to do with it.
    #[error("{0}")]
    Setup(String),
    /// Another job took a dead one's unique key.
    #[error("another job has its unique key by now")]
    KeyTaken,
    /// Only what is dead or deferred can be retried.
    #[error("the job is running")]
    NotRetriable,
    /// Organisations share the queue, so one of them cannot set what it gets of it.
    #[error("organisations share this queue; the operator sets what each gets of it")]
    SharedQueue,
    /// Twenty redrives of the tenant go on.
    #[error("twenty redrives go on already")]
    RedriveLimit,
    /// The caller lacks a permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// A page of a list.
    #[error(transparent)]
    Page(#[from] veza_core::page::PageError),
    /// An Idempotency-Key.
    #[error(transparent)]
    Idempotency(#[from] veza_core::idempotency::IdempotencyError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Error {
    /// What an absent row means.
    pub(crate) fn absent(noun: &'static str) -> impl FnOnce(DbError) -> Error {
        move |error| match error {
            DbError::NotFound => Error::NotFound(noun),
            other => Error::Db(other),
        }
    }

    /// Gives a violated constraint its meaning.
    pub(crate) fn on_constraint(self, constraint: &str, meaning: Error) -> Error {
        match &self {
            Error::Db(error) if error.constraint() == Some(constraint) => meaning,
            _ => self,
        }
    }

    /// A field of `size` bytes where `rule` allows `max`.
    pub(crate) fn too_large(field: &'static str, size: usize, max: usize, rule: &str) -> Error {
        let rule = format!("{rule}; this has {size} bytes");
        Error::TooLarge { size, max, fields: vec![FieldError::new(field, "too_large", rule)] }
    }

    /// One field that breaks a rule.
    pub(crate) fn field(
        field: impl Into<std::borrow::Cow<'static, str>>,
        code: &'static str,
        rule: impl Into<std::borrow::Cow<'static, str>>,
    ) -> Error {
        Error::Invalid(vec![FieldError::new(field, code, rule)])
    }
}

veza_core::codes! {
    of Forbidden, Page, Idempotency, Db; uncoded;
    Error::Invalid(_) => Invalid, "jobs.invalid", "Fields break rules; `errors` names each field and rule.";
    Error::NotFound(_) => NotFound, "jobs.not_found", "It does not exist, or not in this organisation.";
    Error::QueueName => Invalid, "jobs.queue.name_invalid", "1 to 63 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter.";
    Error::Unserializable { .. } => Internal, "jobs.payload.unserializable", "The program's job cannot be written as JSON.";
    Error::TooLarge { .. } => Invalid, "jobs.payload.too_large", "Put the data into a file and its id into the job.";
    Error::LeaseLost => Conflict, "jobs.lease.lost", "The visibility timeout passed, the job has ended, or the receipt is not of this job: drop it.";
    Error::KeyTaken => Conflict, "jobs.unique_key.taken", "Another job has this one's unique key; it can be retried when that has ended.";
    Error::NotRetriable => Conflict, "jobs.job.running", "It runs. Only a dead or a deferred job can be retried.";
    Error::RedriveLimit => Conflict, "jobs.redrive.limit", "Twenty redrives of this organisation go on; wait for one or cancel it.";
    Error::SharedQueue => Forbidden, "jobs.lane.shared", "Organisations set limits of their own pull queues; those of others are the operator's.";
    Error::QueueExists => Conflict, "jobs.queue.exists", "A queue of this name has other settings; change it instead.";
    Error::QueueNotEmpty => Conflict, "jobs.queue.not_empty", "Purge the queue first, or remove it with `force=true`.";
    Error::QueueDeletedRecently => Conflict, "jobs.queue.deleted_recently", "A minute after a queue was removed, and when its messages are gone, its name is free again.";
    Error::QueueInUse => Conflict, "jobs.queue.in_use", "Remove its bindings and schedules first.";
    Error::ReceiversBusy => Unavailable, "jobs.receive.busy", "Too many receivers wait at this process; wait as long as Retry-After says.";
    Error::TooManyReceivers(_) => RateLimited, "jobs.receive.too_many_waiting", "Too many of the organisation's receivers wait at this process; wait as long as Retry-After says.";
    Error::TooManyHops { .. } => Conflict, "jobs.event.too_many_hops", "Events cause each other in a circle; break it.";
    Error::LimitReached { .. } => QuotaExceeded, "jobs.limit_reached", "Remove some of them first.";
    Error::NameTaken(_) => Conflict, "jobs.name_taken", "Choose another name.";
    Error::VersionMismatch => PreconditionFailed, "jobs.version_mismatch", "Read it again and repeat the change with the new ETag.";
    Error::Setup(_) => Internal, "jobs.setup", "The program put its runtime together wrongly.";
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        self.kind_and_code().0
    }

    fn code(&self) -> &'static str {
        self.kind_and_code().1
    }

    fn fields(&self) -> &[FieldError] {
        match self {
            Error::Invalid(fields) | Error::TooLarge { fields, .. } => fields,
            Error::Page(error) => error.fields(),
            _ => &[],
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Db(error) => error.retry_after(),
            Error::QueueDeletedRecently => Some(Duration::from_mins(1)),
            Error::ReceiversBusy | Error::TooManyReceivers(_) => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}
