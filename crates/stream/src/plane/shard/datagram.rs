//! What a datagram is, and whose (RFC 7983).

use std::time::Instant;

use bytes::Bytes;

use super::{HOLDS, MAX_STEERED, Shard, Target};
use crate::agreed::Credentials;
use crate::ice::{Binding, refuse, succeed};
use crate::plane::message::Message;
use crate::plane::registry::Named;
use crate::plane::route::{Route, Sink};
use crate::plane::session::{Role, Session};

/// DTLS is told to fit into what a way carries, which is 1,500 bytes nearly everywhere.
const LONGEST_RECORDS: usize = 2_048;

impl Shard {
    /// Takes a datagram, which is changed where it lies.
    pub(crate) fn datagram(&mut self, now: Instant, route: Route, bytes: &mut [u8], sink: &mut impl Sink) {
        let Some(first) = bytes.first().copied() else { return };
        if first < 4 {
            return self.check(now, route, bytes, sink);
        }
        match self.routes.get(&route).copied() {
            Some(Target::Here(at)) => {
                let Some(session) = self.sessions.get_mut(at) else { return };
                session.bytes_received += u64::try_from(bytes.len()).unwrap_or_default();
                match first {
                    20..=63 => self.shake(at, now, bytes),
                    128..=191 if !session.budget.take(now) => refused("too_many"),
                    128..=191 if is_report(bytes) => {
                        self.reports(at, now, route, bytes, sink);
                        self.question(at, now, sink);
                    }
                    128..=191 => {
                        self.media(at, now, route, bytes);
                        self.question(at, now, sink);
                    }
                    _ => refused("unknown"),
                }
            }
            Some(Target::Elsewhere(shard, _)) => self.pass_on(shard, route, bytes),
            // Nothing is answered and nothing kept for who has not been checked.
            None => refused("unknown_peer"),
        }
    }

    /// A connectivity check.
    fn check(&mut self, now: Instant, route: Route, bytes: &[u8], sink: &mut impl Sink) {
        let Some(binding) = Binding::read(bytes) else { return self.answered(now, route, bytes) };
        let at = match self.names.get(binding.to).copied() {
            Some(at) => at,
            None => match self.find(&binding, now) {
                Ok(at) => at,
                Err(Some(shard)) => return self.steer(route, shard, now, bytes),
                Err(None) => return refused("unknown_name"),
            },
        };
        let Some(session) = self.sessions.get_mut(at) else { return };
        let name = session.local.ufrag.clone();
        let Some(pwd) = signed_with(session, &binding) else { return refused("wrong_password") };
        if session.local.ufrag != name {
            self.names.remove(&name);
        }
        if binding.controlled {
            return answer(&route, &refuse(&binding, 487, "Role Conflict", &pwd), sink);
        }
        if !self.claim(route, Target::Here(at), now) {
            return refused("taken");
        }
        let success = succeed(&binding, route.remote, &pwd);
        answer(&route, &success, sink);
        let Some(session) = self.sessions.get_mut(at) else { return };
        session.checked(bytes.len(), success.len());
        if let Some(forgotten) = session.validate(route, binding.nominates, now) {
            self.routes.remove(&forgotten);
        }
        self.question(at, now, sink);
    }

    /// Asks a peer that wants to move whether it is there.
    fn question(&mut self, at: usize, now: Instant, sink: &mut impl Sink) {
        let Self { sessions, around, .. } = self;
        let Some(session) = sessions.get_mut(at) else { return };
        if let Some((route, bytes)) = session.question(now, || veza_core::bytes(&*around.random)) {
            session.told(bytes.len());
            sink.send(&route, bytes.len(), &bytes);
        }
    }

    /// What is no request may be the answer to one of ours.
    fn answered(&mut self, now: Instant, route: Route, bytes: &[u8]) {
        match self.routes.get(&route).copied() {
            Some(Target::Here(at)) => {
                if let Some(session) = self.sessions.get_mut(at) {
                    session.checked(bytes.len(), 0);
                    session.answered(route, bytes, now);
                }
            }
            Some(Target::Elsewhere(shard, _)) => self.pass_on(shard, route, bytes),
            None => refused("malformed"),
        }
    }

    fn pass_on(&self, shard: usize, route: Route, bytes: &[u8]) {
        (self.around.tell)(shard, Message::Datagram(route, Bytes::copy_from_slice(bytes)));
    }

