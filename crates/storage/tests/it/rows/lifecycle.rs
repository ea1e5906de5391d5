//! What goes by itself, and when.

use chrono::TimeDelta;
use serde_json::Value;
use veza_core::{Caller, Db, Query, TenantScope, TenantTx};
use veza_jobs::topic::{self, NewBinding, NewExchange};
use veza_jobs::{Jobs, JobsConfig, Runtime, pull};
use veza_storage::bucket::BucketChange;
use veza_storage::lifecycle::{
    self, Applied, ApplyLifecycle, Cold, Lifecycle, NewLifecycle, Noncurrent, Rule,
};
use veza_storage::object::{self, Attributes, Condition, Retention};
use veza_storage::upload::{NewUpload, Protocol};
use veza_storage::{Error, ObjectKey};
use veza_testing::{DbTest, TenantTest, db_test, tenant_test};

use super::{House, agree, files, object, run};

fn rule(id: &str) -> Rule {
    Rule { id: id.to_owned(), enabled: true, ..Rule::default() }
}

pub(super) fn expire(prefix: &str, days: i32) -> Rule {
    Rule { prefix: prefix.to_owned(), expire_after_days: Some(days), ..rule("expire") }
}

pub(super) fn noncurrent(after_days: Option<i32>, keep: Option<i32>) -> Rule {
    Rule { noncurrent: Some(Noncurrent { after_days, keep }), ..rule("noncurrent") }
}

pub(super) async fn put(house: &House, caller: &Caller, rules: Vec<Rule>) -> Result<Lifecycle, Error> {
    let (permit, storage, new) = (caller.permit().unwrap(), house.storage.clone(), NewLifecycle { rules });
    run(house.storage.db(), caller, move |tx| lifecycle::put(tx, &storage, &permit, "files", &new, None))
        .await
}

async fn keys(db: &Db, caller: &Caller) -> Vec<String> {
    #[derive(diesel::QueryableByName)]
    struct Key {
        #[diesel(sql_type = diesel::sql_types::Text)]
        key: String,
    }
    let keys = run(db, caller, |tx| {
        let statement =
            diesel::sql_query("SELECT key FROM storage.objects WHERE tenant_id = $1 ORDER BY key");
        Ok(tx.load::<Key, _>(statement.bind::<diesel::sql_types::Uuid, _>(tx.tenant()))?)
    });
    keys.await.unwrap().into_iter().map(|key| key.key).collect()
}

#[tenant_test(clock = "manual")]
async fn objects_expire_by_age_and_prefix_and_those_of_others_stay(t: TenantTest) {
    let (house, alice, mallory) = (House::new(&t.db).await, &t.alice.caller, &t.mallory.caller);
    for caller in [alice, mallory] {
        files(&t.db, caller, BucketChange::default()).await;
        house.put(caller, object("logs/old"), b"old").await.unwrap();
        house.put(caller, object("logt"), b"not logs").await.unwrap();
    }
    put(
        &house,
        alice,
        vec![expire("logs/", 30), Rule { enabled: false, id: "off".to_owned(), ..expire("", 1) }],
    )
    .await
    .unwrap();
    t.clock.advance(TimeDelta::days(15));
    house.put(alice, object("logs/new"), b"new").await.unwrap();
    let apply = async || house.storage.apply_lifecycles(t.alice.tenant).await.unwrap();
    assert_eq!(apply().await, Applied::default());
    assert_eq!(apply().await, Applied::default(), "and once more a day later");
    t.clock.advance(TimeDelta::days(15));
    assert_eq!(apply().await, Applied { expired: 1, ..Applied::default() });
    assert_eq!(keys(&t.db, alice).await, ["logs/new", "logt"]);
    assert_eq!(house.usage(alice).await, (11, 0));
    assert_eq!(house.storage.apply_lifecycles(t.mallory.tenant).await.unwrap(), Applied::default());
    assert_eq!(keys(&t.db, mallory).await, ["logs/old", "logt"]);
    assert_eq!(house.stored(alice).await, 3, "it can be restored for a while");
    t.clock.advance(TimeDelta::hours(1));
    house.storage.reap(t.alice.tenant).await.unwrap();
    assert_eq!(house.stored(alice).await, 2);
    agree(&t.db, alice).await;
}

