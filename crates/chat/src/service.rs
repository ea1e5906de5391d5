//! Rooms of one deployment, and what is asked of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use diesel::sql_types::Date;
use tokio::sync::oneshot;
use veza_core::{Caller, Db, DbError, DispatchTx, Permit, Principal, Query, Reason, Tasks, Timestamp, Write};

use crate::batch::{Batches, Pending, Sent};
use crate::bus::{News, Outgoing};
use crate::config::ChatConfig;
use crate::connection::Connection;
use crate::error::Error;
use crate::event::{Event, Place};
use crate::hub::{self, Hub, Outbox, Signal};
use crate::id::{self, MemberId, RoomId};
use crate::log::CHANNEL;
use crate::message::{self, Attached, NewMessage};
use crate::permission::UseRooms;
use crate::presence::{self, Board, Presence};

/// How often weeks are seen to.
const ROTATE: Duration = Duration::from_mins(30);

/// The rooms of one deployment. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Chat {
    inner: Arc<Inner>,
    /// Where the files are that messages carry.
    #[cfg(feature = "storage")]
    storage: Option<veza_storage::Storage>,
}

#[derive(Debug)]
struct Inner {
    db: Db,
    config: ChatConfig,
    batches: Batches,
    hub: Arc<Hub>,
    board: Arc<Board>,
    outgoing: Outgoing,
    #[cfg(feature = "redis")]
    bus: Option<Bus>,
}

/// The others, until somebody starts to tell them.
#[cfg(feature = "redis")]
#[derive(Debug)]
struct Bus {
    client: redis::Client,
    id: uuid::Uuid,
    outgoing: std::sync::Mutex<Option<tokio::sync::mpsc::Receiver<News>>>,
}

