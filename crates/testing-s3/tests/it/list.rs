//! Buckets in which others have objects as well.

use veza_testing_s3::S3Server;

use crate::stage::loopback;

#[tokio::test]
async fn what_is_no_blob_is_not_listed() {
    let stage = loopback().await;
    let key = stage.small().await;
    let objects = stage.keep::<S3Server>().objects();
    // More than a page of them, before and behind ours.
    let tenant = objects.join(stage.tenant.to_string());
    for number in 0..30 {
        std::fs::write(objects.join(format!("!{number:02}")), "x").unwrap();
        std::fs::write(objects.join(format!("~{number:02}")), "x").unwrap();
        std::fs::write(tenant.join(format!("!{number:02}")), "x").unwrap();
    }
    for tenant in [None, Some(stage.tenant)] {
        let listed = stage.backend.list(tenant, None, 5).await.unwrap();
        assert_eq!(listed.iter().map(|listed| listed.key).collect::<Vec<_>>(), [key]);
        assert_eq!(stage.backend.list(tenant, Some(key), 5).await.unwrap(), []);
    }
}
