//! Token, header and host name must mean the same organisation.

use serde_json::json;
use veza_testing::{AppBuilder, TenantTest, tenant_test};

const ME: &str = "/v1/tenant/me";

#[tenant_test]
async fn a_header_must_agree_with_the_token(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let (alice, mallory) = (&app.alice, &app.mallory);
    for own in [alice.tenant.to_string(), alice.slug.clone(), alice.tenant.to_string().to_uppercase()] {
        alice.client.with("x-tenant-id", &own).get(ME).await.expect(200);
    }
    for foreign in [mallory.tenant.to_string(), mallory.slug.clone(), "no-such-slug".to_owned()] {
        alice.client.with("x-tenant-id", &foreign).get(ME).await.expect_problem(403, "tenant.mismatch");
    }
    let braces = format!("{{{}}}", alice.tenant);
    let look_alike = alice.slug.replacen('a', "а", 1);
    for bad in ["", " ", "*", "a", &braces, &look_alike, "../acme", &"a".repeat(400)] {
        let reply = alice.client.with("x-tenant-id", bad).get(ME).await;
        assert_eq!(reply.status, 400, "{bad}: {}", reply.text);
    }
    let twice = alice.client.with("x-tenant-id", &alice.slug).with("x-tenant-id", &alice.slug).get(ME).await;
    twice.expect_problem(400, "web.header.duplicate");
}

#[tenant_test]
async fn a_host_name_must_agree_with_the_token(t: TenantTest) {
    let app = AppBuilder::new(&t.database)
        .configure(|c| c.web.base_domain = Some("veza.example".to_owned()))
        .start()
        .await;
    let (alice, mallory) = (&app.alice, &app.mallory);
    let at = |host: String| alice.client.with("host", host);
    for own in [
        format!("{}.veza.example", alice.slug),
        format!("{}.VEZA.example.", alice.slug.to_uppercase()),
        format!("{}.veza.example:8080", alice.slug),
        "veza.example".to_owned(),
        format!("{}.veza.example.attacker.example", mallory.slug),
    ] {
        let reply = at(own.clone()).get(ME).await;
        assert_eq!(reply.status, 200, "{own}: {}", reply.text);
    }
    at(format!("{}.veza.example", mallory.slug)).get(ME).await.expect_problem(403, "tenant.mismatch");
    let both = at(format!("{}.veza.example", alice.slug)).with("x-tenant-id", &mallory.slug);
    both.get(ME).await.expect_problem(403, "tenant.mismatch");
    // Nobody trusts a stranger's word on what was asked for.
    let forwarded = alice.client.with("x-forwarded-host", format!("{}.veza.example", mallory.slug));
    forwarded.get(ME).await.expect(200);
    let sign_in = json!({ "email": alice.email, "password": alice.password });
    let there = app.anonymous().with("host", format!("{}.veza.example", mallory.slug));
    there.post("/v1/tenant/sessions", &sign_in).await.expect_problem(401, "tenant.sign_in.failed");
}
