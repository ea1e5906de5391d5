//! A shard's thread: it waits for sockets, messages and the time, and hands them over.

mod frame;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use bytes::Bytes;
use mio::{Events, Poll, Token, Waker};

use self::tcp::Tcp;
use self::udp::{Reader, Udp};
use super::PlaneError;
use super::load::{Load, Window, Workload};
use super::message::Message;
use super::route::{Route, Sink};
use super::shard::{Shard, Tell};
use crate::ice::Protocol;

pub(super) use self::tcp::listen as listen_tcp;
pub(super) use self::udp::{KERNEL_BUFFER, listen as listen_udp, smaller};

/// Messages that may wait and may be lost: those that find no room are dropped.
const WAITING: usize = 8_192;
const WAKE: Token = Token(0);
/// Sockets for datagrams are numbered from here on, then those that listen, then connections.
const UDP: usize = 1;
const LISTENERS: usize = 100;
const CONNECTIONS: usize = 1_000;

/// Where a shard gets its messages.
#[derive(Debug, Clone)]
pub(crate) struct Inbox {
    sender: Sender<Message>,
    lossy: SyncSender<Message>,
    waker: Arc<Waker>,
}

impl Inbox {
    /// Gives it a message, unless that may be lost and too many wait. It never waits: two threads that wait for each other
    /// would do so for ever.
    pub(crate) fn tell(&self, message: Message) -> bool {
        if !message.may_be_lost() {
            return self.sender.send(message).is_ok() && self.waker.wake().is_ok();
        }
        match self.lossy.try_send(message) {
            Ok(()) => self.waker.wake().is_ok(),
            Err(TrySendError::Full(_)) => {
                metrics::counter!("veza_stream_dropped_messages_total").increment(1);
                false
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }
}

/// Sockets and inbox of a thread that is not there yet.
pub(crate) struct Driver {
    poll: Poll,
    receiver: Receiver<Message>,
    lossy: Receiver<Message>,
    readers: Vec<Reader>,
    sockets: Sockets,
}

struct Sockets {
    /// Of the thread.
    number: usize,
    udp: Vec<Udp>,
    tcp: Tcp,
    tell: Tell,
}

impl Driver {
    /// Takes the sockets in.
    pub(super) fn new(
        number: usize,
        udp: Vec<std::net::UdpSocket>,
        tcp: Vec<std::net::TcpListener>,
        tell: Tell,
    ) -> Result<(Self, Inbox), PlaneError> {
        let poll = Poll::new().map_err(PlaneError::Thread)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE).map_err(PlaneError::Thread)?);
        let both = udp.into_iter().enumerate();
        let both = both.map(|(at, socket)| Udp::new(socket, poll.registry(), Token(UDP + at)));
        let both: Vec<_> = both.collect::<io::Result<_>>().map_err(PlaneError::Thread)?;
        let (udp, readers) = both.into_iter().unzip();
        let tcp = Tcp::new(number, tcp, poll.registry()).map_err(PlaneError::Thread)?;
        let ((sender, receiver), (lossy, lossy_receiver)) = (channel(), sync_channel(WAITING));
        let sockets = Sockets { number, udp, tcp, tell };
        let driver = Self { poll, receiver, lossy: lossy_receiver, readers, sockets };
        Ok((driver, Inbox { sender, lossy, waker }))
    }

    /// Starts the thread, on a core of its own if that can be.
    pub(super) fn start(
        self,
        shard: Shard,
        number: usize,
        clock: fn() -> Instant,
        load: Arc<Load>,
    ) -> Result<JoinHandle<()>, PlaneError> {
        let run = move || {
            pin(number);
            self.run(shard, clock, |window| tell(number, window, &load));
        };
        let name = format!("veza-stream-{number}");
        std::thread::Builder::new().name(name).spawn(run).map_err(PlaneError::Thread)
    }

