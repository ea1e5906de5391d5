//! A connection: somebody who listens to rooms.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use veza_core::{Caller, Permit, ReadTx, TenantTx};

use crate::error::Error;
use crate::event::{Event, Place};
use crate::hub::{CatchUp, ConnectionId, Hub, Item, Outbox, Signal, SignalKind, Start};
use crate::id::{self, MemberId, RoomId};
use crate::log;
use crate::permission::UseRooms;
use crate::presence::{MAX_WATCHED, Presence};
use crate::service::Chat;
use crate::standing;

/// Rooms that a connection may listen to.
pub const MAX_SUBSCRIPTIONS: u32 = 1_000;
/// Events that are fetched at once for one that lags.
const PAGE: i64 = 100;
/// That somebody types is told once in this time.
const TYPING: Duration = Duration::from_secs(3);
/// After a failure of the database.
const PAUSE: Duration = Duration::from_millis(500);

/// What a connection gets.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Delivery {
    /// An event. Each of a room comes once, and in its order.
    Event {
        /// Where.
        room: RoomId,
        /// What happened.
        event: Event,
    },
    /// Somebody types, or has read.
    Signal {
        /// Where.
        room: RoomId,
        /// What they do.
        kind: SignalKind,
        /// Who.
        by: MemberId,
        /// How far they have read.
        seq: Option<i64>,
    },
    /// Somebody who is watched came or went.
    Presence(Presence),
    /// The cursor was ahead of the log: it was put back to an earlier time. What comes next comes behind `head`.
    Reset {
        /// Where.
        room: RoomId,
        /// The last event that there is.
        head: i64,
    },
    /// The room may not be read any more, and nothing of it comes.
    Ended {
        /// Where.
        room: RoomId,
    },
}

/// Somebody who listens to rooms, until it is dropped. Nothing that happens is lost while it is read too slowly: what
/// does not fit is fetched again from the log.
#[derive(Debug)]
pub struct Connection {
    chat: Chat,
    hub: Arc<Hub>,
    id: ConnectionId,
    caller: Caller,
    outbox: Arc<Outbox>,
    rooms: HashSet<Place>,
    /// Where they typed last, and when.
    typed: Option<(Place, Instant)>,
    watched: HashSet<MemberId>,
}

impl Connection {
    pub(crate) fn new(chat: Chat, hub: Arc<Hub>, caller: Caller, outbox: Arc<Outbox>) -> Self {
        let id = hub.connect();
        chat.board().enter((caller.tenant(), id::member(&caller)));
        let (rooms, watched) = (HashSet::new(), HashSet::new());
        Self { chat, hub, id, caller, outbox, rooms, typed: None, watched }
    }

    /// Whose it is.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The same caller with other rights from now on, as a new token has them; answers whether it is the same.
    pub fn renew(&mut self, caller: Caller) -> bool {
        let same = |caller: &Caller| (caller.tenant(), caller.principal());
        let is_same = same(&caller) == same(&self.caller);
        if is_same {
            self.caller = caller;
        }
        is_same
    }

    /// What is to be written to it, for who writes.
    #[cfg(feature = "http")]
    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    fn place(&self, room: RoomId) -> Place {
        Place { tenant: self.caller.tenant(), room }
    }

