//! What time does to messages: timeouts, delays, retention, deduplication.

use chrono::TimeDelta;
use serde_json::json;
use veza::core::config::Period;
use veza_testing::{App, AppBuilder, DbTest, db_test};

use super::{QUEUES, end, eventually, numbers, one, queue, receive, robot, send, work};

async fn app(t: &DbTest) -> App {
    let builder = AppBuilder::new(&t.database).clock(&t.clock);
    builder.configure(|config| config.jobs.silence = Period::from_secs(6)).start().await
}

#[db_test(clock = "manual")]
async fn a_message_comes_again_until_it_is_dead(t: DbTest) {
    let app = app(&t).await;
    let alice = robot(&app, &["*"]).await;
    work(&app);
    queue(&alice, "mail", json!({ "visibility_timeout_seconds": 30, "max_receives": 2 })).await;
    send(&alice, "mail", json!("hot potato")).await;
    let first = one(&alice, "mail").await;
    t.clock.advance(TimeDelta::seconds(31));
    let second = one(&alice, "mail").await;
    assert_eq!((&second["message_id"], &second["receive_count"]), (&first["message_id"], &json!(2)));
    assert_ne!(first["receipt"], second["receipt"]);
    let late = end(&alice, "mail", "acknowledge", &json!({ "receipt": first["receipt"] })).await;
    late.expect_problem(409, "jobs.lease.lost");
    // Extended, it outlives its first timeout.
    let more = json!({ "receipt": second["receipt"], "visibility_timeout_seconds": 100 });
    end(&alice, "mail", "extend", &more).await.expect(200);
    t.clock.advance(TimeDelta::seconds(99));
    end(&alice, "mail", "extend", &more).await.expect(200);
    t.clock.advance(TimeDelta::seconds(101));
    eventually("it is dead", async || numbers(&alice, "mail").await == [0, 0, 0, 1]).await;
    let dead = "SELECT reason || ' ' || attempt || ' ' || error FROM jobs.dead";
    assert_eq!(t.database.superuser().text(dead).unwrap(), "lost 2 the visibility timeout passed");
}

#[db_test(clock = "manual")]
async fn nobody_holds_a_message_for_more_than_twelve_hours(t: DbTest) {
    let app = app(&t).await;
    let alice = robot(&app, &["*"]).await;
    queue(&alice, "mail", json!({})).await;
    send(&alice, "mail", json!(1)).await;
    let held = receive(&alice, "mail", json!({ "visibility_timeout_seconds": 43_200 })).await;
    t.clock.advance(TimeDelta::hours(1));
    let extend =
        |seconds: i64| json!({ "receipt": held[0]["receipt"], "visibility_timeout_seconds": seconds });
    let refused = end(&alice, "mail", "extend", &extend(39_601)).await.expect_problem(400, "jobs.invalid");
    assert_eq!(refused["errors"][0]["field"], "/visibility_timeout_seconds");
    end(&alice, "mail", "extend", &extend(39_600)).await.expect(200);
}

#[db_test(clock = "manual")]
async fn delays_are_kept(t: DbTest) {
    let app = app(&t).await;
    let alice = robot(&app, &["*"]).await;
    work(&app);
    queue(&alice, "mail", json!({ "delay_seconds": 10 })).await;
    send(&alice, "mail", json!("by the queue")).await;
    let own = json!({ "body": "by itself", "delay_seconds": 0 });
    alice.post(&format!("{QUEUES}/mail/messages"), &own).await.expect(201);
    assert_eq!(numbers(&alice, "mail").await, [1, 0, 1, 0]);
    let received = one(&alice, "mail").await;
    assert_eq!(received["body"], "by itself");
    let later = json!({ "receipt": received["receipt"], "delay_seconds": 43_200, "reason": "not today" });
    assert_eq!(end(&alice, "mail", "reject", &later).await.expect(200)["dead_letter"], false);
    assert_eq!(numbers(&alice, "mail").await, [0, 0, 2, 0]);
    t.clock.advance(TimeDelta::seconds(10));
    assert_eq!(one(&alice, "mail").await["body"], "by the queue");
    t.clock.advance(TimeDelta::hours(12));
    eventually("it is back", async || numbers(&alice, "mail").await[2] == 0).await;
    let bodies: Vec<_> = receive(&alice, "mail", json!({ "max_messages": 10 })).await;
    assert!(bodies.iter().any(|m| m["body"] == "by itself" && m["receive_count"] == 2), "{bodies:?}");
}

