//! Events reach who wants them, once, and nobody else.

use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use diesel::QueryableByName;
use diesel::sql_types::{Text, Uuid as SqlUuid};
use serde_json::{Value, json};
use veza_core::page::PageRequest;
use veza_core::{Caller, Db, DbError, Query, TenantScope};
use veza_jobs::permission::{ManageJobs, ReadJobs};
use veza_jobs::topic::{
    self, Binding, Event, ExchangeKind, FilterScope, NewBinding, NewExchange, PublishOptions, Published,
    Subscription,
};
use veza_jobs::{Context, Error, JobError, Jobs, Runtime, pull};
use veza_testing::{DbTest, TenantTest, db_test, tenant_test};

use crate::work::config;

pub(crate) async fn create(db: &Db, caller: &Caller, name: &str, kind: ExchangeKind, keep_days: u16) {
    let (permit, new) =
        (caller.permit::<ManageJobs>().unwrap(), NewExchange { name: name.to_owned(), kind, keep_days });
    db.tenant(caller, move |tx| topic::create_exchange(tx, &permit, &new)).await.unwrap();
}

/// Binds a queue, which is made if it is one of the pull API.
pub(crate) async fn bind(db: &Db, caller: &Caller, exchange: &'static str, new: NewBinding) -> Binding {
    let permit = caller.permit::<ManageJobs>().unwrap();
    let bind = move |tx: &mut veza_core::TenantTx<'_>| {
        if let Some(name) = new.queue.strip_prefix("pull:") {
            let queue = serde_json::from_value(json!({ "name": name })).unwrap();
            pull::create(tx, &permit, &queue)?;
        }
        topic::bind(tx, &permit, exchange, &new)
    };
    db.tenant(caller, bind).await.unwrap()
}

pub(crate) async fn publish(
    db: &Db,
    caller: &Caller,
    exchange: &'static str,
    key: &'static str,
    body: Value,
) -> Published {
    db.tenant(caller, move |tx| topic::publish(tx, exchange, key, &body, PublishOptions::default()))
        .await
        .unwrap()
}

/// The events in a queue, in the order in which they will be taken.
pub(crate) async fn waiting(db: &Db, caller: &Caller, queue: &'static str) -> Vec<(String, Event)> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        kind: String,
        #[diesel(sql_type = Text)]
        payload: String,
    }
    let rows = db.tenant(caller, move |tx| {
        let sql = "SELECT kind, payload::text FROM jobs.ready WHERE tenant_id = $1 AND queue = $2 ORDER BY rank, job_id";
        let sql = diesel::sql_query(sql).bind::<SqlUuid, _>(tx.tenant()).bind::<Text, _>(queue);
        Ok::<_, Error>(tx.load::<Row, _>(sql)?)
    });
    let event = |row: Row| (row.kind, serde_json::from_str(&row.payload).unwrap());
    rows.await.unwrap().into_iter().map(event).collect()
}

async fn keys(db: &Db, caller: &Caller, queue: &'static str) -> Vec<String> {
    waiting(db, caller, queue).await.into_iter().map(|(_, event)| event.routing_key).collect()
}

#[tenant_test]
async fn each_binding_that_matches_gets_the_event_once(t: TenantTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    create(db, alice, "property.events", ExchangeKind::Topic, 0).await;
    bind(db, alice, "property.events", NewBinding::new("pull:all")).await;
    bind(db, alice, "property.events", NewBinding::new("pull:updates").pattern("property.updated.#")).await;
    let dear = json!({"price": [{"numeric": [">", 100]}]});
    bind(db, alice, "property.events", NewBinding::new("program").filter(FilterScope::Body, dear)).await;
    let published =
        publish(db, alice, "property.events", "property.updated.price", json!({"price": 150})).await;
    assert_eq!(published.deliveries, 3);
    let cheap = publish(db, alice, "property.events", "property.created", json!({"price": 50})).await;
    assert_eq!(cheap.deliveries, 1);
    assert_eq!(keys(db, alice, "pull:all").await, ["property.updated.price", "property.created"]);
    let (kind, event) = waiting(db, alice, "pull:updates").await.remove(0);
    assert_eq!((kind.as_str(), event.event_id), ("message", published.event_id));
    assert_eq!((event.body, event.hops), (json!({"price": 150}), 0));
    let program = waiting(db, alice, "program").await;
    assert_eq!((program.len(), program[0].0.as_str()), (1, "jobs.event"));
}

