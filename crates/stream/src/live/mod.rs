//! The sessions that this process holds.

mod entry;
mod offered;
mod pace;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use veza_core::TenantId;

pub(crate) use self::entry::{Live, NewLive, Side};
pub(crate) use self::offered::{MOST_OF_TENANT, Offered, Pending, TooMany, VALID};
pub(crate) use self::pace::Pace;
use crate::id::{ChannelId, SessionId};
use crate::session::SessionKind;

/// Where a channel is: ids of channels are unique, but a lookup with another tenant's must find nothing.
pub(crate) type Place = (TenantId, ChannelId);

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Registry(Mutex<Maps>);

#[derive(Debug, Default)]
struct Maps {
    sessions: HashMap<SessionId, Arc<Live>>,
    /// By the part of their URL that nobody can guess.
    resources: HashMap<String, SessionId>,
    channels: HashMap<Place, Channel>,
    viewers: HashMap<TenantId, usize>,
    /// Those whose peers have not come.
    waiting: HashMap<TenantId, HashSet<SessionId>>,
}

/// How many there may be at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Sessions of a tenant whose peers have not come.
    pub(crate) waiting: usize,
    /// Viewers of a channel.
    pub(crate) of_channel: usize,
    /// Viewers of a tenant.
    pub(crate) of_tenant: usize,
}

#[derive(Debug, Default)]
struct Channel {
    publisher: Option<SessionId>,
    viewers: HashSet<SessionId>,
}

/// What there is too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crowded {
    Channel,
    Tenant,
    Waiting,
}

impl Registry {
    /// Takes a viewer in, unless there are as many as may be.
    pub(crate) fn add_viewer(&self, live: &Arc<Live>, limits: Limits) -> Result<(), Crowded> {
        let mut maps = self.maps();
        if maps.viewers.get(&live.tenant).is_some_and(|count| *count >= limits.of_tenant) {
            return Err(Crowded::Tenant);
        }
        let channel = maps.channels.get(&live.place());
        if channel.is_some_and(|channel| channel.viewers.len() >= limits.of_channel) {
            return Err(Crowded::Channel);
        }
        maps.add(live, limits.waiting)?;
        maps.channels.entry(live.place()).or_default().viewers.insert(live.id);
        *maps.viewers.entry(live.tenant).or_default() += 1;
        Ok(())
    }

    /// Takes a publisher in, unless `waiting` sessions of its tenant wait for their peers. It is the channel's when
    /// [`Registry::go_live`] says so.
    pub(crate) fn add_publisher(&self, live: &Arc<Live>, waiting: usize) -> Result<(), Crowded> {
        self.maps().add(live, waiting)
    }

    /// The peer of a session is there. Answers the session.
    pub(crate) fn came(&self, id: SessionId) -> Option<Arc<Live>> {
        let mut maps = self.maps();
        let live = maps.sessions.get(&id).cloned()?;
        maps.waits_no_more(&live);
        Some(live)
    }

    /// Makes a publisher that is there the one of its channel, in place of `replaced`; unless another has taken its own place
    /// already, whose request was only answered sooner.
    pub(crate) fn go_live(&self, live: &Live, replaced: Option<SessionId>) {
        let mut maps = self.maps();
        if let Some(replaced) = replaced.and_then(|id| maps.sessions.get(&id)) {
            replaced.state().replaced = true;
        }
        if maps.sessions.contains_key(&live.id) && !live.state().replaced {
            maps.channels.entry(live.place()).or_default().publisher = Some(live.id);
        }
    }

