//! The hub: who listens to which room in this process, and how events get there.
//!
//! Everything that listeners get comes from the log, in its order: events of this process as they are committed, those of
//! others when they are told of or when somebody looks. What is missing is fetched.

mod entry;
mod fetch;
mod memory;
mod news;
mod outbox;
mod room;
mod signal;

use std::collections::HashMap;
#[cfg(feature = "redis")]
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use self::entry::Entry;
#[cfg(feature = "http")]
pub(crate) use self::entry::Form;
pub(crate) use self::fetch::work;
use tokio::sync::Notify;

use self::memory::Memory;
use self::news::News;
pub(crate) use self::outbox::{Item, Outbox};
use self::room::Room;
pub(crate) use self::room::{CatchUp, ConnectionId, Start};
pub(crate) use self::signal::Signal;
pub use self::signal::SignalKind;
use crate::event::{Event, Place};
use crate::id::RoomId;

/// Parts of the hub, so that not all rooms wait for one lock.
const SHARDS: usize = 64;

/// The shard of a room, the same in every process.
pub(crate) fn shard_of(room: RoomId) -> usize {
    // The end of a UUID of version 7 is random.
    usize::from(room.as_uuid().as_bytes()[15]) % SHARDS
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Hub {
    shards: [Mutex<HashMap<Place, Room>>; SHARDS],
    /// Rooms of each shard.
    in_use: [AtomicUsize; SHARDS],
    /// A shard got its first room, or lost its last.
    changed: Notify,
    /// Somebody wants the rooms compared with the database now.
    compare: Notify,
    /// Rooms to be looked up, or of which events are missing.
    news: News,
    connections: AtomicU64,
    memory: Arc<Memory>,
}

impl Default for Hub {
    fn default() -> Self {
        let shards = std::array::from_fn(|_| Mutex::default());
        Self {
            shards,
            in_use: std::array::from_fn(|_| AtomicUsize::new(0)),
            changed: Notify::new(),
            compare: Notify::new(),
            news: News::default(),
            connections: AtomicU64::new(0),
            memory: Arc::default(),
        }
    }
}

impl Hub {
    fn shard(&self, place: Place) -> MutexGuard<'_, HashMap<Place, Room>> {
        self.shards
            .get(shard_of(place.room))
            .unwrap_or(&self.shards[0])
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// An id for a connection.
    pub(crate) fn connect(&self) -> ConnectionId {
        self.connections.fetch_add(1, Ordering::Relaxed)
    }

    /// Passes on events that are committed, those of a room all at once.
    pub(crate) fn publish(&self, events: Vec<(Place, Event)>) {
        let mut rooms: HashMap<Place, Vec<Arc<Entry>>> = HashMap::new();
        for (place, event) in events {
            rooms.entry(place).or_default().push(Arc::new(Entry::new(place, event)));
        }
        for (place, entries) in rooms {
            if let Some(room) = self.shard(place).get_mut(&place)
                && room.publish(entries)
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
        let room = shard.entry(place).or_insert_with(|| {
            self.count(place.room, 1);
            Room::new(place, open, Arc::clone(&self.memory))
        });
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

    /// Forgets events that wait for others which nobody has.
    fn give_up(&self, place: Place) {
        if let Some(room) = self.shard(place).get_mut(&place) {
            room.give_up();
        }
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
            shard.retain(|place, room| {
                if room.is_deserted() {
                    self.count(place.room, -1);
                }
                !room.is_deserted()
            });
        }
    }

    fn count(&self, room: RoomId, step: isize) {
        let Some(count) = self.in_use.get(shard_of(room)) else { return };
        let before = if step > 0 {
            count.fetch_add(1, Ordering::Relaxed)
        } else {
            count.fetch_sub(1, Ordering::Relaxed)
        };
        if before == usize::from(step < 0) {
            self.changed.notify_one();
        }
    }

    /// Shards that have rooms here.
    #[cfg(feature = "redis")]
    pub(crate) fn shards_in_use(&self) -> HashSet<usize> {
        (0..)
            .zip(&self.in_use)
            .filter(|(_, count)| count.load(Ordering::Relaxed) > 0)
            .map(|(shard, _)| shard)
            .collect()
    }

    /// Waits until those are others.
    #[cfg(feature = "redis")]
    pub(crate) async fn shards_changed(&self) {
        self.changed.notified().await;
    }

    /// Has the rooms compared with the database now.
    #[cfg(feature = "redis")]
    pub(crate) fn compare(&self) {
        self.compare.notify_one();
    }
}