#[tenant_test]
async fn fanout_and_direct_do_what_they_are_called(t: TenantTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    create(db, alice, "fan", ExchangeKind::Fanout, 0).await;
    create(db, alice, "direct", ExchangeKind::Direct, 0).await;
    bind(db, alice, "fan", NewBinding::new("pull:a")).await;
    bind(db, alice, "fan", NewBinding::new("pull:b")).await;
    bind(db, alice, "direct", NewBinding::new("pull:c").pattern("x.y")).await;
    assert_eq!(publish(db, alice, "fan", "whatever", json!(1)).await.deliveries, 2);
    assert_eq!(publish(db, alice, "direct", "x.y", json!(1)).await.deliveries, 1);
    assert_eq!(publish(db, alice, "direct", "x.y.z", json!(1)).await.deliveries, 0);
    let permit = alice.permit::<ManageJobs>().unwrap();
    let refused = db.tenant(alice, move |tx| {
        let wild = NewBinding::new("pull:c").pattern("x.*");
        let unfit = topic::bind(tx, &permit, "direct", &wild).unwrap_err();
        assert!(matches!(&unfit, Error::Invalid(fields) if fields[0].field == "/pattern"), "{unfit:?}");
        let queue = topic::bind(tx, &permit, "fan", &NewBinding::new("Pull:a")).unwrap_err();
        assert!(matches!(&queue, Error::Invalid(fields) if fields[0].field == "/queue"), "{queue:?}");
        let from = topic::bind(tx, &permit, "fan", &NewBinding::new("pull:a").from(tx.now())).unwrap_err();
        assert!(matches!(&from, Error::Invalid(fields) if fields[0].field == "/from"), "{from:?}");
        let again = NewExchange { name: "fan".to_owned(), kind: ExchangeKind::Topic, keep_days: 0 };
        assert!(matches!(
            topic::create_exchange(tx, &permit, &again).unwrap_err(),
            Error::NameTaken("exchange")
        ));
        let long = NewExchange { name: "long".to_owned(), kind: ExchangeKind::Topic, keep_days: 91 };
        assert!(matches!(topic::create_exchange(tx, &permit, &long).unwrap_err(), Error::Invalid(_)));
        topic::publish(tx, "direct", "x.y", &1, PublishOptions::default())
    });
    assert_eq!(refused.await.unwrap().deliveries, 1, "the transaction goes on");
}

#[tenant_test]
async fn an_event_exists_exactly_when_its_transaction_commits(t: TenantTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    create(db, alice, "events", ExchangeKind::Topic, 7).await;
    bind(db, alice, "events", NewBinding::new("pull:all")).await;
    let undone: Result<(), Error> = db
        .tenant(alice, |tx| {
            topic::publish(tx, "events", "a", &1, PublishOptions::default())?;
            Err(DbError::NotFound.into())
        })
        .await;
    undone.unwrap_err();
    assert!(keys(db, alice, "pull:all").await.is_empty());
}

#[tenant_test]
async fn nothing_crosses_to_another_tenant(t: TenantTest) {
    let (db, alice, mallory) = (&t.db, &t.alice.caller, &t.mallory.caller);
    create(db, alice, "events", ExchangeKind::Topic, 7).await;
    let hers = bind(db, alice, "events", NewBinding::new("pull:all")).await;
    create(db, mallory, "events", ExchangeKind::Topic, 7).await;
    bind(db, mallory, "events", NewBinding::new("pull:all")).await;
    publish(db, alice, "events", "secret", json!(1)).await;
    publish(db, mallory, "events", "known", json!(1)).await;
    assert_eq!(keys(db, alice, "pull:all").await, ["secret"]);
    assert_eq!(keys(db, mallory, "pull:all").await, ["known"]);
    let (manage, read) = (mallory.permit::<ManageJobs>().unwrap(), mallory.permit::<ReadJobs>().unwrap());
    let attack = db.tenant(mallory, move |tx| {
        let (from, to) = (tx.now() - TimeDelta::hours(1), tx.now());
        let not_found =
            |outcome: Error| assert!(matches!(outcome, Error::NotFound("binding")), "{outcome:?}");
        not_found(topic::binding(tx, &read, hers.id).unwrap_err());
        not_found(topic::pause(tx, &manage, hers.id, true).unwrap_err());
        not_found(topic::unbind(tx, &manage, hers.id).unwrap_err());
        not_found(topic::replay(tx, &manage, hers.id, from, to).unwrap_err());
        let page = PageRequest { limit: 10, after: None };
        not_found(topic::replays(tx, &read, hers.id, &page).unwrap_err());
        assert_eq!(
            topic::bindings(tx, &read, "events", &PageRequest { limit: 10, after: None })?.items.len(),
            1
        );
        topic::remove_exchange(tx, &manage, "events", None)
    });
    attack.await.unwrap();
    assert_eq!(publish(db, alice, "events", "secret", json!(2)).await.deliveries, 1, "hers is still there");
    assert_eq!(publish(db, mallory, "events", "known", json!(2)).await.deliveries, 0);
}

