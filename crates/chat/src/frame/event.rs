//! What a parser gives.

use bytes::Bytes;
use bytestring::ByteString;

use super::{Close, ControlData};

/// What the peer said: a whole message, or a control frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A message of text, its fragments joined; valid UTF-8.
    Text(ByteString),
    /// A message of bytes, its fragments joined.
    Binary(Bytes),
    /// To be answered by a pong with the same data (RFC 6455, section 5.5.2).
    Ping(ControlData),
    /// An answer to a ping, or a sign of life that nobody asked for (section 5.5.3).
    Pong(ControlData),
    /// The last thing that the peer says; None without a code. To be answered by a close frame, if none was
    /// sent yet (section 5.5.1).
    Close(Option<Close>),
}
