//! A peer.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::budget::Budget;
use super::egress::Line;
use super::publisher::Publisher;
use super::route::{Route, Sink};
use super::stats::{SessionStats, TrackStats};
use super::viewer::Viewer;
use crate::agreed::{Credentials, Fingerprint};
use crate::dtls::Handshaken;
use crate::ice::{Protocol, answers, ask};
use crate::id::SessionId;
use crate::rtcp::Compound;
use crate::rtp::Header;
use crate::srtp::{Opener, SrtpError, server};

/// Who moved to another address without saying so is answered there after so long a silence at the old.
const MOVED: Duration = Duration::from_secs(1);
/// Handshakes take a dozen datagrams, those that are repeated included; later nothing but a goodbye is due.
const HANDSHAKE: (u32, u32) = (100, 5);
/// Packets, of media or reports, that a publisher may send at once and in a second: ten times what 10 Mbit/s are.
const PUBLISHES: (u32, u32) = (10_000, 10_000);
/// Reports that a viewer may send. With one each 50 ms and one for each loss it is far below.
const REPORTS: (u32, u32) = (1_000, 500);

/// Between two questions whether the peer is where it says.
const ASK: Duration = Duration::from_millis(100);
/// Ways to a peer that were checked and are remembered.
const MAX_ROUTES: usize = 4;

/// A peer, as its shard knows it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) local: Credentials,
    pub(crate) remote: Credentials,
    /// What holds besides from a restart on, until it is used: then it takes the place of the old.
    pub(crate) next: Option<(Credentials, Credentials)>,
    fingerprints: Vec<Fingerprint>,
    /// Ways that were checked, the oldest first.
    pub(crate) routes: Vec<Route>,
    /// The way that the peer chose.
    pub(crate) nominated: Option<Route>,
    /// When something came over that way.
    nominated_heard: Instant,
    moving: Option<Move>,
    /// When the peer last gave its consent.
    pub(crate) heard: Instant,
    pub(crate) began: Instant,
    pub(crate) handshake: Budget,
    /// Of packets.
    pub(crate) budget: Budget,
    opener: Option<Opener>,
    /// What says goodbye to the peer.
    goodbye: Option<Bytes>,
    pub(crate) line: Option<Line>,
    pub(crate) bytes_received: u64,
    /// Bytes of handshakes and answers to checks.
    bytes_told: u64,
    pub(crate) refused: u64,
    pub(crate) round_trip: Option<Duration>,
    pub(crate) role: Role,
}

/// A way that the peer wants to get its media over from now on, and has yet to show that it is there: otherwise it could have
/// it sent to anybody.
#[derive(Debug)]
struct Move {
    to: Route,
    /// What it was asked, and when.
    asked: Option<([u8; 12], Instant)>,
}

/// What it is for.
#[derive(Debug)]
pub(crate) enum Role {
    /// To publish.
    Publisher(Box<Publisher>),
    /// To watch.
    Viewer(Viewer),
}

impl Session {
    pub(crate) fn new(
        id: SessionId,
        local: Credentials,
        remote: Credentials,
        fingerprints: Vec<Fingerprint>,
        role: Role,
        now: Instant,
    ) -> Self {
        let (at_once, per_second) = match role {
            Role::Publisher(_) => PUBLISHES,
            Role::Viewer(_) => REPORTS,
        };
        Self {
            id,
            local,
            remote,
            next: None,
            fingerprints,
            routes: Vec::new(),
            nominated: None,
            nominated_heard: now,
            moving: None,
            heard: now,
            began: now,
            handshake: Budget::new(HANDSHAKE.0, HANDSHAKE.1, now),
            budget: Budget::new(at_once, per_second, now),
            opener: None,
            goodbye: None,
            line: None,
            bytes_received: 0,
            bytes_told: 0,
            refused: 0,
            round_trip: None,
            role,
        }
    }

    /// Whether media may flow.
    pub(crate) fn is_connected(&self) -> bool {
        self.line.is_some()
    }

    /// Counts a check of so many bytes, and the answer to it.
    pub(crate) fn checked(&mut self, check: usize, answer: usize) {
        self.bytes_received += u64::try_from(check).unwrap_or_default();
        self.told(answer);
    }

    /// Counts what was said to the peer that is no media.
    pub(crate) fn told(&mut self, bytes: usize) {
        self.bytes_told += u64::try_from(bytes).unwrap_or_default();
    }

    /// Notes that a way was checked, and whether the peer chose it. Gives the way that is forgotten for it.
    pub(crate) fn validate(&mut self, route: Route, nominates: bool, now: Instant) -> Option<Route> {
        self.heard = now;
        let mut forgotten = None;
        if !self.routes.contains(&route) {
            if self.routes.len() >= MAX_ROUTES {
                let spare = self.routes.iter().position(|other| Some(*other) != self.nominated);
                forgotten = spare.map(|spare| self.routes.remove(spare));
            }
            self.routes.push(route);
        }
        if nominates || self.nominated.is_none() {
            self.move_to(route, now);
        }
        forgotten
    }

