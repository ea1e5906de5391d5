//! A bucket that the configuration names.

use veza_core::Tasks;
use veza_core::config::Secret;
use veza_storage::{Error, S3Section, Storage, StorageConfig};
use veza_testing::{DbTest, db_test};
use veza_testing_s3::S3Server;

use crate::stage::server;

fn section(server: &S3Server) -> S3Section {
    let config = server.config();
    S3Section {
        bucket: Some(config.bucket),
        endpoint: config.endpoint,
        region: config.region,
        path_style: true,
        access_key_id: Some(config.access_key_id),
        secret_access_key: Some(config.secret_access_key),
        ..S3Section::default()
    }
}

async fn open(t: &DbTest, s3: S3Section) -> Result<Option<Storage>, Error> {
    let config = StorageConfig { s3, ..StorageConfig::default() };
    Storage::configured(t.db.clone(), config, &Tasks::new()).await
}

#[db_test]
async fn files_are_in_the_bucket_that_is_configured(t: DbTest) {
    let server = server().await;
    assert!(open(&t, section(&server)).await.unwrap().is_some());
    assert!(open(&t, S3Section::default()).await.unwrap().is_none());
}

#[db_test]
async fn what_cannot_work_is_told_at_the_start(t: DbTest) {
    let server = server().await;
    let usual = || section(&server);
    let wrong = [
        (S3Section { bucket: Some("absent".to_owned()), ..usual() }, "no such bucket"),
        (S3Section { secret_access_key: Some(Secret::new("wrong")), ..usual() }, "refuses"),
        (S3Section { endpoint: Some("http://127.0.0.1:1".to_owned()), ..usual() }, "not available"),
        (S3Section { access_key_id: None, ..usual() }, "access_key_id is not set"),
        (S3Section { prefix: "no-slash".to_owned(), ..usual() }, "prefix"),
        (S3Section { cold_class: Some("GLACIER".to_owned()), ..usual() }, "cold class"),
        (S3Section { bucket: None, ..usual() }, "bucket is not set"),
    ];
    for (section, word) in wrong {
        match open(&t, section).await {
            Err(Error::Setup(text)) => {
                assert!(text.contains(word) && text.contains("storage.s3"), "{word}: {text}");
            }
            other => panic!("{word}: {other:?}"),
        }
    }
}
