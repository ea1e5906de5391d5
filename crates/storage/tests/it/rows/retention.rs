//! What is retained stays: for members, for owners, and for whoever runs SQL.

use std::sync::Arc;

use chrono::TimeDelta;
use diesel::sql_types::Uuid as SqlUuid;
use veza_core::{Caller, Clock, Db, DbError, ManualClock, SystemClock, SystemRandom, TenantScope, Write};
use veza_storage::bucket::{BucketChange, RetentionMode, RetentionRule};
use veza_storage::id::VersionId;
use veza_storage::object::{self, Condition, Object, Retention};
use veza_storage::{Error, ObjectKey};
use veza_testing::{DbTest, TenantTest, TestDatabase, db_test, tenant_test};

use super::{House, agree, files, object, run};

const WINDOW: TimeDelta = TimeDelta::hours(1);
const BYPASS: &str = "SELECT set_config('veza.retention_bypass', 'on', true)";

fn versioned() -> BucketChange {
    BucketChange { versioning: Some(true), ..BucketChange::default() }
}

async fn delete(db: &Db, caller: &Caller, version: VersionId, bypass: bool) -> Result<(), Error> {
    let (permit, manage) = (caller.permit().unwrap(), caller.permit().unwrap());
    run(db, caller, move |tx| {
        let key = ObjectKey::new("x")?;
        if bypass {
            object::delete_retained_version(tx, &permit, &manage, "files", &key, version, WINDOW)
        } else {
            object::delete_version(tx, &permit, "files", &key, version, WINDOW)
        }
    })
    .await
}

async fn retain(
    db: &Db,
    caller: &Caller,
    version: VersionId,
    mode: RetentionMode,
    days: i64,
) -> Result<Object, Error> {
    let (permit, until) = (caller.permit().unwrap(), db.clock().now() + TimeDelta::days(days));
    let new = Retention { mode, until };
    run(db, caller, move |tx| object::retain(tx, &permit, "files", version, new)).await
}

async fn release(db: &Db, caller: &Caller, version: VersionId) -> Result<Object, Error> {
    let permit = caller.permit().unwrap();
    run(db, caller, move |tx| object::release(tx, &permit, "files", version)).await
}

async fn hold(db: &Db, caller: &Caller, version: VersionId, on: bool) -> Result<Object, Error> {
    let permit = caller.permit().unwrap();
    run(db, caller, move |tx| object::set_legal_hold(tx, &permit, "files", version, on)).await
}

#[db_test]
async fn what_is_retained_is_not_deleted_before_its_time(t: DbTest) {
    // A clock behind PostgreSQL's, so that of both walls only ours stands in the way.
    let clock = Arc::new(ManualClock::new(SystemClock.now() - TimeDelta::days(1_000)));
    let time: Arc<dyn Clock> = clock.clone();
    let db = t.database.open_with(TestDatabase::small_pool(), time, Arc::new(SystemRandom));
    let (house, alice) = (House::new(&db).await, &t.alice.caller);
    let rule = RetentionRule { mode: RetentionMode::Compliance, days: 7 };
    files(&db, alice, BucketChange { retention: Some(Some(rule)), ..versioned() }).await;
    let kept = house.put(alice, object("x"), b"x").await.unwrap();
    assert_eq!(kept.retention.unwrap().until, kept.created_at + TimeDelta::days(7));
    assert!(matches!(delete(&db, alice, kept.version_id, false).await, Err(Error::Retained)));
    let permit = alice.permit().unwrap();
    let key = ObjectKey::new("x").unwrap();
    let marker = move |tx: &mut veza_core::TenantTx<'_>| {
        object::delete(tx, &permit, "files", &key, &Condition::default(), WINDOW)
    };
    run(&db, alice, marker).await.expect("a marker hides it and removes nothing");
    assert!(matches!(delete(&db, alice, kept.version_id, true).await, Err(Error::Retained)));
    clock.advance(TimeDelta::days(7));
    delete(&db, alice, kept.version_id, false).await.unwrap();
    agree(&db, alice).await;
}

