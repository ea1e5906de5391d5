//! Bodies that a route does not take.

use crate::server::Server;
use veza_web::WebConfig;

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[test]
fn a_good_body_is_read() {
    let server = Server::new();
    for kind in ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"] {
        let reply = server.send("POST", "/v1/test/echo", &[("Content-Type", kind)], br#"{"name":"a"}"#);
        assert_eq!(reply.status, 200, "{kind}");
        assert_eq!(reply.json(), serde_json::json!({"name": "a", "size": 0}));
    }
}

#[test]
fn bad_json_names_the_place() {
    let server = Server::new();
    for (body, expected, field) in [
        ("{", "400 web.json.malformed", None),
        ("\u{0}", "400 web.json.malformed", None),
        (r#"{"name":"a"}x"#, "400 web.json.malformed", None),
        (r#"{"name":"a","size":"1"}"#, "400 web.json.invalid", Some("/size wrong_type")),
        (r#"{"name":"a","size":256}"#, "400 web.json.invalid", Some("/size invalid")),
        (r#"{"name":"a","sise":1}"#, "400 web.json.invalid", Some("/sise unknown")),
        (r#"{"size":1}"#, "400 web.json.invalid", Some("/name missing")),
        ("null", "400 web.json.invalid", Some(" wrong_type")),
    ] {
        let reply = server.send("POST", "/v1/test/echo", &[JSON], body.as_bytes());
        assert_eq!(reply.problem(), expected, "{body}");
        let error = &reply.json()["errors"][0];
        let found =
            error.is_object().then(|| format!("{} {}", error["field"], error["code"]).replace('"', ""));
        assert_eq!(found.as_deref(), field, "{body}");
    }
    let empty = server.send("POST", "/v1/test/echo", &[JSON], b"");
    assert_eq!(empty.problem(), "400 web.json.malformed");
    let deep = server.send("POST", "/v1/test/echo", &[JSON], "[".repeat(100_000).as_bytes());
    assert_eq!(deep.status, 400);
    let latin = server.send("POST", "/v1/test/echo", &[JSON], b"{\"name\":\"\xff\"}");
    assert_eq!(latin.problem(), "400 web.json.malformed");
}

#[test]
fn other_kinds_of_body_are_refused() {
    let server = Server::new();
    let unsupported = "415 web.body.unsupported_media_type";
    for headers in [
        &[][..],
        &[("Content-Type", "text/plain")],
        &[("Content-Type", "application/jsonx")],
        &[("Content-Type", "application/x+jsonx")],
        &[("Content-Type", "\u{7f}")],
        &[JSON, ("Content-Encoding", "gzip")],
    ] {
        let reply = server.send("POST", "/v1/test/echo", headers, br#"{"name":"a"}"#);
        if reply.status == 400 && reply.body.is_empty() {
            continue; // The framework's parser refuses the header itself.
        }
        assert_eq!(reply.problem(), unsupported, "{headers:?}");
    }
}

#[test]
fn a_body_too_large_is_refused_with_and_without_its_length() {
    let server = Server::with(WebConfig { body_limit: 1_000, ..WebConfig::default() }, |web| web);
    let large = format!(r#"{{"name":"{}"}}"#, "a".repeat(2_000));
    let reply = server.send("POST", "/v1/test/echo", &[JSON], large.as_bytes());
    assert_eq!(reply.problem(), "413 web.body.too_large");
    let chunked = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    let head = "POST /v1/test/echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let reply = server.raw(format!("{head}{chunked}").as_bytes());
    assert_eq!(reply.problem(), "413 web.body.too_large");
    let promised = server.send("POST", "/v1/test/echo", &[JSON, ("Content-Length", "99999999999")], b"{");
    assert_eq!(promised.problem(), "413 web.body.too_large");
}

#[test]
fn nobody_unknown_has_a_body_read() {
    let server = Server::new();
    for (method, path) in [("POST", "/v1/test/rooms"), ("PATCH", "/v1/test/rooms/nonsense")] {
        let reply = server.send(method, path, &[], b"nonsense");
        assert_eq!(reply.problem(), "401 test.token.unknown");
        assert_eq!(reply.header("www-authenticate"), "Bearer");
    }
    assert_eq!(server.get("/v1/test/rooms?limit=nonsense").status, 401);
}
