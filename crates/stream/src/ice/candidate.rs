//! Addresses that peers are told.

use std::fmt;
use std::net::SocketAddr;

/// How a peer reaches an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// A connection that the peer opens (RFC 6544), where nothing else gets through.
    Tcp,
}

/// An address that peers are told. As text it is the value of `a=candidate:` (RFC 8839 section 5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Where.
    pub address: SocketAddr,
    /// How.
    pub protocol: Protocol,
    /// The higher, the sooner it is tried (RFC 8445 section 5.1.2).
    pub priority: u32,
}

impl Candidate {
    /// The `nth` address of this machine.
    pub(crate) fn new(address: SocketAddr, protocol: Protocol, nth: u16) -> Self {
        // Type preference of a host, local preference, component 1. TCP comes behind all of UDP (RFC 6544 section 4.2).
        let kind: u32 = match protocol {
            Protocol::Udp => 126,
            Protocol::Tcp => 90,
        };
        let local = u32::from(u16::MAX - nth);
        Self { address, protocol, priority: (kind << 24) | (local << 8) | 255 }
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ip, port) = (self.address.ip(), self.address.port());
        // The same foundation for the same kind of address, so that one that works is tried first for the others too.
        let foundation = 1 + u8::from(ip.is_ipv6()) + 2 * u8::from(self.protocol == Protocol::Tcp);
        let (protocol, tail) = match self.protocol {
            Protocol::Udp => ("udp", ""),
            Protocol::Tcp => ("tcp", " tcptype passive"),
        };
        write!(f, "{foundation} 1 {protocol} {} {ip} {port} typ host{tail}", self.priority)
    }
}

#[cfg(test)]
mod tests {
    use super::{Candidate, Protocol};

    #[test]
    fn candidates_are_written_as_sdp_wants() {
        let udp = Candidate::new("192.0.2.1:7882".parse().unwrap(), Protocol::Udp, 0);
        assert_eq!(udp.to_string(), "1 1 udp 2130706431 192.0.2.1 7882 typ host");
        let tcp = Candidate::new("[2001:db8::1]:7882".parse().unwrap(), Protocol::Tcp, 1);
        assert_eq!(tcp.to_string(), "4 1 tcp 1526726399 2001:db8::1 7882 typ host tcptype passive");
    }
}
