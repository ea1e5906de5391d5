//! Credentials and buckets that are wrong.

use std::sync::Arc;

use veza_core::config::Secret;
use veza_core::{SystemRandom, Tasks};
use veza_storage::backend::s3::{S3Backend, S3Config};
use veza_storage::{Backend, BlobKey, Error, body};

use crate::stage::{loopback, open, server, tls_server};

async fn error(config: S3Config) -> Error {
    S3Backend::open(config, Tasks::new(), Arc::new(SystemRandom)).await.unwrap_err()
}

#[tokio::test]
async fn a_wrong_signature_is_refused() {
    let server = server().await;
    let usual = server.config();
    let wrong = Secret::new("another");
    let error_of = error(S3Config { secret_access_key: wrong, ..usual.clone() }).await;
    assert!(matches!(error_of, Error::Refused(_)), "{error_of:?}");
    assert!(!format!("{error_of:?}").contains("another"));
    let error_of = error(S3Config { access_key_id: "nobody".to_owned(), ..usual }).await;
    assert!(matches!(error_of, Error::Refused(_)), "{error_of:?}");
}

/// Also where every request is signed, and not only the first.
#[tokio::test]
async fn a_wrong_signature_reads_and_writes_nothing() {
    let stage = loopback().await;
    let key = stage.small().await;
    let server = stage.keep::<veza_testing_s3::S3Server>();
    let secret_access_key = Secret::new("another");
    let config = S3Config { secret_access_key, exclusive_put: Some(true), ..server.config() };
    let (thief, _tasks) = open(config).await;
    let other: BlobKey = stage.key();
    assert!(matches!(thief.get(key, None).await, Err(Error::Refused(_))));
    assert!(matches!(thief.head(key).await, Err(Error::Refused(_))));
    assert!(matches!(thief.put(other, None, body::full("x")).await, Err(Error::Refused(_))));
    assert!(matches!(thief.delete_many(&[key]).await, Err(Error::Refused(_))));
    assert!(matches!(thief.delete_many(&[key, other]).await, Err(Error::Refused(_))));
    assert!(matches!(thief.list(None, None, 10).await, Err(Error::Refused(_))));
    stage.read(key).await;
    stage.assert_absent(other).await;
}

/// One that the system does not know either: nothing is sent to it.
#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_not_spoken_to() {
    let server = tls_server().await;
    let usual = S3Config { attempts: 1, ..server.config() };
    let stranger = error(S3Config { ca_file: None, ..usual.clone() }).await;
    assert!(matches!(stranger, Error::Unavailable { .. }), "{stranger:?}");
    let absent = error(S3Config { ca_file: Some("/nonexistent".into()), ..usual.clone() }).await;
    assert!(matches!(absent, Error::Setup(_)), "{absent:?}");
    assert_eq!(server.faults().asked(veza_testing_s3::Request::Put), 0);
    open(usual).await;
}

#[tokio::test]
async fn an_absent_bucket_and_server_are_told() {
    let server = server().await;
    let usual = server.config();
    let absent = error(S3Config { bucket: "absent".to_owned(), ..usual.clone() }).await;
    assert!(matches!(absent, Error::Setup(_)), "{absent:?}");
    let nobody = S3Config { attempts: 1, ..usual.with_endpoint("http://127.0.0.1:1") };
    let nobody = error(nobody).await;
    assert!(matches!(nobody, Error::Unavailable { .. }), "{nobody:?}");
}