#[tenant_test]
async fn compliance_is_neither_shortened_nor_softened_by_anybody(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, versioned()).await;
    let id = house.put(alice, object("x"), b"x").await.unwrap().version_id;
    let set = async |mode, days| retain(&t.db, alice, id, mode, days).await;
    assert!(matches!(set(RetentionMode::Compliance, -1).await, Err(Error::Invalid(_))));
    assert!(matches!(set(RetentionMode::Compliance, 36_600).await, Err(Error::Invalid(_))));
    set(RetentionMode::Governance, 3).await.unwrap();
    set(RetentionMode::Compliance, 2).await.expect("governance gives way to who may manage retention");
    for (mode, days) in [(RetentionMode::Compliance, 1), (RetentionMode::Governance, 9)] {
        assert!(matches!(set(mode, days).await, Err(Error::Retained)), "{mode:?} {days}");
    }
    assert!(matches!(release(&t.db, alice, id).await, Err(Error::Retained)));
    assert!(matches!(delete(&t.db, alice, id, true).await, Err(Error::Retained)));
    let longer = set(RetentionMode::Compliance, 4).await.unwrap();
    assert_eq!(longer.retention.unwrap().mode, RetentionMode::Compliance);
    assert_eq!(house.bytes(alice, "x").await.unwrap(), b"x");
}

#[tenant_test]
async fn governance_and_legal_holds_end_with_a_permission(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, versioned()).await;
    let id = house.put(alice, object("x"), b"x").await.unwrap().version_id;
    retain(&t.db, alice, id, RetentionMode::Governance, 9).await.unwrap();
    retain(&t.db, alice, id, RetentionMode::Governance, 3).await.unwrap();
    assert!(matches!(delete(&t.db, alice, id, false).await, Err(Error::Retained)));
    hold(&t.db, alice, id, true).await.unwrap();
    assert!(matches!(delete(&t.db, alice, id, true).await, Err(Error::Retained)), "a hold is none of both");
    assert!(release(&t.db, alice, id).await.unwrap().retention.is_none());
    assert!(matches!(delete(&t.db, alice, id, false).await, Err(Error::Retained)));
    assert!(!hold(&t.db, alice, id, false).await.unwrap().legal_hold);
    retain(&t.db, alice, id, RetentionMode::Governance, 3).await.unwrap();
    delete(&t.db, alice, id, true).await.unwrap();
    assert_eq!(house.usage(alice).await, (0, 0));
    agree(&t.db, alice).await;
}

#[tenant_test]
async fn others_find_nothing_to_retain(t: TenantTest) {
    let (house, alice, mallory) = (House::new(&t.db).await, &t.alice.caller, &t.mallory.caller);
    for caller in [alice, mallory] {
        files(&t.db, caller, versioned()).await;
    }
    let id = house.put(alice, object("x"), b"x").await.unwrap().version_id;
    let answers = [
        retain(&t.db, mallory, id, RetentionMode::Compliance, 9).await.map(drop),
        release(&t.db, mallory, id).await.map(drop),
        hold(&t.db, mallory, id, true).await.map(drop),
        delete(&t.db, mallory, id, true).await,
    ];
    assert!(answers.iter().all(|answer| matches!(answer, Err(Error::Absent("version")))), "{answers:?}");
    delete(&t.db, alice, id, false).await.expect("nobody retained it");
}

/// Runs SQL as `veza_app` in the tenant's own transaction, as who found a hole in the program would.
async fn attack(t: &TenantTest, bypass: bool, sql: &'static str) -> Result<usize, Error> {
    run(&t.db, &t.alice.caller, move |tx| {
        if bypass {
            tx.execute(diesel::sql_query(BYPASS))?;
        }
        Ok(tx.execute(diesel::sql_query(sql).bind::<SqlUuid, _>(tx.tenant()))?)
    })
    .await
}

