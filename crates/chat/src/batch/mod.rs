//! Messages on their way into the database: group commit without a timer.
//!
//! Rooms belong to one of a few writers by their id. While a writer's commit is under way, what comes waits; its next
//! commit takes all of that, as far as it fits. So a message alone waits for one commit, and under load one commit does
//! for hundreds of messages.

mod append;
mod queue;

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use veza_core::fault::{Fault, Kind};
use veza_core::{BatchTx, Db, Query, Reason, TenantId, Timestamp};

use self::append::{Appended, append};
use self::queue::Queue;
use crate::config::ChatConfig;
use crate::error::Error;
use crate::event::{Event, EventKind, Place};
use crate::id::MemberId;

/// Writers of a process; `database.pool.batch_connections` should be as many.
const WRITERS: usize = 2;

/// A message that waits to be written.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) place: Place,
    pub(crate) by: MemberId,
    /// The program itself needs no membership.
    pub(crate) free: bool,
    pub(crate) client: Option<uuid::Uuid>,
    pub(crate) target: Option<i64>,
    pub(crate) body: Arc<str>,
    pub(crate) answer: oneshot::Sender<Result<Sent, Error>>,
}

/// A message that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Its number in the room.
    pub seq: i64,
    /// When it was stored.
    pub at: Timestamp,
    /// It was stored by an earlier attempt, and nothing was added.
    pub known: bool,
}

/// Told of what was stored, in the order of each room.
pub(crate) type Publish = Arc<dyn Fn(Vec<(Place, Event)>) + Send + Sync>;

/// The writers of a process. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Batches {
    writers: Arc<[Writer]>,
    db: Db,
    publish: Publish,
}

#[derive(Default)]
struct Writer {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queue: Queue,
    running: bool,
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").finish_non_exhaustive()
    }
}

impl Batches {
    pub(crate) fn new(db: Db, config: &ChatConfig, publish: Publish) -> Self {
        let queue = || Queue::new(config.queue, config.queue_per_tenant);
        let writer = |_| Writer { state: Mutex::new(State { queue: queue(), running: false }) };
        Self { writers: (0..WRITERS).map(writer).collect(), db, publish }
    }

    /// Queues a message. Its answer comes when it is stored, or could not be.
    pub(crate) fn push(&self, pending: Pending) {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(pending.place);
        let index = usize::try_from(hash % 1_024).unwrap_or(0) % WRITERS;
        let Some(writer) = self.writers.get(index) else { return };
        let start = {
            let mut state = writer.lock();
            if let Err(refused) = state.queue.push(pending) {
                metrics::counter!("veza_chat_sends_refused_total").increment(1);
                let _gone = refused.answer.send(Err(Error::Overloaded));
                return;
            }
            !std::mem::replace(&mut state.running, true)
        };
        if start {
            self.start(index);
        }
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "it ends when nothing waits; a shutdown waits for the senders"
    )]
    fn start(&self, index: usize) {
        let batches = self.clone();
        tokio::spawn(async move { batches.work(index).await });
    }

    /// Messages that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.writers.iter().map(|writer| writer.lock().queue.len()).sum()
    }

    /// Writes until nothing waits.
    async fn work(&self, index: usize) {
        let Some(writer) = self.writers.get(index) else { return };
        let mut running = Running { writer, ended: false };
        loop {
            let batch = running.next();
            if batch.is_empty() {
                return;
            }
            self.write(batch).await;
        }
    }

    /// Writes a batch; if a message in it cannot be written at all, the others are.
    async fn write(&self, batch: Vec<Pending>) {
        let mut parts = vec![batch];
        while let Some(mut part) = parts.pop() {
            let outcome = self.commit(&part).await;
            match outcome {
                Ok(appended) => self.settle(part, appended),
                Err(error) if error.kind() == Kind::Unavailable => {
                    tracing::warn!(%error, messages = part.len(), "messages could not be stored");
                    for pending in part {
                        let _gone = pending.answer.send(Err(Error::Unknown));
                    }
                }
                Err(_one_of_them) if part.len() > 1 => {
                    let half = part.split_off(part.len() / 2);
                    // The last one in is the first one out, so the order stays.
                    parts.push(half);
                    parts.push(part);
                }
                Err(error) => {
                    if let Some(pending) = part.pop() {
                        let _gone = pending.answer.send(Err(error));
                    }
                }
            }
        }
    }

    async fn commit(&self, batch: &[Pending]) -> Result<Vec<Appended>, Error> {
        let tenants: HashSet<TenantId> = batch.iter().map(|pending| pending.place.tenant).collect();
        let tenants: Vec<TenantId> = tenants.into_iter().collect();
        let rows = append::Rows::of(batch);
        metrics::histogram!("veza_chat_batch_messages")
            .record(f64::from(u32::try_from(batch.len()).unwrap_or(0)));
        let run = move |tx: &mut BatchTx<'_>| {
            let now = tx.now();
            append(tx, now, &rows).map_err(Error::from)
        };
        self.db.batch(Reason("chat.append"), &tenants, run).await
    }

    /// Answers the senders first, then tells everybody.
    fn settle(&self, batch: Vec<Pending>, appended: Vec<Appended>) {
        let mut outcomes: Vec<Option<Appended>> = Vec::new();
        outcomes.resize_with(batch.len(), || None);
        for row in appended {
            let place = usize::try_from(row.place).unwrap_or(0).wrapping_sub(1);
            if let Some(outcome) = outcomes.get_mut(place) {
                *outcome = Some(row);
            }
        }
        let mut news = Vec::with_capacity(batch.len());
        for (pending, row) in batch.into_iter().zip(outcomes) {
            let outcome = row.ok_or(Error::Unknown).and_then(Appended::outcome);
            if let Ok((sent, messages)) = &outcome
                && !sent.known
            {
                let event = Event {
                    seq: sent.seq,
                    kind: EventKind::Message,
                    by: pending.by,
                    at: sent.at,
                    target: pending.target,
                    messages: *messages,
                    body: Some(Arc::clone(&pending.body)),
                };
                news.push((pending.place, event));
            }
            let _gone = pending.answer.send(outcome.map(|(sent, _)| sent));
        }
        if !news.is_empty() {
            metrics::counter!("veza_chat_messages_total").increment(u64::try_from(news.len()).unwrap_or(0));
            (self.publish)(news);
        }
    }
}

/// That a writer runs. When it does not come to its end, a panic or a runtime that stops, the next message starts it
/// anew.
struct Running<'w> {
    writer: &'w Writer,
    ended: bool,
}

impl Running<'_> {
    /// The next batch; with an empty one it runs no more.
    fn next(&mut self) -> Vec<Pending> {
        let mut state = self.writer.lock();
        let batch = state.queue.take();
        self.ended = batch.is_empty();
        state.running = !self.ended;
        batch
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.writer.lock().running = false;
        }
    }
}

impl Writer {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
