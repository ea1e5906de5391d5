//! What a datagram is, and whose (RFC 7983).

use std::time::Instant;

use bytes::Bytes;

use super::{MAX_STEERED, Shard, Target};
use crate::dtls::ToHandshaker;
use crate::ice::{Binding, refuse, succeed};
use crate::plane::message::Message;
use crate::plane::registry::Named;
use crate::plane::route::{Route, Sink};
use crate::plane::session::{Role, Session};

impl Shard {
    /// Takes a datagram, which is changed where it lies.
    pub(crate) fn datagram(&mut self, now: Instant, route: Route, bytes: &mut [u8], sink: &mut impl Sink) {
        let Some(first) = bytes.first().copied() else { return };
        if first < 4 {
            return self.check(now, route, bytes, sink);
        }
        match self.routes.get(&route).copied() {
            Some(Target::Here(at)) => {
                let length = u64::try_from(bytes.len()).unwrap_or_default();
                if let Some(session) = self.sessions.get_mut(at) {
                    session.bytes_received += length;
                }
                match first {
                    20..=63 => self.shake(at, bytes),
                    128..=191 if is_report(bytes) => self.reports(at, now, route, bytes, sink),
                    128..=191 => self.media(at, now, route, bytes),
                    _ => refused("unknown"),
                }
            }
            Some(Target::Elsewhere(shard)) => {
                (self.around.tell)(shard, Message::Datagram(route, Bytes::copy_from_slice(bytes)));
            }
            // Nothing is answered and nothing kept for who has not been checked.
            None => refused("unknown_peer"),
        }
    }

    /// A connectivity check.
    fn check(&mut self, now: Instant, route: Route, bytes: &[u8], sink: &mut impl Sink) {
        let Some(binding) = Binding::read(bytes) else { return refused("malformed") };
        let at = match self.names.get(binding.to).copied() {
            Some(at) => at,
            None => match self.find(&binding, now) {
                Ok(at) => at,
                Err(Some(shard)) => return self.steer(route, shard, bytes),
                Err(None) => return refused("unknown_name"),
            },
        };
        let Some(session) = self.sessions.get_mut(at) else { return };
        let Some(pwd) = signed_with(session, &binding) else { return refused("wrong_password") };
        if binding.controlled {
            return answer(&route, &refuse(&binding, 487, "Role Conflict", &pwd), sink);
        }
        answer(&route, &succeed(&binding, route.remote, &pwd), sink);
        let known = session.routes.contains(&route);
        let forgotten = session.validate(route, binding.nominates, now);
        if let Some(forgotten) = forgotten {
            self.routes.remove(&forgotten);
        }
        if !known
            && let Some(Target::Here(other)) = self.routes.insert(route, Target::Here(at))
            && other != at
            && let Some(other) = self.sessions.get_mut(other)
        {
            other.routes.retain(|it| *it != route);
        }
    }

    /// Finds the session that a check is for where it is not here: it may be taken here, or tells its shard.
    fn find(&mut self, binding: &Binding<'_>, now: Instant) -> Result<usize, Option<usize>> {
        let is_signed = |session: &crate::plane::registry::NewSession| {
            session.agreed.remote.ufrag == binding.from && binding.is_signed_with(&session.agreed.local.pwd)
        };
        match self.around.registry.named(binding.to, self.number, is_signed) {
            Named::Yours(session, published) => self.adopt(*session, published, now).ok_or(None),
            Named::Here(session) => self.ids.get(&session).copied().ok_or(None),
            Named::Elsewhere(shard) => Err(Some(shard)),
            Named::Nobody => Err(None),
        }
    }

    /// Gives a check to the shard that has the session, and from then on what comes the same way.
    fn steer(&mut self, route: Route, shard: usize, bytes: &[u8]) {
        if self.routes.get(&route) != Some(&Target::Elsewhere(shard)) {
            if self.steered >= MAX_STEERED {
                self.routes.retain(|_, target| matches!(target, Target::Here(_)));
                self.steered = 0;
            }
            self.routes.insert(route, Target::Elsewhere(shard));
            self.steered += 1;
        }
        (self.around.tell)(shard, Message::Datagram(route, Bytes::copy_from_slice(bytes)));
    }

    fn shake(&mut self, at: usize, bytes: &[u8]) {
        let Some(session) = self.sessions.get(at) else { return };
        let (shard, session, bytes) = (self.number, session.id, Bytes::copy_from_slice(bytes));
        // When it is too busy the peer says it again.
        if self.around.handshaker.try_send(ToHandshaker::Datagram { shard, session, bytes }).is_err() {
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
