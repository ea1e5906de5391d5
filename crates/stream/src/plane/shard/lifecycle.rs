//! Sessions begin and end.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::{HOLDS, Shard, Target};
use crate::agreed::Credentials;
use crate::dtls::Outcome;
use crate::id::SessionId;
use crate::plane::egress::Egress;
use crate::plane::event::{EndReason, Ended, Event};
use crate::plane::message::Message;
use crate::plane::publisher::Publisher;
use crate::plane::registry::{NewRole, NewSession, Withdrawn};
use crate::plane::route::Sink;
use crate::plane::session::{Role, Session};
use crate::plane::stats::SessionStats;
use crate::plane::viewer::Viewer;
use crate::record::Tapped;

/// Consent holds so long (RFC 7675 section 5.1).
const CONSENT: Duration = Duration::from_secs(30);
/// From the first check to the end of the handshake.
const HANDSHAKE: Duration = Duration::from_secs(30);

impl Shard {
    /// Takes a session whose peer has come to this shard. Nothing is taken when what it watches is gone.
    pub(super) fn adopt(&mut self, new: NewSession, now: Instant) -> Option<usize> {
        let NewSession { id, agreed, role } = new;
        let role = match role {
            NewRole::Publish(awaiting) => {
                let source = self.receive(id, &agreed.tracks, awaiting);
                self.publishers += 1;
                let own = u32::from_be_bytes(self.random());
                Role::Publisher(Box::new(Publisher::new(source, agreed.tracks, own, now)))
            }
            NewRole::Watch(watched, of) => {
                let Some(source) = self.mirror(watched) else {
                    self.around.registry.remove(id);
                    self.tell_end(id, EndReason::SourceEnded, SessionStats::default());
                    return None;
                };
                if let Some(source) = self.sources.get_mut(source) {
                    source.viewers += 1;
                }
                let tracks = agreed.tracks.into_iter().zip(of);
                let tracks = tracks.map(|(track, of)| Egress::new(track, of, self.random())).collect();
                Role::Viewer(Viewer { source, tracks })
            }
        };
        let name = agreed.local.ufrag.clone();
        let session = Session::new(id, agreed.local, agreed.remote, agreed.fingerprints, role, now);
        let at = self.sessions.insert(session);
        self.ids.insert(id, at);
        self.names.insert(name, at);
        // Who waits for it needs one to begin with.
        if self.source(id).is_some_and(|source| source.viewers > 0 || !source.shards.is_empty()) {
            self.want_keyframes(id);
        }
        Some(at)
    }

    /// Another shard has viewers of what is published here, or was.
    pub(super) fn subscribe(&mut self, session: SessionId, shard: usize) {
        match self.source(session) {
            Some(source) if !source.shards.contains(&shard) => source.shards.push(shard),
            Some(_) => {}
            None => {
                (self.around.tell)(shard, Message::SourceEnded(session));
            }
        }
    }

    pub(super) fn restart(&mut self, session: SessionId, local: Credentials, remote: Credentials) {
        let Some(at) = self.ids.get(&session).copied() else { return };
        let Some(session) = self.sessions.get_mut(at) else { return };
        if let Some((old, _)) = session.next.take() {
            self.names.remove(&old.ufrag);
        }
        self.names.insert(local.ufrag.clone(), at);
        session.next = Some((local, remote));
    }

    /// What came of a handshake.
    pub(super) fn shaken(&mut self, id: SessionId, outcome: Outcome, now: Instant, sink: &mut impl Sink) {
        let Some(at) = self.ids.get(&id).copied() else { return };
        let Some(session) = self.sessions.get_mut(at) else { return };
        match outcome {
            Outcome::Datagram(bytes) => {
                if let Some(route) = session.nominated {
                    session.told(bytes.len());
                    sink.send(&route, bytes.len(), &bytes);
                }
            }
            Outcome::Done(_) if session.is_connected() => {}
            Outcome::Done(done) if session.secure(&done) => {
                let took = now.saturating_duration_since(session.began);
                metrics::histogram!("veza_stream_connect_seconds").record(took.as_secs_f64());
                self.tell_event(Event::Connected(id));
                self.begin(at, now, sink);
            }
            Outcome::Done(_) | Outcome::Failed => {
                self.end_session(id, EndReason::HandshakeFailed, sink);
            }
            Outcome::Closed => {
                self.end_session(id, EndReason::Closed, sink);
            }
        }
    }

    /// Ends sessions that have not been heard for too long.
    pub(super) fn sweep(&mut self, now: Instant, sink: &mut impl Sink) {
        if self.number == 0 {
            for (session, awaiting) in self.around.registry.expire(now) {
                self.dismiss(session, &awaiting);
                self.tell_end(session, EndReason::NeverConnected, SessionStats::default());
            }
        }
        self.routes.retain(|_, target| match target {
            Target::Here(_) => true,
            Target::Elsewhere(_, checked) => now.saturating_duration_since(*checked) < HOLDS,
        });
        self.steered = self.routes.values().filter(|it| matches!(it, Target::Elsewhere(..))).count();
        let late = |session: &Session| {
            if now.saturating_duration_since(session.heard) >= CONSENT {
                return Some((session.id, EndReason::ConsentExpired));
            }
            let late = !session.is_connected() && now.saturating_duration_since(session.began) >= HANDSHAKE;
            late.then_some((session.id, EndReason::NeverConnected))
        };
        let late: Vec<_> = self.sessions.iter().filter_map(|(_, session)| late(session)).collect();
        for (session, reason) in late {
            self.end_session(session, reason, sink);
        }
    }

