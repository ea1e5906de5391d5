//! The hub: who listens to which room in this process, and how events get there.
//!
//! Everything that listeners get comes from the log, in its order: events of this process as they are committed, those of
//! others when they are told of or when somebody looks. What is missing is fetched.

mod entry;
mod fetch;
mod news;
mod outbox;
mod room;
mod signal;

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use self::entry::Entry;
#[cfg(feature = "http")]
pub(crate) use self::entry::Form;
pub(crate) use self::fetch::work;
use self::news::News;
pub(crate) use self::outbox::{Item, Outbox};
use self::room::Room;
pub(crate) use self::room::{CatchUp, ConnectionId, Start};
pub(crate) use self::signal::Signal;
pub use self::signal::SignalKind;
use crate::event::{Event, Place};

/// Parts of the hub, so that not all rooms wait for one lock.
const SHARDS: usize = 64;

/// See the module.
#[derive(Debug)]
pub(crate) struct Hub {
    shards: [Mutex<HashMap<Place, Room>>; SHARDS],
    /// Rooms to be looked up, or of which events are missing.
    news: News,
    connections: AtomicU64,
}

impl Default for Hub {
    fn default() -> Self {
        let shards = std::array::from_fn(|_| Mutex::default());
        Self { shards, news: News::default(), connections: AtomicU64::new(0) }
    }
}

impl Hub {
    fn shard(&self, place: Place) -> MutexGuard<'_, HashMap<Place, Room>> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(place);
        let index = usize::try_from(hash).unwrap_or(0) % SHARDS;
        self.shards.get(index).unwrap_or(&self.shards[0]).lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An id for a connection.
    pub(crate) fn connect(&self) -> ConnectionId {
        self.connections.fetch_add(1, Ordering::Relaxed)
    }

    /// Passes on events that are committed.
    pub(crate) fn publish(&self, events: Vec<(Place, Event)>) {
        for (place, event) in events {
            if let Some(room) = self.shard(place).get_mut(&place)
                && room.publish(Arc::new(Entry::new(place, event)))
            {
                self.news.note(place);
            }
        }
    }

    /// Somebody committed an event with the number `seq`.
    pub(crate) fn hear(&self, place: Place, seq: i64) {
        let behind =
            self.shard(place).get(&place).is_some_and(|room| room.head().is_none_or(|head| head < seq));
        if behind {
            self.news.note(place);
        }
    }

    /// Lets a connection listen to a room.
    pub(crate) fn listen(
        &self,
        place: Place,
        open: bool,
        id: ConnectionId,
        start: Start,
        outbox: &Arc<Outbox>,
    ) {
        let mut shard = self.shard(place);
        let room = shard.entry(place).or_insert_with(|| Room::new(place, open));
        let unknown = room.head().is_none();
        room.listen(id, start, outbox);
        drop(shard);
        if unknown {
            self.news.note(place);
        }
    }

    /// Whether a connection listens to a room.
    pub(crate) fn listens(&self, place: Place, id: ConnectionId) -> bool {
        self.shard(place).get(&place).is_some_and(|room| room.listens(id))
    }

    /// A connection stops listening; answers whether it was.
    pub(crate) fn leave(&self, place: Place, id: ConnectionId) -> bool {
        self.shard(place).get_mut(&place).is_some_and(|room| room.leave(id))
    }

    /// Gives a listener what it lacks, as far as it is here.
    pub(crate) fn catch_up(&self, place: Place, id: ConnectionId) -> CatchUp {
        self.shard(place).get_mut(&place).map_or(CatchUp::Gone, |room| room.catch_up(id))
    }

    /// The same with events fetched for it.
    pub(crate) fn give(&self, place: Place, id: ConnectionId, events: Vec<Event>) -> CatchUp {
        let entries: Vec<_> = events.into_iter().map(|event| Arc::new(Entry::new(place, event))).collect();
        self.shard(place).get_mut(&place).map_or(CatchUp::Gone, |room| room.give(id, &entries))
    }

    /// Tells who listens to a room what is lost when nobody does.
    pub(crate) fn signal(&self, signal: Signal) {
        let place = signal.place;
        if let Some(room) = self.shard(place).get(&place) {
            room.signal(&Arc::new(signal));
        }
    }

    /// Rooms that somebody listens to, or did a moment ago, and how far they are known.
    pub(crate) fn rooms(&self) -> Vec<(Place, Option<i64>)> {
        let mut rooms = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            rooms.extend(shard.iter().map(|(place, room)| (*place, room.head())));
        }
        rooms
    }

    /// Forgets rooms that nobody listens to.
    pub(crate) fn sweep(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|_, room| !room.is_deserted());
        }
    }
}
