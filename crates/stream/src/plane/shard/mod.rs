//! A share of the sessions, on one thread: datagrams and `now` in, datagrams out. It has no socket and asks no clock.

mod datagram;
mod forward;
mod lifecycle;
mod reports;
mod succession;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slab::Slab;
use tokio::sync::mpsc::UnboundedSender;
use veza_core::Random;

use super::egress::SCRATCH;
use super::event::Event;
use super::message::Message;
use super::registry::Registry;
use super::route::{Route, Sink};
use super::session::{Role, Session};
use super::source::Source;
use crate::dtls::Handshaker;
use crate::id::SessionId;
use crate::rtcp::Compound;

/// Between two looks at who has not been heard.
const SWEEP: Duration = Duration::from_millis(500);
/// Between two looks at what publishers have to be told.
const FEEDBACK: Duration = Duration::from_millis(5);
/// A way is its peer's for so long after the last check over it: peers check each five seconds (RFC 7675 section 5.1).
const HOLDS: Duration = Duration::from_secs(12);
/// Ways to sessions of other shards that are remembered.
const MAX_STEERED: usize = 16_384;

/// How a shard tells another something; it answers whether there was room.
pub(crate) type Tell = Arc<dyn Fn(usize, Message) -> bool + Send + Sync>;

/// What a shard works with.
pub(crate) struct Surroundings {
    pub(crate) registry: Arc<Registry>,
    pub(crate) handshaker: Handshaker,
    pub(crate) events: UnboundedSender<Event>,
    pub(crate) tell: Tell,
    pub(crate) random: Arc<dyn Random>,
    /// How many shards there are.
    pub(crate) shards: usize,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}

/// Where a datagram belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Here(usize),
    /// On another shard, and when a check of its was last passed on.
    Elsewhere(usize, Instant),
}

/// A track that holds packets back, to send those of a frame together.
#[derive(Debug, Clone, Copy)]
struct Held {
    source: usize,
    track: usize,
    until: Instant,
}

/// A share of the sessions.
#[derive(Debug)]
pub(crate) struct Shard {
    number: usize,
    around: Surroundings,
    began: Instant,
    sessions: Slab<Session>,
    ids: HashMap<SessionId, usize>,
    /// Our names in checks, for sessions that are here.
    names: HashMap<String, usize>,
    routes: HashMap<Route, Target>,
    /// Ways to other shards that were noted since the last look at which still hold.
    steered: usize,
    sources: Slab<Source>,
    source_ids: HashMap<SessionId, usize>,
    /// Tracks that hold packets back, and by when those are to go.
    held: Vec<Held>,
    /// Sessions that publish here.
    publishers: usize,
    scratch: Vec<u8>,
    compound: Compound,
    next_sweep: Instant,
    next_feedback: Instant,
    stopped: bool,
}

impl Shard {
    pub(crate) fn new(number: usize, around: Surroundings, now: Instant) -> Self {
        Self {
            number,
            around,
            began: now,
            sessions: Slab::new(),
            ids: HashMap::new(),
            names: HashMap::new(),
            routes: HashMap::new(),
            steered: 0,
            sources: Slab::new(),
            source_ids: HashMap::new(),
            held: Vec::new(),
            publishers: 0,
            scratch: vec![0; SCRATCH],
            compound: Compound::default(),
            next_sweep: now + SWEEP,
            next_feedback: now,
            stopped: false,
        }
    }

    /// Whether it was told to end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Does what is due by now.
    pub(crate) fn tick(&mut self, now: Instant, sink: &mut impl Sink) {
        self.flush(now, sink);
        if now >= self.next_feedback {
            self.next_feedback = now + FEEDBACK;
            self.tell_publishers(now, sink);
        }
        if now >= self.next_sweep {
            self.next_sweep = now + SWEEP;
            self.sweep(now, sink);
        }
    }

    /// When [`Self::tick`] has something to do.
    pub(crate) fn next_tick(&self) -> Instant {
        let held = self.held.iter().map(|held| held.until).min();
        let feedback = (self.publishers > 0).then_some(self.next_feedback);
        [held, feedback].into_iter().flatten().fold(self.next_sweep, Instant::min)
    }

    /// Takes what it is told.
    pub(crate) fn take(&mut self, message: Message, now: Instant, sink: &mut impl Sink) {
        match message {
            Message::End(session, reason, answer) => self.end_asked(session, reason, answer, sink),
            Message::TakeOver(old, new, tracks) => self.take_over(old, new, &tracks, now, sink),
            Message::Arrived(session, shard) => self.arrived(session, shard),
            Message::Stats(session, answer) => {
                if let Some(session) = self.session(session) {
                    // Who asked may have gone.
                    let _gone = answer.send(session.stats());
                }
            }
            Message::Restart(session, local, remote) => self.restart(session, local, remote),
            Message::Tap(session, tap) => {
                if let Some(source) = self.source(session) {
                    source.taps.push(tap);
                }
                self.want_keyframes(session);
            }
            Message::Keyframe(session, track) => self.want_keyframe(session, track),
            Message::Handshake(session, outcome) => self.shaken(session, outcome, now, sink),
            Message::Datagram(route, bytes) => self.datagram(now, route, &mut bytes.to_vec(), sink),
            Message::Subscribe(session, shard) => self.subscribe(session, shard),
            Message::Unsubscribe(session, shard) => {
                if let Some(source) = self.source(session) {
                    source.shards.retain(|other| *other != shard);
                }
            }
            Message::Media(session, track, packets) => {
                for packet in packets {
                    self.forward(session, track, &packet, now);
                }
                self.flush(now, sink);
            }
            Message::Clock(session, track, reading) => {
                if let Some(source) = self.source_ids.get(&session).copied() {
                    self.tell_clock(source, track, reading, now, sink);
                }
            }
            Message::Send(route, bytes) => sink.send(&route, bytes.len(), &bytes),
            Message::SourceEnded(session) => self.end_source(session, sink),
            #[cfg(test)]
            Message::Panic => panic!("for a test"),
            Message::Stop => self.stop(sink),
        }
    }

    fn session(&mut self, session: SessionId) -> Option<&mut Session> {
        self.ids.get(&session).and_then(|at| self.sessions.get_mut(*at))
    }

    fn source(&mut self, session: SessionId) -> Option<&mut Source> {
        self.source_ids.get(&session).and_then(|at| self.sources.get_mut(*at))
    }

    /// Asks the publisher, wherever it is, for a key frame.
    fn want_keyframe(&mut self, session: SessionId, track: usize) {
        let here = self.number;
        let elsewhere = self.source(session).map(|source| source.owner).filter(|owner| *owner != here);
        if let Some(owner) = elsewhere {
            (self.around.tell)(owner, Message::Keyframe(session, track));
        } else if let Some(Role::Publisher(publisher)) =
            self.session(session).map(|session| &mut session.role)
            && let Some(ingest) = publisher.tracks.get_mut(track)
        {
            ingest.want_keyframe();
        }
    }

    fn want_keyframes(&mut self, session: SessionId) {
        let tracks = self.source(session).map_or(0, |source| source.tracks.len());
        for track in 0..tracks {
            self.want_keyframe(session, track);
        }
    }
}
