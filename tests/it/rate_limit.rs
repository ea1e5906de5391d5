//! The request limit: a hundred a minute for each organisation, and told.

use veza::tenant::organization::LimitChange;
use veza_testing::{AppBuilder, DbTest, db_test};

#[db_test]
async fn an_organisation_has_its_hundred_and_no_others(t: DbTest) {
    let app = AppBuilder::new(&t.database).configure(|c| c.tenant.requests_per_minute = 100).start().await;
    let first = app.alice.client.get("/v1/tenant/me").await;
    assert_eq!(first.header("ratelimit-policy"), Some("\"tenant\";q=100;w=60"));
    assert!(first.header("ratelimit").unwrap().starts_with("\"tenant\";r=99;t="), "{first:?}");
    let mut refused = 0;
    for _ in 0..120 {
        let reply = app.alice.client.get("/v1/tenant/me").await;
        if reply.status == 429 {
            reply.expect_problem(429, "web.rate_limited");
            assert!(reply.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
            refused += 1;
        }
    }
    assert!((10..=21).contains(&refused), "{refused}");
    app.mallory.client.get("/v1/tenant/me").await.expect(200);
    let change = LimitChange { requests_per_minute: Some(Some(10_000)), max_members: None };
    app.platform.tenants.set_limits(&app.alice.slug, change).await.unwrap();
    let raised = app.alice.client.get("/v1/tenant/me").await;
    assert_eq!(raised.header("ratelimit-policy"), Some("\"tenant\";q=10000;w=60"));
}
