#![doc = include_str!("../README.md")]

mod admin;
mod boundary;
mod config;
mod context;
mod doorbell;
mod engine;
mod enqueue;
mod error;
mod handler;
#[cfg(feature = "http")]
pub mod http;
pub mod id;
mod job;
mod limit;
pub mod permission;
pub mod pull;
mod queue;
mod runtime;
pub mod schedule;
mod service;
pub mod topic;
#[cfg(feature = "webhook")]
pub mod webhook;

pub use self::{
    admin::{
        Cancelled, DeadFilter, Failure, Hold, HoldPosition, HoldScope, JobFilter, JobPosition, JobState,
        JobView, Lane, LaneChange, LaneLimits, Purged, QueueCounts, QueuePurge, Redrive, RedriveRequest,
        RedriveState, cancel, cancel_redrive, counts, get, get_lane, get_redrive, hold, lane, list,
        list_counts, list_holds, list_lanes, list_redrives, operator, pause, purge_dead, purge_queue,
        redrive, resume, retry, set_lane,
    },
    boundary::CATALOGUE_EXCEPTIONS,
    config::{DoorbellKind, JobsConfig},
    context::Context,
    enqueue::{Enqueued, MAX_PAYLOAD, enqueue, enqueue_many, enqueue_with},
    error::{CODES, Error},
    handler::{Handler, JobError, Outcome},
    id::{JobId, RedriveId},
    job::{Job, Options, Priority, Retry, Start},
    queue::QueueName,
    runtime::{Concurrency, Drained, Execution, Runtime, RuntimeBuilder, assert_enqueued, pending},
    service::Jobs,
};

/// The examples of the guides compile.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../../docs/guides/topics.md")]
    struct Topics;
    #[doc = include_str!("../../../docs/guides/schedules.md")]
    struct Schedules;
}
