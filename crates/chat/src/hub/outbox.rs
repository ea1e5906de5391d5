//! What waits to be written to one connection. It is bounded: who reads too slowly lags behind, and is caught up from
//! the log when there is room again.

use std::collections::{HashSet, VecDeque};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

#[cfg(feature = "http")]
use bytes::Bytes;
use futures_util::task::AtomicWaker;
use tokio::sync::Notify;

use super::entry::Entry;
use super::signal::Signal;
use crate::event::Place;
use crate::presence::Presence;

/// Items that wait at most, and their bytes.
const MAX_ITEMS: usize = 256;
const MAX_BYTES: usize = 256 * 1024;
/// From here on nobody types or comes and goes any more.
const CROWDED: usize = MAX_ITEMS / 4;

/// One thing to write.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    /// An event of a room.
    Entry(Arc<Entry>),
    /// What is lost when there is no room for it.
    Signal(Arc<Signal>),
    /// Bytes for this connection alone: the answer to a request.
    #[cfg(feature = "http")]
    Own(Bytes),
    /// Somebody came or went.
    Presence(Presence),
    /// A room begins anew at an event: what was asked for before is not there.
    Reset(Place, i64),
    /// Nothing of this room comes any more.
    Ended(Place),
}

impl Item {
    fn size(&self) -> usize {
        match self {
            Self::Entry(entry) => entry.size(),
            #[cfg(feature = "http")]
            Self::Own(bytes) => bytes.len(),
            Self::Signal(_) | Self::Presence(_) | Self::Reset(..) | Self::Ended(_) => 128,
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    /// Who writes.
    writer: AtomicWaker,
    /// Who catches up.
    room: Notify,
    /// Who waits until something fits again.
    space: Notify,
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Item>,
    bytes: usize,
    lagging: HashSet<Place>,
    closed: bool,
    /// Who reads it is not at the end when all is read.
    #[cfg(feature = "http")]
    held: bool,
    /// Items that were taken out so far.
    taken: u64,
}

impl State {
    fn is_full(&self) -> bool {
        self.items.len() >= MAX_ITEMS || self.bytes >= MAX_BYTES
    }

    fn is_over(&self) -> bool {
        #[cfg(feature = "http")]
        let held = self.held;
        #[cfg(not(feature = "http"))]
        let held = false;
        self.closed && !held
    }

    fn push(&mut self, item: Item) {
        self.bytes += item.size();
        self.items.push_back(item);
    }
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues events of one room, and answers for how many there was room; for those behind them the room lags until it
    /// is caught up.
    pub(crate) fn offer(&self, entries: &[Arc<Entry>]) -> usize {
        let mut state = self.lock();
        if state.closed {
            return 0;
        }
        let mut taken = 0;
        for entry in entries {
            if state.is_full() {
                state.lagging.insert(entry.place);
                break;
            }
            state.push(Item::Entry(Arc::clone(entry)));
            taken += 1;
        }
        drop(state);
        if taken > 0 {
            self.writer.wake();
        }
        taken
    }

    /// Queues what may be lost.
    pub(crate) fn push_if_room(&self, item: Item) {
        let mut state = self.lock();
        if state.closed || state.items.len() >= CROWDED {
            return;
        }
        state.push(item);
        drop(state);
        self.writer.wake();
    }

    /// Queues what must not be lost. Who calls it waits for room before it takes the next request.
    pub(crate) fn push(&self, item: Item) {
        let mut state = self.lock();
        if !state.closed {
            state.push(item);
            drop(state);
            self.writer.wake();
        }
    }

    /// Notes that a room has to be caught up.
    pub(crate) fn lag(&self, place: Place) {
        self.lock().lagging.insert(place);
        self.room.notify_one();
    }

    /// Waits until there is room and a room to catch up, and gives that. For ever, when it is closed: nothing can be caught
    /// up, and who tried again and again would keep its thread from all others.
    pub(crate) async fn lagging(&self) -> Place {
        loop {
            {
                let state = self.lock();
                if let Some(place) = state.lagging.iter().next()
                    && !state.closed
                    && state.items.len() < MAX_ITEMS / 2
                    && state.bytes < MAX_BYTES / 2
                {
                    return *place;
                }
            }
            self.room.notified().await;
        }
    }

    /// The room need not be caught up any more.
    pub(crate) fn caught_up(&self, place: Place) {
        self.lock().lagging.remove(&place);
    }

    /// Whether nothing more fits.
    #[cfg(feature = "http")]
    pub(crate) fn is_full(&self) -> bool {
        self.lock().is_full()
    }

    /// Waits until something fits, or nothing will any more.
    #[cfg(feature = "http")]
    pub(crate) async fn has_space(&self) {
        while self.is_full() && !self.lock().closed {
            self.space.notified().await;
        }
    }

    /// Whether nothing more is taken in.
    #[cfg(feature = "http")]
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// The next item, for who writes. None when it was closed and all is written.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        // First the waker, then the look: what comes between the two wakes.
        self.writer.register(cx.waker());
        let mut state = self.lock();
        let was_full = state.is_full();
        let Some(item) = state.items.pop_front() else {
            return if state.is_over() { Poll::Ready(None) } else { Poll::Pending };
        };
        state.bytes -= item.size();
        state.taken += 1;
        let (lags, fits) = (!state.lagging.is_empty(), was_full && !state.is_full());
        drop(state);
        if fits {
            self.space.notify_one();
        }
        if lags {
            self.room.notify_one();
        }
        Poll::Ready(Some(item))
    }

    /// The same, waited for.
    pub(crate) async fn next(&self) -> Option<Item> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Nothing more is taken in; what waits is still written.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.writer.wake();
        self.room.notify_one();
        self.space.notify_one();
    }

    /// Queues the last item. Who writes goes on waiting behind it until [`Outbox::finish`].
    #[cfg(feature = "http")]
    pub(crate) fn last(&self, item: Item) {
        self.push(item);
        self.lock().held = true;
        self.close();
    }

    /// Who writes is at the end when it has written what waits.
    #[cfg(feature = "http")]
    pub(crate) fn finish(&self) {
        self.lock().held = false;
        self.close();
    }

    /// Forgets what waits, of somebody who will not read it.
    #[cfg(feature = "http")]
    pub(crate) fn clear(&self) {
        let mut state = self.lock();
        state.items = VecDeque::new();
        state.bytes = 0;
    }

    #[cfg(feature = "http")]
    /// How many items were written, and how many wait: what a watch needs to see whether it moves.
    pub(crate) fn progress(&self) -> (u64, usize) {
        let state = self.lock();
        (state.taken, state.items.len())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use uuid::Uuid;
    use veza_core::TenantId;

    use super::*;
    use crate::id::RoomId;

    #[test]
    fn nothing_is_caught_up_when_it_is_closed() {
        let tenant = TenantId::from_verified(Uuid::from_u128(1));
        let place = Place { tenant, room: RoomId::from_uuid(Uuid::from_u128(2)) };
        let outbox = Outbox::default();
        outbox.lag(place);
        assert_eq!(outbox.lagging().now_or_never(), Some(place));
        outbox.close();
        assert_eq!(outbox.lagging().now_or_never(), None);
    }
}
