//! Which sessions there are, and which shard has which. Asked when a session begins and ends, never for a packet.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::PlaneError;
use crate::agreed::Agreed;
use crate::agreed::Credentials;
use crate::codec::Codec;
use crate::id::SessionId;

/// A session that nobody has come for yet.
#[derive(Debug)]
pub(crate) struct NewSession {
    pub(crate) id: SessionId,
    pub(crate) agreed: Agreed,
    pub(crate) role: NewRole,
}

/// What it is for.
#[derive(Debug)]
pub(crate) enum NewRole {
    /// To publish.
    Publish,
    /// To watch what another session publishes: which of its tracks.
    Watch(SessionId, Vec<usize>),
}

/// Where what is published comes in.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) shard: usize,
    pub(crate) codecs: Vec<Codec>,
}

/// What a shard learns of a name that somebody sent a check to.
#[derive(Debug)]
pub(crate) enum Named {
    /// The session is the shard's from now on; with it, where what it watches comes in.
    Yours(Box<NewSession>, Option<Published>),
    /// It is on another shard.
    Elsewhere(usize),
    /// It is on this shard already.
    Here(SessionId),
    Nobody,
}

/// All sessions of the process.
#[derive(Debug)]
pub(crate) struct Registry {
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    names: HashMap<String, SessionId>,
    sessions: HashMap<SessionId, Entry>,
    draining: bool,
}

#[derive(Debug)]
struct Entry {
    names: Vec<String>,
    codecs: Vec<Codec>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// Until then somebody may come.
    Waiting(Box<NewSession>, Instant),
    On(usize),
}

impl Registry {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here is left half done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a session until its peer comes.
    pub(crate) fn add(&self, session: NewSession, until: Instant) -> Result<(), PlaneError> {
        let mut state = self.state();
        if state.draining {
            return Err(PlaneError::Draining);
        }
        if state.sessions.len() >= self.most {
            return Err(PlaneError::Full);
        }
        if let NewRole::Watch(source, tracks) = &session.role {
            let codecs = &state.sessions.get(source).ok_or(PlaneError::Unknown)?.codecs;
            if tracks.iter().any(|track| codecs.get(*track).is_none()) {
                return Err(PlaneError::Unknown);
            }
        }
        let (id, name) = (session.id, session.agreed.local.ufrag.clone());
        let codecs = match session.role {
            NewRole::Publish => session.agreed.tracks.iter().map(|track| track.codec).collect(),
            NewRole::Watch(..) => Vec::new(),
        };
        if state.names.contains_key(&name) || state.sessions.contains_key(&id) {
            return Err(PlaneError::Known);
        }
        state.names.insert(name.clone(), id);
        let place = Place::Waiting(Box::new(session), until);
        state.sessions.insert(id, Entry { names: vec![name], codecs, place });
        Ok(())
    }

    /// Somebody sent a check to `name`, to `shard`. The caller has yet to see whether they may.
    pub(crate) fn named(
        &self,
        name: &str,
        shard: usize,
        is_signed: impl FnOnce(&NewSession) -> bool,
    ) -> Named {
        let mut state = self.state();
        let state = &mut *state;
        let Some(id) = state.names.get(name).copied() else { return Named::Nobody };
        let Some(entry) = state.sessions.get_mut(&id) else { return Named::Nobody };
        match &entry.place {
            Place::On(other) if *other == shard => Named::Here(id),
            Place::On(other) => Named::Elsewhere(*other),
            Place::Waiting(session, _) if !is_signed(session) => Named::Nobody,
            Place::Waiting(..) => {
                let Place::Waiting(session, _) = std::mem::replace(&mut entry.place, Place::On(shard)) else {
                    return Named::Nobody;
                };
                let source = match &session.role {
                    NewRole::Publish => None,
                    NewRole::Watch(source, _) => state.sessions.get(source).and_then(Entry::published),
                };
                Named::Yours(session, source)
            }
        }
    }

    /// Gives a session that nobody has come for yet other names, in place of its own. Answers whether it is one.
    pub(crate) fn rename(&self, session: SessionId, local: &Credentials, remote: &Credentials) -> bool {
        let mut state = self.state();
        let state = &mut *state;
        let Some(entry) = state.sessions.get_mut(&session) else { return false };
        let Place::Waiting(waiting, _) = &mut entry.place else { return false };
        waiting.agreed.local = local.clone();
        waiting.agreed.remote = remote.clone();
        for old in std::mem::replace(&mut entry.names, vec![local.ufrag.clone()]) {
            state.names.remove(&old);
        }
        state.names.insert(local.ufrag.clone(), session);
        true
    }

    /// Gives a session another name besides its own.
    pub(crate) fn name(&self, session: SessionId, name: String) -> Result<usize, PlaneError> {
        let mut state = self.state();
        let state = &mut *state;
        let entry = state.sessions.get_mut(&session).ok_or(PlaneError::Unknown)?;
        let Place::On(shard) = entry.place else { return Err(PlaneError::Unknown) };
        // The first two: what it has, and what it is to have.
        while entry.names.len() > 1 {
            let old = entry.names.remove(0);
            state.names.remove(&old);
        }
        entry.names.push(name.clone());
        state.names.insert(name, session);
        Ok(shard)
    }

    /// The shard that has a session, if one has.
    pub(crate) fn shard_of(&self, session: SessionId) -> Option<usize> {
        match self.state().sessions.get(&session)?.place {
            Place::On(shard) => Some(shard),
            Place::Waiting(..) => None,
        }
    }

    /// Forgets a session. Answers whether it was there.
    pub(crate) fn remove(&self, session: SessionId) -> bool {
        let mut state = self.state();
        let Some(entry) = state.sessions.remove(&session) else { return false };
        for name in &entry.names {
            state.names.remove(name);
        }
        true
    }

    /// Forgets a session that nobody has come for. Answers whether it was one.
    pub(crate) fn withdraw(&self, session: SessionId) -> bool {
        let waits =
            matches!(self.state().sessions.get(&session), Some(Entry { place: Place::Waiting(..), .. }));
        waits && self.remove(session)
    }

    /// Forgets those that nobody came for in time, and tells which they were.
    pub(crate) fn expire(&self, now: Instant) -> Vec<SessionId> {
        let late = |entry: &Entry| matches!(&entry.place, Place::Waiting(_, until) if *until <= now);
        let state = self.state();
        let late: Vec<_> =
            state.sessions.iter().filter(|(_, entry)| late(entry)).map(|(id, _)| *id).collect();
        drop(state);
        late.into_iter().filter(|id| self.remove(*id)).collect()
    }

    /// Takes no more.
    pub(crate) fn drain(&self) {
        self.state().draining = true;
    }

    /// All sessions.
    pub(crate) fn all(&self) -> Vec<SessionId> {
        self.state().sessions.keys().copied().collect()
    }
}

impl Entry {
    fn published(&self) -> Option<Published> {
        match self.place {
            Place::On(shard) => Some(Published { shard, codecs: self.codecs.clone() }),
            Place::Waiting(..) => None,
        }
    }
}
