#![doc = include_str!("../README.md")]

mod attempt;
mod bells;
mod config;
mod context;
mod dispatch;
mod doorbell;
mod drain;
mod engine;
mod enqueue;
mod error;
mod fair;
mod handler;
pub mod id;
mod job;
#[cfg(feature = "notify")]
mod notify;
mod poll;
mod queue;
#[cfg(feature = "redis")]
mod redis;
mod registry;
mod runtime;
mod service;
mod settle;
mod upkeep;
#[cfg(feature = "webhook")]
pub mod webhook;

pub use self::{
    config::{DoorbellKind, JobsConfig},
    context::Context,
    drain::{Drained, assert_enqueued, pending},
    enqueue::{Enqueued, MAX_PAYLOAD, enqueue, enqueue_many, enqueue_with},
    error::{CODES, Error},
    handler::{Handler, JobError, Outcome},
    id::JobId,
    job::{Job, Options, Priority, Retry, Start},
    queue::QueueName,
    registry::Execution,
    runtime::{Concurrency, Runtime, RuntimeBuilder},
    service::Jobs,
};
