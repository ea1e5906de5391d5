//! Webhooks as a receiver sees them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use veza_core::config::{Period, Secret};
use veza_jobs::webhook::{Webhook, WebhookConfig, Webhooks};
use veza_jobs::{Jobs, Runtime, enqueue};
use veza_testing::{TenantTest, tenant_test};

use crate::work::{config, deaths, states};

/// What came in: header lines in lower case, and the body.
type Received = (Vec<String>, String);

/// Answers each request with the next of `answers`, and tells what it got.
fn receiver(answers: &'static [&'static str]) -> (String, mpsc::Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook?token=sesame", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (stream, _) = listener.accept().unwrap();
            let received = read(&stream);
            let said = format!("HTTP/1.1 {answer}\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello");
            (&stream).write_all(said.as_bytes()).unwrap();
            tell.send(received).unwrap();
        }
    });
    (url, told)
}

fn read(stream: &TcpStream) -> Received {
    let mut reader = BufReader::new(stream);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        headers.push(line.trim().to_owned());
    }
    let length = header(&headers, "content-length").parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (headers, String::from_utf8(body).unwrap())
}

fn header(headers: &[String], name: &str) -> String {
    let found = headers
        .iter()
        .find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)));
    found.unwrap_or_default().1.to_owned()
}

fn webhooks(allow_private: bool) -> Webhooks {
    let config = WebhookConfig { allow_private, timeout: Period::from_secs(5) };
    Webhooks::new(&config, &Secret::new("the root".to_owned())).unwrap()
}

fn runtime(t: &TenantTest, webhooks: &Webhooks) -> Runtime {
    let jobs = Jobs::new(t.db.clone(), config()).unwrap();
    Runtime::builder(&jobs).handler::<Webhook, _>(webhooks.clone()).build().unwrap()
}

async fn send(t: &TenantTest, url: &str) {
    let webhook = Webhook::new(url, "orders", "order.paid", &json!({ "order": 7 })).unwrap();
    t.db.tenant(&t.alice.caller, move |tx| enqueue(tx, &webhook)).await.unwrap();
}

#[tenant_test(clock = "manual")]
async fn a_webhook_is_signed_and_sent_again_with_the_same_id(t: TenantTest) {
    let (url, received) = receiver(&["500 Oops", "503 Later\r\nretry-after: 120", "204 Fine"]);
    let webhooks = webhooks(true);
    let runtime = runtime(&t, &webhooks);
    send(&t, &url).await;
    assert_eq!(runtime.drain(&t.alice.caller).await.unwrap().attempts, 1);
    let (first, body) = received.recv().unwrap();
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["type"], &body["data"]), (&json!("order.paid"), &json!({ "order": 7 })));
    t.clock.advance(TimeDelta::seconds(20));
    assert_eq!(runtime.drain(&t.alice.caller).await.unwrap().attempts, 1);
    let (second, text) = received.recv().unwrap();
    assert_eq!(header(&first, "webhook-id"), header(&second, "webhook-id"));
    assert_ne!(header(&first, "webhook-timestamp"), header(&second, "webhook-timestamp"));
    verify(&webhooks.secret(t.alice.tenant, "orders"), &second, &text);
    t.clock.advance(TimeDelta::seconds(119));
    assert_eq!(
        runtime.drain(&t.alice.caller).await.unwrap().attempts,
        0,
        "the receiver asked for two minutes"
    );
    t.clock.advance(TimeDelta::seconds(1));
    assert_eq!(runtime.drain(&t.alice.caller).await.unwrap().attempts, 1);
    assert_eq!(states(&t.db, &t.alice.caller).await, (0, 0, 0, 0, 0));
}

/// As a receiver does it, with another implementation than the sender's.
fn verify(secret: &str, headers: &[String], body: &str) {
    let script = "import sys, hmac, hashlib, base64\n\
                  secret, signed, given = sys.argv[1:]\n\
                  key = base64.b64decode(secret.removeprefix('whsec_'))\n\
                  made = base64.b64encode(hmac.new(key, signed.encode(), hashlib.sha256).digest()).decode()\n\
                  sys.exit(0 if given == 'v1,' + made else 1)";
    let signed = format!("{}.{}.{body}", header(headers, "webhook-id"), header(headers, "webhook-timestamp"));
    let status = std::process::Command::new("python3")
        .args(["-c", script, secret, &signed, &header(headers, "webhook-signature")])
        .status()
        .expect("python3 is installed: apt-get install python3");
    assert!(status.success(), "the signature does not hold");
}

#[tenant_test]
async fn gone_is_the_end_and_no_error_tells_the_address(t: TenantTest) {
    let (url, _received) = receiver(&["410 Gone"]);
    let runtime = runtime(&t, &webhooks(true));
    send(&t, &url).await;
    runtime.drain(&t.alice.caller).await.unwrap();
    let (reason, error) = deaths(&t.db, &t.alice.caller).await.remove(0);
    assert_eq!((reason.as_str(), error.as_str()), ("fatal", "the receiver answered 410 Gone: hello"));
    assert!(!error.contains("sesame"));
}

#[tenant_test]
async fn what_only_the_server_reaches_is_not_called(t: TenantTest) {
    let runtime = runtime(&t, &webhooks(false));
    for url in ["http://example.com/", "https://127.0.0.1:1/", "https://localhost:1/", "https://[::1]:1/"] {
        send(&t, url).await;
    }
    runtime.drain(&t.alice.caller).await.unwrap();
    let said: Vec<String> = deaths(&t.db, &t.alice.caller).await.into_iter().map(|death| death.1).collect();
    assert_eq!(
        said,
        [
            "webhooks go over https only",
            "webhooks do not go to private addresses",
            "webhooks do not go to private addresses",
        ]
    );
    // A name may mean another address tomorrow, so that one is tried again.
    assert_eq!(states(&t.db, &t.alice.caller).await, (0, 1, 0, 3, 0));
}

#[test]
fn addresses_are_checked_when_they_are_given() {
    let new = |url: &str| Webhook::new(url, "e", "t", &Duration::ZERO).is_ok();
    assert!(new("https://example.com/a?b=c"));
    for wrong in [
        "",
        "example.com",
        "ftp://example.com",
        "https://user:pass@example.com",
        "https://",
        &format!("https://a/{}", "x".repeat(2_000)),
    ] {
        assert!(!new(wrong), "{wrong}");
    }
}
