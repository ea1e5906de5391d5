//! Services that fail.

use std::time::Duration;

use veza_storage::backend::s3::S3Config;
use veza_storage::{Error, body};
use veza_testing_s3::{Fault, Request, S3Server};

use crate::conformance::bodies::{breaking, pattern};
use crate::conformance::stage::{Stage, collect};
use crate::stage::{loopback, server, stage};

fn faults(stage: &Stage) -> &veza_testing_s3::Faults {
    stage.keep::<S3Server>().faults()
}

#[tokio::test]
async fn a_busy_service_is_asked_again() {
    let stage = loopback().await;
    let before = faults(&stage).asked(Request::Put);
    for _ in 0..2 {
        faults(&stage).add(Request::Put, Fault::Busy);
        faults(&stage).add(Request::Get, Fault::Busy);
    }
    let key = stage.small().await;
    stage.read(key).await;
    assert_eq!(faults(&stage).asked(Request::Put), before + 3);
    assert_eq!(faults(&stage).asked(Request::Get), 3);
}

#[tokio::test]
async fn a_service_that_stays_busy_is_given_up() {
    let server = server().await;
    let config = S3Config { attempts: 2, exclusive_put: Some(true), ..server.config() };
    let stage = stage(config, server).await;
    for _ in 0..2 {
        faults(&stage).add(Request::Put, Fault::Busy);
    }
    let key = stage.key();
    let answer = stage.backend.put(key, None, body::full("x")).await;
    assert!(matches!(answer, Err(Error::Unavailable { .. })), "{answer:?}");
    assert_eq!(faults(&stage).asked(Request::Put), 2);
    stage.assert_nothing(key).await;
}

/// The time of all attempts is bounded: nothing listens, and nothing refuses either.
#[tokio::test]
async fn a_service_that_never_answers_is_given_up() {
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = server().await;
    let config = S3Config {
        exclusive_put: Some(true),
        attempt_timeout: Duration::from_millis(200),
        timeout: Duration::from_millis(500),
        ..server.config().with_endpoint(format!("http://{}", deaf.local_addr().unwrap()))
    };
    let stage = stage(config, deaf).await;
    let answer = stage.backend.put(stage.key(), None, body::full("x")).await;
    assert!(matches!(answer, Err(Error::Unavailable { .. })), "{answer:?}");
}

/// The first attempt stored the blob; the second is told that it exists, and that it was ours.
#[tokio::test]
async fn a_put_whose_answer_was_lost_is_no_conflict() {
    let stage = loopback().await;
    let before = faults(&stage).asked(Request::Put);
    faults(&stage).add(Request::Put, Fault::Lost);
    let key = stage.small().await;
    assert_eq!(faults(&stage).asked(Request::Put), before + 2);
    assert_eq!(stage.read(key).await, pattern(10, 1));
    // Somebody else's stays a conflict.
    faults(&stage).add(Request::Put, Fault::Busy);
    let answer = stage.backend.put(key, None, body::full("others")).await;
    assert!(matches!(answer, Err(Error::Exists)), "{answer:?}");
}

#[tokio::test]
async fn a_completion_whose_answer_was_lost_is_complete() {
    let stage = loopback().await;
    faults(&stage).add(Request::Complete, Fault::Lost);
    faults(&stage).add(Request::Part, Fault::Lost);
    let (key, bytes) = (stage.key(), pattern(3 * stage.border, 50));
    stage.put(key, &bytes).await;
    assert!(stage.read(key).await == bytes);
    stage.assert_uploads(key, 0).await;
}

#[tokio::test]
async fn a_full_service_is_told() {
    let server = server().await;
    let config = S3Config { attempts: 1, ..server.config() };
    let stage = stage(config, server).await;
    faults(&stage).add(Request::Put, Fault::Full);
    let answer = stage.backend.put(stage.key(), None, body::full("x")).await;
    assert!(matches!(answer, Err(Error::Full)), "{answer:?}");
    faults(&stage).add(Request::Part, Fault::Full);
    let key = stage.key();
    let answer = stage.backend.put(key, None, body::full(pattern(3 * stage.border, 51))).await;
    assert!(matches!(answer, Err(Error::Full)), "{answer:?}");
    stage.assert_nothing(key).await;
}

#[tokio::test]
async fn a_body_that_breaks_off_goes_on() {
    let stage = loopback().await;
    let (key, bytes) = (stage.key(), pattern(300_000, 52));
    stage.put(key, &bytes).await;
    // Each answer is of what is left: so the second ends behind 50,000 bytes.
    for at in [0, 10_000, 40_000] {
        faults(&stage).add(Request::Get, Fault::Cut(at));
    }
    assert!(stage.read(key).await == bytes);
    assert_eq!(faults(&stage).asked(Request::Get), 4);

    faults(&stage).add(Request::Get, Fault::Cut(7));
    let range = (100_u64..200_000).into();
    assert!(stage.read_range(key, Some(range)).await == bytes[100..200_000]);
}

#[tokio::test]
async fn a_body_that_never_comes_is_given_up() {
    let stage = loopback().await;
    let key = stage.small().await;
    let before = faults(&stage).asked(Request::Get);
    for _ in 0..20 {
        faults(&stage).add(Request::Get, Fault::Cut(0));
    }
    let answer = match stage.backend.get(key, None).await {
        Ok(download) => collect(download).await.map(drop),
        Err(error) => Err(error),
    };
    assert!(matches!(answer, Err(Error::Unavailable { .. })), "{answer:?}");
    assert!(faults(&stage).asked(Request::Get) - before <= 10);
}

#[tokio::test]
async fn an_upload_is_ended_although_the_service_is_busy() {
    let stage = loopback().await;
    let before = faults(&stage).asked(Request::Abort);
    // More than one request's attempts.
    for _ in 0..5 {
        faults(&stage).add(Request::Abort, Fault::Busy);
    }
    let key = stage.key();
    let answer = stage.backend.put(key, None, breaking(&pattern(3 * stage.border, 53))).await;
    assert!(matches!(answer, Err(Error::Body(_))), "{answer:?}");
    stage.assert_nothing(key).await;
    assert_eq!(faults(&stage).asked(Request::Abort), before + 6);
}
