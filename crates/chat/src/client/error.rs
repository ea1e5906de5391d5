//! What can go wrong on the side of a client.

use serde::Deserialize;

use crate::frame::{Close, Violation};
use crate::id::RoomId;

/// Why a [`super::Link`] ended, or never began.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The bytes do not get there.
    #[error("the connection failed: {0}")]
    Io(#[from] std::io::Error),
    /// The server does not begin the protocol.
    #[error("the server answers the upgrade with status {0}")]
    Refused(u16),
    /// The answer to the upgrade is none.
    #[error("the answer to the upgrade is no handshake of a WebSocket")]
    Handshake,
    /// The server breaks the rules of frames.
    #[error("the server breaks the protocol: {0}")]
    Violation(#[from] Violation),
    /// The server says what is no message of the protocol.
    #[error("the server sends what this client cannot read: {0}")]
    Unreadable(String),
    /// The server ended it, with its reason if it gave one.
    #[error("the server closed the connection{}", reason(.0.as_ref()))]
    Closed(Option<Close>),
    /// Nothing came for so long that nobody is there.
    #[error("the server says nothing any more")]
    Silent,
}

fn reason(close: Option<&Close>) -> String {
    close.map(|close| format!(": {} {}", close.code(), close.reason())).unwrap_or_default()
}

impl LinkError {
    /// The code of the close frame, if that is what ended it.
    pub fn close_code(&self) -> Option<u16> {
        match self {
            Self::Closed(Some(close)) => Some(close.code().get()),
            _ => None,
        }
    }
}

/// The server's answer to a request that it did not do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Refusal {
    /// A stable code: `chat.not_found`.
    pub code: String,
    /// In words.
    #[serde(default)]
    pub detail: String,
    /// Fields that break rules.
    #[serde(default)]
    pub errors: Vec<BadField>,
    /// Seconds after which it may work.
    #[serde(default)]
    pub retry_after: Option<u64>,
}

/// A field of a request that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BadField {
    /// Where it is, as a JSON pointer: `/body/text`.
    pub field: String,
    /// A stable code of the rule.
    pub code: String,
    /// The rule in words.
    pub rule: String,
}

/// Why a request has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The server did not do it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The connection ended before the answer: whether it was done is not known. Messages never fail so, as they can be
    /// sent again.
    #[error("the connection ended before the answer")]
    Unknown,
    /// It is larger than the server takes.
    #[error("the server closed the connection instead of reading the request")]
    Unacceptable,
    /// The room is listened to already.
    #[error("{0} is listened to already")]
    Subscribed(RoomId),
    /// The client has ended; see [`super::Push::Closed`].
    #[error("the client has ended")]
    Ended,
    /// The answer is not what the protocol says.
    #[error("the answer is not what the protocol says")]
    Unreadable,
}
