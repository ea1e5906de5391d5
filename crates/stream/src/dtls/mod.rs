//! DTLS (RFC 6347) as the server, for nothing but the keys of SRTP (RFC 5764).

mod certificate;
mod config;
mod handshakes;
mod hello;
mod kept;
#[cfg(test)]
mod tests;
mod thread;

pub(crate) use self::certificate::OwnCertificate;
pub(crate) use self::handshakes::{Handshaken, Handshakes, Outcome};
pub(crate) use self::thread::Handshaker;
