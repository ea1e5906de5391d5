//! What is published, where viewers wait for it, and one publisher in the place of another.

use std::time::Instant;

use super::Shard;
use crate::id::SessionId;
use crate::plane::event::EndReason;
use crate::plane::message::Message;
use crate::plane::route::Sink;
use crate::plane::session::{Role, Session};
use crate::plane::source::Source;
use crate::plane::succession::{Left, succession};
use crate::record::Tapped;
use crate::track::Track;

/// Who watches one source, and what of the next it can be shown.
#[derive(Default)]
struct Audience {
    /// Their places, and which of the next one's tracks each of theirs shows.
    staying: Vec<(usize, Vec<usize>)>,
    /// Those who can play nothing of it.
    unfit: Vec<SessionId>,
}

impl Shard {
    /// Where what `session` publishes stands, whose peer has come here. `awaiting` are shards with viewers of it.
    pub(super) fn receive(
        &mut self,
        session: SessionId,
        tracks: &[Track],
        mut awaiting: Vec<usize>,
    ) -> usize {
        awaiting.retain(|shard| *shard != self.number);
        for shard in &awaiting {
            (self.around.tell)(*shard, Message::Arrived(session, self.number));
        }
        let at = match self.source_ids.get(&session) {
            // Viewers wait for it here.
            Some(at) => *at,
            None => self.insert_source(session, self.number, tracks),
        };
        if let Some(source) = self.sources.get_mut(at) {
            source.shards = awaiting;
        }
        at
    }

    fn insert_source(&mut self, session: SessionId, owner: usize, tracks: &[Track]) -> usize {
        let codecs: Vec<_> = tracks.iter().map(|track| track.codec).collect();
        let at = self.sources.insert(Source::new(session, owner, &codecs));
        self.source_ids.insert(session, at);
        at
    }

    /// Where what `watched` publishes stands on this shard. If it comes in on another, that sends it here from now on; if its
    /// peer has not come, the shard that it comes to will.
    pub(super) fn mirror(&mut self, watched: SessionId) -> Option<usize> {
        if let Some(source) = self.source_ids.get(&watched) {
            return Some(*source);
        }
        let published = self.around.registry.attend(watched, self.number)?;
        // Here it would have been found.
        let owner = published.shard.filter(|owner| *owner != self.number);
        if published.shard.is_some() && owner.is_none() {
            return None;
        }
        if let Some(owner) = owner {
            (self.around.tell)(owner, Message::Subscribe(watched, self.number));
        }
        Some(self.insert_source(watched, owner.unwrap_or(self.number), &published.tracks))
    }

    /// What viewers waited for here comes in on another shard, which sends it.
    pub(super) fn arrived(&mut self, session: SessionId, owner: usize) {
        let number = self.number;
        let waits = self.source(session).is_some_and(|source| {
            source.owner = owner;
            source.viewers > 0
        });
        if waits {
            return self.want_keyframes(session);
        }
        if let Some(at) = self.source_ids.remove(&session) {
            self.sources.try_remove(at);
        }
        (self.around.tell)(owner, Message::Unsubscribe(session, number));
    }

    /// Who watches `old` here goes on with what `new` publishes, as far as it can play that; `old` ends, if it is here.
    pub(super) fn take_over(
        &mut self,
        old: SessionId,
        new: SessionId,
        tracks: &[Track],
        now: Instant,
        sink: &mut impl Sink,
    ) {
        if let Some(from) = self.source_ids.get(&old).copied() {
            if self.hand_over(from, new, tracks, now, sink) {
                self.source_ids.remove(&old);
                self.held.retain(|held| held.source != from);
                if let Some(mut source) = self.sources.try_remove(from) {
                    source.tap(&Tapped::Ended);
                }
            } else {
                // The next one has ended already.
                self.end_source(old, sink);
            }
        }
        // At once: where it stood is another's from now on.
        if self.ids.contains_key(&old) {
            self.end_session(old, EndReason::TakenOver, sink);
        }
    }

    /// Gives the viewers of a source to that of `new`. Answers whether that could be done.
    fn hand_over(
        &mut self,
        from: usize,
        new: SessionId,
        tracks: &[Track],
        now: Instant,
        sink: &mut impl Sink,
    ) -> bool {
        let Audience { staying, unfit } = self.audience(from, tracks);
        for viewer in unfit {
            self.end_session(viewer, EndReason::SourceChanged, sink);
        }
        if staying.is_empty() {
            return true;
        }
        let Some(to) = self.mirror(new) else { return false };
        let left = self.left(from, now);
        for (at, shows) in staying {
            let Some(Session { role: Role::Viewer(viewer), line, .. }) = self.sessions.get_mut(at) else {
                continue;
            };
            viewer.source = to;
            for (egress, of) in viewer.tracks.iter_mut().zip(shows) {
                let left = left.get(egress.of).copied().unwrap_or(Left { timestamp: 0, arrived: now });
                egress.follow(of, left);
            }
            let is_connected = line.is_some();
            if let Some(source) = self.sources.get_mut(to) {
                source.viewers += 1;
            }
            if is_connected {
                self.begin(at, now, sink);
            }
        }
        true
    }

    fn audience(&self, from: usize, tracks: &[Track]) -> Audience {
        let mut audience = Audience::default();
        for (at, session) in &self.sessions {
            let Role::Viewer(viewer) = &session.role else { continue };
            if viewer.source != from {
                continue;
            }
            match succession(viewer.tracks.iter().map(|egress| &egress.track), tracks) {
                Some(shows) => audience.staying.push((at, shows)),
                None => audience.unfit.push(session.id),
            }
        }
        audience
    }

    /// Where each track of a source is.
    fn left(&self, source: usize, now: Instant) -> Vec<Left> {
        let tracks = self.sources.get(source).map(|source| &source.tracks);
        let left = |track: &crate::plane::source::SourceTrack| {
            let last = track.ring.latest().map(|packet| (packet.timestamp, packet.arrived));
            let (timestamp, arrived) = last.unwrap_or((0, now));
            Left { timestamp, arrived }
        };
        tracks.into_iter().flatten().map(left).collect()
    }
}
