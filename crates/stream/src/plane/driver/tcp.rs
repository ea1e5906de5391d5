//! Packets over connections, for peers behind a wall that lets nothing else through (RFC 4571, RFC 6544).

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener as StdListener};
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol as SocketProtocol, Socket, Type};

use super::{CONNECTIONS, LISTENERS};
use crate::ice::Protocol;
use crate::plane::PlaneError;
use crate::plane::route::Route;

/// Connections of one thread.
const MOST: usize = 4_096;
/// Bytes that may wait to be sent to one peer; packets that find no room are dropped whole.
const UNSENT: usize = 256 * 1024;
/// Who says nothing for so long is gone: consent is asked for every few seconds.
const SILENCE: Duration = Duration::from_secs(35);
/// Bytes that one look at a connection reads.
const READ: usize = 64 * 1024;

/// Listens where other threads may listen too.
pub(crate) fn listen(address: SocketAddr) -> Result<StdListener, PlaneError> {
    let open = || -> io::Result<StdListener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(SocketProtocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        socket.bind(&address.into())?;
        socket.listen(1_024)?;
        socket.set_nonblocking(true)?;
        Ok(socket.into())
    };
    open().map_err(|source| PlaneError::Listen { address, source })
}

/// All connections of a thread.
#[derive(Debug)]
pub(super) struct Tcp {
    listeners: Vec<TcpListener>,
    connections: HashMap<SocketAddr, Connection>,
    tokens: HashMap<Token, SocketAddr>,
    next: usize,
    next_sweep: Option<Instant>,
    received: Vec<(Route, Vec<u8>)>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    token: Token,
    local: Option<std::net::IpAddr>,
    unread: Vec<u8>,
    unsent: Vec<u8>,
    heard: Instant,
}

impl Tcp {
    pub(super) fn new(listeners: Vec<StdListener>, registry: &Registry) -> io::Result<Self> {
        let mut listening = Vec::new();
        for (at, listener) in listeners.into_iter().enumerate() {
            let mut listener = TcpListener::from_std(listener);
            registry.register(&mut listener, Token(LISTENERS + at), Interest::READABLE)?;
            listening.push(listener);
        }
        Ok(Self {
            listeners: listening,
            connections: HashMap::new(),
            tokens: HashMap::new(),
            next: CONNECTIONS,
            next_sweep: None,
            received: Vec::new(),
        })
    }

    /// Takes what happened.
    pub(super) fn note(&mut self, token: Token, event: &Event, registry: &Registry, now: Instant) {
        if token.0 < CONNECTIONS {
            return self.accept(token.0 - LISTENERS, registry, now);
        }
        let Some(remote) = self.tokens.get(&token).copied() else { return };
        let Some(connection) = self.connections.get_mut(&remote) else { return };
        let mut lives = true;
        if event.is_writable() {
            lives &= connection.flush();
        }
        if event.is_readable() || event.is_read_closed() {
            lives &= connection.read(remote, now, &mut self.received);
        }
        if !lives {
            self.remove(remote);
        }
    }

    fn accept(&mut self, listener: usize, registry: &Registry, now: Instant) {
        while let Some(Ok((mut stream, remote))) = self.listeners.get(listener).map(TcpListener::accept) {
            if self.connections.len() >= MOST {
                metrics::counter!("veza_stream_refused_connections_total").increment(1);
                continue;
            }
            let token = Token(self.next);
            self.next += 1;
            let interest = Interest::READABLE | Interest::WRITABLE;
            if stream.set_nodelay(true).is_err() || registry.register(&mut stream, token, interest).is_err() {
                continue;
            }
            let local = stream.local_addr().ok().map(|address| address.ip());
            let (unread, unsent) = (Vec::new(), Vec::new());
            self.tokens.insert(token, remote);
            self.connections.insert(remote, Connection { stream, token, local, unread, unsent, heard: now });
        }
    }

    fn remove(&mut self, remote: SocketAddr) {
        if let Some(connection) = self.connections.remove(&remote) {
            self.tokens.remove(&connection.token);
        }
    }

    /// Takes the packets that came.
    pub(super) fn receive(&mut self) -> Vec<(Route, Vec<u8>)> {
        std::mem::take(&mut self.received)
    }

    /// Sends a packet, unless too much waits.
    pub(super) fn send(&mut self, remote: SocketAddr, packet: &[u8]) -> bool {
        let Some(connection) = self.connections.get_mut(&remote) else { return false };
        let Ok(length) = u16::try_from(packet.len()) else { return false };
        if connection.unsent.len() + packet.len() > UNSENT {
            return false;
        }
        connection.unsent.extend(length.to_be_bytes());
        connection.unsent.extend(packet);
        let lives = connection.flush();
        if !lives {
            self.remove(remote);
        }
        lives
    }

    /// Closes what has been silent for too long.
    pub(super) fn sweep(&mut self, now: Instant) {
        if self.next_sweep.is_some_and(|at| now < at) {
            return;
        }
        self.next_sweep = Some(now + Duration::from_secs(5));
        let silent = |connection: &Connection| now.saturating_duration_since(connection.heard) >= SILENCE;
        let silent: Vec<_> =
            self.connections.iter().filter(|(_, it)| silent(it)).map(|(remote, _)| *remote).collect();
        for remote in silent {
            self.remove(remote);
        }
    }
}

impl Connection {
    /// Writes what can be written. Answers whether the connection is still there.
    fn flush(&mut self) -> bool {
        let mut written = 0;
        let lives = loop {
            match self.stream.write(self.unsent.get(written..).unwrap_or_default()) {
                Ok(0) => break self.unsent.len() == written,
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_error) => break false,
            }
        };
        self.unsent.drain(..written);
        lives
    }

    /// Reads until there is no more, and takes whole packets off.
    fn read(&mut self, remote: SocketAddr, now: Instant, received: &mut Vec<(Route, Vec<u8>)>) -> bool {
        let mut buffer = vec![0; READ];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(read) => {
                    self.heard = now;
                    self.unread.extend(buffer.get(..read).unwrap_or_default());
                    let route = Route { remote, local: self.local, protocol: Protocol::Tcp };
                    let mut begin = 0;
                    while let Some((packet, next)) = packet(&self.unread, begin) {
                        received.push((route, packet.to_vec()));
                        begin = next;
                    }
                    self.unread.drain(..begin);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_error) => return false,
            }
        }
    }
}

/// The packet that begins at `begin`, behind its length of two bytes, and where the next begins.
fn packet(bytes: &[u8], begin: usize) -> Option<(&[u8], usize)> {
    let (length, rest) = bytes.get(begin..)?.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    Some((rest.get(..length)?, begin + 2 + length))
}
