//! What is counted of a session.

use serde::Serialize;

use super::egress::Egress;
use super::ingest::Ingest;
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

impl TrackStats {
    pub(super) fn of_ingest(ingest: &Ingest) -> Self {
        Self {
            mid: ingest.track.mid.clone(),
            codec: ingest.track.codec,
            packets: ingest.packets,
            bytes: ingest.bytes,
            lost: ingest.lost,
            nacked: ingest.nacked,
            retransmitted: ingest.retransmitted,
            keyframes_requested: ingest.keyframes_requested,
            jitter_ms: ingest.jitter_ms(),
        }
    }

    pub(super) fn of_egress(egress: &Egress) -> Self {
        let told = egress.reception;
        let rate = f64::from(egress.track.codec.clock_rate());
        Self {
            mid: egress.track.mid.clone(),
            codec: egress.track.codec,
            packets: egress.packets,
            bytes: egress.bytes,
            lost: told.map_or(0, |told| u64::try_from(told.lost).unwrap_or_default()),
            nacked: egress.nacked,
            retransmitted: egress.resent,
            keyframes_requested: egress.keyframes_requested,
            jitter_ms: told.map_or(0.0, |told| f64::from(told.jitter) * 1_000.0 / rate),
        }
    }
}
