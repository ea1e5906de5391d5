//! What the hub gets from the database: the beginning of a room, events that are missing, and whether there are newer
//! ones than it knows.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Uuid as SqlUuid};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;
use veza_core::{BatchTx, Caller, Db, DbError, Query, ReadTx, Reason, TenantId, TenantScope};

use super::{Entry, Hub};
use crate::error::Error;
use crate::event::{Event, Place};
use crate::id::RoomId;
use crate::log;

/// How many of a room's last events are fetched when the first listener comes, so that those who come after need not
/// ask.
const FIRST: i64 = 256;
/// Events of one query.
const PAGE: i64 = 500;
/// Rooms that are fetched at once.
const AT_ONCE: usize = 4;
/// A replica may lag behind what was told: how soon, and how often, to ask again.
const AGAIN: Duration = Duration::from_millis(50);
const TRIES: u32 = 40;
/// How often the numbers of all rooms are compared with the database's.
const CHECK: Duration = Duration::from_secs(5);
/// Rooms of one comparison.
const COMPARED: usize = 1_000;

/// Fetches what is missing, and compares, until `stop`.
pub(crate) async fn work(hub: Arc<Hub>, db: Db, stop: CancellationToken) {
    let fetching = async {
        loop {
            let mut places = hub.news.next().await.into_iter();
            let mut under_way: FuturesUnordered<_> =
                places.by_ref().take(AT_ONCE).map(|place| fetch(&hub, &db, place)).collect();
            while under_way.next().await.is_some() {
                under_way.extend(places.next().map(|place| fetch(&hub, &db, place)));
            }
        }
    };
    let checking = async {
        let mut ticks = tokio::time::interval(CHECK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut round = 0_u32;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = hub.compare.notified() => {}
            }
            if let Err(error) = check(&hub, &db).await {
                tracing::debug!(%error, "rooms cannot be compared with the database");
            }
            round = round.wrapping_add(1);
            if round.is_multiple_of(12) {
                hub.sweep();
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = fetching => {}
        () = checking => {}
    }
}

async fn fetch(hub: &Arc<Hub>, db: &Db, place: Place) {
    if let Err(error) = fill(hub, db, place).await {
        tracing::debug!(%error, room = %place.room, "events of a room cannot be fetched");
        tokio::time::sleep(AGAIN).await;
        // Those who wait for it stay waiting; the next check tries again.
    }
}

async fn fill(hub: &Arc<Hub>, db: &Db, place: Place) -> Result<(), Error> {
    let caller = Caller::system(place.tenant);
    let known = hub.shard(place).get(&place).and_then(super::Room::head);
    let mut after = match known {
        Some(head) => head,
        None => db.read(&caller, move |tx| Ok::<_, Error>(first(tx, place.room)?)).await?,
    };
    let mut tries = 0;
    loop {
        let events = db.read(&caller, move |tx| log::since(tx, place.room, after, PAGE)).await?;
        let more = i64::try_from(events.len()).is_ok_and(|count| count >= PAGE);
        let last = events.last().map(|event| event.seq);
        if !arrived(hub, place, after, events) {
            return Ok(());
        }
        after = last.unwrap_or(after);
        if !more {
            tries += 1;
            if tries > TRIES {
                // Whoever told of it was wrong, or the comparison will find it.
                hub.give_up(place);
                return Ok(());
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// Takes in what was fetched; answers whether something is missing still.
fn arrived(hub: &Hub, place: Place, after: i64, events: Vec<Event>) -> bool {
    let full = i64::try_from(events.len()).is_ok_and(|count| count >= PAGE);
    let mut shard = hub.shard(place);
    let Some(room) = shard.get_mut(&place) else { return false };
    room.begin(after);
    room.publish(events.into_iter().map(|event| Arc::new(Entry::new(place, event))));
    room.stir();
    full || room.has_hole()
}

#[derive(QueryableByName)]
struct Last {
    #[diesel(sql_type = BigInt)]
    last_seq: i64,
}

/// The event behind which a room's ring begins.
fn first(tx: &mut ReadTx<'_>, room: RoomId) -> Result<i64, DbError> {
    let query = diesel::sql_query("SELECT last_seq FROM chat.rooms WHERE tenant_id = $1 AND room_id = $2")
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<SqlUuid, _>(room);
    let last = tx.find_result::<Last, _>(query)?.map_or(0, |last| last.last_seq);
    Ok((last - FIRST).max(0))
}

#[derive(QueryableByName)]
struct Head {
    #[diesel(sql_type = SqlUuid)]
    tenant_id: TenantId,
    #[diesel(sql_type = SqlUuid)]
    room_id: RoomId,
    #[diesel(sql_type = BigInt)]
    last_seq: i64,
}

/// Compares the numbers of all rooms that somebody listens to with those of the database.
async fn check(hub: &Hub, db: &Db) -> Result<(), DbError> {
    let rooms = hub.rooms();
    metrics::gauge!("veza_chat_rooms_live").set(f64::from(u32::try_from(rooms.len()).unwrap_or(u32::MAX)));
    for part in rooms.chunks(COMPARED) {
        let tenants: HashSet<TenantId> = part.iter().map(|(place, _)| place.tenant).collect();
        let tenants: Vec<TenantId> = tenants.into_iter().collect();
        let places: Vec<Place> = part.iter().map(|(place, _)| *place).collect();
        let heads = db.batch(Reason("chat.check"), &tenants, move |tx| heads(tx, &places)).await?;
        for head in heads {
            hub.hear(Place { tenant: head.tenant_id, room: head.room_id }, head.last_seq);
        }
    }
    Ok(())
}

fn heads(tx: &mut BatchTx<'_>, places: &[Place]) -> Result<Vec<Head>, DbError> {
    let query = diesel::sql_query(
        "SELECT r.tenant_id, r.room_id, r.last_seq FROM unnest($1, $2) AS u (tenant_id, room_id) \
         JOIN chat.rooms AS r ON r.tenant_id = u.tenant_id AND r.room_id = u.room_id",
    )
    .bind::<Array<SqlUuid>, _>(places.iter().map(|place| place.tenant).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(places.iter().map(|place| place.room).collect::<Vec<_>>());
    tx.load(query)
}
