//! How a connection ends.

use std::fmt;

use bytestring::ByteString;

use super::{ControlData, Violation};

/// Why a connection ends, as a close frame may say it: the registered codes of 1000 to 2999 that are not
/// reserved for use inside of a program, and all of 3000 to 4999 (RFC 6455, section 7.4; IANA's WebSocket
/// Close Code Number Registry).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The server stops, or the page was left.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// The peer sent a kind of data that is not served.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// A message was not what its kind says, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// A message breaks a rule of this service.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// A message was too big.
    pub const TOO_BIG: Self = Self(1009);
    /// A client needs an extension that the server did not negotiate.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// The server failed.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// The server restarts: connect again, after a random wait.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// The server is overloaded: connect elsewhere, or later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// A gateway had no good answer from behind it.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// None for a code that no close frame may carry.
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A close frame with its code and reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    code: CloseCode,
    reason: ByteString,
}

impl Close {
    /// The most bytes of a reason: what the code leaves of a control frame.
    pub const MAX_REASON: usize = ControlData::MAX - 2;

    /// A `reason` for people who debug; of one longer than [`Close::MAX_REASON`] bytes the whole characters
    /// that fit.
    pub fn new(code: CloseCode, reason: impl Into<ByteString>) -> Self {
        let mut reason = reason.into();
        if reason.len() > Self::MAX_REASON {
            let (fits, _) = reason.split_at(reason.floor_char_boundary(Self::MAX_REASON));
            reason = fits;
        }
        Self { code, reason }
    }

    /// Why.
    pub const fn code(&self) -> CloseCode {
        self.code
    }

    /// In words; may be empty. The peer's words are as trustworthy as the peer.
    pub const fn reason(&self) -> &ByteString {
        &self.reason
    }

    /// From the payload of a close frame; None of an empty one.
    pub(super) fn read(payload: Vec<u8>) -> Result<Option<Self>, Violation> {
        match payload.as_slice() {
            [] => Ok(None),
            [_] => Err(Violation::CloseTooShort),
            [high, low, reason @ ..] => {
                let number = u16::from_be_bytes([*high, *low]);
                let code = CloseCode::new(number).ok_or(Violation::ReservedCloseCode(number))?;
                let reason = str::from_utf8(reason).or(Err(Violation::CloseReasonNotUtf8))?;
                Ok(Some(Self { code, reason: ByteString::from(reason) }))
            }
        }
    }

    /// The payload of a close frame.
    pub(super) fn payload(&self) -> Vec<u8> {
        [&self.code.0.to_be_bytes(), self.reason.as_bytes().as_ref()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_codes_that_may_be_sent() {
        let sent = |code| CloseCode::new(code).is_some();
        for code in
            [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
        {
            assert!(sent(code), "{code}");
        }
        for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
            assert!(!sent(code), "{code}");
        }
    }

    #[test]
    fn cuts_a_long_reason_between_characters() {
        let reason = |given: String| Close::new(CloseCode::NORMAL, given).reason().to_string();
        assert_eq!(reason("a".repeat(123)), "a".repeat(123));
        assert_eq!(reason("a".repeat(124)), "a".repeat(123));
        assert_eq!(reason("ü".repeat(100)), "ü".repeat(61));
        assert_eq!(Close::new(CloseCode::NORMAL, "ü".repeat(100)).payload().len(), 124);
    }

    #[test]
    fn reads_the_payload_by_the_rules() {
        let close = Close::new(CloseCode::GOING_AWAY, "führt weiter");
        let not_utf8 = [&[0x03, 0xe8][..], &[0xff]].concat();
        let table = [
            (vec![], Ok(None)),
            (vec![0x03], Err(Violation::CloseTooShort)),
            (vec![0x03, 0xe8], Ok(Some(Close::new(CloseCode::NORMAL, "")))),
            (vec![0x03, 0xed], Err(Violation::ReservedCloseCode(1005))),
            (not_utf8, Err(Violation::CloseReasonNotUtf8)),
            (close.payload(), Ok(Some(close))),
        ];
        for (payload, expected) in table {
            assert_eq!(Close::read(payload.clone()), expected, "{payload:x?}");
        }
    }
}
