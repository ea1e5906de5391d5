//! ICE, the side that only answers (RFC 8445 section 2.5, "lite"), over UDP and TCP.

mod candidate;
mod stun;
#[cfg(test)]
pub(crate) mod tests;

pub use self::candidate::{Candidate, Protocol};
pub(crate) use self::stun::{Binding, answers, ask, refuse, succeed};
