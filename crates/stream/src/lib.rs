#![doc = include_str!("../README.md")]

mod agreed;
mod codec;
mod dtls;
mod extension;
mod ice;
mod id;
mod packet;
pub mod plane;
pub mod record;
mod rtcp;
mod rtp;
mod srtp;
mod track;

pub use self::{
    agreed::{Agreed, Credentials, Fingerprint},
    codec::{Codec, Kind},
    extension::{Extension, ExtensionMap},
    ice::{Candidate, Protocol},
    id::{ChannelId, RecordingId, SessionId},
    packet::{ClockReading, MAX_PASSED_ON, Packet},
    track::{Feedback, Track},
};
