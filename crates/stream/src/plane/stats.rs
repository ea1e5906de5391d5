//! What is counted of a session.

use serde::Serialize;

use crate::codec::Codec;

/// A session, as the data plane sees it at this moment. Counters begin at zero with the session.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct SessionStats {
    /// Whether media may flow.
    pub connected: bool,
    /// Bytes of datagrams from the peer.
    pub bytes_received: u64,
    /// Bytes of datagrams to the peer.
    pub bytes_sent: u64,
    /// Datagrams that were not what they claimed to be: wrong tag, replayed, unreadable.
    pub packets_refused: u64,
    /// The time that a packet takes to the peer and back, in milliseconds, as reports tell.
    pub round_trip_ms: Option<f64>,
    /// What is sent or received, in the order of media sections.
    pub tracks: Vec<TrackStats>,
}

/// A track of a session.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct TrackStats {
    /// The media section.
    pub mid: String,
    /// How it is encoded.
    pub codec: Codec,
    /// Packets, retransmissions left out.
    pub packets: u64,
    /// Bytes of payload, retransmissions left out.
    pub bytes: u64,
    /// Packets that did not come: to us of a publisher; to a viewer as it says.
    pub lost: u64,
    /// Packets that were asked for again: by us of a publisher, by a viewer of us.
    pub nacked: u64,
    /// Packets that were sent again.
    pub retransmitted: u64,
    /// Key frames that were asked for: by us of a publisher, by a viewer of us.
    pub keyframes_requested: u64,
    /// Interarrival jitter (RFC 3550 section 6.4.1), in milliseconds.
    pub jitter_ms: f64,
}
