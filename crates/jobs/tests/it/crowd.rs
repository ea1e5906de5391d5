//! One tenant's schedules, however many and however large, do not stand before another's.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use veza_core::{Caller, Db};
use veza_jobs::schedule::{Missed, NewSchedule, Schedule, ScheduledJob, Timing, create_schedule};
use veza_jobs::{Error, pull};
use veza_testing::{DbTest, db_test};

use crate::schedules::process;
use crate::work::{Background, eventually};

/// Text that PostgreSQL cannot make shorter.
fn text(bytes: usize) -> Value {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + u8::try_from((state >> 40) % 75).unwrap())
    };
    Value::String((0..bytes).map(|_| next()).filter(|c| *c != '\\').collect())
}

async fn schedule(
    db: &Db,
    caller: &Caller,
    name: String,
    seconds: u64,
    payload: Value,
) -> Result<Schedule, Error> {
    let permit = caller.permit().unwrap();
    db.tenant(caller, move |tx| {
        let timing = Timing::every(Duration::from_secs(seconds), veza_core::Query::now(tx))?;
        let new = NewSchedule::new(name.as_str(), timing, ScheduledJob::message("mail", payload.clone())?);
        create_schedule(tx, &permit, &new.missed(Missed::All(100)))
    })
    .await
}

async fn queue(db: &Db, caller: &Caller) {
    let permit = caller.permit().unwrap();
    let new = serde_json::from_value(json!({ "name": "mail" })).unwrap();
    db.tenant(caller, move |tx| pull::create(tx, &permit, &new)).await.unwrap();
}

#[db_test(clock = "manual")]
async fn a_tenant_with_large_payloads_stops_nobody_s_schedules(t: DbTest) {
    for tenant in [&t.alice, &t.mallory] {
        queue(&t.db, &tenant.caller).await;
    }
    let mut accepted = None;
    for bytes in [1_000_000, 60_000] {
        if schedule(&t.db, &t.mallory.caller, bytes.to_string(), 1, text(bytes)).await.is_ok() {
            accepted = Some(bytes);
            break;
        }
    }
    for number in 0..30 {
        let payload = text(accepted.unwrap());
        schedule(&t.db, &t.mallory.caller, number.to_string(), 1, payload).await.unwrap();
    }
    schedule(&t.db, &t.alice.caller, "hers".to_owned(), 60, json!(1)).await.unwrap();
    t.clock.advance(TimeDelta::seconds(300));
    let background = Background::start(process(&t));
    let hers = format!("SELECT count(*) FROM jobs.schedule_ticks WHERE tenant_id = '{}'", t.alice.tenant);
    eventually("hers has ticked", async || t.database.superuser().count(&hers) > 0).await;
    background.stop().await;
}

#[db_test(clock = "manual")]
async fn tenants_tick_in_turn(t: DbTest) {
    for tenant in [&t.alice, &t.mallory] {
        queue(&t.db, &tenant.caller).await;
    }
    for number in 0..250 {
        schedule(&t.db, &t.mallory.caller, number.to_string(), 10, json!(1)).await.unwrap();
    }
    schedule(&t.db, &t.alice.caller, "hers".to_owned(), 20, json!(1)).await.unwrap();
    t.clock.advance(TimeDelta::seconds(25));
    let ticks = "SELECT count(DISTINCT tenant_id) FROM jobs.schedule_ticks";
    let background = Background::start(process(&t));
    eventually("both have ticked", async || t.database.superuser().count(ticks) == 2).await;
    background.stop().await;
    let before = format!(
        "SELECT count(*) FROM jobs.schedule_ticks AS m WHERE xmin::text::bigint < \
         (SELECT min(xmin::text::bigint) FROM jobs.schedule_ticks AS a WHERE a.tenant_id = '{}')",
        t.alice.tenant
    );
    assert_eq!(t.database.superuser().count(&before), 0, "hers is among the first that tick");
}
