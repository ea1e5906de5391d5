//! The data plane, with an independent implementation of WebRTC as its peers.

mod forward;
mod peer;
