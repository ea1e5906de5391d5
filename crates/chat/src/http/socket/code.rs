//! With which code a connection ends, and what its client should do then.

use crate::frame::{Close, CloseCode};

/// Nothing was read for too long: connect again at once.
const SLOW: u16 = 4_000;
/// Too many connections: connect again after a pause.
const CROWDED: u16 = 4_100;
/// What was sent is no request.
const BAD_REQUEST: u16 = 4_400;
/// No token, or one that holds no more.
const UNAUTHENTICATED: u16 = 4_401;
/// Whoever it is may not.
const FORBIDDEN: u16 = 4_403;

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The process stops.
    GoingAway,
    Slow,
    Crowded,
    BadRequest(&'static str),
    Unauthenticated(&'static str),
    Forbidden,
}

impl Ending {
    pub(super) fn close(self) -> Close {
        let (code, reason) = match self {
            Self::GoingAway => return Close::new(CloseCode::GOING_AWAY, "the process stops"),
            Self::Slow => (SLOW, "nothing was read for 30 seconds"),
            Self::Crowded => (CROWDED, "too many connections"),
            Self::BadRequest(why) => (BAD_REQUEST, why),
            Self::Unauthenticated(why) => (UNAUTHENTICATED, why),
            Self::Forbidden => (FORBIDDEN, "it is not allowed"),
        };
        Close::new(CloseCode::new(code).unwrap_or(CloseCode::POLICY_VIOLATION), reason)
    }
}
