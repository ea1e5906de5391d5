//! Ways to a peer.

use std::net::{IpAddr, SocketAddr};

use crate::ice::Protocol;

/// A way to a peer: between which addresses, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    pub(crate) remote: SocketAddr,
    /// The address of ours that the peer sends to, when the system tells.
    pub(crate) local: Option<IpAddr>,
    pub(crate) protocol: Protocol,
    /// The shard whose thread has the connection; 0 for datagrams, which each can send.
    pub(crate) shard: usize,
}

/// Where a shard's datagrams go. What cannot be sent at once is dropped and counted: media that waits is of no use.
pub(crate) trait Sink {
    /// Sends `bytes`, cut into datagrams of `segment` bytes, of which the last may be shorter.
    fn send(&mut self, route: &Route, segment: usize, bytes: &[u8]);

    /// Datagrams that one call may carry.
    fn max_segments(&self) -> usize;
}