    /// Ends a session wherever it is, and tells who asks what was counted of it.
    pub(super) fn end_asked(
        &mut self,
        id: SessionId,
        reason: EndReason,
        answer: Option<oneshot::Sender<SessionStats>>,
        sink: &mut impl Sink,
    ) {
        let stats = match self.end_session(id, reason, sink) {
            Some(stats) => stats,
            None => match self.around.registry.withdraw(id) {
                Withdrawn::Yes(awaiting) => {
                    self.dismiss(id, &awaiting);
                    self.tell_end(id, reason, SessionStats::default());
                    SessionStats::default()
                }
                // Its peer has come to another shard meanwhile.
                Withdrawn::Came(shard) if shard != self.number => {
                    (self.around.tell)(shard, Message::End(id, reason, answer));
                    return;
                }
                Withdrawn::Came(_) | Withdrawn::Unknown => return,
            },
        };
        if let Some(answer) = answer {
            // Who asked may have gone.
            let _gone = answer.send(stats);
        }
    }

    /// Ends a session that is here, and with a publisher's all that watch it. Gives what was counted of it, if it was.
    pub(super) fn end_session(
        &mut self,
        id: SessionId,
        reason: EndReason,
        sink: &mut impl Sink,
    ) -> Option<SessionStats> {
        let at = self.ids.remove(&id)?;
        let mut session = self.sessions.try_remove(at)?;
        for name in
            [Some(&session.local), session.next.as_ref().map(|(local, _)| local)].into_iter().flatten()
        {
            self.names.remove(&name.ufrag);
        }
        for route in &session.routes {
            if self.routes.get(route) == Some(&Target::Here(at)) {
                self.routes.remove(route);
            }
        }
        self.around.registry.remove(id);
        self.around.handshaker.end(id);
        if !matches!(reason, EndReason::Closed | EndReason::ConsentExpired) {
            session.say_goodbye(sink);
        }
        let stats = session.stats();
        self.tell_end(id, reason, stats.clone());
        match session.role {
            Role::Publisher(_) => {
                self.publishers -= 1;
                self.end_source(id, sink);
            }
            Role::Viewer(viewer) => self.leave(viewer.source, at),
        }
        Some(stats)
    }

    /// Tells shards on which viewers wait for what nobody publishes.
    fn dismiss(&self, session: SessionId, awaiting: &[usize]) {
        for shard in awaiting {
            (self.around.tell)(*shard, Message::SourceEnded(session));
        }
    }

    /// Takes a viewer out of what it watched.
    fn leave(&mut self, source: usize, viewer: usize) {
        let Some(watched) = self.sources.get_mut(source) else { return };
        for track in &mut watched.tracks {
            track.viewers.retain(|(other, _)| *other != viewer);
        }
        let (id, owner) = (watched.session, watched.owner);
        watched.viewers -= 1;
        if owner != self.number && watched.viewers == 0 {
            self.sources.remove(source);
            self.source_ids.remove(&id);
            self.held.retain(|held| held.source != source);
            (self.around.tell)(owner, Message::Unsubscribe(id, self.number));
        }
    }

    /// What is published has ended: here, or elsewhere.
    pub(super) fn end_source(&mut self, session: SessionId, sink: &mut impl Sink) {
        let Some(at) = self.source_ids.remove(&session) else { return };
        let Some(mut source) = self.sources.try_remove(at) else { return };
        self.held.retain(|held| held.source != at);
        source.tap(&Tapped::Ended);
        for shard in &source.shards {
            (self.around.tell)(*shard, Message::SourceEnded(session));
        }
        let watches = |session: &Session| {
            matches!(&session.role, Role::Viewer(viewer) if viewer.source == at).then_some(session.id)
        };
        let viewers: Vec<_> = self.sessions.iter().filter_map(|(_, session)| watches(session)).collect();
        for viewer in viewers {
            self.end_session(viewer, EndReason::SourceEnded, sink);
        }
    }

    /// Ends everything.
    pub(super) fn stop(&mut self, sink: &mut impl Sink) {
        let all: Vec<_> = self.ids.keys().copied().collect();
        for session in all {
            self.end_session(session, EndReason::Drained, sink);
        }
        self.stopped = true;
    }

    /// One without sessions in place of this, of which a panic left nobody knows what: those that it had have ended.
    pub(crate) fn replaced(self, now: Instant) -> Self {
        let Self { number, around, .. } = self;
        for session in around.registry.remove_from(number) {
            around.handshaker.end(session);
            for shard in (0..around.shards).filter(|shard| *shard != number) {
                (around.tell)(shard, Message::SourceEnded(session));
            }
            // What was counted is lost with it.
            let ended = Ended { session, reason: EndReason::Failed, stats: SessionStats::default() };
            // Nobody listens when the process ends.
            let _unheard = around.events.send(Event::Ended(ended));
        }
        Self::new(number, around, now)
    }

    fn tell_end(&self, session: SessionId, reason: EndReason, stats: SessionStats) {
        self.tell_event(Event::Ended(Ended { session, reason, stats }));
    }

    fn tell_event(&self, event: Event) {
        // Nobody listens when the process ends.
        let _unheard = self.around.events.send(event);
    }

    fn random<const N: usize>(&self) -> [u8; N] {
        veza_core::bytes(&*self.around.random)
    }
}
