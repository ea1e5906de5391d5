//! PostgreSQL goes away and comes back; the program stays.

use std::time::{Duration, Instant};

use veza_core::db::PoolConfig;
use veza_core::fault::Fault;
use veza_core::{Caller, Db, DbError, Kind, TenantId};
use veza_testing::{DbTest, PrivateCluster, db_test};

use crate::shop::{add, insert, list, migrator};

fn caller() -> Caller {
    Caller::system(TenantId::from_verified(uuid::Uuid::from_u128(7)))
}

/// Every connection of the pool has worked.
async fn warm(db: &Db, caller: &Caller, connections: usize) {
    let tasks: Vec<_> = (0..connections * 2)
        .map(|_| {
            let (db, caller) = (db.clone(), caller.clone());
            tokio::spawn(async move {
                db.tenant(&caller, |tx| crate::shop::sleep(tx, Duration::from_millis(30))).await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}

async fn refused_at_once(db: &Db, caller: &Caller) {
    for _ in 0..20 {
        let begin = Instant::now();
        let error = db.tenant(caller, |tx| insert(tx, "void")).await.unwrap_err();
        assert!(matches!(error, DbError::Unavailable), "{error:?}");
        assert_eq!(error.kind(), Kind::Unavailable);
        assert!(error.retry_after().is_some());
        assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    }
    assert!(db.ping().await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_and_starts_again() {
    let mut cluster = tokio::task::block_in_place(|| PrivateCluster::new(&migrator()));
    let db = cluster.database().open(PoolConfig { connections: 4, ..PoolConfig::default() });
    let caller = caller();
    add(&db, &caller, "before").await;

    tokio::task::block_in_place(|| cluster.stop());
    refused_at_once(&db, &caller).await;
    tokio::task::block_in_place(|| cluster.start());
    let begin = Instant::now();
    while db.ping().await.is_err() || db.read(&caller, |tx| crate::shop::titles(tx)).await.is_err() {
        assert!(begin.elapsed() < Duration::from_secs(5), "it does not recover");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(list(&db, &caller).await, ["before"]);

    // Nobody asked meanwhile: dead connections are replaced, and nobody notices.
    warm(&db, &caller, 4).await;
    tokio::task::block_in_place(|| cluster.restart());
    for number in 0..8 {
        add(&db, &caller, &format!("number {number}")).await;
    }
    db.ping().await.unwrap();

    tokio::task::block_in_place(|| {
        cluster.database().superuser().execute("CHECKPOINT");
        cluster.crash();
    });
    refused_at_once(&db, &caller).await;
    tokio::task::block_in_place(|| cluster.start());
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(list(&db, &caller).await.len(), 9);
}

#[db_test(migrator = migrator)]
async fn a_failover_between_requests_is_not_seen(t: DbTest) {
    let db = t.database.open(PoolConfig { connections: 4, ..PoolConfig::default() });
    for round in 0..5 {
        warm(&db, &t.alice.caller, 4).await;
        let ended = t.database.superuser().terminate(veza_core::db::Role::App);
        assert!(ended >= 4, "{ended}");
        for number in 0..8 {
            add(&db, &t.alice.caller, &format!("{round} {number}")).await;
        }
    }
    assert_eq!(list(&db, &t.alice.caller).await.len(), 40);
}
