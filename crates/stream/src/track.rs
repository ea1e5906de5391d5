//! What was agreed about one track.

use crate::codec::Codec;
use crate::extension::ExtensionMap;

/// A track as it was agreed with one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// The media section it stands in (`a=mid`).
    pub mid: String,
    /// How it is encoded.
    pub codec: Codec,
    /// Parameters of the codec, as they stood in `a=fmtp`.
    pub format: Option<String>,
    /// The number that the peer knows the codec by.
    pub payload_type: u8,
    /// The number of its retransmissions (RFC 4588), when the peer takes them.
    pub rtx_payload_type: Option<u8>,
    /// The source: what a publisher said it would send as, if it said so, or what a viewer was told.
    pub ssrc: Option<u32>,
    /// The source of retransmissions.
    pub rtx_ssrc: Option<u32>,
    /// Header extensions.
    pub extensions: ExtensionMap,
    /// What the peer agreed to say, or to hear, about packets.
    pub feedback: Feedback,
}

/// `a=rtcp-fb` (RFC 4585) that both sides know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each stands for one line of SDP")]
pub struct Feedback {
    /// Lost packets are asked for again.
    pub nack: bool,
    /// A key frame may be asked for (Picture Loss Indication).
    pub pli: bool,
    /// A key frame may be asked for (Full Intra Request, RFC 5104).
    pub fir: bool,
    /// Arrival times of packets are told.
    pub transport_cc: bool,
}
