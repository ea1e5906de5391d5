//! Places that the configuration names.

use veza_core::Tasks;
use veza_core::config::Secret;
use veza_storage::{AzureSection, Error, GcsSection, Storage, StorageConfig};
use veza_testing::{DbTest, db_test};
use veza_testing_clouds::GcsServer;

use crate::stage::{azure_config, server};

fn section(server: &GcsServer) -> GcsSection {
    let config = server.config();
    GcsSection {
        bucket: Some(config.bucket),
        endpoint: config.endpoint,
        service_account_key: Some(config.service_account_key),
        ..GcsSection::default()
    }
}

async fn open(t: &DbTest, config: StorageConfig) -> Result<Option<Storage>, Error> {
    Storage::configured(t.db.clone(), config, &Tasks::new()).await
}

async fn with_gcs(t: &DbTest, gcs: GcsSection) -> Result<Option<Storage>, Error> {
    open(t, StorageConfig { gcs, ..StorageConfig::default() }).await
}

async fn with_azure(t: &DbTest, azure: AzureSection) -> Result<Option<Storage>, Error> {
    open(t, StorageConfig { azure, ..StorageConfig::default() }).await
}

#[db_test]
async fn files_are_where_the_configuration_says(t: DbTest) {
    let server = server().await;
    assert!(with_gcs(&t, section(&server)).await.unwrap().is_some());
    assert!(with_gcs(&t, GcsSection::default()).await.unwrap().is_none());
    let Some(config) = azure_config() else { return };
    let azure = AzureSection {
        container: Some(config.container),
        account: Some(config.account),
        access_key: Some(config.access_key),
        endpoint: config.endpoint,
        ..AzureSection::default()
    };
    assert!(with_azure(&t, azure).await.unwrap().is_some());
}

#[db_test]
async fn what_cannot_work_is_told_at_the_start(t: DbTest) {
    let server = server().await;
    let usual = || section(&server);
    let google = [
        (GcsSection { bucket: Some("absent".to_owned()), ..usual() }, "no such bucket"),
        (GcsSection { service_account_key: None, ..usual() }, "service_account_key_file is not set"),
        (GcsSection { service_account_key: Some(Secret::new("no JSON")), ..usual() }, "cannot be used"),
        (GcsSection { endpoint: Some("ftp://x".to_owned()), ..usual() }, "endpoint"),
        (GcsSection { prefix: "no-slash".to_owned(), ..usual() }, "prefix"),
        (GcsSection { bucket: None, ..usual() }, "bucket is not set"),
    ];
    for (section, word) in google {
        tells(with_gcs(&t, section).await, word, "storage.gcs");
    }
    let place = || AzureSection { container: Some("files".to_owned()), ..AzureSection::default() };
    let key = Some(Secret::new("AAAA"));
    let azure = [
        (place(), "account is not set"),
        (AzureSection { account: Some("a".to_owned()), ..place() }, "access_key_file is not set"),
        (AzureSection { account: Some("a b".to_owned()), access_key: key, ..place() }, "a word"),
        (AzureSection { account: Some("a".to_owned()), ..AzureSection::default() }, "container is not set"),
    ];
    for (section, word) in azure {
        tells(with_azure(&t, section).await, word, "storage.azure");
    }
    let both = StorageConfig { gcs: usual(), azure: place(), ..StorageConfig::default() };
    tells(open(&t, both).await, "one of them", "storage.azure");
}

fn tells(answer: Result<Option<Storage>, Error>, word: &str, section: &str) {
    match answer {
        Err(Error::Setup(text)) => assert!(text.contains(word) && text.contains(section), "{word}: {text}"),
        other => panic!("{word}: {other:?}"),
    }
}
