//! How messages die.

use serde_json::{Value, json};
use veza_testing::{AppBuilder, TenantTest, tenant_test};

use super::{end, numbers, one, queue, receive, send};

#[tenant_test]
async fn a_rejected_message_comes_again_or_dies(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    queue(alice, "mail", json!({ "max_receives": 2 })).await;
    send(alice, "mail", json!("unlucky")).await;
    for (count, dead) in [(1, false), (2, true)] {
        let held = one(alice, "mail").await;
        assert_eq!(held["receive_count"], count);
        let rejection = json!({ "receipt": held["receipt"], "reason": format!("no. {count}") });
        assert_eq!(end(alice, "mail", "reject", &rejection).await.expect(200)["dead_letter"], dead);
    }
    assert_eq!(numbers(alice, "mail").await, [0, 0, 0, 1]);
    send(alice, "mail", json!("poison")).await;
    let held = one(alice, "mail").await;
    let rejection = json!({ "receipt": held["receipt"], "reason": "of no use", "dead_letter": true });
    assert_eq!(end(alice, "mail", "reject", &rejection).await.expect(200)["dead_letter"], true);
    assert_eq!(numbers(alice, "mail").await, [0, 0, 0, 2]);
    let query = format!(
        "(SELECT json_agg(json_build_array(reason, error, json_array_length(meta -> 'errors')) ORDER BY died_at) \
         FROM jobs.dead WHERE tenant_id = '{}')",
        app.alice.tenant
    );
    let dead: Value = serde_json::from_str(&t.database.superuser().text(&query).unwrap()).unwrap();
    assert_eq!(dead, json!([["failed", "no. 2", 2], ["rejected", "of no use", 1]]));
}

#[tenant_test]
async fn receiving_without_time_counts_and_kills(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    queue(alice, "mail", json!({ "visibility_timeout_seconds": 0, "max_receives": 3 })).await;
    send(alice, "mail", json!(1)).await;
    for count in 1..=3 {
        assert_eq!(one(alice, "mail").await["receive_count"], count);
    }
    assert!(receive(alice, "mail", json!({})).await.is_empty());
    assert_eq!(numbers(alice, "mail").await, [0, 0, 0, 1]);
}
