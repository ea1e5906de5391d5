//! What browsers are told.

use crate::server::Server;
use veza_web::{CorsConfig, WebConfig};

#[test]
fn every_answer_has_the_headers() {
    let server = Server::new();
    for path in ["/health", "/nothing", "/v1/test/fail/panic", "/v1/test/rooms"] {
        let reply = server.get(path);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("cache-control", "no-store"),
            ("strict-transport-security", ""),
            ("access-control-allow-origin", ""),
        ] {
            assert_eq!(reply.header(name), value, "{path} {name}");
        }
        assert!(!reply.header("x-request-id").is_empty());
    }
}

#[test]
fn hsts_only_when_a_trusted_proxy_spoke_tls() {
    let config = WebConfig { trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()], ..WebConfig::default() };
    for (server, value) in [(Server::new(), ""), (Server::with(config, |web| web), "max-age=63072000")] {
        let reply = server.send("GET", "/health", &[("X-Forwarded-Proto", "https")], b"");
        assert_eq!(reply.header("strict-transport-security"), value);
    }
}

#[test]
fn only_configured_origins_may_call() {
    let origin = "https://app.example.com";
    let cors = CorsConfig { allowed_origins: vec![origin.into()], credentials: false };
    let server = Server::with(WebConfig { cors, ..WebConfig::default() }, |web| web);
    let reply = server.send("GET", "/health", &[("Origin", origin)], b"");
    assert_eq!(reply.header("access-control-allow-origin"), origin);
    assert!(reply.header("access-control-expose-headers").contains("ETag"));
    assert_eq!(reply.header("access-control-allow-credentials"), "");
    assert_eq!(reply.header("vary"), "Origin");
    for other in ["https://app.example.com.evil.org", "null", "http://app.example.com", "*"] {
        let reply = server.send("GET", "/health", &[("Origin", other)], b"");
        assert_eq!(reply.header("access-control-allow-origin"), "", "{other}");
        assert_eq!(reply.header("vary"), "Origin");
    }
    let preflight = |origin| {
        let headers = [("Origin", origin), ("Access-Control-Request-Method", "PATCH")];
        server.send("OPTIONS", "/v1/test/rooms", &headers, b"")
    };
    let reply = preflight(origin);
    assert_eq!((reply.status, reply.header("access-control-allow-origin").as_str()), (204, origin));
    assert!(reply.header("access-control-allow-methods").contains("PATCH"));
    assert_eq!(preflight("https://evil.org").status, 405);
}

#[test]
fn large_answers_are_compressed_for_who_asks() {
    let server = Server::new();
    let ask = |path, accept| server.send("GET", path, &[("Accept-Encoding", accept)], b"");
    let large = ask("/v1/test/fail/large", "gzip, zstd");
    assert_eq!(
        (large.header("content-encoding").as_str(), large.header("vary").as_str()),
        ("zstd", "accept-encoding")
    );
    assert!(large.body.len() < 1_000);
    assert_eq!(ask("/v1/test/fail/small", "gzip, zstd").header("content-encoding"), "");
    assert_eq!(server.get("/v1/test/fail/large").body.len(), 100_002);
}

#[test]
fn request_ids_come_back() {
    let server = Server::new();
    let reply = server.send("GET", "/nothing", &[("X-Request-Id", "job<7>")], b"");
    assert_eq!(reply.header("x-request-id"), "job<7>");
    assert_eq!(reply.json()["instance"], "urn:veza:request:job%3C7%3E");
    let reply = server.send("GET", "/nothing", &[("X-Request-Id", "a b")], b"");
    assert_eq!(reply.problem(), "404 web.route.not_found");
}
