//! What is our own fault.

use crate::server::Server;
use veza_core::config::Period;
use veza_web::WebConfig;

#[test]
fn a_panic_is_one_answer_and_no_more() {
    let server = Server::new();
    for _ in 0..3 {
        assert_eq!(server.get("/v1/test/fail/panic").problem(), "500 web.internal");
    }
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn internal_errors_lose_their_text() {
    let server = Server::new();
    let id = "0193e7c0-7b1a-7c00-8000-000000000001";
    let reply = server.send("GET", "/v1/test/fail/internal", &[("X-Request-Id", id)], b"");
    assert_eq!(
        reply.json(),
        serde_json::json!({
            "type": "https://veza.dev/problems/test.room.not_found",
            "title": "Internal error",
            "status": 500,
            "code": "test.room.not_found",
            "detail": "Something went wrong on our side. Report the instance if it goes on.",
            "instance": format!("urn:uuid:{id}"),
        })
    );
}

#[test]
fn what_may_work_later_says_when() {
    let reply = Server::new().get("/v1/test/fail/unavailable");
    assert_eq!((reply.status, reply.header("retry-after").as_str()), (503, "1"));
}

#[test]
fn a_request_that_takes_too_long_is_given_up() {
    let config = WebConfig { request_timeout: Period::from_secs(1), ..WebConfig::default() };
    let server = Server::with(config, |web| web);
    assert_eq!(server.get("/v1/test/fail/slow").problem(), "503 web.request.timeout");
    assert_eq!(server.get("/health").status, 200);
    // A body that never comes does not hold the worker either.
    let headers = [("Content-Type", "application/json"), ("Content-Length", "100")];
    assert_eq!(server.send("POST", "/v1/test/echo", &headers, b"{").problem(), "503 web.request.timeout");
}
