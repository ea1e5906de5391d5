//! Datagrams, many at a time.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol as SocketProtocol, SockRef, Socket, Type};
use std::os::fd::AsRawFd;
use std::time::Instant;

use crate::ice::Protocol;
use crate::plane::PlaneError;
use crate::plane::route::Route;

/// Calls that one turn makes before the time is looked at.
const TURNS: usize = 16;
/// Buffers of one call, each for as many datagrams as the system put together.
const BUFFERS: usize = 8;
const BUFFER: usize = 64 * 1024;
/// What the system may keep for us.
pub(crate) const KERNEL_BUFFER: usize = 4 * 1024 * 1024;

/// A socket that other threads may share the address of.
pub(crate) fn listen(address: SocketAddr) -> Result<UdpSocket, PlaneError> {
    let open = || -> io::Result<UdpSocket> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(SocketProtocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_port(true)?;
        socket.bind(&address.into())?;
        // Where the system allows less it takes what it allows.
        let _less = socket.set_recv_buffer_size(KERNEL_BUFFER);
        let _less = socket.set_send_buffer_size(KERNEL_BUFFER);
        Ok(socket.into())
    };
    open().map_err(|source| PlaneError::Listen { address, source })
}

/// A buffer of the system's that is smaller than was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Smaller {
    /// What raises the limit.
    pub(crate) sysctl: &'static str,
    /// Bytes that it holds.
    pub(crate) granted: usize,
}

/// Which buffers of a socket are smaller than `asked` bytes.
pub(crate) fn smaller(socket: &UdpSocket, asked: usize) -> Vec<Smaller> {
    let socket = SockRef::from(socket);
    // Linux tells twice the size, as it counts what it needs itself (socket(7)).
    let of = |sysctl, size: io::Result<usize>| {
        let granted = size.ok()? / 2;
        (granted < asked).then_some(Smaller { sysctl, granted })
    };
    let sizes = [
        of("net.core.rmem_max", socket.recv_buffer_size()),
        of("net.core.wmem_max", socket.send_buffer_size()),
    ];
    sizes.into_iter().flatten().collect()
}

/// A socket to send datagrams with.
#[derive(Debug)]
pub(super) struct Udp {
    socket: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
}

/// The same socket, to read from while others send through it.
#[derive(Debug)]
pub(super) struct Reader {
    socket: UdpSocket,
    state: UdpSocketState,
    memory: Vec<u8>,
    /// There may be something.
    pub(super) readable: bool,
}

impl Udp {
    /// Takes a socket in.
    pub(super) fn new(socket: UdpSocket, registry: &Registry, token: Token) -> io::Result<(Self, Reader)> {
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        registry.register(&mut SourceFd(&socket.as_raw_fd()), token, Interest::READABLE)?;
        let reader = socket.try_clone()?;
        let reader = Reader {
            state: UdpSocketState::new(UdpSockRef::from(&reader))?,
            socket: reader,
            memory: vec![0; BUFFERS * BUFFER],
            readable: true,
        };
        let local = socket.local_addr()?;
        Ok((Self { socket, state, local }, reader))
    }

    /// Whether it can send over `route`.
    pub(super) fn reaches(&self, route: &Route) -> bool {
        let same_kind = self.local.is_ipv4() == route.remote.is_ipv4();
        same_kind && (self.local.ip().is_unspecified() || route.local.is_none_or(|ip| ip == self.local.ip()))
    }

    pub(super) fn max_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// Sends datagrams of `segment` bytes. What finds no room is dropped.
    pub(super) fn send(&self, route: &Route, segment: usize, bytes: &[u8]) -> bool {
        let together = bytes.len() > segment;
        let size = together.then_some(segment);
        match self.transmit(route, size, bytes) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            // The card, or what stands between, does not take them together.
            Err(_error) if together => {
                bytes.chunks(segment.max(1)).all(|one| self.transmit(route, None, one).is_ok())
            }
            Err(_error) => false,
        }
    }

    fn transmit(&self, route: &Route, segment_size: Option<usize>, contents: &[u8]) -> io::Result<()> {
        let src_ip = route.local.filter(|_| self.local.ip().is_unspecified());
        let transmit = Transmit { destination: route.remote, ecn: None, contents, segment_size, src_ip };
        self.state.try_send(UdpSockRef::from(&self.socket), &transmit)
    }
}

impl Reader {
    /// Hands over what came, a bounded amount. Answers whether there may be more.
    pub(super) fn receive(
        &mut self,
        clock: fn() -> Instant,
        mut take: impl FnMut(Instant, Route, &mut [u8]),
    ) -> bool {
        if !self.readable {
            return false;
        }
        for _ in 0..TURNS {
            let mut metas = [RecvMeta::default(); BUFFERS];
            let received = {
                let mut chunks = self.memory.chunks_exact_mut(BUFFER);
                let mut buffers: [IoSliceMut<'_>; BUFFERS] =
                    std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
                self.state.recv(UdpSockRef::from(&self.socket), &mut buffers, &mut metas)
            };
            let Ok(received) = received else {
                self.readable = false;
                return false;
            };
            let now = clock();
            for (meta, buffer) in metas.iter().zip(self.memory.chunks_exact_mut(BUFFER)).take(received) {
                let local: Option<IpAddr> = meta.dst_ip;
                let route = Route { remote: meta.addr, local, protocol: Protocol::Udp, shard: 0 };
                let Some(bytes) = buffer.get_mut(..meta.len) else { continue };
                for datagram in bytes.chunks_mut(meta.stride.max(1)) {
                    take(now, route, datagram);
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_does_not_grant_is_seen() {
        let socket = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let reference = SockRef::from(&socket);
        // Every system grants so little,
        reference.set_recv_buffer_size(64 * 1024).unwrap();
        reference.set_send_buffer_size(32 * 1024).unwrap();
        assert_eq!(smaller(&socket, 32 * 1024), []);
        let receive = Smaller { sysctl: "net.core.rmem_max", granted: 64 * 1024 };
        let send = Smaller { sysctl: "net.core.wmem_max", granted: 32 * 1024 };
        assert_eq!(smaller(&socket, 64 * 1024), [send]);
        // and none so much.
        assert_eq!(smaller(&socket, usize::MAX), [receive, send]);
    }
}
