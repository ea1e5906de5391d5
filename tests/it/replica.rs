//! Reads may go to a replica, but a tenant sees what it wrote, and a replica that is away is no outage.

use veza::core::config::{Period, Secret};
use veza::core::db::{Migrator, PoolConfig, Role};
use veza::core::{Caller, Db, DbError, Query, usage};
use veza_testing::{DbTest, PrivateCluster, TestDatabase, db_test};

diesel::table! {
    core.usage_events (tenant_id, event_id) {
        tenant_id -> Uuid,
        event_id -> Uuid,
    }
}

async fn events(db: &Db, caller: &Caller) -> Result<i64, DbError> {
    db.read(caller, |tx| {
        use diesel::QueryDsl;
        tx.get_result(usage_events::table.count())
    })
    .await
}

async fn record(db: &Db, caller: &Caller) {
    db.tenant::<_, DbError, _>(caller, |tx| usage::record(tx, "shop.orders", 1)).await.unwrap();
}

#[db_test]
async fn reads_go_where_they_may(t: DbTest) {
    // A second server with rows of its own stands for the replica, so that it shows who answered.
    let mut replica = PrivateCluster::new(&Migrator::veza());
    let pool = || PoolConfig { connections: 1, ..TestDatabase::small_pool() };
    let elsewhere = replica.database().open(pool());
    for _ in 0..5 {
        record(&elsewhere, &t.alice.caller).await;
    }
    let mut config = t.database.config(pool());
    config.replica_url = Some(Secret::new(replica.database().url(Role::App)));
    config.replica_lag = Period::from_secs(1);
    let db = Db::open(&config).unwrap();
    assert_eq!(events(&db, &t.alice.caller).await.unwrap(), 5, "the replica answers");
    record(&db, &t.alice.caller).await;
    assert_eq!(events(&db, &t.alice.caller).await.unwrap(), 1, "who wrote reads from the primary");
    assert_eq!(events(&db, &t.mallory.caller).await.unwrap(), 0);
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(events(&db, &t.alice.caller).await.unwrap(), 5, "and a moment later from the replica");
    replica.stop();
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(events(&db, &t.alice.caller).await.ok());
    }
    assert!(answers.iter().all(|answer| *answer == Some(1)), "{answers:?}");
}
