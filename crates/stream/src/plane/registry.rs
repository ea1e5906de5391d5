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

/// What became of a session that was to be withdrawn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Withdrawn {
    /// Nobody had come for it, and it is forgotten.
    Yes,
    /// Its peer has come meanwhile, to that shard.
    Came(usize),
    Unknown,
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
    /// Ours and the peer's: what it has, and what it is to have.
    credentials: Vec<(Credentials, Credentials)>,
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
        let credentials = vec![(session.agreed.local.clone(), session.agreed.remote.clone())];
        let codecs = match session.role {
            NewRole::Publish => session.agreed.tracks.iter().map(|track| track.codec).collect(),
            NewRole::Watch(..) => Vec::new(),
        };
        if state.names.contains_key(&name) || state.sessions.contains_key(&id) {
            return Err(PlaneError::Known);
        }
        state.names.insert(name, id);
        let place = Place::Waiting(Box::new(session), until);
        state.sessions.insert(id, Entry { credentials, codecs, place });
        Ok(())
    }

    /// Somebody sent a check to `name`, to `shard`. `is_signed` tells whether it was made with credentials, ours and the
    /// peer's; else it is nobody's.
    pub(crate) fn named(
        &self,
        name: &str,
        shard: usize,
        is_signed: impl Fn(&Credentials, &Credentials) -> bool,
    ) -> Named {
        let mut state = self.state();
        let state = &mut *state;
        let Some(id) = state.names.get(name).copied() else { return Named::Nobody };
        let Some(entry) = state.sessions.get_mut(&id) else { return Named::Nobody };
        if !entry.credentials.iter().any(|(local, remote)| is_signed(local, remote)) {
            return Named::Nobody;
        }
        match &entry.place {
            Place::On(other) if *other == shard => Named::Here(id),
            Place::On(other) => Named::Elsewhere(*other),
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
        let new = vec![(local.clone(), remote.clone())];
        for (old, _) in std::mem::replace(&mut entry.credentials, new) {
            state.names.remove(&old.ufrag);
        }
        state.names.insert(local.ufrag.clone(), session);
        true
    }

    /// Gives a session other credentials besides its own, ours and the peer's.
    pub(crate) fn name(
        &self,
        session: SessionId,
        local: &Credentials,
        remote: &Credentials,
    ) -> Result<usize, PlaneError> {
        let mut state = self.state();
        let state = &mut *state;
        let entry = state.sessions.get_mut(&session).ok_or(PlaneError::Unknown)?;
        let Place::On(shard) = entry.place else { return Err(PlaneError::Unknown) };
        // The first two: what it has, and what it is to have.
        while entry.credentials.len() > 1 {
            let (old, _) = entry.credentials.remove(0);
            state.names.remove(&old.ufrag);
        }
        entry.credentials.push((local.clone(), remote.clone()));
        state.names.insert(local.ufrag.clone(), session);
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
        self.state().remove(session)
    }

    /// Forgets a session that nobody has come for.
    pub(crate) fn withdraw(&self, session: SessionId) -> Withdrawn {
        let mut state = self.state();
        match state.sessions.get(&session).map(|entry| &entry.place) {
            Some(Place::On(shard)) => Withdrawn::Came(*shard),
            Some(Place::Waiting(..)) => {
                state.remove(session);
                Withdrawn::Yes
            }
            None => Withdrawn::Unknown,
        }
    }

    /// Forgets those that nobody came for in time, and tells which they were.
    pub(crate) fn expire(&self, now: Instant) -> Vec<SessionId> {
        let mut state = self.state();
        let late = |entry: &Entry| matches!(&entry.place, Place::Waiting(_, until) if *until <= now);
        let late: Vec<_> =
            state.sessions.iter().filter(|(_, entry)| late(entry)).map(|(id, _)| *id).collect();
        for id in &late {
            state.remove(*id);
        }
        late
    }

    /// Forgets all that are on a shard, and tells which they were.
    pub(crate) fn remove_from(&self, shard: usize) -> Vec<SessionId> {
        let mut state = self.state();
        let there = |entry: &Entry| matches!(entry.place, Place::On(on) if on == shard);
        let there: Vec<_> =
            state.sessions.iter().filter(|(_, entry)| there(entry)).map(|(id, _)| *id).collect();
        for id in &there {
            state.remove(*id);
        }
        there
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

impl State {
    fn remove(&mut self, session: SessionId) -> bool {
        let Some(entry) = self.sessions.remove(&session) else { return false };
        for (name, _) in &entry.credentials {
            self.names.remove(&name.ufrag);
        }
        true
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
