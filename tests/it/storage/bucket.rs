//! Files in a bucket, and what becomes of requests when its service is in trouble.

use std::path::Path;

use serde_json::json;
use veza_testing::{AppBuilder, Client, TenantTest, TestDatabase, tenant_test};
use veza_testing_s3::{Fault, Request, S3Server};

use super::{files, path, put, stored, usage};

/// How often the service is asked before a request is given up.
const ATTEMPTS: usize = 4;

/// An app whose files are in a bucket of a server in this process.
pub(crate) async fn builder(database: &TestDatabase) -> AppBuilder {
    let server = server().await;
    on(database, &server).keep(server)
}

async fn server() -> S3Server {
    S3Server::start(Path::new(env!("CARGO_TARGET_TMPDIR"))).await.unwrap()
}

fn on(database: &TestDatabase, server: &S3Server) -> AppBuilder {
    let s3 = server.config();
    AppBuilder::new(database).configure(move |config| {
        let section = &mut config.storage.s3;
        (section.bucket, section.endpoint) = (Some(s3.bucket), s3.endpoint);
        (section.region, section.path_style) = (s3.region, s3.path_style);
        (section.access_key_id, section.secret_access_key) =
            (Some(s3.access_key_id), Some(s3.secret_access_key));
    })
}

/// Asserts that `alice` has what she had before all the trouble, and can work on.
async fn assert_well(alice: &Client) {
    assert_eq!(usage(alice).await, (5, 0));
    assert_eq!(alice.get(&path("x")).await.text, "hello");
    alice.get(&path("y")).await.expect_problem(404, "storage.not_found");
}

#[tenant_test]
async fn a_service_in_trouble_is_told_and_nothing_changes(t: TenantTest) {
    let server = server().await;
    let app = on(&t.database, &server).start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    stored(alice, "x", "hello").await;
    for _ in 0..ATTEMPTS {
        server.faults().add(Request::Put, Fault::Full);
    }
    let full = put(alice, "y", "world").await;
    full.expect_problem(503, "storage.backend.full");
    assert_eq!(full.header("retry-after"), Some("3600"));
    assert_well(alice).await;
    for _ in 0..ATTEMPTS {
        server.faults().add(Request::Put, Fault::Busy);
        server.faults().add(Request::Get, Fault::Busy);
    }
    for refused in [put(alice, "y", "world").await, alice.get(&path("x")).await] {
        refused.expect_problem(503, "storage.backend.unavailable");
        assert!(refused.header("retry-after").is_some());
    }
    assert_well(alice).await;
}

#[tenant_test]
async fn a_service_that_has_gone_is_told_and_rows_are_served(t: TenantTest) {
    let server = server().await;
    let app = on(&t.database, &server).start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    stored(alice, "x", "hello").await;
    drop(server);
    for refused in
        [put(alice, "y", "world").await, put(alice, "x", "other").await, alice.get(&path("x")).await]
    {
        refused.expect_problem(503, "storage.backend.unavailable");
        assert!(refused.header("retry-after").is_some());
    }
    assert_eq!(alice.send("HEAD", &path("x"), None).await.header("content-length"), Some("5"));
    assert_eq!(usage(alice).await, (5, 0));
    alice.send("DELETE", &path("x"), None).await.expect(204);
    assert_eq!(usage(alice).await, (0, 0));
}