#[db_test(clock = "manual")]
async fn what_is_too_old_is_not_received_and_goes(t: DbTest) {
    let app = app(&t).await;
    let alice = robot(&app, &["*"]).await;
    for name in ["short", "long"] {
        let retention = if name == "short" { 60 } else { 1_209_600 };
        queue(&alice, name, json!({ "retention_seconds": retention })).await;
        send(&alice, name, json!("old")).await;
    }
    let dead = json!({ "receipt": one(&alice, "short").await["receipt"], "dead_letter": true });
    end(&alice, "short", "reject", &dead).await.expect(200);
    for number in 0..20 {
        send(&alice, "short", json!(number)).await;
    }
    t.clock.advance(TimeDelta::seconds(61));
    send(&alice, "short", json!("new")).await;
    assert_eq!(one(&alice, "short").await["body"], "new", "it is found behind the old ones");
    send(&alice, "short", json!("waits")).await;
    for number in 0..3 {
        // Sent before, as far as the database knows.
        let shift = format!(
            "UPDATE jobs.ready SET enqueued_at = enqueued_at - interval '61 seconds', rank = rank - 61000000 \
            WHERE queue = 'pull:short' AND payload::text = '\"{number}\"'"
        );
        t.database.superuser().execute(&shift);
        send(&alice, "short", json!(number.to_string())).await;
        t.database.superuser().execute(&shift);
    }
    work(&app);
    eventually("swept", async || numbers(&alice, "short").await == [1, 1, 0, 0]).await;
    assert_eq!(numbers(&alice, "long").await, [1, 0, 0, 0]);
    assert_eq!(one(&alice, "short").await["body"], "waits");
}

#[db_test(clock = "manual")]
async fn the_same_id_is_sent_once_in_five_minutes(t: DbTest) {
    let app = app(&t).await;
    let alice = robot(&app, &["*"]).await;
    for name in ["mail", "other"] {
        queue(&alice, name, json!({})).await;
    }
    queue(&app.mallory.client, "mail", json!({})).await;
    let message = json!({ "body": 1, "deduplication_id": "order-7" });
    let first = alice.post(&format!("{QUEUES}/mail/messages"), &message).await.expect(201);
    assert_eq!(first["deduplicated"], false);
    let received = one(&alice, "mail").await;
    end(&alice, "mail", "acknowledge", &json!({ "receipt": received["receipt"] })).await;
    for (client, name) in [(&alice, "other"), (&app.mallory.client, "mail")] {
        let sent = client.post(&format!("{QUEUES}/{name}/messages"), &message).await.expect(201);
        assert_eq!(sent["deduplicated"], false, "another queue");
    }
    t.clock.advance(TimeDelta::seconds(299));
    let batch = json!({ "entries": [
        { "id": "old", "body": 1, "deduplication_id": "order-7" },
        { "id": "new", "body": 2, "deduplication_id": "order-8" },
        { "id": "same", "body": 3, "deduplication_id": "order-8" },
    ] });
    let sent = alice.post(&format!("{QUEUES}/mail/messages/batch"), &batch).await.expect(200);
    let told: Vec<_> =
        sent["successful"].as_array().unwrap().iter().map(|e| e["deduplicated"].clone()).collect();
    assert_eq!(told, [json!(true), json!(false), json!(true)]);
    assert_eq!(sent["successful"][0]["message_id"], first["message_id"]);
    assert_eq!(sent["successful"][1]["message_id"], sent["successful"][2]["message_id"]);
    t.clock.advance(TimeDelta::seconds(2));
    let again = alice.post(&format!("{QUEUES}/mail/messages"), &message).await.expect(201);
    assert_eq!(again["deduplicated"], false);
    assert_eq!(numbers(&alice, "mail").await, [2, 0, 0, 0]);
}
