#![doc = include_str!("../README.md")]

mod agreed;
mod codec;
mod extension;
mod id;
mod packet;
pub mod plane;
mod track;

pub use self::{
    agreed::{Agreed, Credentials, Fingerprint},
    codec::{Codec, Kind},
    extension::{Extension, ExtensionMap},
    id::{ChannelId, RecordingId, SessionId},
    packet::{ClockReading, MAX_PASSED_ON, Packet},
    track::{Feedback, Track},
};
