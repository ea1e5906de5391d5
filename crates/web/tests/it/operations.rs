//! Health, metrics, documentation.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use actix_web::web::{Bytes, Data};
use actix_web::{HttpResponse, get};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, stream};
use metrics_exporter_prometheus::PrometheusBuilder;
use veza_core::config::Period;
use veza_core::{SystemClock, SystemRandom};
use veza_web::{Check, Routes, Web, WebConfig};

use crate::server::{Server, routes};

/// A part that is down.
#[derive(Debug)]
struct Down(&'static str);

impl Check for Down {
    fn name(&self) -> &'static str {
        self.0
    }
    fn check(&self) -> BoxFuture<'_, Result<(), Box<dyn std::error::Error + Send + Sync>>> {
        async { Err("connection refused to 10.0.0.7".into()) }.boxed()
    }
}

#[test]
fn ready_names_what_is_down_and_no_more() {
    let down = |web: Web| web.check(Arc::new(Down("database"))).check(Arc::new(Down("objects")));
    let server = Server::with(WebConfig::default(), down);
    assert_eq!(server.get("/health").json(), serde_json::json!({"status": "ok"}));
    let reply = server.get("/ready");
    assert_eq!(reply.problem(), "503 web.unavailable");
    assert_eq!(reply.json()["detail"], "not working: database, objects");
}

#[test]
fn a_draining_process_sends_clients_away() {
    let server = Server::new();
    assert_eq!(server.get("/ready").status, 200);
    server.site.drain().begin();
    assert_eq!(server.get("/ready").problem(), "503 web.unavailable");
    // It closes although the client would go on.
    let reply = server.raw(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!((reply.status, reply.header("connection").as_str()), (200, "close"));
}

#[test]
fn metrics_are_there_when_given() {
    assert_eq!(Server::new().get("/metrics").status, 404);
    let given = |web: Web| web.metrics(Arc::new(|| "veza_up 1\n".to_owned()));
    let reply = Server::with(WebConfig::default(), given).get("/metrics");
    assert_eq!(String::from_utf8(reply.body).unwrap(), "veza_up 1\n");
}

#[test]
fn requests_are_counted_by_route_and_never_by_path() {
    let recorder = PrometheusBuilder::new().install_recorder().unwrap();
    let server = Server::new();
    server.get("/v1/test/rooms/secret-id?token=secret");
    server.send("BREW", "/secret-path", &[], b"");
    let text = recorder.render();
    let count = |labels: &str| text.contains(&format!("veza_web_requests_total{{{labels}}}"));
    assert!(count(r#"method="GET",route="/v1/test/rooms/{id}",status="401""#), "{text}");
    assert!(count(r#"method="other",route="unmatched",status="404""#), "{text}");
    assert!(text.contains("veza_web_request_duration_seconds"));
    assert!(!text.contains("secret"));
}

#[test]
fn the_document_has_what_is_served() {
    let server = Server::new();
    let reply = server.get("/openapi.json");
    let api = reply.json();
    let paths: Vec<&str> = api["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    for path in ["/v1/test/rooms", "/v1/test/rooms/{id}", "/health", "/openapi.json"] {
        assert!(paths.contains(&path), "{path} in {paths:?}");
    }
    let find = &api["paths"]["/v1/test/rooms/{id}"]["get"];
    assert_eq!(find["responses"]["default"]["$ref"], "#/components/responses/Problem");
    assert_eq!(api["security"], serde_json::json!([{"bearer": []}]));
    assert_eq!(api["paths"]["/health"]["get"]["security"], serde_json::json!([{}]));
    for schema in ["Problem", "FieldProblem", "Room", "NewRoom"] {
        assert!(api["components"]["schemas"][schema].is_object(), "{schema}");
    }
    assert_eq!(serde_json::to_value(server.site.document(routes)).unwrap(), api);
    let again = server.send("GET", "/openapi.json", &[("If-None-Match", &reply.header("etag"))], b"");
    assert_eq!((again.status, again.body.len()), (304, 0));
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let reply = Server::new().get("/docs");
    let page = String::from_utf8(reply.body.clone()).unwrap();
    assert!(!page.contains("http://") && !page.contains("https://"));
    let policy = reply.header("content-security-policy");
    assert!(policy.contains("script-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
}

/// Tells when it is dropped.
struct Told(mpsc::Sender<()>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.send(()).unwrap();
    }
}

/// An answer without an end.
#[utoipa::path(responses((status = OK, description = "Zeros.")))]
#[get("/endless")]
async fn endless(ends: Data<Mutex<mpsc::Sender<()>>>) -> HttpResponse {
    let told = Told(ends.lock().unwrap().clone());
    let piece = stream::repeat_with(move || {
        let _kept = &told;
        Ok::<_, actix_web::Error>(Bytes::from_static(&[0; 4_096]))
    });
    HttpResponse::Ok().streaming(piece)
}

#[test]
fn who_reads_nothing_is_given_up() {
    let config = WebConfig { unread_timeout: Period::from_secs(1), workers: 1, ..WebConfig::default() };
    let site = Web::new(config, Arc::new(SystemClock), Arc::new(SystemRandom)).site();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (ends, ended) = mpsc::channel::<()>();
    let (starts, started) = mpsc::channel();
    std::thread::spawn(move || {
        let ends = Data::new(Mutex::new(ends));
        let mount = move |routes: &mut Routes<'_>| {
            routes.app_data(ends.clone()).service(endless);
        };
        actix_web::rt::System::new().block_on(async {
            let server = site.serve(vec![listener], mount).unwrap();
            starts.send(()).unwrap();
            server.await.unwrap();
        });
    });
    // Connections that came before that have no limit.
    started.recv().unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    // It stays connected, and takes nothing.
    ended.recv_timeout(Duration::from_mins(1)).expect("the answer is given up");
    drop(client);
}
