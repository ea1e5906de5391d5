//! How far a listener has come in each room.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use veza_chat::RoomId;

use crate::history::{History, Wrong};

/// Judges the order of what one listener gets.
pub(crate) struct Follower {
    pub(crate) name: String,
    pub(crate) history: Arc<History>,
    cursors: HashMap<RoomId, i64>,
    /// Events that did not come when it was their turn.
    skipped: HashSet<(RoomId, i64)>,
}

impl Follower {
    pub(crate) fn new(name: String, history: Arc<History>, rooms: &[RoomId]) -> Self {
        let cursors = rooms.iter().map(|room| (*room, 0)).collect();
        Self { name, history, cursors, skipped: HashSet::new() }
    }

    pub(crate) fn cursor(&self, room: RoomId) -> i64 {
        self.cursors[&room]
    }

    /// The next event, as it came.
    pub(crate) fn event(&mut self, room: RoomId, seq: i64, text: &str) {
        let Some(cursor) = self.cursors.get_mut(&room) else {
            let what = format!("{} got an event of {room}, where it does not belong", self.name);
            return self.history.note(Wrong::Other, what);
        };
        let expected = *cursor + 1;
        if seq != expected {
            let wrong = match (seq > expected, self.skipped.remove(&(room, seq))) {
                (true, _) => Wrong::Lost,
                (false, true) => Wrong::Reordered,
                (false, false) => Wrong::Duplicated,
            };
            self.skipped.extend((expected..seq).map(|skipped| (room, skipped)));
            self.history.note(wrong, format!("{} got {seq} of {room} instead of {expected}", self.name));
        }
        *cursor = seq.max(*cursor);
        self.history.see(&self.name, room, seq, text);
    }

    /// Whether it has all up to these numbers.
    pub(crate) fn has(&self, heads: &HashMap<RoomId, i64>) -> bool {
        self.cursors.iter().all(|(room, cursor)| *cursor >= heads[room])
    }

    /// Notes what is missing in the end.
    pub(crate) fn missing(&self, heads: &HashMap<RoomId, i64>) {
        for (room, cursor) in &self.cursors {
            if *cursor < heads[room] {
                let what = format!("{} never got {} to {} of {room}", self.name, cursor + 1, heads[room]);
                self.history.note(Wrong::Lost, what);
            }
        }
    }
}
