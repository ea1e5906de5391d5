#![doc = include_str!("../README.md")]

mod batch;
mod boundary;
mod config;
mod error;
mod event;
pub mod id;
mod log;
pub mod member;
pub mod message;
pub mod permission;
pub mod room;
mod schema;
mod service;
mod standing;

pub use self::{
    batch::Sent,
    boundary::CATALOGUE_EXCEPTIONS,
    config::ChatConfig,
    error::{CODES, Error},
    event::{Event, EventKind},
    id::{MemberId, RoomId},
    log::events,
    message::Body,
    service::{Chat, NewMessage},
};
