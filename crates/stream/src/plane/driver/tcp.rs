//! Packets over connections, for peers behind a wall that lets nothing else through (RFC 4571, RFC 6544).

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol as SocketProtocol, Socket, Type};

use super::frame::{Frame, frame};
use super::{CONNECTIONS, LISTENERS};
use crate::ice::Protocol;
use crate::plane::PlaneError;
use crate::plane::route::Route;

/// Connections of one thread.
const MOST: usize = 4_096;
/// Of one address, as long as nobody there has shown to be a peer.
const MOST_STRANGERS: usize = 64;
/// Bytes that may wait to be sent to one peer; packets that find no room are dropped whole.
const UNSENT: usize = 256 * 1024;
/// Who says nothing for so long is gone: consent is asked for every few seconds.
const SILENCE: Duration = Duration::from_secs(35);
/// A stranger has so long to send a check.
const STRANGER: Duration = Duration::from_secs(5);
/// A check is not longer.
const LONGEST_CHECK: usize = 1_500;
/// Bytes that one look at a connection reads; others have their turn after that.
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
    shard: usize,
    connections: HashMap<Way, Connection>,
    tokens: HashMap<Token, Way>,
    next: usize,
    next_sweep: Option<Instant>,
    /// Connections that may have more to read than was read.
    unfinished: Vec<Way>,
    buffer: Vec<u8>,
    received: Vec<(Route, Vec<u8>)>,
}

/// Between which addresses: theirs, and ours.
type Way = (SocketAddr, Option<IpAddr>);

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    token: Token,
    unread: Vec<u8>,
    unsent: Vec<u8>,
    heard: Instant,
    began: Instant,
    /// Something was sent to it, which only peers get.
    is_peer: bool,
    /// There may be more to read than was.
    is_unfinished: bool,
}

/// What a look at a connection found.
enum Look {
    /// All that there was.
    Empty,
    /// There may be more.
    More,
    Gone,
}

impl Tcp {
    pub(super) fn new(shard: usize, listeners: Vec<StdListener>, registry: &Registry) -> io::Result<Self> {
        let mut listening = Vec::new();
        for (at, listener) in listeners.into_iter().enumerate() {
            let mut listener = TcpListener::from_std(listener);
            registry.register(&mut listener, Token(LISTENERS + at), Interest::READABLE)?;
            listening.push(listener);
        }
        Ok(Self {
            listeners: listening,
            shard,
            connections: HashMap::new(),
            tokens: HashMap::new(),
            next: CONNECTIONS,
            next_sweep: None,
            unfinished: Vec::new(),
            buffer: vec![0; READ],
            received: Vec::new(),
        })
    }

    /// Takes what happened.
    pub(super) fn note(&mut self, token: Token, event: &Event, registry: &Registry, now: Instant) {
        if token.0 < CONNECTIONS {
            return self.accept(token.0 - LISTENERS, registry, now);
        }
        let Some(way) = self.tokens.get(&token).copied() else { return };
        let Some(connection) = self.connections.get_mut(&way) else { return };
        if event.is_writable() && !connection.flush() {
            return self.remove(way);
        }
        if event.is_readable() || event.is_read_closed() {
            self.read(way, now);
        }
    }

    fn read(&mut self, way: Way, now: Instant) {
        let Self { connections, buffer, received, shard, .. } = self;
        let Some(connection) = connections.get_mut(&way) else { return };
        let (remote, local) = way;
        let route = Route { remote, local, protocol: Protocol::Tcp, shard: *shard };
        match connection.read(now, buffer, |packet| received.push((route, packet.to_vec()))) {
            Look::Empty => {}
            Look::More if connection.is_unfinished => {}
            Look::More => {
                connection.is_unfinished = true;
                self.unfinished.push(way);
            }
            Look::Gone => self.remove(way),
        }
    }