#[tenant_test(clock = "manual")]
async fn with_versioning_what_expires_is_a_version_and_versions_go_by_age_and_number(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, BucketChange { versioning: Some(true), ..BucketChange::default() }).await;
    for bytes in [b"1", b"2", b"3", b"4"] {
        house.put(alice, object("x"), bytes).await.unwrap();
        t.clock.advance(TimeDelta::days(1));
    }
    let apply = async |rules| {
        put(&house, alice, rules).await.unwrap();
        house.storage.apply_lifecycles(t.alice.tenant).await.unwrap()
    };
    assert_eq!(apply(vec![noncurrent(Some(3), Some(1))]).await.noncurrent, 1, "it ended three days ago");
    assert_eq!(apply(vec![noncurrent(Some(1), Some(2))]).await.noncurrent, 0, "two are kept");
    assert_eq!(apply(vec![noncurrent(None, Some(1))]).await.noncurrent, 1);
    assert_eq!(house.usage(alice).await, (2, 0));
    assert_eq!(apply(vec![expire("", 1)]).await.expired, 1);
    assert_eq!((keys(&t.db, alice).await.len(), house.usage(alice).await), (0, (2, 0)));
    t.clock.advance(TimeDelta::days(1));
    assert_eq!(apply(vec![noncurrent(Some(1), None)]).await.noncurrent, 2);
    assert_eq!(house.usage(alice).await, (0, 0));
    agree(&t.db, alice).await;
}

#[tenant_test(clock = "manual")]
async fn uploads_that_nobody_completes_are_ended(t: TenantTest) {
    let change = |config: &mut veza_storage::StorageConfig| {
        config.upload_lifetime = veza_core::config::Period::from_secs(90 * 24 * 3_600);
    };
    let (house, alice) = (House::with(&t.db, change).await, &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    let new = |key: &str| NewUpload {
        bucket: "files".to_owned(),
        key: ObjectKey::new(key).unwrap(),
        protocol: Protocol::Tus,
        length: Some(10),
        attributes: Attributes { content_type: "text/plain".to_owned(), ..Attributes::default() },
        condition: Condition::default(),
        tus: veza_storage::upload::Tus::default(),
    };
    for key in ["a/1", "a/2", "b/1"] {
        house.storage.begin_upload(alice, &alice.permit().unwrap(), new(key)).await.unwrap();
    }
    let rule = Rule { prefix: "a/".to_owned(), abort_uploads_after_days: Some(7), ..rule("abort") };
    t.clock.advance(TimeDelta::days(7));
    put(&house, alice, vec![rule]).await.unwrap();
    let applied = house.storage.apply_lifecycles(t.alice.tenant).await.unwrap();
    assert_eq!(applied, Applied { aborted: 2, ..Applied::default() });
    assert_eq!(house.usage(alice).await, (0, 10));
    agree(&t.db, alice).await;
}

#[tenant_test(clock = "manual")]
async fn what_is_retained_does_not_expire(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, BucketChange { versioning: Some(true), ..BucketChange::default() }).await;
    for key in ["retained", "held", "free"] {
        let version = house.put(alice, object(key), key.as_bytes()).await.unwrap().version_id;
        let (permit, until) = (alice.permit().unwrap(), t.clock.now() + TimeDelta::days(30));
        run(&t.db, alice, move |tx| match key {
            "retained" => {
                let mode = veza_storage::bucket::RetentionMode::Governance;
                object::retain(tx, &permit, "files", version, Retention { mode, until }).map(drop)
            }
            "held" => object::set_legal_hold(tx, &permit, "files", version, true).map(drop),
            _ => Ok(()),
        })
        .await
        .unwrap();
    }
    put(&house, alice, vec![expire("", 1), noncurrent(Some(1), None)]).await.unwrap();
    let apply = async || house.storage.apply_lifecycles(t.alice.tenant).await.unwrap();
    t.clock.advance(TimeDelta::days(1));
    assert_eq!(apply().await, Applied { expired: 3, ..Applied::default() }, "they stay as versions");
    t.clock.advance(TimeDelta::days(1));
    assert_eq!(apply().await, Applied { noncurrent: 1, ..Applied::default() }, "and those stay for good");
    assert_eq!(house.usage(alice).await, (12, 0));
    agree(&t.db, alice).await;
}

#[tenant_test(clock = "manual")]
async fn a_preview_says_what_would_go_and_changes_nothing(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    for number in 0..12 {
        house.put(alice, object(&format!("old/{number:02}")), b"four").await.unwrap();
    }
    t.clock.advance(TimeDelta::days(2));
    house.put(alice, object("new"), b"new").await.unwrap();
    let (permit, storage) = (alice.permit().unwrap(), house.storage.clone());
    let preview = run(&t.db, alice, move |tx| {
        let new = NewLifecycle { rules: vec![expire("", 1), noncurrent(Some(1), None)] };
        lifecycle::preview(tx, &storage, &permit, "files", &new)
    });
    let preview = preview.await.unwrap();
    let expire = preview.rules[0].expire.as_ref().unwrap();
    assert_eq!((expire.count, expire.bytes, expire.more, expire.keys.len()), (12, 48, false, 10));
    assert_eq!((preview.rules[1].noncurrent.as_ref().unwrap().count, &preview.rules[1].expire), (0, &None));
    assert_eq!(keys(&t.db, alice).await.len(), 13);
}