    /// Makes a way lead to a session. Who holds it and was heard over it of late keeps it: an address is easily forged, and
    /// what comes from it would be taken from the one whose it is.
    fn claim(&mut self, route: Route, claims: Target, now: Instant) -> bool {
        let is_late = |at: Instant| now.saturating_duration_since(at) >= HOLDS;
        let (held, may) = match (self.routes.get(&route).copied(), claims) {
            (None, _) => (None, true),
            (Some(Target::Here(at)), Target::Here(same)) if at == same => (None, true),
            (Some(Target::Elsewhere(shard, _)), Target::Elsewhere(same, _)) if shard == same => (None, true),
            (held @ Some(Target::Here(at)), _) => {
                let holder = self.sessions.get(at).filter(|holder| holder.routes.contains(&route));
                (held, holder.is_none_or(|holder| is_late(holder.heard)))
            }
            (held @ Some(Target::Elsewhere(_, checked)), _) => (held, is_late(checked)),
        };
        if may {
            match held {
                Some(Target::Here(at)) => {
                    if let Some(holder) = self.sessions.get_mut(at) {
                        holder.routes.retain(|it| *it != route);
                    }
                }
                Some(Target::Elsewhere(..)) | None => {}
            }
            self.routes.insert(route, claims);
        }
        may
    }

    /// Finds the session that a check is for where it is not here: it may be taken here, or tells its shard.
    fn find(&mut self, binding: &Binding<'_>, now: Instant) -> Result<usize, Option<usize>> {
        let is_signed = |local: &Credentials, remote: &Credentials| {
            local.ufrag == binding.to && remote.ufrag == binding.from && binding.is_signed_with(&local.pwd)
        };
        match self.around.registry.named(binding.to, self.number, is_signed) {
            Named::Yours(session) => self.adopt(*session, now).ok_or(None),
            Named::Here(session) => self.ids.get(&session).copied().ok_or(None),
            Named::Elsewhere(shard) => Err(Some(shard)),
            Named::Nobody => Err(None),
        }
    }

    /// Gives a check to the shard that has the session, and from then on what comes the same way.
    fn steer(&mut self, route: Route, shard: usize, now: Instant, bytes: &[u8]) {
        if self.steered >= MAX_STEERED && !self.routes.contains_key(&route) {
            return refused("busy");
        }
        self.steered += usize::from(!self.routes.contains_key(&route));
        if !self.claim(route, Target::Elsewhere(shard, now), now) {
            return refused("taken");
        }
        self.pass_on(shard, route, bytes);
    }

    /// Gives a datagram of DTLS to who shakes hands.
    fn shake(&mut self, at: usize, now: Instant, bytes: &[u8]) {
        let Some(session) = self.sessions.get_mut(at) else { return };
        if bytes.len() > LONGEST_RECORDS || !session.handshake.take(now) {
            return refused("too_many");
        }
        let (shard, session, bytes) = (self.number, session.id, Bytes::copy_from_slice(bytes));
        // When it is too busy the peer says it again.
        if !self.around.handshaker.datagram(shard, session, bytes) {
            refused("busy");
        }
    }

    fn media(&mut self, at: usize, now: Instant, route: Route, bytes: &mut [u8]) {
        let Some(session) = self.sessions.get_mut(at) else { return };
        let Some(header) = crate::rtp::Header::read(bytes) else { return refused("malformed") };
        let Some((index, length)) = session.open(bytes, &header, route, now) else { return };
        let Role::Publisher(publisher) = &mut session.role else { return };
        let Some(packet) = bytes.get(..length) else { return };
        let Some((track, packet)) = publisher.take(&header, index, packet, now) else { return };
        let source = publisher.source;
        self.forward_from(source, track, &packet, now);
    }
}

/// The password that the check was made with, if it is one that holds. A restart is done when its own is used.
fn signed_with(session: &mut Session, binding: &Binding<'_>) -> Option<String> {
    if binding.to == session.local.ufrag {
        let holds = binding.from == session.remote.ufrag && binding.is_signed_with(&session.local.pwd);
        return holds.then(|| session.local.pwd.clone());
    }
    let (local, remote) = session.next.as_ref()?;
    let holds =
        binding.to == local.ufrag && binding.from == remote.ufrag && binding.is_signed_with(&local.pwd);
    if !holds {
        return None;
    }
    if binding.nominates {
        (session.local, session.remote) = session.next.take()?;
        return Some(session.local.pwd.clone());
    }
    Some(local.pwd.clone())
}

fn answer(route: &Route, bytes: &[u8], sink: &mut impl Sink) {
    sink.send(route, bytes.len(), bytes);
}

/// Whether a packet is a report (RFC 5761 section 4).
fn is_report(bytes: &[u8]) -> bool {
    bytes.get(1).is_some_and(|kind| (192..=223).contains(kind))
}

fn refused(reason: &'static str) {
    metrics::counter!("veza_stream_refused_packets_total", "reason" => reason).increment(1);
}
