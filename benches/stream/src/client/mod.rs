//! The load: one publisher and many viewers, each with a socket of its own, on one thread.

mod arrivals;
mod link;
mod publisher;
mod sequence;
mod track;
mod viewer;

use std::io::IoSliceMut;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};

use crate::Outcome;
use crate::machine::nanos;
use crate::sdp::{Description, Media};
use crate::signal::Signal;

use self::link::{Identity, Link};
use self::publisher::{Publisher, SOURCES};
use self::viewer::Viewer;

pub use self::viewer::Measured;

const MILLISECOND: u64 = 1_000_000;
/// Viewers are visited in turn, each so often.
const TURN: usize = 20;
const BUFFER: usize = 64 * 1024;
const BUFFERS: usize = 4;

/// How the load is made.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub kilobits: u64,
    /// Whether the publisher spreads the packets of a frame over time.
    pub paced: bool,
    /// Whether the system hands datagrams that were sent together over together, as a network card that segments
    /// saves the sender the work.
    pub together: bool,
    /// Viewers lose one packet of so many, if that is not 0.
    pub loses: u64,
}

pub struct Load {
    identity: Identity,
    plan: Plan,
    poll: Poll,
    events: Events,
    publisher: Publisher,
    publisher_socket: Reader,
    next_publish: u64,
    viewers: Vec<Viewer>,
    readers: Vec<Reader>,
    memory: Vec<u8>,
    compound: Vec<u8>,
    slot: u64,
    next_slot: u64,
    /// Nanoseconds in which there was nothing to do.
    idle: u64,
    pub measured: Measured,
}

/// How a socket is read.
struct Reader {
    socket: UdpSocket,
    state: Option<UdpSocketState>,
}

impl Reader {
    fn new(socket: &UdpSocket, plan: Plan, poll: &Poll, token: usize) -> Outcome<Self> {
        let socket = socket.try_clone()?;
        let state = plan.together.then(|| UdpSocketState::new(UdpSockRef::from(&socket))).transpose()?;
        poll.registry().register(&mut SourceFd(&socket.as_raw_fd()), Token(token), Interest::READABLE)?;
        Ok(Self { socket, state })
    }

    /// Hands over all that there is.
    fn read(&self, memory: &mut [u8], mut take: impl FnMut(&[u8]) -> Outcome) -> Outcome {
        let Some(state) = &self.state else {
            while let Ok(length) = self.socket.recv(memory) {
                take(&memory[..length])?;
            }
            return Ok(());
        };
        loop {
            let mut metas = [RecvMeta::default(); BUFFERS];
            let count = {
                let mut chunks = memory.chunks_exact_mut(BUFFER);
                let mut buffers: [IoSliceMut<'_>; BUFFERS] =
                    std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
                state.recv(UdpSockRef::from(&self.socket), &mut buffers, &mut metas).unwrap_or(0)
            };
            for (meta, buffer) in metas.iter().zip(memory.chunks_exact(BUFFER)).take(count) {
                for datagram in buffer[..meta.len].chunks(meta.stride.max(1)) {
                    take(datagram)?;
                }
            }
            // What comes after this is told anew.
            if count < BUFFERS {
                return Ok(());
            }
        }
    }
}

impl Load {
    /// Connects a publisher.
    pub fn start(signal: &mut dyn Signal, plan: Plan) -> Outcome<Self> {
        let identity = Identity::new()?;
        let poll = Poll::new()?;
        let own = identity.describe(0, Media::usual(Some(SOURCES)));
        let peer = signal.publish(&own)?;
        let link = Link::new(own, peer)?;
        let publisher_socket = Reader::new(&link.socket, plan, &poll, 0)?;
        let mut load = Self {
            identity,
            plan,
            poll,
            events: Events::with_capacity(1_024),
            publisher: Publisher::new(link, plan.kilobits, plan.paced),
            publisher_socket,
            next_publish: 0,
            viewers: Vec::new(),
            readers: Vec::new(),
            memory: vec![0; BUFFER * BUFFERS],
            compound: Vec::new(),
            slot: 0,
            next_slot: nanos(),
            idle: 0,
            measured: Measured::default(),
        };
        let patience = nanos() + 10_000 * MILLISECOND;
        while load.publisher.link.open.is_none() {
            load.turn()?;
            if nanos() > patience {
                return Err("the publisher was not connected in ten seconds".into());
            }
        }
        load.run(Duration::from_millis(300))?;
        Ok(load)
    }

