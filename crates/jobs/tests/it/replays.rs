//! Kept events come once more, in their order, once per replay.

use chrono::TimeDelta;
use serde_json::json;
use veza_core::Timestamp;
use veza_core::page::PageRequest;
use veza_jobs::permission::{ManageJobs, ReadJobs};
use veza_jobs::topic::{self, Binding, ExchangeKind, NewBinding};
use veza_jobs::{Jobs, Runtime};
use veza_testing::{DbTest, db_test};

use crate::topics::{bind, create, publish, waiting};
use crate::work::{Background, config, eventually};

/// Runs a runtime until the replays of a binding are through.
pub(crate) async fn replayed(t: &DbTest, binding: &Binding) -> Vec<i64> {
    let jobs = Jobs::new(t.db.clone(), config()).unwrap();
    let background = Background::start(Runtime::builder(&jobs).build().unwrap());
    let mut counts = Vec::new();
    eventually("the replays are through", async || {
        let (read, id) = (t.alice.caller.permit::<ReadJobs>().unwrap(), binding.id);
        let page = PageRequest { limit: 10, after: None };
        let replays =
            t.db.tenant(&t.alice.caller, move |tx| topic::replays(tx, &read, id, &page)).await.unwrap();
        counts = replays.items.iter().map(|replay| replay.replayed).collect();
        replays.items.iter().all(|replay| replay.finished_at.is_some())
    })
    .await;
    background.stop().await;
    counts
}

async fn publish_numbered(t: &DbTest, numbers: std::ops::Range<i64>) {
    for number in numbers {
        publish(&t.db, &t.alice.caller, "events", "number", json!(number)).await;
        t.clock.advance(TimeDelta::milliseconds(1));
    }
}

async fn numbers(t: &DbTest, queue: &'static str) -> Vec<i64> {
    waiting(&t.db, &t.alice.caller, queue)
        .await
        .iter()
        .map(|(_, event)| event.body::<i64>().unwrap())
        .collect()
}

#[db_test(clock = "manual")]
async fn a_new_binding_gets_what_was_kept_in_order_and_nothing_twice(t: DbTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    create(db, alice, "events", ExchangeKind::Topic, 7).await;
    create(db, &t.mallory.caller, "events", ExchangeKind::Topic, 7).await;
    publish(db, &t.mallory.caller, "events", "number", json!(-1)).await;
    publish_numbered(&t, 0..70).await;
    let binding = bind(db, alice, "events", NewBinding::new("pull:late").from(Timestamp::default())).await;
    // What comes now is delivered at once, and is within what the replay looks at.
    publish_numbered(&t, 70..75).await;
    t.clock.advance(TimeDelta::minutes(3));
    assert_eq!(replayed(&t, &binding).await, [70]);
    let mut got = numbers(&t, "pull:late").await;
    let live: Vec<i64> = got.iter().copied().filter(|number| *number >= 70).collect();
    assert_eq!(live, (70..75).collect::<Vec<_>>());
    got.retain(|number| *number < 70);
    assert_eq!(got, (0..70).collect::<Vec<_>>(), "in their order");
}

#[db_test(clock = "manual")]
async fn a_replay_brings_a_range_again_once_though_two_processes_work_on_it(t: DbTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    create(db, alice, "events", ExchangeKind::Topic, 7).await;
    publish_numbered(&t, 0..50).await;
    let from = t.clock.now();
    publish_numbered(&t, 50..150).await;
    let to = t.clock.now();
    publish_numbered(&t, 150..160).await;
    let binding = bind(db, alice, "events", NewBinding::new("pull:again")).await;
    let (permit, id) = (alice.permit::<ManageJobs>().unwrap(), binding.id);
    db.tenant(alice, move |tx| topic::replay(tx, &permit, id, from, to)).await.unwrap();
    t.clock.advance(TimeDelta::minutes(2));
    let other = Background::start(crate::schedules::process(&t));
    assert_eq!(replayed(&t, &binding).await, [100]);
    other.stop().await;
    assert_eq!(numbers(&t, "pull:again").await, (50..150).collect::<Vec<_>>());
}

#[db_test(clock = "manual")]
async fn what_a_removed_exchange_kept_is_gone(t: DbTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    create(db, alice, "events", ExchangeKind::Topic, 7).await;
    publish_numbered(&t, 0..3).await;
    let permit = alice.permit::<ManageJobs>().unwrap();
    db.tenant(alice, move |tx| topic::remove_exchange(tx, &permit, "events", None)).await.unwrap();
    create(db, alice, "events", ExchangeKind::Topic, 7).await;
    publish_numbered(&t, 3..5).await;
    let binding = bind(db, alice, "events", NewBinding::new("pull:new").from(Timestamp::default())).await;
    t.clock.advance(TimeDelta::minutes(3));
    assert_eq!(replayed(&t, &binding).await, [2]);
    assert_eq!(numbers(&t, "pull:new").await, [3, 4]);
}
