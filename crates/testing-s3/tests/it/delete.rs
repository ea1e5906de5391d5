//! Removing in bulk, and one by one.

use veza_testing_s3::{Request, S3Server};

use crate::stage::loopback;

#[tokio::test]
async fn many_are_removed_in_one_request() {
    let stage = loopback().await;
    let keys = [stage.small().await, stage.small().await, stage.small().await];
    stage.backend.delete_many(&keys).await.unwrap();
    assert_eq!(stage.keep::<S3Server>().faults().asked(Request::DeleteMany), 1);
    for key in keys {
        stage.assert_absent(key).await;
    }
}

/// A service without that request is asked for it once.
#[tokio::test]
async fn many_are_removed_one_by_one() {
    let stage = loopback().await;
    let faults = stage.keep::<S3Server>().faults();
    faults.delete_one_by_one();
    for _ in 0..2 {
        let keys = [stage.small().await, stage.key(), stage.small().await];
        stage.backend.delete_many(&keys).await.unwrap();
        for key in keys {
            stage.assert_absent(key).await;
        }
    }
    assert_eq!(faults.asked(Request::DeleteMany), 1);
}
