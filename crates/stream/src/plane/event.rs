//! What the data plane tells.

use serde::Serialize;

use super::stats::SessionStats;
use crate::id::SessionId;

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Somebody asked for it: the peer by DELETE, or the tenant.
    Ended,
    /// The peer never came within the time that it has for it.
    NeverConnected,
    /// The peer has given no consent for 30 seconds (RFC 7675).
    ConsentExpired,
    /// The peer said goodbye (DTLS `close_notify`).
    Closed,
    /// The handshake failed, or the peer showed another certificate than it had announced.
    HandshakeFailed,
    /// What it watched has ended.
    SourceEnded,
    /// Another publisher took the channel over.
    TakenOver,
    /// Another publisher took over what it watched, and sends what it cannot play: it may ask anew.
    SourceChanged,
    /// It lost its right: a token expired, or the organisation was suspended.
    Revoked,
    /// It went beyond what its organisation may use.
    LimitReached,
    /// The program ends.
    Drained,
    /// The program failed, which its log tells about.
    Failed,
}

/// What happened to a session. Each session ends once.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The peer is there, and media may flow.
    Connected(SessionId),
    /// It is gone, and its place is free.
    Ended(Ended),
}

/// A session that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// Which one.
    pub session: SessionId,
    /// Why.
    pub reason: EndReason,
    /// What was counted of it, to its last packet; nothing when its peer never came.
    pub stats: SessionStats,
}

impl EndReason {
    /// The word that stands for it in answers and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::NeverConnected => "never_connected",
            Self::ConsentExpired => "consent_expired",
            Self::Closed => "closed",
            Self::HandshakeFailed => "handshake_failed",
            Self::SourceEnded => "source_ended",
            Self::TakenOver => "taken_over",
            Self::SourceChanged => "source_changed",
            Self::Revoked => "revoked",
            Self::LimitReached => "limit_reached",
            Self::Drained => "drained",
            Self::Failed => "failed",
        }
    }
}
