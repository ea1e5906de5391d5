//! Which sessions there are, and which shard has which. Asked when a session begins and ends, never for a packet.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::PlaneError;
use super::config::PlaneConfig;
use super::load::Load;
use super::succession::succession;
use crate::agreed::Agreed;
use crate::agreed::Credentials;
use crate::id::SessionId;
use crate::track::Track;

#[cfg(test)]
mod tests;

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
    /// To publish; on these shards are viewers of it already.
    Publish(Vec<usize>),
    /// To watch what another session publishes: which of its tracks.
    Watch(SessionId, Vec<usize>),
}

/// What is published, as a shard that has viewers of it finds it.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    /// Where it comes in. While its peer has not come nobody knows; the shard that it comes to tells then.
    pub(crate) shard: Option<usize>,
    pub(crate) tracks: Arc<[Track]>,
}

/// What a publisher that takes the place of another means for viewers.
#[derive(Debug)]
pub(crate) struct Replaced {
    /// What is published from now on.
    pub(crate) tracks: Arc<[Track]>,
    /// Viewers whose peers have not come, and to whom nothing of it could be shown.
    pub(crate) unfit: Vec<SessionId>,
}

/// What a shard learns of a name that somebody sent a check to.
#[derive(Debug)]
pub(crate) enum Named {
    /// The session is the shard's from now on.
    Yours(Box<NewSession>),
    /// It is on another shard.
    Elsewhere(usize),
    /// It is on this shard already.
    Here(SessionId),
    Nobody,
}

/// What became of a session that was to be withdrawn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Withdrawn {
    /// Nobody had come for it, and it is forgotten. On these shards viewers wait for it.
    Yes(Vec<usize>),
    /// Its peer has come meanwhile, to that shard.
    Came(usize),
    Unknown,
}

/// All sessions of the process.
#[derive(Debug)]
pub(crate) struct Registry {
    most: usize,
    most_viewers: usize,
    load: Arc<Load>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    names: HashMap<String, SessionId>,
    sessions: HashMap<SessionId, Entry>,
    viewers: usize,
    draining: bool,
}

#[derive(Debug)]
struct Entry {
    /// Ours and the peer's: what it has, and what it is to have.
    credentials: Vec<(Credentials, Credentials)>,
    /// Of a publisher, what it publishes.
    tracks: Option<Arc<[Track]>>,
    /// Another publisher has taken its place; it is about to end.
    replaced: bool,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// Until then somebody may come.
    Waiting(Box<NewSession>, Instant),
    On(usize),
}

impl Registry {
    pub(crate) fn new(config: &PlaneConfig, load: Arc<Load>) -> Self {
        let most_viewers = config.max_viewers.unwrap_or(usize::MAX);
        Self { most: config.max_sessions, most_viewers, load, state: Mutex::default() }
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
            if state.viewers >= self.most_viewers || self.load.is_too_much() {
                return Err(PlaneError::Overloaded);
            }
            let source = state.sessions.get(source).filter(|source| !source.replaced);
            let published = source.and_then(|source| source.tracks.as_ref()).ok_or(PlaneError::Unknown)?;
            if tracks.iter().any(|track| published.get(*track).is_none()) {
                return Err(PlaneError::Unknown);
            }
        }
        let (id, name) = (session.id, session.agreed.local.ufrag.clone());
        let credentials = vec![(session.agreed.local.clone(), session.agreed.remote.clone())];
        let tracks = match session.role {
            NewRole::Publish(_) => Some(session.agreed.tracks.clone().into()),
            NewRole::Watch(..) => None,
        };
        if state.names.contains_key(&name) || state.sessions.contains_key(&id) {
            return Err(PlaneError::Known);
        }
        state.names.insert(name, id);
        state.viewers += usize::from(tracks.is_none());
        let place = Place::Waiting(Box::new(session), until);
        state.sessions.insert(id, Entry { credentials, tracks, replaced: false, place });
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
                Named::Yours(session)
            }
        }
    }

    /// What a session publishes, for a shard that has viewers of it from now on.
    pub(crate) fn attend(&self, session: SessionId, shard: usize) -> Option<Published> {
        let mut state = self.state();
        let entry = state.sessions.get_mut(&session)?;
        let tracks = entry.tracks.clone()?;
        let shard = match &mut entry.place {
            Place::On(owner) => Some(*owner),
            Place::Waiting(waiting, _) => {
                if let NewRole::Publish(shards) = &mut waiting.role
                    && !shards.contains(&shard)
                {
                    shards.push(shard);
                }
                None
            }
        };
        Some(Published { shard, tracks })
    }

    /// Makes `new` what viewers of `old` watch whose peers have not come; nobody else begins to watch `old`.
    pub(crate) fn replace(&self, old: SessionId, new: SessionId) -> Option<Replaced> {
        let mut state = self.state();
        let tracks = state.sessions.get(&new)?.tracks.clone()?;
        if let Some(entry) = state.sessions.get_mut(&old) {
            entry.replaced = true;
        }
        let mut unfit = Vec::new();
        for (id, entry) in &mut state.sessions {
            let Place::Waiting(waiting, _) = &mut entry.place else { continue };
            let NewRole::Watch(source, shows) = &mut waiting.role else { continue };
            if *source != old {
                continue;
            }
            match succession(&waiting.agreed.tracks, &tracks) {
                Some(others) => (*source, *shows) = (new, others),
                None => unfit.push(*id),
            }
        }
        Some(Replaced { tracks, unfit })
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

    /// Forgets a session. When it was there, gives the shards on which viewers wait for it.
    pub(crate) fn remove(&self, session: SessionId) -> Option<Vec<usize>> {
        self.state().remove(session)
    }

    /// Forgets a session that nobody has come for.
    pub(crate) fn withdraw(&self, session: SessionId) -> Withdrawn {
        let mut state = self.state();
        match state.sessions.get(&session).map(|entry| &entry.place) {
            Some(Place::On(shard)) => Withdrawn::Came(*shard),
            Some(Place::Waiting(..)) => Withdrawn::Yes(state.remove(session).unwrap_or_default()),
            None => Withdrawn::Unknown,
        }
    }

    /// Forgets those that nobody came for in time, and tells which they were, and on which shards viewers wait for them.
    pub(crate) fn expire(&self, now: Instant) -> Vec<(SessionId, Vec<usize>)> {
        let mut state = self.state();
        let late = |entry: &Entry| matches!(&entry.place, Place::Waiting(_, until) if *until <= now);
        let late: Vec<_> =
            state.sessions.iter().filter(|(_, entry)| late(entry)).map(|(id, _)| *id).collect();
        late.into_iter().filter_map(|id| Some((id, state.remove(id)?))).collect()
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
    /// Forgets a session. When it was there, gives the shards on which viewers wait for it.
    fn remove(&mut self, session: SessionId) -> Option<Vec<usize>> {
        let entry = self.sessions.remove(&session)?;
        self.viewers -= usize::from(entry.tracks.is_none());
        for (name, _) in &entry.credentials {
            self.names.remove(&name.ufrag);
        }
        Some(match entry.place {
            Place::Waiting(waiting, _) => match waiting.role {
                NewRole::Publish(shards) => shards,
                NewRole::Watch(..) => Vec::new(),
            },
            Place::On(_) => Vec::new(),
        })
    }
}