impl Chat {
    /// Prepares the service.
    ///
    /// # Errors
    /// [`Error::Setup`] when the configuration cannot work.
    pub fn new(db: Db, config: ChatConfig) -> Result<Self, Error> {
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(Error::Setup(problems.join("; ")));
        }
        let hub = Arc::new(Hub::default());
        #[cfg(feature = "redis")]
        let (outgoing, bus) = bus(&db, &config)?;
        #[cfg(not(feature = "redis"))]
        let outgoing = Outgoing::default();
        let (publishing, hearing) = (Arc::clone(&hub), Arc::downgrade(&hub));
        let (telling, telling_too) = (outgoing.clone(), outgoing.clone());
        let publish = move |news: Vec<(Place, Event)>| {
            telling.tell(|| News::Events(news.clone()));
            publishing.publish(news);
        };
        let batches = Batches::new(db.clone(), &config, Arc::new(publish));
        db.listen(CHANNEL, move |signal| {
            if let (Some(hub), Ok(room)) = (hearing.upgrade(), signal.subject.parse()) {
                let place = Place { tenant: signal.tenant, room };
                hub.hear(place, signal.position);
                telling_too.tell(|| News::Head(place, signal.position));
            }
        });
        Ok(Self {
            inner: Arc::new(Inner {
                db,
                config,
                batches,
                hub,
                board: Arc::default(),
                outgoing,
                #[cfg(feature = "redis")]
                bus,
            }),
            #[cfg(feature = "storage")]
            storage: None,
        })
    }

    /// The same, whose messages may carry objects of `storage`. Without this none can.
    #[cfg(feature = "storage")]
    #[must_use]
    pub fn with_storage(mut self, storage: veza_storage::Storage) -> Self {
        self.storage = Some(storage);
        self
    }

    /// Where who may read a message gets the bytes of a file that it carries, the first of which is 0: a signed URL of
    /// storage, without scheme and host, that holds for a minute.
    ///
    /// # Errors
    /// [`Error::NotFound`] also when the message or the object was deleted, [`Error::NotMember`]; storage's own.
    #[cfg(feature = "storage")]
    pub async fn attachment_url(
        &self,
        permit: &Permit<UseRooms>,
        room: RoomId,
        seq: i64,
        number: usize,
    ) -> Result<String, Error> {
        let storage = self.storage.as_ref().ok_or(Error::NotFound("attachment"))?;
        message::url(storage, permit, room, seq, number).await
    }

    /// Starts what connections need: fetching what they lack, and looking for what nobody told of.
    pub fn start(&self, tasks: &Tasks) {
        let (hub, db) = (Arc::clone(&self.inner.hub), self.inner.db.clone());
        tasks.spawn("chat.hub", move |stop| hub::work(hub, db, stop));
        let (board, db, outgoing) =
            (Arc::clone(&self.inner.board), self.inner.db.clone(), self.inner.outgoing.clone());
        tasks.spawn("chat.presence", move |stop| presence::work(board, db, outgoing, stop));
        #[cfg(feature = "redis")]
        if let Some(bus) = &self.inner.bus
            && let Some(outgoing) =
                bus.outgoing.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
        {
            let (client, id) = (bus.client.clone(), bus.id);
            let (hub, board) = (Arc::clone(&self.inner.hub), Arc::clone(&self.inner.board));
            tasks.spawn("chat.bus", move |stop| crate::bus::run(client, id, hub, board, outgoing, stop));
        }
    }

    /// Starts what at least one process has to do for all: making place for what is sent, and removing what nobody
    /// needs any more.
    pub fn start_worker(&self, tasks: &Tasks) {
        let db = self.inner.db.clone();
        tasks.every("chat.rotate", ROTATE, move || {
            let db = db.clone();
            async move {
                let rotate = |tx: &mut DispatchTx<'_>| {
                    let today = tx.now().date_naive();
                    tx.execute(diesel::sql_query("SELECT chat.rotate($1)").bind::<Date, _>(today)).map(drop)
                };
                let rotated: Result<(), DbError> = db.dispatch(Reason("chat.rotate"), rotate).await;
                if let Err(error) = rotated {
                    tracing::warn!(%error, "old names of messages cannot be removed");
                }
            }
        });
    }

    /// A connection of `caller`, who listens to nothing yet.
    pub fn connect(&self, caller: Caller) -> Connection {
        self.connect_to(caller, Arc::default())
    }

    /// The same with an outbox that is there already.
    pub(crate) fn connect_to(&self, caller: Caller, outbox: Arc<Outbox>) -> Connection {
        Connection::new(self.clone(), Arc::clone(&self.inner.hub), caller, outbox)
    }

    /// The database behind it.
    pub fn db(&self) -> &Db {
        &self.inner.db
    }

    /// The configuration in force.
    pub fn config(&self) -> &ChatConfig {
        &self.inner.config
    }

    /// Messages that wait to be stored.
    pub fn waiting(&self) -> usize {
        self.inner.batches.waiting()
    }

    /// Who is connected.
    pub(crate) fn board(&self) -> &Board {
        &self.inner.board
    }

    /// Whether people of the organisation are there, and when they were last. Whether somebody has an id is not checked.
    pub async fn presence(
        &self,
        permit: &Permit<UseRooms>,
        members: &[MemberId],
    ) -> Result<Vec<Presence>, Error> {
        let (caller, asked) = (permit.caller(), members.to_vec());
        let seen = self.db().read(caller, move |tx| presence::last_seen(tx, &asked)).await?;
        let seen: HashMap<MemberId, Timestamp> = seen.into_iter().collect();
        let presence = |member: &MemberId| {
            let online = self.inner.board.is_online((caller.tenant(), *member));
            let last_seen = if online { Some(self.db().clock().now()) } else { seen.get(member).copied() };
            Presence { member: *member, online, last_seen }
        };
        Ok(members.iter().map(presence).collect())
    }

    /// Tells who listens to a room, here and elsewhere.
    pub(crate) fn signal(&self, signal: Signal) {
        self.inner.outgoing.tell(|| News::Signal(signal.clone()));
        self.inner.hub.signal(signal);
    }

    /// Sends a message. When this answers, it is stored and will be seen by everybody in the room.
    ///
    /// Who goes away before the answer does not know whether it was stored; nor after [`Error::Unknown`]. Sending it
    /// again with the same `client_id` is right in any case.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`] for a room that the caller may not know of, [`Error::NotMember`],
    /// [`Error::RoleNeeded`], [`Error::Archived`], [`Error::Overloaded`], [`Error::Unknown`].
    pub async fn send(
        &self,
        permit: &Permit<UseRooms>,
        room: RoomId,
        message: &NewMessage,
    ) -> Result<Sent, Error> {
        self.submit(permit, room, message).await?.await.unwrap_or(Err(Error::Unknown))
    }

    /// Finds what a message is to carry, before it waits with others.
    #[cfg_attr(not(feature = "storage"), allow(clippy::unused_async, reason = "storage waits"))]
    async fn attached(
        &self,
        permit: &Permit<UseRooms>,
        room: RoomId,
        message: &NewMessage,
    ) -> Result<Attached, Error> {
        if message.attachments.is_empty() {
            return Ok(Attached::Files(Vec::new()));
        }
        #[cfg(feature = "storage")]
        if let Some(storage) = &self.storage {
            return message::attach(storage, permit, room, message).await;
        }
        #[cfg(not(feature = "storage"))]
        let _ = (permit, room);
        Err(Error::field("/attachments", "unavailable", "none, for this deployment keeps no files"))
    }

    /// Takes a message in, behind those that were taken in before; its answer comes later.
    pub(crate) async fn submit(
        &self,
        permit: &Permit<UseRooms>,
        room: RoomId,
        message: &NewMessage,
    ) -> Result<oneshot::Receiver<Result<Sent, Error>>, Error> {
        let (answer, outcome) = oneshot::channel();
        let attachments = match self.attached(permit, room, message).await? {
            Attached::Files(attachments) => attachments,
            #[cfg(feature = "storage")]
            Attached::Known(sent) => {
                let _gone = answer.send(Ok(sent));
                return Ok(outcome);
            }
        };
        let body = message::checked(&message.body, &attachments, self.inner.config.max_message_bytes)?;
        let caller = permit.caller();
        self.inner.batches.push(Pending {
            place: Place { tenant: caller.tenant(), room },
            by: id::member(caller),
            free: caller.principal() == Principal::System,
            client: message.client_id,
            target: message.reply_to,
            body: Arc::from(body),
            answer,
        });
        Ok(outcome)
    }
}

/// The way to other processes, where one is configured.
#[cfg(feature = "redis")]
fn bus(db: &Db, config: &ChatConfig) -> Result<(Outgoing, Option<Bus>), Error> {
    let Some(url) = &config.redis_url else { return Ok((Outgoing::default(), None)) };
    let client = redis::Client::open(url.expose())
        .map_err(|error| Error::Setup(format!("chat.redis_url: {error}")))?;
    let (outgoing, receiver) = Outgoing::open();
    let id = uuid::Builder::from_random_bytes(veza_core::bytes(&**db.random())).into_uuid();
    Ok((outgoing, Some(Bus { client, id, outgoing: std::sync::Mutex::new(Some(receiver)) })))
}