#[tenant_test]
async fn exchanges_are_listed_changed_and_removed(t: TenantTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    for name in ["c", "a", "b"] {
        create(db, alice, name, ExchangeKind::Topic, 1).await;
    }
    let (manage, read) = (alice.permit::<ManageJobs>().unwrap(), alice.permit::<ReadJobs>().unwrap());
    let steps = db.tenant(alice, move |tx| {
        let first = topic::exchanges(tx, &read, &PageRequest { limit: 2, after: None })?;
        assert_eq!(first.items.iter().map(|e| e.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(first.next_cursor.is_some());
        let rest = topic::exchanges(tx, &read, &PageRequest { limit: 2, after: Some("b".to_owned()) })?;
        assert_eq!((rest.items.len(), rest.next_cursor), (1, None));
        let changed = topic::update_exchange(tx, &manage, "a", Some(&[1]), 30)?;
        assert_eq!((changed.keep_days, changed.version), (30, 2));
        let stale = topic::update_exchange(tx, &manage, "a", Some(&[1]), 31).unwrap_err();
        assert!(matches!(stale, Error::VersionMismatch));
        topic::bind(tx, &manage, "a", &NewBinding::new("program"))?;
        topic::remove_exchange(tx, &manage, "a", None)?;
        assert!(matches!(topic::exchange(tx, &read, "a").unwrap_err(), Error::NotFound("exchange")));
        let bindings = topic::bindings(tx, &read, "a", &PageRequest { limit: 2, after: None });
        assert!(matches!(bindings.unwrap_err(), Error::NotFound("exchange")));
        Ok::<_, Error>(())
    });
    steps.await.unwrap();
}

/// Who heard which event, and how many organisations' events it had heard before.
type Heard = Arc<Mutex<Vec<(&'static str, String, i64)>>>;

#[db_test]
async fn subscriptions_reach_their_own_handlers_for_every_tenant_until_they_are_withdrawn(t: DbTest) {
    let seen: Heard = Arc::default();
    let handler = |name: &'static str| {
        let seen = Arc::clone(&seen);
        move |event: Event, cx: Context| {
            let seen = Arc::clone(&seen);
            async move {
                seen.lock().unwrap().push((name, cx.tenant().to_string(), event.body::<i64>()?));
                Ok::<_, JobError>(())
            }
        }
    };
    let jobs = Jobs::new(t.db.clone(), config()).unwrap();
    let runtime = Runtime::builder(&jobs)
        .subscribe(Subscription::new("index", "events", "property.*").queue("search"), handler("index"))
        .subscribe(Subscription::new("audit", "events", "#").queue("search").attempts(3), handler("audit"))
        .build()
        .unwrap();
    runtime.declare().await.unwrap();
    publish(&t.db, &t.alice.caller, "events", "property.created", json!(7)).await;
    publish(&t.db, &t.mallory.caller, "events", "tenant.created", json!(8)).await;
    runtime.drain(&t.alice.caller).await.unwrap();
    runtime.drain(&t.mallory.caller).await.unwrap();
    let mut got = seen.lock().unwrap().clone();
    got.sort_unstable();
    let (alice, mallory) = (t.alice.tenant.to_string(), t.mallory.tenant.to_string());
    let mut expected = [("audit", alice.clone(), 7), ("audit", mallory, 8), ("index", alice, 7)];
    expected.sort_unstable();
    assert_eq!(got, expected);
    let next = Runtime::builder(&jobs).unsubscribe("audit").build().unwrap();
    next.declare().await.unwrap();
    assert_eq!(publish(&t.db, &t.alice.caller, "events", "property.x", json!(9)).await.deliveries, 1);
    let twice = Subscription::new("index", "events", "a b");
    let wrong =
        Runtime::builder(&jobs).subscribe(twice.clone(), handler("a")).subscribe(twice, handler("b")).build();
    assert!(matches!(wrong, Err(Error::Setup(_))));
}

#[db_test]
async fn a_circle_of_events_ends(t: DbTest) {
    let jobs = Jobs::new(t.db.clone(), config()).unwrap();
    let hops: Arc<Mutex<Vec<u8>>> = Arc::default();
    let noted = Arc::clone(&hops);
    let handler = move |event: Event, cx: Context| {
        let noted = Arc::clone(&noted);
        async move {
            noted.lock().unwrap().push(event.hops);
            let next = PublishOptions::default().caused_by(&event);
            let published =
                cx.tx(move |tx| topic::publish(tx, "echo", "again", &event.body, next.clone())).await;
            match published {
                Err(Error::TooManyHops { max: 16 }) => Err(JobError::fatal("a circle")),
                other => {
                    assert_eq!(other?.deliveries, 1);
                    Ok::<_, JobError>(())
                }
            }
        }
    };
    let runtime =
        Runtime::builder(&jobs).subscribe(Subscription::new("echo", "echo", "#"), handler).build().unwrap();
    runtime.declare().await.unwrap();
    publish(&t.db, &t.alice.caller, "echo", "begin", json!(1)).await;
    assert_eq!(runtime.drain(&t.alice.caller).await.unwrap().attempts, 17);
    assert_eq!(*hops.lock().unwrap(), (0..=16).collect::<Vec<u8>>());
    assert_eq!(
        crate::work::deaths(&t.db, &t.alice.caller).await,
        [("fatal".to_owned(), "a circle".to_owned())]
    );
}