    /// The peer wants to be reached over `route`. Until there is media it is believed.
    fn move_to(&mut self, route: Route, now: Instant) {
        let is_there = self.nominated == Some(route) || route.protocol == Protocol::Tcp;
        if is_there || !self.is_connected() {
            self.nominate(route, now);
        } else if self.moving.as_ref().is_none_or(|moving| moving.to != route) {
            self.moving = Some(Move { to: route, asked: None });
        }
    }

    /// What to ask over which way, when the peer wants to move and it is time to ask. `transaction` is random.
    pub(crate) fn question(
        &mut self,
        now: Instant,
        transaction: impl FnOnce() -> [u8; 12],
    ) -> Option<(Route, Vec<u8>)> {
        let moving = self.moving.as_mut()?;
        let transaction = match moving.asked {
            Some((_, at)) if now.saturating_duration_since(at) < ASK => return None,
            Some((transaction, _)) => transaction,
            None => transaction(),
        };
        moving.asked = Some((transaction, now));
        Some((moving.to, ask(&self.remote, &self.local, transaction)))
    }

    /// Takes what may be the answer to it.
    pub(crate) fn answered(&mut self, route: Route, message: &[u8], now: Instant) {
        let asked = self.moving.as_ref().filter(|moving| moving.to == route).and_then(|moving| moving.asked);
        if asked.is_some_and(|(transaction, _)| answers(message, transaction, &self.remote.pwd)) {
            self.nominate(route, now);
        }
    }

    fn nominate(&mut self, route: Route, now: Instant) {
        self.moving = None;
        (self.nominated, self.nominated_heard) = (Some(route), now);
        if let Some(line) = &mut self.line {
            line.route = route;
        }
    }

    /// Something came that only the peer can have made. A way that was checked takes the place of the one that the peer
    /// chose when nothing comes over that any more: what stands between may have given the peer another address.
    fn heard_over(&mut self, route: Route, now: Instant) {
        if self.nominated == Some(route) {
            self.nominated_heard = now;
        } else if now.saturating_duration_since(self.nominated_heard) >= MOVED {
            self.move_to(route, now);
        }
    }

    /// Takes the keys of a handshake. Answers whether the peer is who it said it would be.
    pub(crate) fn secure(&mut self, done: &Handshaken) -> bool {
        let is_peer = self.fingerprints.contains(&done.fingerprint);
        let (Some(route), true) = (self.nominated, is_peer) else { return false };
        let Some((sealer, opener)) = server(done.profile, &done.material) else { return false };
        self.line = Some(Line { route, sealer, sequence: 0, bytes_sent: 0 });
        self.opener = Some(opener);
        self.goodbye = Some(done.goodbye.clone());
        true
    }

    /// Tells the peer that it is over, once.
    pub(crate) fn say_goodbye(&mut self, sink: &mut impl Sink) {
        if let (Some(route), Some(goodbye)) = (self.nominated, self.goodbye.take()) {
            self.told(goodbye.len());
            sink.send(&route, goodbye.len(), &goodbye);
        }
    }

    /// Opens a packet of media and gives its number and length.
    pub(crate) fn open(
        &mut self,
        packet: &mut [u8],
        header: &Header,
        route: Route,
        now: Instant,
    ) -> Option<(u64, usize)> {
        let opened = self.opener.as_mut()?.open(packet, header.length, header.ssrc, header.sequence);
        self.noted(opened, route, now)
    }

    /// Opens reports and gives how long they are.
    pub(crate) fn open_reports(&mut self, packet: &mut [u8], route: Route, now: Instant) -> Option<usize> {
        let opened = self.opener.as_mut()?.open_reports(packet);
        self.noted(opened, route, now)
    }

    fn noted<T>(&mut self, opened: Result<T, SrtpError>, route: Route, now: Instant) -> Option<T> {
        match opened {
            Ok(opened) => {
                self.heard_over(route, now);
                Some(opened)
            }
            Err(error) => {
                self.refused += 1;
                let reason = error.label();
                metrics::counter!("veza_stream_refused_packets_total", "reason" => reason).increment(1);
                None
            }
        }
    }

    /// Sends reports, if there are any.
    pub(crate) fn tell(&mut self, compound: &mut Compound, sink: &mut impl Sink) {
        let Some(line) = &mut self.line else { return };
        if !compound.bytes.is_empty() && line.sealer.seal_reports(&mut compound.bytes).is_ok() {
            line.send(compound.bytes.len(), &compound.bytes, sink);
        }
        compound.clear();
    }

    /// What was counted.
    pub(crate) fn stats(&self) -> SessionStats {
        SessionStats {
            connected: self.is_connected(),
            bytes_received: self.bytes_received,
            bytes_sent: self.bytes_told + self.line.as_ref().map_or(0, |line| line.bytes_sent),
            packets_refused: self.refused,
            round_trip_ms: self.round_trip.map(|time| time.as_secs_f64() * 1_000.0),
            tracks: match &self.role {
                Role::Publisher(publisher) => publisher.tracks.iter().map(TrackStats::of_ingest).collect(),
                Role::Viewer(viewer) => viewer.tracks.iter().map(TrackStats::of_egress).collect(),
            },
        }
    }
}
