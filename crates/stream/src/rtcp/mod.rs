//! Reports and feedback (RTCP: RFC 3550 section 6, RFC 4585, RFC 5104, transport-wide congestion control).

mod arrivals;
mod read;
#[cfg(test)]
mod tests;
mod transport;
mod write;

pub(crate) use self::arrivals::Arrivals;
pub(crate) use self::read::{Reception, Report, read};
pub(crate) use self::write::Compound;

/// Types of packets (RFC 3550 section 12.1, RFC 4585 section 6.1).
mod kind {
    pub(super) const SENDER_REPORT: u8 = 200;
    pub(super) const RECEIVER_REPORT: u8 = 201;
    pub(super) const DESCRIPTION: u8 = 202;
    pub(super) const GOODBYE: u8 = 203;
    pub(super) const TRANSPORT_FEEDBACK: u8 = 205;
    pub(super) const PAYLOAD_FEEDBACK: u8 = 206;
}

/// Formats of feedback.
mod format {
    /// Of transport feedback: packets that are missing (RFC 4585 section 6.2.1).
    pub(super) const NACK: u8 = 1;
    /// Of transport feedback: when packets came (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
    pub(super) const ARRIVALS: u8 = 15;
    /// Of payload feedback (RFC 4585 section 6.3.1).
    pub(super) const PLI: u8 = 1;
    /// Of payload feedback (RFC 5104 section 4.3.1).
    pub(super) const FIR: u8 = 4;
}