    /// Listens to a room: everything behind the event `after` comes, or what happens from now on when it is absent.
    /// Answers the number of the last event that there is. A room that is listened to already begins again.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotMember`] when the caller may not read there, [`Error::Invalid`] for a negative
    /// number, [`Error::LimitReached`].
    pub async fn subscribe(&mut self, room: RoomId, after: Option<i64>) -> Result<i64, Error> {
        let place = self.place(room);
        if after.is_some_and(|after| after < 0) {
            return Err(Error::field("/after", "out_of_range", "the number of an event, or 0 for all"));
        }
        let many = u32::try_from(self.rooms.len()).is_ok_and(|count| count >= MAX_SUBSCRIPTIONS);
        if many && !self.rooms.contains(&place) {
            return Err(Error::LimitReached { noun: "subscription", max: MAX_SUBSCRIPTIONS });
        }
        let permit: Permit<UseRooms> = self.caller.permit()?;
        // Not from a replica: who was removed a moment ago must not get in, and the number must be the last.
        let look = move |tx: &mut TenantTx<'_>| {
            let standing = standing::look(tx, &permit, room)?;
            standing.reader()?;
            Ok::<_, Error>((standing.kind().is_open(), standing.room.last_seq))
        };
        let (open, head) = self.chat.db().tenant(&self.caller, look).await?;
        let cursor = after.unwrap_or(head);
        if cursor > head {
            self.outbox.push(Item::Reset(place, head));
        }
        self.rooms.insert(place);
        let start = Start { who: id::member(&self.caller), cursor: cursor.min(head), checked: head };
        self.hub.listen(place, open, self.id, start, &self.outbox);
        self.hub.hear(place, head);
        Ok(head)
    }

    /// Listens to a room no more. What is on its way still comes.
    pub fn unsubscribe(&mut self, room: RoomId) {
        let place = self.place(room);
        if self.rooms.remove(&place) {
            self.hub.leave(place, self.id);
        }
    }

    /// Tells those who listen to a room what is done there; lost where there is no room for it, and in rooms of more than
    /// 200 listeners. That somebody types is told once in three seconds at most. Answers whether this connection listens
    /// there: who does not is not heard.
    pub fn signal(&mut self, room: RoomId, kind: SignalKind, seq: Option<i64>) -> bool {
        let place = self.place(room);
        let listens = self.hub.listens(place, self.id);
        let now = Instant::now();
        let often = self.typed.is_some_and(|(last, when)| last == place && now - when < TYPING);
        if listens && !(often && kind == SignalKind::Typing) {
            if kind == SignalKind::Typing {
                self.typed = Some((place, now));
            }
            self.chat.signal(Signal { place, kind, by: id::member(&self.caller), seq });
        }
        listens
    }

    /// Watches people of the organisation in place of those it watched before; answers how they are. Whether somebody has
    /// an id is not checked.
    ///
    /// # Errors
    /// [`Error::LimitReached`] for more than [`MAX_WATCHED`](crate::MAX_WATCHED).
    pub async fn watch(&mut self, members: &[MemberId]) -> Result<Vec<Presence>, Error> {
        let members: HashSet<MemberId> = members.iter().copied().collect();
        if members.len() > MAX_WATCHED {
            let max = u32::try_from(MAX_WATCHED).unwrap_or(u32::MAX);
            return Err(Error::LimitReached { noun: "watched member", max });
        }
        self.unwatch();
        let tenant = self.caller.tenant();
        for member in &members {
            self.chat.board().watch((tenant, *member), &self.outbox);
        }
        let asked: Vec<MemberId> = members.iter().copied().collect();
        self.watched = members;
        self.chat.presence(&self.caller.permit()?, &asked).await
    }

    fn unwatch(&mut self) {
        let tenant = self.caller.tenant();
        for member in self.watched.drain() {
            self.chat.board().unwatch((tenant, member), &self.outbox);
        }
    }

    /// What comes next.
    pub async fn next(&mut self) -> Delivery {
        let outbox = Arc::clone(&self.outbox);
        loop {
            let item = tokio::select! {
                biased;
                item = outbox.next() => item,
                () = self.catch_up() => None,
            };
            match item {
                Some(Item::Entry(entry)) => {
                    return Delivery::Event { room: entry.place.room, event: entry.event.clone() };
                }
                Some(Item::Signal(signal)) => {
                    let Signal { place, kind, by, seq } = *signal;
                    return Delivery::Signal { room: place.room, kind, by, seq };
                }
                Some(Item::Presence(presence)) => return Delivery::Presence(presence),
                Some(Item::Reset(place, head)) => return Delivery::Reset { room: place.room, head },
                Some(Item::Ended(place)) => {
                    self.rooms.remove(&place);
                    return Delivery::Ended { room: place.room };
                }
                #[cfg(feature = "http")]
                Some(Item::Own(_)) => {}
                None => {}
            }
        }
    }

    /// Catches up rooms that lag, for ever. It can be dropped and begun again at any time.
    pub(crate) async fn catch_up(&self) {
        loop {
            let place = self.outbox.lagging().await;
            match self.caught_up(place).await {
                Ok(true) => self.outbox.caught_up(place),
                Ok(false) => {}
                Err(error) => {
                    tracing::debug!(%error, room = %place.room, "a room cannot be caught up");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Answers whether nothing is left to do, for now.
    async fn caught_up(&self, place: Place) -> Result<bool, Error> {
        let mut state = self.hub.catch_up(place, self.id);
        loop {
            match state {
                CatchUp::Done | CatchUp::Gone | CatchUp::Unknown => return Ok(true),
                CatchUp::Full => return Ok(false),
                CatchUp::Fetch(after) => {
                    let caller = Caller::system(place.tenant);
                    let fetch = move |tx: &mut ReadTx<'_>| log::since(tx, place.room, after, PAGE);
                    let events = self.chat.db().read(&caller, fetch).await?;
                    if events.is_empty() {
                        // A replica that lags.
                        tokio::time::sleep(PAUSE).await;
                    }
                    state = self.hub.give(place, self.id, events);
                }
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.outbox.close();
        self.unwatch();
        self.chat.board().leave((self.caller.tenant(), id::member(&self.caller)));
        for place in self.rooms.drain() {
            self.hub.leave(place, self.id);
        }
    }
}
