//! What is there in the end.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use futures_util::TryStreamExt;
use uuid::Uuid;
use veza_core::page::PageRequest;
use veza_core::{Caller, ManualClock, Query, SystemRandom, TenantId, TenantScope};
use veza_storage::object::{self, Entry, ListRequest, Object};
use veza_storage::{Backend, Error, ObjectKey, Storage};
use veza_testing::TestDatabase;

use crate::store::{self, BUCKETS, content};

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

#[derive(QueryableByName)]
struct Sums {
    #[diesel(sql_type = Text)]
    sums: String,
    #[diesel(sql_type = BigInt)]
    live: i64,
}

/// Reaps what the workers left, in a time when all of it is due, and compares rows, sums and bytes.
pub(crate) async fn judge(database: &TestDatabase, directory: &Path, tenant: TenantId) -> String {
    let clock = Arc::new(ManualClock::new(Utc::now()));
    let time: Arc<dyn veza_core::Clock> = clock.clone();
    let db = database.open_with(TestDatabase::small_pool(), time, Arc::new(SystemRandom));
    let (storage, backend) = store::open(db, directory).await;
    let caller = Caller::system(tenant);
    let orphans = stored(&*backend, tenant).await.len();
    for _ in 0..5 {
        clock.advance(TimeDelta::hours(1));
        storage.reap(tenant).await.unwrap();
    }
    let bytes = stored(&*backend, tenant).await;
    let rows = run(&storage, &caller, "SELECT blob_id AS id FROM storage.blobs WHERE tenant_id = $1").await;
    assert_eq!(bytes, rows, "bytes of the backend, and rows");
    let live = sums(&storage, &caller).await;
    let mut shown = 0;
    for bucket in BUCKETS {
        for object in &objects(&storage, &caller, bucket).await {
            check(&storage, &caller, object).await;
            shown += 1;
        }
    }
    format!("{orphans} blobs before the reaper, {} after it; {shown} objects, {live} bytes", bytes.len())
}

async fn stored(backend: &dyn Backend, tenant: TenantId) -> BTreeSet<Uuid> {
    let (mut all, mut after) = (BTreeSet::new(), None);
    loop {
        let page = backend.list(Some(tenant), after, 1_000).await.unwrap();
        let Some(last) = page.last() else { return all };
        after = Some(last.key);
        all.extend(page.iter().map(|listed| listed.key.blob().as_uuid()));
    }
}

async fn run(storage: &Storage, caller: &Caller, sql: &'static str) -> BTreeSet<Uuid> {
    let ids = storage.db().tenant(caller, move |tx| {
        Ok::<_, Error>(tx.load::<Id, _>(diesel::sql_query(sql).bind::<SqlUuid, _>(tx.tenant()))?)
    });
    ids.await.unwrap().into_iter().map(|row| row.id).collect()
}

/// The bytes that live contents have, when that is what is counted, and nothing else is there.
async fn sums(storage: &Storage, caller: &Caller) -> i64 {
    let sums = storage.db().tenant(caller, |tx| {
        let statement = diesel::sql_query(
            "SELECT coalesce(sum(c.size), 0)::bigint AS live, \
                    CASE WHEN u.used_bytes = coalesce(sum(c.size), 0) AND u.reserved_bytes = 0 AND count(*) FILTER (WHERE c.state <> 'live') = 0 \
                         THEN '' ELSE format('used %s, reserved %s, states %s', u.used_bytes, u.reserved_bytes, array_agg(DISTINCT c.state)) END AS sums \
             FROM storage.usage AS u LEFT JOIN storage.contents AS c ON c.tenant_id = u.tenant_id \
             WHERE u.tenant_id = $1 GROUP BY u.used_bytes, u.reserved_bytes",
        );
        Ok::<_, Error>(tx.get_result::<Sums, _>(statement.bind::<SqlUuid, _>(tx.tenant()))?)
    });
    let sums = sums.await.unwrap();
    assert_eq!(sums.sums, "", "of {} bytes", sums.live);
    sums.live
}

async fn objects(storage: &Storage, caller: &Caller, bucket: &'static str) -> Vec<Object> {
    let permit = caller.permit().unwrap();
    let list = storage.db().tenant(caller, move |tx| {
        object::list(tx, &permit, bucket, &ListRequest::default(), &PageRequest { limit: 200, after: None })
    });
    let entries = list.await.unwrap().items.into_iter();
    entries.filter_map(|entry| if let Entry::Object(object) = entry { Some(*object) } else { None }).collect()
}

/// What an object shows is what its writer wrote.
async fn check(storage: &Storage, caller: &Caller, object: &Object) {
    let (permit, key) = (caller.permit().unwrap(), ObjectKey::new(object.key.clone()).unwrap());
    let reading = storage.read(caller, &permit, &object.bucket, &key, None, None).await.unwrap();
    let bytes = reading.body.try_collect::<Vec<_>>().await.unwrap().concat();
    let seed = object.attributes.metadata["seed"].parse().unwrap();
    assert!(
        bytes == content(seed, usize::try_from(object.size).unwrap()),
        "{} shows other bytes",
        object.key
    );
}
