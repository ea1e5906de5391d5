//! The WebSocket protocol of RFC 6455 without sockets: bytes in, events out, and events in, bytes out.
//!
//! - [`handshake`] judges the headers of an upgrade request and computes the answer's.
//! - [`Parser`] takes bytes as they come and gives whole messages and control frames as [`Event`]s, or the
//!   one [`Violation`] that ends the connection.
//! - [`Encoder`] writes frames: a server's unmasked, so that one encoding serves all receivers; a client's
//!   under a mask that the caller draws.
//!
//! No extensions are negotiated, so the reserved bits must be zero (RFC 6455, section 5.2).

mod assembly;
mod close;
mod control;
mod encoder;
mod event;
pub mod handshake;
mod head;
mod mask;
mod opcode;
mod parser;
mod violation;

pub use close::{Close, CloseCode};
pub use control::ControlData;
pub use encoder::Encoder;
pub use event::Event;
pub use parser::{Limits, Parser, Role};
pub use violation::Violation;
