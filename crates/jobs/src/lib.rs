#![doc = include_str!("../README.md")]

mod attempt;
mod bells;
mod boundary;
mod cancel;
mod config;
mod context;
mod count;
mod dead;
mod dispatch;
mod doorbell;
mod drain;
mod engine;
mod enqueue;
mod error;
mod fair;
mod handler;
pub mod hold;
#[cfg(feature = "http")]
pub mod http;
pub mod id;
mod job;
mod lane;
mod list;
#[cfg(feature = "notify")]
mod notify;
pub mod operator;
pub mod permission;
mod poll;
pub mod pull;
mod purge;
mod queue;
#[cfg(feature = "redis")]
mod redis;
mod redrive;
mod registry;
mod runtime;
pub mod schedule;
mod service;
mod settle;
pub mod topic;
mod upkeep;
mod view;
#[cfg(feature = "webhook")]
pub mod webhook;

pub use self::{
    boundary::CATALOGUE_EXCEPTIONS,
    cancel::{Cancelled, cancel},
    config::{DoorbellKind, JobsConfig},
    context::Context,
    count::{QueueCounts, counts},
    dead::{DeadFilter, Purged, purge_dead, retry},
    drain::{Drained, assert_enqueued, pending},
    enqueue::{Enqueued, MAX_PAYLOAD, enqueue, enqueue_many, enqueue_with},
    error::{CODES, Error},
    handler::{Handler, JobError, Outcome},
    hold::{Hold, HoldScope, list_holds, pause, resume},
    id::{JobId, RedriveId},
    job::{Job, Options, Priority, Retry, Start},
    lane::{LaneChange, LaneLimits, get_lane, set_lane},
    list::{JobFilter, JobPosition, list},
    purge::{QueuePurge, purge_queue},
    queue::QueueName,
    redrive::{Redrive, RedriveRequest, RedriveState, cancel_redrive, get_redrive, list_redrives, redrive},
    registry::Execution,
    runtime::{Concurrency, Runtime, RuntimeBuilder},
    service::Jobs,
    view::{Failure, JobState, JobView, get},
};

/// The examples of the guides compile.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../../docs/guides/topics.md")]
    struct Topics;
    #[doc = include_str!("../../../docs/guides/schedules.md")]
    struct Schedules;
}
