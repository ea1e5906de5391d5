//! What keeps versions from being deleted, over HTTP.

use serde_json::json;
use veza_testing::{TenantTest, tenant_test};

use super::{BUCKETS, builder, files, stored};

#[tenant_test]
async fn retained_versions_are_deleted_by_nobody_and_governance_gives_way_when_asked(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({ "versioning": true })).await;
    let id = stored(alice, "x", "x").await["version_id"].as_str().unwrap().to_owned();
    let this = format!("{BUCKETS}/files/versions/{id}");
    let retention = format!("{this}/retention");
    let until = |mode: &str, until: &str| json!({ "mode": mode, "until": until });
    alice
        .put(&retention, &until("governance", "2020-01-01T00:00:00Z"))
        .await
        .expect_problem(400, "storage.input.invalid");
    let odd = json!({ "mode": "governance", "until": "2050-01-01T00:00:00Z", "days": 1 });
    alice.put(&retention, &odd).await.expect_problem(400, "web.json.invalid");
    let kept = alice.put(&retention, &until("governance", "2050-01-01T00:00:00Z")).await.expect(200);
    assert_eq!(kept["retention"], json!({ "mode": "governance", "until": "2050-01-01T00:00:00Z" }));
    alice.delete(&this).await.expect_problem(409, "storage.object.retained");
    alice.send("PUT", &format!("{this}/legal-hold"), None).await.expect(200);
    let bypass = format!("{this}?bypass_governance=true");
    alice.delete(&bypass).await.expect_problem(409, "storage.object.retained");
    alice.delete(&format!("{this}/legal-hold")).await.expect(200);
    alice.put(&retention, &until("compliance", "2050-01-01T00:00:00Z")).await.expect(200);
    for attempt in [until("compliance", "2049-12-31T23:59:59Z"), until("governance", "2060-01-01T00:00:00Z")]
    {
        alice.put(&retention, &attempt).await.expect_problem(409, "storage.object.retained");
    }
    alice.delete(&retention).await.expect_problem(409, "storage.object.retained");
    alice.delete(&bypass).await.expect_problem(409, "storage.object.retained");
    alice.delete(&super::path("x")).await.expect(204);
    assert_eq!(alice.get(&this).await.expect(200)["legal_hold"], false);
}

#[tenant_test]
async fn rules_of_a_bucket_are_previewed_set_and_taken_away(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    stored(alice, "logs/1", "one").await;
    let lifecycle = format!("{BUCKETS}/files/lifecycle");
    alice.get(&lifecycle).await.expect_problem(404, "storage.not_found");
    let rules = json!({ "rules": [{ "id": "logs", "prefix": "logs/", "expire_after_days": 30 }] });
    let preview = alice.put(&format!("{lifecycle}?dry_run=true"), &rules).await.expect(200);
    assert_eq!(preview["rules"][0]["expire"], json!({ "count": 0, "bytes": 0, "more": false, "keys": [] }));
    alice.get(&lifecycle).await.expect_problem(404, "storage.not_found");
    let set = alice.put(&lifecycle, &rules).await;
    assert_eq!((set.status, set.header("etag")), (200, Some("\"v1\"")));
    assert_eq!(alice.get(&lifecycle).await.expect(200)["rules"][0]["enabled"], true);
    let stale = alice.with("if-match", "\"v7\"").put(&lifecycle, &rules).await;
    stale.expect_problem(412, "storage.version_mismatch");
    let cold = json!({ "rules": [{ "id": "cold", "cold": {} }] });
    let refused = alice.put(&lifecycle, &cold).await;
    assert_eq!(refused.json()["errors"][0]["code"], "unsupported", "{}", refused.text);
    alice.delete(&lifecycle).await.expect(204);
    alice.delete(&lifecycle).await.expect_problem(404, "storage.not_found");
}
