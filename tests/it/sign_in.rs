//! Signing in: what is told, what is not, and how often it may be tried.

use serde_json::json;
use veza_testing::{AppBuilder, DbTest, TenantTest, db_test, tenant_test};

const SESSIONS: &str = "/v1/tenant/sessions";

#[tenant_test]
async fn wrong_address_wrong_password_and_no_membership_are_one_answer(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let (alice, anonymous) = (&app.alice, app.anonymous());
    let attempts = [
        json!({ "email": "nobody@example.org", "password": alice.password }),
        json!({ "email": alice.email, "password": "wrong password" }),
        json!({ "email": "not an address", "password": "x" }),
        json!({ "email": alice.email, "password": alice.password, "organization": app.mallory.slug }),
        json!({ "email": alice.email, "password": alice.password, "organization": app.mallory.tenant }),
        json!({ "email": alice.email, "password": alice.password, "organization": "no-such-slug" }),
    ];
    let mut answers = Vec::new();
    for attempt in &attempts {
        let mut problem =
            anonymous.post(SESSIONS, attempt).await.expect_problem(401, "tenant.sign_in.failed");
        problem.as_object_mut().unwrap().remove("instance");
        answers.push(problem);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[db_test]
async fn guesses_are_counted_by_address(t: DbTest) {
    let app =
        AppBuilder::new(&t.database).configure(|c| c.tenant.sign_in_attempts_per_minute = 5).start().await;
    let wrong = json!({ "email": "victim@example.org", "password": "guess number one" });
    for _ in 0..5 {
        app.anonymous().post(SESSIONS, &wrong).await.expect_problem(401, "tenant.sign_in.failed");
    }
    let shouted = json!({ "email": "VICTIM@example.org", "password": "guess" });
    let refused = app.anonymous().post(SESSIONS, &shouted).await;
    refused.expect_problem(429, "tenant.sign_in.too_many_attempts");
    assert!(refused.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
}

#[db_test]
async fn a_crowd_at_the_door_is_turned_away_loudly(t: DbTest) {
    let app = AppBuilder::new(&t.database)
        .configure(|c| {
            c.tenant.password_threads = 1;
            c.tenant.password_queue = 1;
            c.tenant.password_memory_kib = 64 * 1024;
            c.tenant.password_passes = 4;
        })
        .start()
        .await;
    let body = json!({ "email": app.alice.email, "password": app.alice.password });
    let client = app.anonymous();
    let crowd: Vec<_> = (0..12)
        .map(|_| {
            let (client, body) = (client.clone(), body.clone());
            tokio::spawn(async move { client.post(SESSIONS, &body).await })
        })
        .collect();
    let mut served = 0;
    for one in crowd {
        let reply = one.await.unwrap();
        if reply.status == 201 {
            served += 1;
        } else {
            reply.expect_problem(503, "tenant.sign_in.busy");
            assert!(reply.header("retry-after").is_some());
        }
    }
    assert!((1..12).contains(&served), "{served}");
}

#[db_test]
async fn a_new_password_ends_all_other_sessions(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice;
    let body = json!({ "email": alice.email, "password": alice.password });
    let other = app.anonymous().post(SESSIONS, &body).await.expect(201);
    let change = json!({ "current_password": "wrong one", "new_password": "another password" });
    alice.client.put("/v1/tenant/me/password", &change).await.expect_problem(401, "tenant.sign_in.failed");
    let short = json!({ "current_password": alice.password, "new_password": "short" });
    alice.client.put("/v1/tenant/me/password", &short).await.expect_problem(400, "tenant.invalid");
    let change = json!({ "current_password": alice.password, "new_password": "another password" });
    assert_eq!(alice.client.put("/v1/tenant/me/password", &change).await.status, 204);
    alice.client.get("/v1/tenant/me").await.expect(200);
    let stale = app.anonymous().bearer(other["access_token"].as_str().unwrap());
    stale.get("/v1/tenant/me").await.expect_problem(401, "tenant.token.invalid");
    app.anonymous().post(SESSIONS, &body).await.expect_problem(401, "tenant.sign_in.failed");
}
