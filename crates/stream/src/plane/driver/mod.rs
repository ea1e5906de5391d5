//! A shard's thread: it waits for sockets, messages and the time, and hands them over.

mod tcp;
mod udp;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use mio::{Events, Poll, Token, Waker};

use self::tcp::Tcp;
use self::udp::Udp;
use super::PlaneError;
use super::message::Message;
use super::route::{Route, Sink};
use super::shard::Shard;
use crate::ice::Protocol;

pub(super) use self::tcp::listen as listen_tcp;
pub(super) use self::udp::listen as listen_udp;

/// Messages that may wait. Packets that find no room are dropped.
const WAITING: usize = 8_192;
const WAKE: Token = Token(0);
/// Sockets for datagrams are numbered from here on, then those that listen, then connections.
const UDP: usize = 1;
const LISTENERS: usize = 100;
const CONNECTIONS: usize = 1_000;

/// Where a shard gets its messages.
#[derive(Debug, Clone)]
pub(crate) struct Inbox {
    sender: SyncSender<Message>,
    waker: Arc<Waker>,
}

impl Inbox {
    /// Gives it a message, unless too many wait.
    pub(crate) fn tell(&self, message: Message) -> bool {
        match self.sender.try_send(message) {
            Ok(()) => self.waker.wake().is_ok(),
            Err(TrySendError::Full(_)) => {
                metrics::counter!("veza_stream_dropped_messages_total").increment(1);
                false
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }

    /// Gives it a message that must not be lost. It waits for room.
    pub(crate) fn insist(&self, message: Message) -> bool {
        self.sender.send(message).is_ok() && self.waker.wake().is_ok()
    }
}

/// Sockets and inbox of a thread that is not there yet.
#[derive(Debug)]
pub(crate) struct Driver {
    poll: Poll,
    receiver: Receiver<Message>,
    sockets: Sockets,
}

#[derive(Debug)]
struct Sockets {
    udp: Vec<Udp>,
    tcp: Tcp,
}

impl Driver {
    /// Takes the sockets in.
    pub(super) fn new(
        udp: Vec<std::net::UdpSocket>,
        tcp: Vec<std::net::TcpListener>,
    ) -> Result<(Self, Inbox), PlaneError> {
        let poll = Poll::new().map_err(PlaneError::Thread)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE).map_err(PlaneError::Thread)?);
        let mut sockets = Vec::new();
        for (at, socket) in udp.into_iter().enumerate() {
            sockets.push(Udp::new(socket, poll.registry(), Token(UDP + at)).map_err(PlaneError::Thread)?);
        }
        let tcp = Tcp::new(tcp, poll.registry()).map_err(PlaneError::Thread)?;
        let (sender, receiver) = sync_channel(WAITING);
        Ok((Self { poll, receiver, sockets: Sockets { udp: sockets, tcp } }, Inbox { sender, waker }))
    }

    /// Starts the thread, on a core of its own if that can be.
    pub(super) fn start(
        self,
        shard: Shard,
        number: usize,
        clock: fn() -> Instant,
    ) -> Result<JoinHandle<()>, PlaneError> {
        let run = move || {
            pin(number);
            self.run(shard, clock);
        };
        let name = format!("veza-stream-{number}");
        std::thread::Builder::new().name(name).spawn(run).map_err(PlaneError::Thread)
    }

    fn run(mut self, mut shard: Shard, clock: fn() -> Instant) {
        let mut events = Events::with_capacity(256);
        let mut busy = false;
        while !shard.is_stopped() {
            let wait = shard.next_tick().saturating_duration_since(clock());
            let wait = if busy { std::time::Duration::ZERO } else { wait };
            match self.poll.poll(&mut events, Some(wait)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    tracing::error!(%error, "the media thread cannot wait for its sockets");
                    return;
                }
            }
            let now = clock();
            self.sockets.note(&events, self.poll.registry(), now);
            for message in self.receiver.try_iter().take(WAITING) {
                shard.take(message, now, &mut self.sockets);
            }
            busy = self.sockets.receive(&mut shard, clock);
            shard.tick(clock(), &mut self.sockets);
        }
    }
}

impl Sockets {
    /// Notes which sockets have something to read or room to write.
    fn note(&mut self, events: &Events, registry: &mio::Registry, now: Instant) {
        for event in events {
            match event.token() {
                WAKE => {}
                Token(at) if at < LISTENERS => {
                    if let Some(socket) = self.udp.get_mut(at - UDP) {
                        socket.readable();
                    }
                }
                token => self.tcp.note(token, event, registry, now),
            }
        }
        self.tcp.sweep(now);
    }

    /// Hands over what came, a bounded amount. Answers whether there is more.
    fn receive(&mut self, shard: &mut Shard, clock: fn() -> Instant) -> bool {
        let mut more = false;
        for at in 0..self.udp.len() {
            let Some(mut socket) = self.udp.get_mut(at).and_then(Udp::take) else { continue };
            more |= socket.receive(clock, |now, route, bytes| shard.datagram(now, route, bytes, self));
            if let Some(place) = self.udp.get_mut(at) {
                place.put_back(socket);
            }
        }
        let now = clock();
        for (route, mut bytes) in self.tcp.receive() {
            shard.datagram(now, route, &mut bytes, self);
        }
        more
    }
}

impl Sink for Sockets {
    fn send(&mut self, route: &Route, segment: usize, bytes: &[u8]) {
        let is_sent = match route.protocol {
            Protocol::Udp => {
                let socket = self.udp.iter().find(|socket| socket.reaches(route));
                socket.is_some_and(|socket| socket.send(route, segment, bytes))
            }
            Protocol::Tcp => bytes.chunks(segment.max(1)).all(|one| self.tcp.send(route.remote, one)),
        };
        if !is_sent {
            metrics::counter!("veza_stream_unsent_datagrams_total").increment(1);
        }
    }

    fn max_segments(&self) -> usize {
        self.udp.iter().map(Udp::max_segments).min().unwrap_or(1)
    }
}

/// Keeps the thread on one core, so that what it works with stays in that core's caches. A system that refuses is as
/// good, only slower.
fn pin(number: usize) {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let mut set = rustix::thread::CpuSet::new();
    set.set(number % cores);
    if cores > 1
        && let Err(error) = rustix::thread::sched_setaffinity(None, &set)
    {
        tracing::debug!(%error, "a media thread is not kept on one core");
    }
}
