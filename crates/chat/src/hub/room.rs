//! A room that somebody listens to: its last events, and how far each listener is. It does nothing but keep account:
//! what comes from the database, others fetch.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use serde::Deserialize;

use super::entry::Entry;
use super::memory::Memory;
use super::outbox::{Item, Outbox};
use super::signal::Signal;
use crate::event::{EventKind, Place};
use crate::id::MemberId;

/// Events of a room that are kept, and their bytes.
const RING_EVENTS: usize = 512;
const RING_BYTES: usize = 512 * 1024;
/// The same of each room, when all rooms together keep too much.
const SHORT_BYTES: usize = 8 * 1024;
/// Events that may wait for those before them; behind these, a hole is filled from the database anyway.
const MAX_PENDING: usize = 1_024;

/// Events that are passed on at once: a part of what one connection takes, so that who reads quickly need not lag.
const RUN: usize = 64;

/// With more listeners than this nobody is told who types: everybody would, all the time.
const CROWD: usize = 200;

/// A connection.
pub(crate) type ConnectionId = u64;

/// How somebody begins to listen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    pub(crate) who: MemberId,
    /// The last event that they know.
    pub(crate) cursor: i64,
    /// The last event there was when they were let in: what made them leave before does not count.
    pub(crate) checked: i64,
}

#[derive(Debug)]
struct Listener {
    outbox: Arc<Outbox>,
    who: MemberId,
    checked: i64,
    /// The last event that it got.
    cursor: i64,
    /// Gets events as they come; if not, it is being caught up.
    live: bool,
}

/// What to do for a listener that lags.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CatchUp {
    /// It got everything, and gets what comes.
    Done,
    /// There is no room for more now.
    Full,
    /// The room is being looked up; all who lag are told when it is.
    Unknown,
    /// The events behind this one are not here.
    Fetch(i64),
    /// It is not listening any more.
    Gone,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Room {
    place: Place,
    /// Whether everybody of the tenant may listen.
    open: bool,
    ring: VecDeque<Arc<Entry>>,
    ring_bytes: usize,
    memory: Arc<Memory>,
    /// The last event that listeners may have; none until the room was looked up.
    head: Option<i64>,
    pending: BTreeMap<i64, Arc<Entry>>,
    listeners: HashMap<ConnectionId, Listener>,
}

impl Room {
    pub(crate) fn new(place: Place, open: bool, memory: Arc<Memory>) -> Self {
        Self {
            place,
            open,
            ring: VecDeque::new(),
            ring_bytes: 0,
            memory,
            head: None,
            pending: BTreeMap::new(),
            listeners: HashMap::new(),
        }
    }

    pub(crate) fn head(&self) -> Option<i64> {
        self.head
    }

    pub(crate) fn is_deserted(&self) -> bool {
        self.listeners.is_empty()
    }

    /// Begins behind the event `head`, of which and those before nothing is kept.
    pub(crate) fn begin(&mut self, head: i64) {
        if self.head.is_none() {
            self.head = Some(head);
            self.advance();
        }
    }

    /// Takes events in and passes on what is complete; answers whether events before them are missing.
    pub(crate) fn publish(&mut self, entries: impl IntoIterator<Item = Arc<Entry>>) -> bool {
        let mut is_news = false;
        for entry in entries {
            let seq = entry.event.seq;
            if self.head.is_some_and(|head| seq <= head) {
                continue;
            }
            is_news = true;
            if self.pending.len() >= MAX_PENDING {
                self.advance();
            }
            // What all others wait for is always taken.
            let is_next = self.head.is_some_and(|head| seq == head + 1);
            if is_next || self.pending.len() < MAX_PENDING {
                self.pending.entry(seq).or_insert(entry);
            }
        }
        self.advance();
        is_news && self.has_hole()
    }

    /// Whether events wait for some that are missing.
    pub(crate) fn has_hole(&self) -> bool {
        self.head.is_some() && !self.pending.is_empty()
    }

    /// Forgets events that wait for others which nobody has.
    pub(crate) fn give_up(&mut self) {
        self.pending.clear();
    }

    fn advance(&mut self) {
        let Some(mut head) = self.head else { return };
        let mut run = Vec::new();
        while let Some(first) = self.pending.first_entry() {
            match first.key().cmp(&(head + 1)) {
                std::cmp::Ordering::Less => drop(first.remove()),
                std::cmp::Ordering::Greater => break,
                std::cmp::Ordering::Equal => {
                    head += 1;
                    let entry = first.remove();
                    self.head = Some(head);
                    let expelled = self.expelled(&entry);
                    run.push(entry);
                    // Who is expelled gets nothing behind that.
                    if let Some(member) = expelled {
                        self.pass_on(&mut run);
                        self.expel(member, head);
                    } else if run.len() >= RUN {
                        self.pass_on(&mut run);
                    }
                }
            }
        }
        self.pass_on(&mut run);
    }

