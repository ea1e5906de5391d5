//! Who waits for messages (long poll): bounded, woken by what this process sends, and once a second by
//! one look for all of them, since other processes send as well. Nobody holds a connection meanwhile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{Array, Text, Uuid as SqlUuid};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use veza_core::db::Signal;
use veza_core::{Db, DbError, Query, Reason, TenantId};

use crate::doorbell::LaneKey;
use crate::error::Error;

/// Receivers that wait in one process at most, and those of one tenant.
const AT_MOST: usize = 1_000;
const PER_TENANT: usize = 50;
/// How often somebody looks for what other processes sent.
const LOOK: Duration = Duration::from_secs(1);

/// All that wait in this process.
#[derive(Debug, Default)]
pub(crate) struct Receivers {
    room: Mutex<Room>,
}

#[derive(Debug, Default)]
struct Room {
    total: usize,
    tenants: HashMap<TenantId, usize>,
    lanes: HashMap<LaneKey, (usize, Arc<Notify>)>,
    looked: Option<Instant>,
}

/// The place of one receiver that waits; it is given up when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    receivers: Arc<Receivers>,
    lane: LaneKey,
    notify: Arc<Notify>,
}

impl Receivers {
    /// Takes a seat, if there is one.
    pub(crate) fn enter(self: &Arc<Self>, tenant: TenantId, queue: &str) -> Result<Seat, Error> {
        let lane = (queue.to_owned(), tenant);
        let mut room = self.lock();
        if room.tenants.get(&tenant).is_some_and(|waiting| *waiting >= PER_TENANT) {
            return Err(Error::TooManyReceivers(PER_TENANT));
        }
        if room.total >= AT_MOST {
            return Err(Error::ReceiversBusy);
        }
        room.total += 1;
        *room.tenants.entry(tenant).or_default() += 1;
        let (waiting, notify) = room.lanes.entry(lane.clone()).or_default();
        *waiting += 1;
        let notify = Arc::clone(notify);
        drop(room);
        Ok(Seat { receivers: Arc::clone(self), lane, notify })
    }

    /// Wakes one who waits for this lane. Who takes all that was asked for wakes the next.
    pub(crate) fn ring(&self, tenant: TenantId, queue: &str) {
        let room = self.lock();
        if let Some((_, notify)) = room.lanes.get(&(queue.to_owned(), tenant)) {
            notify.notify_one();
        }
    }

    /// Hears what a transaction of this process has told.
    pub(crate) fn hear(&self, signal: &Signal) {
        // What is deferred is looked at when its time comes.
        if signal.position != i64::MAX && signal.subject.starts_with("pull:") {
            self.ring(signal.tenant, &signal.subject);
        }
    }

    fn next_look(&self) -> Instant {
        self.lock().looked.map_or_else(Instant::now, |looked| looked + LOOK)
    }

    /// Whether it is time for a look; who hears yes has to do it.
    fn is_due(&self) -> bool {
        let (mut room, now) = (self.lock(), Instant::now());
        let due = room.looked.is_none_or(|looked| now.duration_since(looked) >= LOOK);
        if due {
            room.looked = Some(now);
        }
        due
    }

    /// Looks once for all who wait.
    async fn look(&self, db: &Db) -> Result<(), DbError> {
        #[derive(QueryableByName)]
        struct Awaited {
            #[diesel(sql_type = SqlUuid)]
            tenant_id: TenantId,
            #[diesel(sql_type = Text)]
            queue: String,
        }
        let (queues, tenants): (Vec<String>, Vec<TenantId>) = self.lock().lanes.keys().cloned().unzip();
        let look = move |tx: &mut veza_core::DispatchTx<'_>| {
            let statement = diesel::sql_query("SELECT tenant_id, queue FROM jobs.awaited($1, $2)")
                .bind::<Array<SqlUuid>, _>(tenants.as_slice())
                .bind::<Array<Text>, _>(queues.as_slice());
            tx.load::<Awaited, _>(statement)
        };
        for lane in db.dispatch(Reason("jobs.awaited"), look).await? {
            self.ring(lane.tenant_id, &lane.queue);
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Waits until something may be there; `until` at most.
    pub(crate) async fn rung(&self, db: &Db, until: Instant) {
        loop {
            let look = self.receivers.next_look();
            tokio::select! {
                () = self.notify.notified() => return,
                () = sleep_until(until.min(look)) => {}
            }
            if Instant::now() >= until {
                return;
            }
            if self.receivers.is_due()
                && let Err(error) = self.receivers.look(db).await
            {
                tracing::debug!(%error, "cannot look for messages now");
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut room = self.receivers.lock();
        room.total = room.total.saturating_sub(1);
        if let Some(waiting) = room.tenants.get_mut(&self.lane.1) {
            *waiting = waiting.saturating_sub(1);
            if *waiting == 0 {
                room.tenants.remove(&self.lane.1);
            }
        }
        if let Some((waiting, _)) = room.lanes.get_mut(&self.lane) {
            *waiting = waiting.saturating_sub(1);
            if *waiting == 0 {
                room.lanes.remove(&self.lane);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn seats_are_bounded_and_come_back() {
        let receivers = Arc::new(Receivers::default());
        let tenant = |number: u128| TenantId::from_verified(Uuid::from_u128(number));
        let mut seats = Vec::new();
        for number in 0..20 {
            for _ in 0..PER_TENANT {
                seats.push(receivers.enter(tenant(number), "pull:a").unwrap());
            }
            assert!(matches!(
                receivers.enter(tenant(number), "pull:b"),
                Err(Error::TooManyReceivers(PER_TENANT))
            ));
        }
        assert!(matches!(receivers.enter(tenant(99), "pull:a"), Err(Error::ReceiversBusy)));
        seats.pop();
        assert!(receivers.enter(tenant(99), "pull:a").is_ok());
        drop(seats);
        let room = receivers.lock();
        assert_eq!((room.total, room.tenants.len(), room.lanes.len()), (0, 0, 0));
    }
}
