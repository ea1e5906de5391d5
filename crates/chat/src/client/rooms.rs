//! How far each room has come.

use std::collections::{HashMap, HashSet};

use crate::id::RoomId;

/// The rooms that are listened to.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    rooms: HashMap<RoomId, Progress>,
    /// Rooms that are being left: something of them may be on its way.
    leaving: HashSet<RoomId>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// The last event that came, or the one behind which it was to begin.
    cursor: Option<i64>,
    /// The first that came, while the server has not said where it begins.
    first: Option<i64>,
}

/// What an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// The next one.
    Next,
    /// Of a room that is not listened to any more.
    Stray,
    /// Another than the one that was to come.
    Wrong(i64),
}

impl Rooms {
    /// Begins; answers whether the room was not there.
    pub(super) fn enter(&mut self, room: RoomId, after: Option<i64>) -> bool {
        let new = !self.rooms.contains_key(&room) && !self.leaving.contains(&room);
        if new {
            self.rooms.insert(room, Progress { cursor: after, first: None });
        }
        new
    }

    /// An event came.
    pub(super) fn take(&mut self, room: RoomId, seq: i64) -> Turn {
        let Some(progress) = self.rooms.get_mut(&room) else { return Turn::Stray };
        match progress.cursor {
            Some(cursor) if cursor.checked_add(1) != Some(seq) => {
                return Turn::Wrong(cursor.saturating_add(1));
            }
            Some(_) => {}
            None => progress.first = Some(seq),
        }
        progress.cursor = Some(seq);
        Turn::Next
    }

    /// The server said where the log ended when it began. The event that should have come first is told if another did.
    pub(super) fn begun(&mut self, room: RoomId, head: i64) -> Option<(i64, i64)> {
        let progress = self.rooms.get_mut(&room)?;
        progress.cursor.get_or_insert(head);
        let first = progress.first.take()?;
        (first != head.saturating_add(1)).then_some((head.saturating_add(1), first))
    }

    /// The log was put back.
    pub(super) fn reset(&mut self, room: RoomId, head: i64) -> bool {
        let Some(progress) = self.rooms.get_mut(&room) else { return false };
        *progress = Progress { cursor: Some(head), first: None };
        true
    }

    /// Behind which event to go on.
    pub(super) fn cursor(&self, room: RoomId) -> Option<i64> {
        self.rooms.get(&room).and_then(|progress| progress.cursor)
    }

    /// All of them.
    pub(super) fn ids(&self) -> Vec<RoomId> {
        self.rooms.keys().copied().collect()
    }

    /// Nothing more of it is passed on; it cannot be entered before [`Rooms::left`].
    pub(super) fn leave(&mut self, room: RoomId) {
        self.rooms.remove(&room);
        self.leaving.insert(room);
    }

    /// Nothing of it comes any more.
    pub(super) fn left(&mut self, room: RoomId) {
        self.leaving.remove(&room);
    }

    /// It ended by itself; answers whether it was there.
    pub(super) fn remove(&mut self, room: RoomId) -> bool {
        self.rooms.remove(&room).is_some()
    }

    /// The connection ended: nothing is on its way.
    pub(super) fn disconnected(&mut self) {
        self.leaving.clear();
        for progress in self.rooms.values_mut() {
            progress.first = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn room(number: u128) -> RoomId {
        RoomId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn knows_the_next_event() {
        let mut rooms = Rooms::default();
        assert!(rooms.enter(room(1), Some(3)));
        assert!(!rooms.enter(room(1), Some(7)));
        assert_eq!(rooms.take(room(1), 4), Turn::Next);
        assert_eq!(rooms.take(room(1), 4), Turn::Wrong(5));
        assert_eq!(rooms.take(room(1), 6), Turn::Wrong(5));
        assert_eq!(rooms.take(room(1), 5), Turn::Next);
        assert_eq!(rooms.take(room(2), 1), Turn::Stray);
        assert_eq!(rooms.cursor(room(1)), Some(5));
        assert!(rooms.reset(room(1), 2));
        assert_eq!(rooms.take(room(1), 3), Turn::Next);
    }

    #[test]
    fn without_a_cursor_it_begins_where_the_server_says() {
        let mut rooms = Rooms::default();
        rooms.enter(room(1), None);
        assert_eq!((rooms.begun(room(1), 9), rooms.cursor(room(1))), (None, Some(9)));
        assert_eq!(rooms.take(room(1), 11), Turn::Wrong(10));
        // The event came before the answer.
        rooms.enter(room(2), None);
        assert_eq!(rooms.take(room(2), 5), Turn::Next);
        assert_eq!((rooms.begun(room(2), 4), rooms.cursor(room(2))), (None, Some(5)));
        rooms.enter(room(3), None);
        assert_eq!(rooms.take(room(3), 6), Turn::Next);
        assert_eq!(rooms.begun(room(3), 4), Some((5, 6)));
    }

    #[test]
    fn a_room_that_is_left_is_entered_when_nothing_of_it_can_come() {
        let mut rooms = Rooms::default();
        rooms.enter(room(1), Some(0));
        rooms.leave(room(1));
        assert_eq!(rooms.take(room(1), 1), Turn::Stray);
        assert!(!rooms.enter(room(1), None));
        rooms.left(room(1));
        assert!(rooms.enter(room(1), None));
    }
}
