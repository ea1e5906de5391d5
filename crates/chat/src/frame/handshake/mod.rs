//! The opening handshake (RFC 6455, section 4), as functions of headers.
//!
//! The `Origin` and `Host` headers are not judged here: which are welcome is known to the caller.

mod key;
mod refusal;
#[cfg(test)]
mod tests;

pub use key::{accept_key, client_key};
pub use refusal::Refusal;

/// The version of the protocol that is spoken, for `Sec-WebSocket-Version`.
pub const VERSION: &str = "13";

/// What the answer of status 101 says, besides `Upgrade: websocket` and `Connection: Upgrade`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    /// For `Sec-WebSocket-Accept`.
    pub accept: String,
    /// For `Sec-WebSocket-Protocol`, which is left out when this is None.
    pub protocol: Option<&'static str>,
}

/// A request that asks for the protocol.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r, F> {
    /// Such as `GET`.
    pub method: &'r str,
    /// Whether it came by HTTP/1.1. Later versions upgrade in another way (RFC 8441), earlier ones cannot.
    pub http_1_1: bool,
    /// All values of the header of a name, which is given in lower case.
    pub header: F,
}

impl<'r, F, I> Request<'r, F>
where
    F: Fn(&'static str) -> I,
    I: Iterator<Item = &'r [u8]>,
{
    /// What to answer (section 4.2.2). Of the subprotocols that the client names, in its order of
    /// preference, the first of `protocols` is chosen.
    pub fn upgrade(&self, protocols: &[&'static str]) -> Result<Upgrade, Refusal> {
        if self.method != "GET" {
            return Err(Refusal::Method);
        }
        if !self.http_1_1 {
            return Err(Refusal::HttpVersion);
        }
        if !self.lists("upgrade", "websocket") {
            return Err(Refusal::Upgrade);
        }
        if !self.lists("connection", "upgrade") {
            return Err(Refusal::Connection);
        }
        if self.only("sec-websocket-version") != Some(VERSION.as_bytes()) {
            return Err(Refusal::Version);
        }
        let key = self.only("sec-websocket-key").ok_or(Refusal::Key)?;
        let accept = key::accept(key).ok_or(Refusal::Key)?;
        Ok(Upgrade { accept, protocol: self.protocol(protocols)? })
    }

    fn protocol(&self, served: &[&'static str]) -> Result<Option<&'static str>, Refusal> {
        let offered: Vec<&[u8]> = self.list("sec-websocket-protocol").collect();
        if !offered.iter().all(|name| name.iter().copied().all(is_token)) {
            return Err(Refusal::Protocol);
        }
        let chosen = offered.iter().find_map(|name| served.iter().find(|served| served.as_bytes() == *name));
        Ok(chosen.copied())
    }

    /// The value of a header that must be there once.
    fn only(&self, name: &'static str) -> Option<&'r [u8]> {
        let mut values = (self.header)(name);
        let value = values.next()?;
        values.next().is_none().then_some(value.trim_ascii())
    }

    /// Whether a list has `token`, in any case of letters.
    fn lists(&self, name: &'static str, token: &str) -> bool {
        self.list(name).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// The elements of a list over all lines of the header; empty ones do not count (RFC 9110, section 5.6.1).
    fn list(&self, name: &'static str) -> impl Iterator<Item = &'r [u8]> {
        let elements = (self.header)(name).flat_map(|value| value.split(|byte| *byte == b','));
        elements.map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
    }
}

/// Of a token (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