    /// Connects viewers, so many a second, until there are `count`.
    pub fn join(&mut self, signal: &mut dyn Signal, count: usize, rate: u64) -> Outcome {
        let began = nanos();
        let before = self.viewers.len();
        for number in before..count {
            while nanos() < began + (number - before) as u64 * 1_000 * MILLISECOND / rate {
                self.turn()?;
            }
            self.add(signal, number)?;
        }
        let patience = nanos() + 20_000 * MILLISECOND;
        while !self.viewers.iter().all(|viewer| viewer.joined) {
            self.run(Duration::from_millis(20))?;
            if nanos() > patience {
                let missing = self.viewers.iter().filter(|viewer| !viewer.joined).count();
                return Err(format!("{missing} of {count} viewers have seen nothing in 20 seconds").into());
            }
        }
        Ok(())
    }

    fn add(&mut self, signal: &mut dyn Signal, number: usize) -> Outcome {
        let own: Description = self.identity.describe(number + 1, Media::usual(None));
        let peer = signal.view(&own)?;
        let mut link = Link::new(own, peer)?;
        self.readers.push(Reader::new(&link.socket, self.plan, &self.poll, number + 1)?);
        link.tick(&self.identity, nanos())?;
        self.viewers.push(Viewer::new(link, number, self.plan.loses));
        Ok(())
    }

    /// Lets it run.
    pub fn run(&mut self, time: Duration) -> Outcome {
        let end = nanos() + u64::try_from(time.as_nanos())?;
        while nanos() < end {
            self.turn()?;
        }
        Ok(())
    }

    /// Does what there is to do. It never sleeps, so that the server does not pay for waking it.
    fn turn(&mut self) -> Outcome {
        let now = nanos();
        if now >= self.next_publish {
            self.next_publish = self.publisher.tick(&self.identity, now)?;
        }
        while now >= self.next_slot {
            self.next_slot += MILLISECOND;
            self.slot += 1;
            self.visit(now)?;
        }
        let began = nanos();
        self.poll.poll(&mut self.events, Some(Duration::ZERO))?;
        if self.events.is_empty() {
            self.idle += nanos() - began;
        }
        self.receive()
    }

    fn visit(&mut self, now: u64) -> Outcome {
        let first = (self.slot % TURN as u64) as usize;
        for viewer in self.viewers.iter_mut().skip(first).step_by(TURN) {
            viewer.visit(&self.identity, now, &mut self.measured.counts, &mut self.compound)?;
        }
        Ok(())
    }

    fn receive(&mut self) -> Outcome {
        let Self {
            identity, events, publisher, publisher_socket, viewers, readers, memory, measured, ..
        } = self;
        for event in events.iter() {
            let Token(token) = event.token();
            let Some(at) = token.checked_sub(1) else {
                publisher_socket.read(memory, |datagram| publisher.take(identity, datagram))?;
                self.next_publish = 0;
                continue;
            };
            let (viewer, reader) = (&mut viewers[at], &readers[at]);
            let now = nanos();
            reader.read(memory, |datagram| viewer.take(identity, datagram, now, measured))?;
        }
        Ok(())
    }

    /// Takes what was measured since it was last taken.
    pub fn take(&mut self) -> Measured {
        let idle = std::mem::take(&mut self.idle);
        Measured { idle, ..std::mem::take(&mut self.measured) }
    }

    /// What the server asked the publisher for: packets again, and key frames that were sent.
    pub fn asked(&self) -> (u64, u64) {
        (self.publisher.asked, self.publisher.keyframes)
    }
}
