//! Requests that somebody else makes, with a client that knows nothing of S3.

use std::fmt::Write;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use veza_storage::backend::{Operation, Presigned};
use veza_storage::{BlobKey, Error};
use veza_testing_s3::S3Server;

use crate::conformance::stage::Stage;
use crate::stage::{loopback, server, stage};

const HOUR: Duration = Duration::from_hours(1);

/// The status and the text of an answer.
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

async fn sign(stage: &Stage, operation: Operation, key: BlobKey) -> Presigned {
    stage.backend.presign(&operation, key, HOUR).await.unwrap().unwrap()
}

fn get() -> Operation {
    Operation::Get { content_type: None, content_disposition: None }
}

/// Sends a request to the loopback address, whatever name the URL has.
async fn send(request: &Presigned, body: &[u8]) -> Answer {
    let (authority, path) = request.url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let port = authority.split_once(':').unwrap().1;
    let mut head =
        format!("{} /{path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n", request.method);
    let sized = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    for (name, value) in request.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host")) {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    if !sized && !body.is_empty() {
        write!(head, "content-length: {}\r\n", body.len()).unwrap();
    }
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap();
    stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_lowercase(), body: answer[end + 4..].to_vec() }
}

#[tokio::test]
async fn whoever_has_the_url_reads_that_blob() {
    let stage = loopback().await;
    let key = stage.key();
    stage.put(key, b"what is in it").await;
    let request = sign(&stage, get(), key).await;
    let answer = send(&request, b"").await;
    assert_eq!((answer.status, &answer.body[..]), (200, &b"what is in it"[..]));

    let operation = Operation::Get {
        content_type: Some("text/plain".to_owned()),
        content_disposition: Some("attachment; filename=\"é&?.txt\"".to_owned()),
    };
    let answer = send(&sign(&stage, operation, key).await, b"").await;
    assert_eq!(answer.status, 200, "{}", answer.head);

    // And no other blob, nor in another way, nor longer.
    let other = stage.small().await;
    let moved =
        Presigned { url: request.url.replace(&key.to_string(), &other.to_string()), ..request.clone() };
    assert_eq!(send(&moved, b"").await.status, 403);
    let written = Presigned { method: "PUT".to_owned(), ..request.clone() };
    assert_eq!(send(&written, b"x").await.status, 403);
    let longer =
        Presigned { url: request.url.replace("X-Amz-Expires=3600", "X-Amz-Expires=7200"), ..request };
    assert_eq!(send(&longer, b"").await.status, 403);
}

#[tokio::test]
async fn whoever_has_the_url_writes_that_blob_once() {
    let stage = loopback().await;
    let key = stage.key();
    let request = sign(&stage, Operation::Put { len: 5 }, key).await;
    let answer = send(&request, b"12345").await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    assert_eq!(stage.read(key).await, b"12345");
    assert_eq!(send(&request, b"54321").await.status, 412);
    assert_eq!(stage.read(key).await, b"12345");

    // The length is signed as well.
    let key = stage.key();
    let mut request = sign(&stage, Operation::Put { len: 5 }, key).await;
    for (name, value) in &mut request.headers {
        if name.eq_ignore_ascii_case("content-length") {
            "6".clone_into(value);
        }
    }
    assert_eq!(send(&request, b"123456").await.status, 403);
    stage.assert_absent(key).await;
}

#[tokio::test]
async fn the_bucket_may_be_in_the_name_of_the_host() {
    let server = server().await;
    let mut config = server.virtual_host_config();
    // The name need not be known to this machine: nothing is asked.
    config.exclusive_put = Some(true);
    let host = stage(config, ()).await;
    let path = stage(server.config(), server).await;
    let key = path.small().await;
    let request = sign(&host, get(), key).await;
    assert!(request.url.starts_with("http://bucket.localhost:"), "{}", request.url);
    let answer = send(&request, b"").await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    assert_eq!(answer.body, path.read(key).await);
}

#[tokio::test]
async fn a_url_is_not_valid_for_ever() {
    let stage = loopback().await;
    let answer = stage.backend.presign(&get(), stage.key(), Duration::from_hours(24 * 8)).await;
    assert!(matches!(answer, Err(Error::Setup(_))), "{answer:?}");
    assert_eq!(stage.keep::<S3Server>().faults().asked(veza_testing_s3::Request::Get), 0);
}
