#![doc = include_str!("../README.md")]

mod agreed;
mod boundary;
pub mod channel;
mod codec;
mod config;
mod dtls;
mod error;
mod extension;
#[cfg(feature = "http")]
pub mod http;
mod ice;
mod id;
#[cfg_attr(not(feature = "http"), allow(dead_code, reason = "only requests ask for all of it"))]
mod live;
mod packet;
pub mod permission;
pub mod plane;
pub mod record;
mod rtcp;
mod rtp;
mod schema;
pub mod sdp;
#[cfg_attr(not(feature = "http"), allow(dead_code, reason = "only requests ask for all of it"))]
mod service;
pub mod session;
mod srtp;
pub mod token;
mod track;

pub use self::{
    agreed::{Agreed, Credentials, Fingerprint},
    boundary::CATALOGUE_EXCEPTIONS,
    codec::{Codec, Kind},
    config::StreamConfig,
    error::{CODES, Error},
    extension::{Extension, ExtensionMap},
    ice::{Candidate, Protocol},
    id::{ChannelId, RecordingId, SessionId},
    packet::{ClockReading, MAX_PASSED_ON, Packet},
    service::{Condition, Patched, SessionNow, Started, Streams, Watched},
    track::{Feedback, Track},
};