    /// Gives events to all who have those before: each wakes once for all of them. Then they are kept.
    fn pass_on(&mut self, run: &mut Vec<Arc<Entry>>) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return };
        let (first, last) = (first.event.seq, last.event.seq);
        for listener in self.listeners.values_mut().filter(|listener| listener.live && listener.cursor < last)
        {
            // It may have got some of them from a page that was fetched.
            let known = usize::try_from(listener.cursor + 1 - first).unwrap_or(0);
            let new = run.get(known..).unwrap_or_default();
            let taken = listener.outbox.offer(new);
            if let Some(got) = taken.checked_sub(1).and_then(|place| new.get(place)) {
                listener.cursor = got.event.seq;
            }
            listener.live = taken == new.len();
        }
        for entry in run.drain(..) {
            self.keep(entry);
        }
    }

    /// Ends what somebody listens to, who may not any more since the event `seq`.
    fn expel(&mut self, member: MemberId, seq: i64) {
        let place = self.place;
        self.listeners.retain(|_, listener| {
            let goes = listener.live && listener.who == member && listener.checked < seq;
            if goes {
                listener.outbox.push(Item::Ended(place));
            }
            !goes
        });
    }

    /// Who may not listen any more after this event.
    fn expelled(&self, entry: &Entry) -> Option<MemberId> {
        #[derive(Deserialize)]
        struct Left {
            member: MemberId,
        }
        if self.open || entry.event.kind != EventKind::Leave {
            return None;
        }
        let body = entry.event.body.as_deref()?;
        serde_json::from_str::<Left>(body).ok().map(|left| left.member)
    }

    fn keep(&mut self, entry: Arc<Entry>) {
        if entry.event.kind == EventKind::Delete {
            self.forget(entry.event.target);
        }
        let before = self.ring_bytes;
        self.ring_bytes += entry.size();
        self.ring.push_back(entry);
        let most = if self.memory.is_full() { SHORT_BYTES } else { RING_BYTES };
        while self.ring.len() > RING_EVENTS || self.ring_bytes > most {
            let Some(oldest) = self.ring.pop_front() else { break };
            self.ring_bytes -= oldest.size();
        }
        self.memory.replace(before, self.ring_bytes);
    }

    /// What was deleted is not told to those who come later.
    fn forget(&mut self, target: Option<i64>) {
        let Some(target) = target else { return };
        let before = self.ring_bytes;
        for kept in &mut self.ring {
            let edit = kept.event.kind == EventKind::Edit && kept.event.target == Some(target);
            if kept.event.seq == target || edit {
                self.ring_bytes -= kept.size();
                *kept = Arc::new(kept.without_body());
                self.ring_bytes += kept.size();
            }
        }
        self.memory.replace(before, self.ring_bytes);
    }

    /// Lets a connection listen; it begins as one that lags.
    pub(crate) fn listen(&mut self, id: ConnectionId, start: Start, outbox: &Arc<Outbox>) {
        let Start { who, cursor, checked } = start;
        let listener = Listener { outbox: Arc::clone(outbox), who, checked, cursor, live: false };
        self.listeners.insert(id, listener);
        outbox.lag(self.place);
    }

    pub(crate) fn listens(&self, id: ConnectionId) -> bool {
        self.listeners.contains_key(&id)
    }

    /// Answers whether it was listening.
    pub(crate) fn leave(&mut self, id: ConnectionId) -> bool {
        self.listeners.remove(&id).is_some()
    }

    /// Gives a listener what it lacks, as far as it is here and there is room.
    pub(crate) fn catch_up(&mut self, id: ConnectionId) -> CatchUp {
        let Some(head) = self.head else { return CatchUp::Unknown };
        let oldest = self.ring.front().map_or(head + 1, |entry| entry.event.seq);
        let Some(listener) = self.listeners.get_mut(&id) else { return CatchUp::Gone };
        if listener.cursor < head {
            if listener.cursor + 1 < oldest {
                return CatchUp::Fetch(listener.cursor);
            }
            let skip = usize::try_from(listener.cursor + 1 - oldest).unwrap_or(usize::MAX);
            let missing: Vec<_> = self.ring.iter().skip(skip).cloned().collect();
            if let Some(stopped) = self.hand_over(id, &missing) {
                return stopped;
            }
        }
        // It may have got more from another process than this one knows of yet.
        if let Some(listener) = self.listeners.get_mut(&id) {
            listener.live = true;
        }
        CatchUp::Done
    }

    /// Gives a listener events that were fetched for it; answers like [`Room::catch_up`].
    pub(crate) fn give(&mut self, id: ConnectionId, fetched: &[Arc<Entry>]) -> CatchUp {
        self.hand_over(id, fetched).unwrap_or_else(|| self.catch_up(id))
    }

    /// Gives a listener events, those that it has left out; answers when it cannot go on.
    fn hand_over(&mut self, id: ConnectionId, entries: &[Arc<Entry>]) -> Option<CatchUp> {
        for entry in entries {
            let seq = entry.event.seq;
            let expelled = self.expelled(entry);
            let Some(listener) = self.listeners.get_mut(&id) else { return Some(CatchUp::Gone) };
            if seq != listener.cursor + 1 {
                continue;
            }
            if listener.outbox.offer(std::slice::from_ref(entry)) == 0 {
                return Some(CatchUp::Full);
            }
            listener.cursor = seq;
            if expelled == Some(listener.who) && listener.checked < seq {
                listener.outbox.push(Item::Ended(self.place));
                self.listeners.remove(&id);
                return Some(CatchUp::Gone);
            }
        }
        None
    }

    /// Everybody who listens is told, but for who does it.
    pub(crate) fn signal(&self, signal: &Arc<Signal>) {
        if self.listeners.len() > CROWD {
            return;
        }
        for listener in self.listeners.values().filter(|listener| listener.who != signal.by) {
            listener.outbox.push_if_room(Item::Signal(Arc::clone(signal)));
        }
    }

    /// All who lag look again.
    pub(crate) fn stir(&self) {
        for listener in self.listeners.values().filter(|listener| !listener.live) {
            listener.outbox.lag(self.place);
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.memory.replace(self.ring_bytes, 0);
    }
}
