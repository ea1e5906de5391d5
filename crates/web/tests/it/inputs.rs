//! Paths, queries and headers that a route does not take.

use crate::server::Server;
use veza_web::WebConfig;

#[test]
fn an_id_that_cannot_exist_answers_like_one_that_does_not() {
    let server = Server::new();
    let id = [("X-Request-Id", "0193e7c0-7b1a-7c00-8000-000000000001")];
    let unknown = server.alice("GET", "/v1/test/rooms/0193e7c0-7b1a-7c00-8000-000000000009", &id, "");
    assert_eq!(unknown.problem(), "404 test.room.not_found");
    for path in ["/v1/test/rooms/7", "/v1/test/rooms/%FF", "/v1/test/rooms/%00"] {
        let reply = server.alice("GET", path, &id, "");
        assert_eq!(reply.body, unknown.body, "{path}");
    }
}

#[test]
fn unknown_routes_and_methods() {
    let server = Server::new();
    for path in ["/", "/v1", "/v1/test/rooms/", "/v1/nothing?x=1", "/%"] {
        assert_eq!(server.get(path).problem(), "404 web.route.not_found", "{path}");
    }
    let reply = server.alice("DELETE", "/v1/test/rooms", &[], "");
    assert_eq!(reply.problem(), "405 web.method.not_allowed");
    assert_eq!(reply.header("allow"), "GET, HEAD, POST");
    let reply = server.alice("BREW", "/v1/test/rooms/7", &[], "");
    assert_eq!(reply.problem(), "405 web.method.not_allowed");
    assert_eq!(reply.header("allow"), "GET, HEAD, PATCH");
    let reply = server.get("/other");
    assert_eq!(reply.problem(), "405 web.method.not_allowed");
    assert_eq!(reply.header("allow"), "PUT");
}

#[test]
fn head_is_get_without_its_body() {
    let server = Server::new();
    let reply = server.send("HEAD", "/health", &[], b"");
    assert_eq!((reply.status, reply.body.len(), reply.header("content-length").as_str()), (200, 0, "15"));
}

#[test]
fn errors_of_the_framework_are_problems_too() {
    let server = Server::new();
    assert_eq!(server.get("/raw/1").status, 200);
    assert_eq!(server.get("/raw/1000").problem(), "404 web.route.not_found");
}

#[test]
fn queries_and_cursors() {
    let server = Server::new();
    for (query, expected, field) in [
        ("limit=0", "400 core.page.invalid", "limit"),
        ("limit=x", "400 core.page.invalid", "limit"),
        ("limit=99999999999999", "400 core.page.invalid", "limit"),
        ("cursor=nonsense", "400 core.page.invalid", "cursor"),
        ("cursor=%ff%00", "400 core.page.invalid", "cursor"),
        ("cursor=a&cursor=b", "400 web.query.invalid", "cursor"),
        ("archivd=true", "400 web.query.invalid", "archivd"),
        ("archived=7", "400 web.query.invalid", "archived"),
        ("archived=true&archived=false", "400 web.query.invalid", "archived"),
    ] {
        let reply = server.alice("GET", &format!("/v1/test/rooms?{query}"), &[], "");
        assert_eq!(reply.problem(), expected, "{query}");
        assert_eq!(reply.json()["errors"][0]["field"], field, "{query}");
    }
    let reply = server.get("/v1/test/client?limit=1");
    assert_eq!(reply.problem(), "400 web.query.invalid");
}

#[test]
fn a_list_links_to_its_next_page() {
    let server = Server::new();
    let reply = server.alice("GET", "/v1/test/rooms?limit=2&archived=true", &[], "");
    let body = reply.json();
    assert_eq!(body["items"].as_array().unwrap().len(), 2);
    let cursor = body["next_cursor"].as_str().unwrap();
    let next = format!("/v1/test/rooms?limit=2&archived=true&cursor={cursor}");
    assert_eq!(reply.header("link"), format!("<{next}>; rel=\"next\""));
    assert_eq!(server.alice("GET", &next, &[], "").status, 200);
}

#[test]
fn headers_that_have_one_value() {
    let server = Server::new();
    for name in ["Authorization", "X-Tenant-ID", "Idempotency-Key", "If-Match", "Content-Type"] {
        let reply = server.send("GET", "/v1/test/client", &[(name, "a"), (name, "a")], b"");
        assert_eq!(reply.problem(), "400 web.header.duplicate", "{name}");
        assert_eq!(reply.json()["errors"][0]["field"], name.to_ascii_lowercase());
    }
    for name in ["Host", "Content-Length"] {
        let reply = server.send("GET", "/v1/test/client", &[(name, "1"), (name, "1")], b"");
        assert_eq!(reply.status, 400, "{name}");
    }
}

#[test]
fn versions() {
    let server = Server::new();
    let room = "/v1/test/rooms/00000000-0000-0000-0000-000000000000";
    let reply = server.alice("GET", room, &[], "");
    assert_eq!((reply.status, reply.header("etag").as_str()), (200, "\"v3\""));
    assert_eq!(server.alice("GET", room, &[("If-None-Match", "\"v3\"")], "").status, 304);
    let change = |condition| server.alice("PATCH", room, &[("If-Match", condition)], r#"{"name":"b"}"#);
    assert_eq!(change("\"v3\"").header("etag"), "\"v4\"");
    assert_eq!(change("*").status, 200);
    assert_eq!(change("\"v2\"").problem(), "412 web.precondition.failed");
    assert_eq!(change("v3").problem(), "400 web.header.invalid");
}

#[test]
fn idempotency_keys() {
    let server = Server::new();
    let create = |key| server.alice("POST", "/v1/test/rooms", &[("Idempotency-Key", key)], r#"{"name":"b"}"#);
    let reply = create("7f3a");
    assert_eq!((reply.status, reply.header("idempotency-replayed").as_str()), (201, "true"));
    assert_eq!(reply.header("location"), "/v1/test/rooms/1");
    for key in ["", "a b", "é", &"x".repeat(256)] {
        assert_eq!(create(key).problem(), "400 core.idempotency.malformed", "{key}");
    }
}

#[test]
fn hosts_and_proxies() {
    let config = WebConfig {
        base_domain: Some("Example.com".into()),
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        ..WebConfig::default()
    };
    let server = Server::with(config, |web| web);
    let ask = |headers: &[(&str, &str)]| server.send("GET", "/v1/test/client", headers, b"");
    assert_eq!(ask(&[("Host", "ACME.example.com.:443")]).json()["slug"], "acme");
    let forwarded =
        [("X-Forwarded-Host", "umbrella.example.com"), ("X-Forwarded-For", "6.6.6.6, 198.51.100.7")];
    let seen = ask(&forwarded).json();
    assert_eq!((&seen["slug"], &seen["ip"]), (&"umbrella".into(), &"198.51.100.7".into()));
    for host in ["xn--acm-epa.example.com", "a b", "user@example.com", "example.com:x", "acmé.example.com"] {
        let reply = ask(&[("Host", host)]);
        assert_eq!(reply.status, 400, "{host}");
    }
    let strangers = Server::new();
    let seen = strangers.send("GET", "/v1/test/client", &forwarded, b"").json();
    assert_eq!((&seen["slug"], &seen["ip"]), (&serde_json::Value::Null, &"127.0.0.1".into()));
}
