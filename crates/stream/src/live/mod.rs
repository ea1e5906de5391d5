//! The sessions that this process holds.

mod entry;
mod offered;
mod pace;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use veza_core::TenantId;

pub(crate) use self::entry::{Live, NewLive, Side};
pub(crate) use self::offered::{Offered, Pending, VALID};
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
}

impl Registry {
    /// Takes a viewer in, unless there are `per_channel` or `per_tenant` already.
    pub(crate) fn add_viewer(
        &self,
        live: &Arc<Live>,
        per_channel: usize,
        per_tenant: usize,
    ) -> Result<(), Crowded> {
        let mut maps = self.maps();
        if maps.viewers.get(&live.tenant).is_some_and(|count| *count >= per_tenant) {
            return Err(Crowded::Tenant);
        }
        let channel = maps.channels.entry(live.place()).or_default();
        if channel.viewers.len() >= per_channel {
            return Err(Crowded::Channel);
        }
        channel.viewers.insert(live.id);
        *maps.viewers.entry(live.tenant).or_default() += 1;
        maps.add(live);
        Ok(())
    }

    /// Takes a publisher in. It is the channel's when [`Registry::go_live`] says so.
    pub(crate) fn add_publisher(&self, live: &Arc<Live>) {
        self.maps().add(live);
    }

    /// Makes a publisher that is there the one of its channel.
    pub(crate) fn go_live(&self, live: &Live) {
        let mut maps = self.maps();
        if maps.sessions.contains_key(&live.id) {
            maps.channels.entry(live.place()).or_default().publisher = Some(live.id);
        }
    }

    /// Forgets a session; answers it when it was there.
    pub(crate) fn remove(&self, id: SessionId) -> Option<Arc<Live>> {
        let mut maps = self.maps();
        let live = maps.sessions.remove(&id)?;
        maps.resources.remove(&live.resource);
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
    fn add(&mut self, live: &Arc<Live>) {
        self.resources.insert(live.resource.clone(), live.id);
        self.sessions.insert(live.id, Arc::clone(live));
    }
}