    fn run(mut self, mut shard: Shard, clock: fn() -> Instant, tell: impl Fn(Window)) {
        let mut events = Events::with_capacity(256);
        let mut busy = false;
        let mut load = Workload::new(clock());
        while !shard.is_stopped() {
            let turn = AssertUnwindSafe(|| self.turn(&mut shard, &mut events, busy, clock, &mut load));
            match std::panic::catch_unwind(turn) {
                Ok(Ok((more, window))) => {
                    busy = more;
                    if let Some(window) = window {
                        tell(window);
                    }
                }
                Ok(Err(error)) => {
                    tracing::error!(%error, "the media thread cannot wait for its sockets");
                    return;
                }
                // Without this the others would go on as if it were there, and peers of this one wait for ever.
                Err(_panic) => {
                    metrics::counter!("veza_stream_panics_total").increment(1);
                    tracing::error!("a media thread panicked: its sessions end, and it begins anew");
                    shard = shard.replaced(clock());
                    busy = true;
                }
            }
        }
    }

    /// Waits for something to do, unless there is, and does it. Answers whether there is more, and a window of `load` that is over.
    fn turn(
        &mut self,
        shard: &mut Shard,
        events: &mut Events,
        busy: bool,
        clock: fn() -> Instant,
        load: &mut Workload,
    ) -> io::Result<(bool, Option<Window>)> {
        let before = clock();
        let wait = shard.next_tick().saturating_duration_since(before);
        let wait = if busy { std::time::Duration::ZERO } else { wait };
        match self.poll.poll(events, Some(wait)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let now = clock();
        let window = load.waited(before, now);
        self.note(events, now);
        for message in self.receiver.try_iter().chain(self.lossy.try_iter().take(WAITING)) {
            shard.take(message, now, &mut self.sockets);
        }
        let more = self.receive(shard, clock);
        shard.tick(clock(), &mut self.sockets);
        Ok((more, window))
    }

    /// Notes which sockets have something to read or room to write.
    fn note(&mut self, events: &Events, now: Instant) {
        for event in events {
            match event.token() {
                WAKE => {}
                Token(at) if at < LISTENERS => {
                    if let Some(reader) = self.readers.get_mut(at - UDP) {
                        reader.readable = true;
                    }
                }
                token => self.sockets.tcp.note(token, event, self.poll.registry(), now),
            }
        }
        self.sockets.tcp.sweep(now);
    }

    /// Hands over what came, a bounded amount. Answers whether there is more.
    fn receive(&mut self, shard: &mut Shard, clock: fn() -> Instant) -> bool {
        let mut more = false;
        for reader in &mut self.readers {
            let sockets = &mut self.sockets;
            more |= reader.receive(clock, |now, route, bytes| shard.datagram(now, route, bytes, sockets));
        }
        let now = clock();
        for (route, mut bytes) in self.sockets.tcp.receive(now) {
            shard.datagram(now, route, &mut bytes, &mut self.sockets);
        }
        more || self.sockets.tcp.has_more()
    }
}

impl Sink for Sockets {
    fn send(&mut self, route: &Route, segment: usize, bytes: &[u8]) {
        let is_sent = match route.protocol {
            Protocol::Udp => {
                let socket = self.udp.iter().find(|socket| socket.reaches(route));
                socket.is_some_and(|socket| socket.send(route, segment, bytes))
            }
            Protocol::Tcp => bytes.chunks(segment.max(1)).all(|one| {
                if route.shard == self.number {
                    self.tcp.send(route, one)
                } else {
                    (self.tell)(route.shard, Message::Send(*route, Bytes::copy_from_slice(one)))
                }
            }),
        };
        if !is_sent {
            metrics::counter!("veza_stream_unsent_datagrams_total").increment(1);
        }
    }

    fn max_segments(&self) -> usize {
        self.udp.iter().map(Udp::max_segments).min().unwrap_or(1)
    }
}

/// Tells how much a thread worked in a window of time.
fn tell(number: usize, window: Window, load: &Load) {
    metrics::gauge!("veza_stream_thread_busy_ratio", "thread" => number.to_string())
        .set(f64::from(window.busy) / 100.0);
    let Some(too_much) = window.changed else { return };
    load.set(number, too_much);
    if too_much {
        tracing::warn!(
            thread = number,
            busy = window.busy,
            "a media thread has no time left; new viewers are refused"
        );
    } else {
        tracing::info!(thread = number, busy = window.busy, "the media thread has time again");
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