    /// Forgets a session; answers it when it was there.
    pub(crate) fn remove(&self, id: SessionId) -> Option<Arc<Live>> {
        let mut maps = self.maps();
        let live = maps.sessions.remove(&id)?;
        maps.resources.remove(&live.resource);
        maps.waits_no_more(&live);
        if let Some(channel) = maps.channels.get_mut(&live.place()) {
            channel.viewers.remove(&id);
            if channel.publisher == Some(id) {
                channel.publisher = None;
            }
            if channel.publisher.is_none() && channel.viewers.is_empty() {
                maps.channels.remove(&live.place());
            }
        }
        if live.side.kind() == SessionKind::Viewer
            && let Some(count) = maps.viewers.get_mut(&live.tenant)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                maps.viewers.remove(&live.tenant);
            }
        }
        live.done.cancel();
        Some(live)
    }

    pub(crate) fn get(&self, id: SessionId) -> Option<Arc<Live>> {
        self.maps().sessions.get(&id).cloned()
    }

    /// The session of a URL.
    pub(crate) fn of_resource(&self, resource: &str) -> Option<Arc<Live>> {
        let maps = self.maps();
        maps.sessions.get(maps.resources.get(resource)?).cloned()
    }

    /// Who publishes to a channel.
    pub(crate) fn publisher(&self, place: Place) -> Option<Arc<Live>> {
        let maps = self.maps();
        maps.sessions.get(&maps.channels.get(&place)?.publisher?).cloned()
    }

    /// How many watch a channel.
    pub(crate) fn viewers(&self, place: Place) -> usize {
        self.maps().channels.get(&place).map_or(0, |channel| channel.viewers.len())
    }

    /// Who watches a channel, or is about to, that nobody publishes to.
    pub(crate) fn orphans(&self, place: Place) -> Vec<Arc<Live>> {
        let maps = self.maps();
        let channel = maps.channels.get(&place).filter(|channel| channel.publisher.is_none());
        let viewers = channel.into_iter().flat_map(|channel| &channel.viewers);
        viewers.filter_map(|id| maps.sessions.get(id)).cloned().collect()
    }

    /// All, by tenant.
    pub(crate) fn by_tenant(&self) -> HashMap<TenantId, Vec<Arc<Live>>> {
        let mut all: HashMap<TenantId, Vec<Arc<Live>>> = HashMap::new();
        for live in self.maps().sessions.values() {
            all.entry(live.tenant).or_default().push(Arc::clone(live));
        }
        all
    }

    pub(crate) fn len(&self) -> usize {
        self.maps().sessions.len()
    }

    fn maps(&self) -> MutexGuard<'_, Maps> {
        // What is done while it is held does not panic half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Maps {
    fn add(&mut self, live: &Arc<Live>, most_waiting: usize) -> Result<(), Crowded> {
        let waiting = self.waiting.entry(live.tenant).or_default();
        if waiting.len() >= most_waiting {
            return Err(Crowded::Waiting);
        }
        waiting.insert(live.id);
        self.resources.insert(live.resource.clone(), live.id);
        self.sessions.insert(live.id, Arc::clone(live));
        Ok(())
    }

    fn waits_no_more(&mut self, live: &Live) {
        if let Some(waiting) = self.waiting.get_mut(&live.tenant) {
            waiting.remove(&live.id);
            if waiting.is_empty() {
                self.waiting.remove(&live.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::agreed::Credentials;

    fn publisher(number: u128) -> Arc<Live> {
        let own = || Credentials { ufrag: "ufrag".to_owned(), pwd: "pwd".to_owned() };
        let new = NewLive {
            tenant: TenantId::from_verified(Uuid::nil()),
            channel: ChannelId::from_uuid(Uuid::nil()),
            side: Side::Publisher { max_kbps: 1_000, records: false },
            epoch: None,
            tracks: Vec::new(),
            local: own(),
            remote: own(),
        };
        Arc::new(Live::new(SessionId::from_uuid(Uuid::from_u128(number)), number.to_string(), new))
    }

    #[test]
    fn who_was_replaced_does_not_go_live_later() {
        let registry = Registry::default();
        let (first, second) = (publisher(1), publisher(2));
        let on_air = || registry.publisher(first.place()).map(|live| live.id);
        for live in [&first, &second] {
            registry.add_publisher(live, 10).unwrap();
        }
        // The second took the place of the first, and heard so before that.
        registry.go_live(&second, Some(first.id));
        registry.go_live(&first, None);
        assert_eq!(on_air(), Some(second.id));
        registry.remove(first.id);
        assert_eq!(on_air(), Some(second.id));
        // In the usual order.
        let third = publisher(3);
        registry.add_publisher(&third, 10).unwrap();
        registry.go_live(&third, Some(second.id));
        assert_eq!(on_air(), Some(third.id));
    }
}
