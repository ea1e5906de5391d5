//! Who may ask, and how often.

use crate::server::Server;

#[test]
fn credentials_that_are_none() {
    let server = Server::new();
    for sent in ["Bearer nobody", "Basic YTpi", "Bearer", "Bearer ", "alice"] {
        let reply = server.send("GET", "/v1/test/rooms", &[("Authorization", sent)], b"");
        assert_eq!(reply.status, 401, "{sent}");
        assert_eq!(reply.header("www-authenticate"), "Bearer error=\"invalid_token\"");
        reply.problem();
    }
    assert_eq!(server.send("GET", "/v1/test/rooms", &[("Authorization", "bearer alice")], b"").status, 200);
}

#[test]
fn a_tenant_learns_its_limit() {
    let server = Server::new();
    let ask = |path| server.send("GET", path, &[("Authorization", "Bearer mallory")], b"");
    let first = ask("/v1/test/rooms");
    assert_eq!(first.status, 200);
    assert_eq!(first.header("ratelimit-policy"), "\"tenant\";q=2;w=60");
    assert_eq!(first.header("ratelimit"), "\"tenant\";r=1;t=30");
    let second = ask("/v1/test/rooms/unknown");
    assert_eq!(second.status, 404);
    assert!(second.header("ratelimit").starts_with("\"tenant\";r=0;t="));
    let third = ask("/v1/test/rooms");
    assert_eq!(third.problem(), "429 web.rate_limited");
    let wait: u64 = third.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(third.header("ratelimit"), format!("\"tenant\";r=0;t={wait}"));
    assert_eq!(server.alice("GET", "/v1/test/rooms", &[], "").header("ratelimit"), "\"tenant\";r=999;t=1");
}

#[test]
fn one_request_counts_once() {
    let server = Server::new();
    let reply = server.alice("POST", "/v1/test/rooms", &[], r#"{"name":"a"}"#);
    assert_eq!(reply.header("ratelimit"), "\"tenant\";r=999;t=1");
}