/// All ways to lose or free a version by one statement.
const DESTROY: [&str; 11] = [
    "UPDATE storage.versions SET ended_at = now(), deleted_at = now() WHERE tenant_id = $1",
    "WITH o AS (DELETE FROM storage.objects WHERE tenant_id = $1) DELETE FROM storage.versions WHERE tenant_id = $1",
    "UPDATE storage.contents SET state = 'condemned', due_at = now() WHERE tenant_id = $1",
    "UPDATE storage.contents SET state = 'collecting', due_at = now() WHERE tenant_id = $1",
    "UPDATE storage.contents SET size = 0 WHERE tenant_id = $1",
    "UPDATE storage.contents SET key_id = NULL, wrapped_key = NULL WHERE tenant_id = $1",
    "UPDATE storage.blobs SET state = 'abandoned', due_at = now() WHERE tenant_id = $1",
    "UPDATE storage.blobs SET number = 2 WHERE tenant_id = $1",
    "DELETE FROM storage.blobs WHERE tenant_id = $1",
    "UPDATE storage.tenant_keys SET wrapped = NULL, current = false, dropped_at = now() WHERE tenant_id = $1",
    "DELETE FROM storage.contents WHERE tenant_id = $1",
];
const SHORTEN: [&str; 3] = [
    "UPDATE storage.versions SET retention_mode = NULL, retain_until = NULL WHERE tenant_id = $1",
    "UPDATE storage.versions SET retain_until = now() WHERE tenant_id = $1",
    "UPDATE storage.versions SET retain_until = retain_until - interval '1 second' WHERE tenant_id = $1",
];

#[tenant_test]
async fn no_statement_of_the_program_removes_what_is_retained(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, versioned()).await;
    let id = house.put(alice, object("x"), b"x").await.unwrap().version_id;
    retain(&t.db, alice, id, RetentionMode::Compliance, 9).await.unwrap();
    let soften = "UPDATE storage.versions SET retention_mode = 'governance' WHERE tenant_id = $1";
    for sql in DESTROY.into_iter().chain(SHORTEN).chain([soften]) {
        for bypass in [false, true] {
            let answer = attack(&t, bypass, sql).await;
            assert!(
                matches!(answer, Err(Error::Db(DbError::Query(_) | DbError::Constraint { .. }))),
                "{bypass} {sql}: {answer:?}"
            );
        }
    }
    for sql in
        ["ALTER TABLE storage.versions DISABLE TRIGGER ALL", "SET LOCAL session_replication_role = replica"]
    {
        let answer = run(&t.db, alice, move |tx| Ok(tx.execute(diesel::sql_query(sql))?)).await;
        assert!(answer.is_err(), "{sql}");
    }
    house.storage.reap(t.alice.tenant).await.unwrap();
    assert_eq!(house.bytes(alice, "x").await.unwrap(), b"x");
    agree(&t.db, alice).await;
}

#[tenant_test]
async fn governance_and_holds_stand_against_statements_that_do_not_say_that_they_may(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, versioned()).await;
    let id = house.put(alice, object("x"), b"x").await.unwrap().version_id;
    retain(&t.db, alice, id, RetentionMode::Governance, 9).await.unwrap();
    for sql in DESTROY.into_iter().chain(SHORTEN) {
        assert!(attack(&t, false, sql).await.is_err(), "{sql}");
    }
    release(&t.db, alice, id).await.unwrap();
    hold(&t.db, alice, id, true).await.unwrap();
    let end = "UPDATE storage.versions SET legal_hold = false WHERE tenant_id = $1";
    for sql in DESTROY.into_iter().chain([end]) {
        assert!(attack(&t, false, sql).await.is_err(), "{sql}");
    }
    assert_eq!(house.bytes(alice, "x").await.unwrap(), b"x");
}