    fn accept(&mut self, listener: usize, registry: &Registry, now: Instant) {
        while let Some(Ok((mut stream, remote))) = self.listeners.get(listener).map(TcpListener::accept) {
            let strangers = self
                .connections
                .iter()
                .filter(|((it, _), connection)| it.ip() == remote.ip() && !connection.is_peer);
            if self.connections.len() >= MOST || strangers.count() >= MOST_STRANGERS {
                metrics::counter!("veza_stream_refused_connections_total").increment(1);
                continue;
            }
            let token = Token(self.next);
            self.next += 1;
            let interest = Interest::READABLE | Interest::WRITABLE;
            if stream.set_nodelay(true).is_err() || registry.register(&mut stream, token, interest).is_err() {
                continue;
            }
            let way = (remote, stream.local_addr().ok().map(|address| address.ip()));
            let (unread, unsent) = (Vec::new(), Vec::new());
            let connection = Connection {
                stream,
                token,
                unread,
                unsent,
                heard: now,
                began: now,
                is_peer: false,
                is_unfinished: false,
            };
            self.remove(way);
            self.tokens.insert(token, way);
            self.connections.insert(way, connection);
        }
    }

    fn remove(&mut self, way: Way) {
        if let Some(connection) = self.connections.remove(&way) {
            self.tokens.remove(&connection.token);
        }
    }

    /// Takes the packets that came.
    pub(super) fn receive(&mut self, now: Instant) -> Vec<(Route, Vec<u8>)> {
        let received = std::mem::take(&mut self.received);
        // For the next turn: what was not read in this one.
        for way in std::mem::take(&mut self.unfinished) {
            if let Some(connection) = self.connections.get_mut(&way) {
                connection.is_unfinished = false;
            }
            self.read(way, now);
        }
        received
    }

    /// Whether there is more to read or to take than was.
    pub(super) fn has_more(&self) -> bool {
        !self.unfinished.is_empty() || !self.received.is_empty()
    }

    /// Sends a packet, unless too much waits.
    pub(super) fn send(&mut self, route: &Route, packet: &[u8]) -> bool {
        let way = (route.remote, route.local);
        let Some(connection) = self.connections.get_mut(&way) else { return false };
        connection.is_peer = true;
        let Ok(length) = u16::try_from(packet.len()) else { return false };
        if connection.unsent.len() + packet.len() > UNSENT {
            return false;
        }
        connection.unsent.extend(length.to_be_bytes());
        connection.unsent.extend(packet);
        let lives = connection.flush();
        if !lives {
            self.remove(way);
        }
        lives
    }

    /// Closes what has been silent for too long.
    pub(super) fn sweep(&mut self, now: Instant) {
        if self.next_sweep.is_some_and(|at| now < at) {
            return;
        }
        self.next_sweep = Some(now + Duration::from_secs(1));
        let is_silent = |connection: &Connection| {
            let since = |at: Instant| now.saturating_duration_since(at);
            since(connection.heard) >= SILENCE || (!connection.is_peer && since(connection.began) >= STRANGER)
        };
        let silent: Vec<Way> =
            self.connections.iter().filter(|(_, it)| is_silent(it)).map(|(way, _)| *way).collect();
        for way in silent {
            self.remove(way);
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

    /// Reads once, and takes whole packets off. A frame without anything in it is none.
    fn read(&mut self, now: Instant, buffer: &mut [u8], mut take: impl FnMut(&[u8])) -> Look {
        let read = match self.stream.read(buffer) {
            Ok(0) => return Look::Gone,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Look::Empty,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Look::More,
            Err(_error) => return Look::Gone,
        };
        self.heard = now;
        self.unread.extend(buffer.get(..read).unwrap_or_default());
        let mut begin = 0;
        loop {
            match frame(self.unread.get(begin..).unwrap_or_default()) {
                Frame::Whole([]) => return refused("malformed"),
                Frame::Whole(packet) => {
                    take(packet);
                    begin += 2 + packet.len();
                }
                Frame::Part => break,
                Frame::TooLong => return refused("oversize"),
            }
        }
        self.unread.drain(..begin);
        // Who is not known may send checks, and nothing else.
        if !self.is_peer && (self.unread.len() > LONGEST_CHECK || begin > 4 * LONGEST_CHECK) {
            return refused("stranger");
        }
        Look::More
    }
}

fn refused(reason: &'static str) -> Look {
    metrics::counter!("veza_stream_refused_packets_total", "reason" => reason).increment(1);
    Look::Gone
}
