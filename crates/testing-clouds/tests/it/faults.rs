//! Services that fail.

use std::time::Duration;

use veza_storage::backend::cloud::CloudConfig;
use veza_storage::{Error, body};
use veza_testing_clouds::GcsServer;
use veza_testing_s3::{Fault, Faults, Request};

use crate::conformance::bodies::pattern;
use crate::conformance::stage::Stage;
use crate::stage::{gcs, server, stage_gcs};

fn faults(stage: &Stage) -> &Faults {
    stage.keep::<GcsServer>().faults()
}

/// How many uploads go on behind what the backend knows of.
async fn uploads(stage: &Stage) -> usize {
    stage.keep::<GcsServer>().uploads().await
}

#[tokio::test]
async fn a_busy_service_is_asked_again() {
    let stage = gcs().await;
    for _ in 0..2 {
        faults(&stage).add(Request::Put, Fault::Busy);
        faults(&stage).add(Request::Get, Fault::Busy);
    }
    let key = stage.small().await;
    assert_eq!(stage.read(key).await, pattern(10, 1));
    assert_eq!(faults(&stage).asked(Request::Put), 3);
    assert_eq!(faults(&stage).asked(Request::Get), 3);
}

#[tokio::test]
async fn a_service_that_stays_busy_is_given_up() {
    let server = server().await;
    let mut config = server.config();
    config.cloud.attempts = 2;
    let stage = stage_gcs(config, server).await;
    for _ in 0..2 {
        faults(&stage).add(Request::Put, Fault::Busy);
    }
    let key = stage.key();
    let answer = stage.backend.put(key, None, body::full("x")).await;
    assert!(matches!(answer, Err(Error::Unavailable { .. })), "{answer:?}");
    assert_eq!(faults(&stage).asked(Request::Put), 2);
    stage.assert_nothing(key).await;
}

#[tokio::test]
async fn a_put_whose_answer_was_lost_is_made_again() {
    let stage = gcs().await;
    faults(&stage).add(Request::Put, Fault::Lost);
    let key = stage.small().await;
    assert_eq!(stage.read(key).await, pattern(10, 1));
    assert_eq!(faults(&stage).asked(Request::Put), 2);
}

/// The second attempt is told that there is no such upload: the object says that it is ours.
#[tokio::test]
async fn a_completion_whose_answer_was_lost_is_complete() {
    let stage = gcs().await;
    faults(&stage).add(Request::Complete, Fault::Lost);
    faults(&stage).add(Request::Part, Fault::Lost);
    let (key, bytes) = (stage.key(), pattern(3 * stage.border, 50));
    stage.put(key, &bytes).await;
    assert_eq!(faults(&stage).asked(Request::Complete), 2);
    assert!(stage.read(key).await == bytes);
    assert_eq!(uploads(&stage).await, 0);
}

#[tokio::test]
async fn an_upload_that_cannot_end_leaves_none_behind() {
    let server = server().await;
    let mut config = server.config();
    config.cloud.attempts = 1;
    let stage = stage_gcs(config, server).await;
    faults(&stage).add(Request::Part, Fault::Busy);
    faults(&stage).add(Request::Abort, Fault::Busy);
    let key = stage.key();
    let answer = stage.backend.put(key, None, body::full(pattern(3 * stage.border, 51))).await;
    assert!(matches!(answer, Err(Error::Unavailable { .. })), "{answer:?}");
    stage.assert_nothing(key).await;
    assert_eq!(uploads(&stage).await, 0);
}

/// The time of all attempts is bounded: nothing listens, and nothing refuses either.
#[tokio::test]
async fn a_service_that_never_answers_is_given_up() {
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = server().await.config();
    config.endpoint = Some(format!("http://{}", deaf.local_addr().unwrap()));
    config.cloud = CloudConfig {
        attempts: 2,
        read_timeout: Duration::from_millis(200),
        timeout: Duration::from_millis(500),
        ..config.cloud
    };
    let answer = crate::stage::open_gcs(config).await;
    assert!(matches!(answer, Err(Error::Unavailable { .. })), "{answer:?}");
}
