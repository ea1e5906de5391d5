//! How a peer breaks the protocol.

use thiserror::Error;

use super::CloseCode;

/// How the peer broke the protocol. The connection is failed: send a close frame with
/// [`Violation::close_code`], then close (RFC 6455, section 7.1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Violation {
    /// A reserved bit is set, and no extension was negotiated (section 5.2).
    #[error("a reserved bit is set")]
    ReservedBits,
    /// The opcode has no meaning yet (section 5.2).
    #[error("opcode {0:#x} is reserved")]
    ReservedOpcode(u8),
    /// A client's frame without a mask (section 5.1).
    #[error("a client's frames must be masked")]
    Unmasked,
    /// A server's frame with a mask (section 5.1).
    #[error("a server's frames must not be masked")]
    Masked,
    /// A control frame without FIN (section 5.5).
    #[error("a control frame must not be fragmented")]
    FragmentedControl,
    /// A control frame of more than 125 bytes (section 5.5).
    #[error("a control frame holds at most 125 bytes")]
    ControlTooLong,
    /// A length in more bytes than it needs (section 5.2).
    #[error("a length must be encoded in the fewest bytes")]
    NonMinimalLength,
    /// A length of 64 bits with the highest set (section 5.2).
    #[error("the highest bit of a length must be zero")]
    LengthOverflow,
    /// A continuation frame with nothing to continue (section 5.4).
    #[error("a continuation without a message to continue")]
    UnexpectedContinuation,
    /// A new message before the last fragment of another (section 5.4).
    #[error("a new message within a fragmented one")]
    InterruptedMessage,
    /// A frame announces more than [`super::Limits::frame`] bytes.
    #[error("a frame is bigger than allowed here")]
    FrameTooBig,
    /// A message comes to more than [`super::Limits::message`] bytes.
    #[error("a message is bigger than allowed here")]
    MessageTooBig,
    /// Text that is not UTF-8, or cannot become it (section 8.1).
    #[error("a text message is not UTF-8")]
    TextNotUtf8,
    /// A close frame with half a code (section 5.5.1).
    #[error("a close frame with a payload of one byte")]
    CloseTooShort,
    /// A close code that no frame may carry (section 7.4).
    #[error("close code {0} must not be sent")]
    ReservedCloseCode(u16),
    /// A close reason that is not UTF-8 (section 5.5.1).
    #[error("the reason of a close frame is not UTF-8")]
    CloseReasonNotUtf8,
}

impl Violation {
    /// The code that tells the peer: 1002, 1007 or 1009 (section 7.4.1).
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::ReservedBits
            | Self::ReservedOpcode(_)
            | Self::Unmasked
            | Self::Masked
            | Self::FragmentedControl
            | Self::ControlTooLong
            | Self::NonMinimalLength
            | Self::LengthOverflow
            | Self::UnexpectedContinuation
            | Self::InterruptedMessage
            | Self::CloseTooShort
            | Self::ReservedCloseCode(_) => CloseCode::PROTOCOL_ERROR,
            Self::TextNotUtf8 | Self::CloseReasonNotUtf8 => CloseCode::INVALID_PAYLOAD,
            Self::FrameTooBig | Self::MessageTooBig => CloseCode::TOO_BIG,
        }
    }
}