#[tenant_test]
async fn rules_that_cannot_be_are_refused(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    let wrong = [
        (rule("idle"), "/rules/0"),
        (Rule { id: String::new(), ..expire("", 1) }, "/rules/0/id"),
        (expire("", 0), "/rules/0/expire_after_days"),
        (expire(&"x".repeat(1_025), 1), "/rules/0/prefix"),
        (noncurrent(None, None), "/rules/0/noncurrent"),
        (noncurrent(None, Some(0)), "/rules/0/noncurrent/keep"),
        (Rule { cold: Some(Cold::default()), ..rule("cold") }, "/rules/0/cold"),
    ];
    for (rule, field) in wrong {
        let Err(Error::Invalid(fields)) = put(&house, alice, vec![rule]).await else { panic!("{field}") };
        assert_eq!(fields.iter().map(|error| &*error.field).collect::<Vec<_>>(), [field]);
    }
    let twice = put(&house, alice, vec![expire("a", 1), expire("b", 1)]).await;
    assert!(matches!(twice, Err(Error::Invalid(_))), "one name, two rules");
    let other = put(&house, &t.mallory.caller, vec![expire("", 1)]).await;
    assert!(matches!(other, Err(Error::Absent("bucket"))));
}

/// Four hundred copies of an object.
async fn copies(db: &Db, caller: &Caller, name: &'static str) {
    for hundred in 0..4 {
        let (read, write) = (caller.permit().unwrap(), caller.permit().unwrap());
        let copy = move |tx: &mut veza_core::TenantTx<'_>| {
            for number in 0..100 {
                let copy = object::Copy {
                    from_bucket: "files".to_owned(),
                    from_key: ObjectKey::new(name)?,
                    from_version: None,
                    bucket: "files".to_owned(),
                    key: ObjectKey::new(format!("{name}/{hundred}/{number}"))?,
                    attributes: None,
                    condition: Condition::default(),
                };
                object::copy(tx, &read, &write, &copy, TimeDelta::hours(1))?;
            }
            Ok(())
        };
        run(db, caller, copy).await.unwrap();
    }
}

#[db_test(clock = "manual")]
async fn a_job_obeys_the_rules_that_are_due_and_tells_the_topic(t: DbTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    for name in ["a", "b", "c"] {
        house.put(alice, object(name), name.as_bytes()).await.unwrap();
        copies(&t.db, alice, name).await;
    }
    let permit = alice.permit().unwrap();
    let exchange: NewExchange =
        serde_json::from_value(serde_json::json!({ "name": "storage", "keep_days": 1 })).unwrap();
    // A queue that takes nothing is not in the way.
    let narrow = serde_json::json!({ "name": "narrow", "max_message_bytes": 1 });
    let make = move |tx: &mut TenantTx<'_>| {
        topic::create_exchange(tx, &permit, &exchange)?;
        pull::create(tx, &permit, &serde_json::from_value(narrow.clone()).unwrap())?;
        topic::bind(tx, &permit, "storage", &NewBinding::new("pull:narrow"))
    };
    t.db.tenant(alice, make).await.unwrap();
    house.put(alice, object("d"), b"d").await.unwrap();
    put(&house, alice, vec![expire("", 1)]).await.unwrap();
    t.clock.advance(TimeDelta::days(1));
    assert_eq!(house.storage.sweep_lifecycles().await.unwrap(), 1);
    let jobs = Jobs::new(t.db.clone(), JobsConfig::default()).unwrap();
    let runtime =
        Runtime::builder(&jobs).handler::<ApplyLifecycle, _>(house.storage.clone()).build().unwrap();
    assert_eq!(runtime.drain(alice).await.unwrap().attempts, 1);
    assert_eq!(keys(&t.db, alice).await.len(), 0);
    let said = t.database.superuser().text(
        "SELECT json_build_array(count(*), count(DISTINCT body->>'key'), min(attributes->>'reason')) \
         FROM jobs.events WHERE routing_key = 'object.removed'",
    );
    assert_eq!(
        serde_json::from_str::<Value>(&said.unwrap()).unwrap(),
        serde_json::json!([1_204, 1_204, "lifecycle"])
    );
    assert_eq!(house.storage.sweep_lifecycles().await.unwrap(), 0, "until tomorrow");
    t.clock.advance(TimeDelta::days(1));
    assert_eq!(house.storage.sweep_lifecycles().await.unwrap(), 1);
    agree(&t.db, alice).await;
}
