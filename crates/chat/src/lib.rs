#![doc = include_str!("../README.md")]

mod batch;
mod boundary;
mod bus;
#[cfg(feature = "client")]
pub mod client;
mod config;
mod connection;
#[cfg(feature = "jobs")]
mod departure;
mod error;
mod event;
pub mod frame;
#[cfg(feature = "http")]
pub mod http;
mod hub;
pub mod id;
mod log;
pub mod member;
pub mod message;
pub mod permission;
mod presence;
pub mod room;
mod schema;
mod service;
mod standing;

#[cfg(feature = "jobs")]
pub use self::departure::DEPARTURES;
pub use self::{
    batch::Sent,
    boundary::CATALOGUE_EXCEPTIONS,
    config::ChatConfig,
    connection::{Connection, Delivery, MAX_SUBSCRIPTIONS},
    error::{CODES, Error},
    event::{Event, EventKind},
    hub::SignalKind,
    id::{MemberId, RoomId},
    log::events,
    message::{Attachment, Body, MAX_ATTACHMENTS, NewAttachment, NewMessage},
    presence::{MAX_WATCHED, Presence},
    service::Chat,
};
