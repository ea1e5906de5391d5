//! The data plane, with an independent implementation of WebRTC as its peers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may stop at what it did not expect, and a peer lives in real time"
)]

mod attack;
mod catalogue;
mod channels;
mod codecs;
mod forward;
mod framing;
mod limits;
mod metering;
mod peer;
mod recorded;
mod refused;
mod rig;
mod road;
mod sessions;
mod takeover;
mod ways;
mod whole;
