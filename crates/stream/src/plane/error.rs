//! What the data plane cannot do.

use std::fmt::Display;
use std::io;

/// Why the data plane refuses, or does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaneError {
    /// There are as many sessions as there may be.
    #[error("there are as many sessions as this process may have")]
    Full,
    /// The threads have no time for another viewer, or there are as many as there may be.
    #[error("the media threads have no time for another viewer")]
    Overloaded,
    /// The process ends, and takes nothing new.
    #[error("the process is about to end and takes no new sessions")]
    Draining,
    /// There is no such session, or its peer has not come.
    #[error("there is no such session")]
    Unknown,
    /// The session is there already.
    #[error("there is such a session already")]
    Known,
    /// A port could not be opened.
    #[error("cannot listen for media on {address}: {source}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A thread could not be started.
    #[error("cannot start a thread for media: {0}")]
    Thread(io::Error),
    /// There is no address to tell peers.
    #[error("this machine has no address that peers could be told; set `announce`")]
    NoAddress,
    /// Certificates or keys could not be made.
    #[error("cryptography failed: {0}")]
    Crypto(String),
}

impl PlaneError {
    pub(crate) fn crypto(error: &dyn Display) -> Self {
        Self::Crypto(error.to_string())
    }
}
