//! Why a request is not upgraded.

use thiserror::Error;

/// Why a request is not upgraded: the header, and the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Not GET.
    #[error("the method must be GET")]
    Method,
    /// Not HTTP/1.1.
    #[error("the request must be HTTP/1.1")]
    HttpVersion,
    /// No `Upgrade` to the protocol.
    #[error("the header Upgrade must name websocket")]
    Upgrade,
    /// The `Upgrade` is not meant for this hop.
    #[error("the header Connection must name Upgrade")]
    Connection,
    /// Another version of the protocol.
    #[error("the header Sec-WebSocket-Version must be 13")]
    Version,
    /// No key, two of them, or not 16 bytes.
    #[error("the header Sec-WebSocket-Key must be base64 of 16 bytes")]
    Key,
    /// A subprotocol whose name is none.
    #[error("the header Sec-WebSocket-Protocol must be a list of tokens")]
    Protocol,
}

impl Refusal {
    /// The status of the answer.
    pub const fn status(self) -> u16 {
        match self {
            Self::Method => 405,
            Self::Upgrade | Self::Version => 426,
            Self::HttpVersion | Self::Connection | Self::Key | Self::Protocol => 400,
        }
    }

    /// What the answer's headers must tell: what would do (RFC 6455, section 4.4; RFC 9110, sections 15.5.6
    /// and 15.5.22).
    pub const fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Method => &[("allow", "GET")],
            Self::Upgrade | Self::Version => &[
                ("connection", "upgrade"),
                ("upgrade", "websocket"),
                ("sec-websocket-version", super::VERSION),
            ],
            Self::HttpVersion | Self::Connection | Self::Key | Self::Protocol => &[],
        }
    }
}
