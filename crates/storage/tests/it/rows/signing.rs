//! Signed URLs and the root key.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use veza_core::SystemRandom;
use veza_storage::bucket::BucketChange;
use veza_storage::crypt::{LocalRootKey, RootKey};
use veza_storage::signed::{Action, NewGrant, SignedGrant};
use veza_storage::{Error, ObjectKey, Storage};
use veza_testing::{DbTest, TenantTest, TestDirectory, db_test, tenant_test};

use super::{House, files};

fn read(key: &str) -> NewGrant {
    NewGrant {
        action: Action::Get,
        bucket: "files".to_owned(),
        key: ObjectKey::new(key).unwrap(),
        version: None,
        lifetime: TimeDelta::hours(1),
        content_type: None,
        max_bytes: None,
    }
}

/// The same files with a root key whose versions are `lines`.
fn with_root(house: &House, directory: &TestDirectory, lines: &[&str]) -> Storage {
    use std::os::unix::fs::PermissionsExt;
    let path = directory.path().join("versions");
    let key = |name: &str| STANDARD.encode([name.as_bytes()[0]; 32]);
    let text = lines.iter().map(|name| format!("{name} {}", key(name))).collect::<Vec<_>>().join("\n");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let root: Arc<dyn RootKey> = Arc::new(LocalRootKey::open(&path, Arc::new(SystemRandom)).unwrap());
    let config = house.storage.config().clone();
    Storage::new(house.storage.db().clone(), config, "fs", Arc::clone(&house.backend), Some(root)).unwrap()
}

async fn holds(storage: &Storage, signed: &SignedGrant) -> Result<(), Error> {
    let tenant = signed.tenant.as_uuid();
    storage.verify(tenant, signed.grant.clone(), &signed.signature).await.map(drop)
}

#[tenant_test]
async fn signatures_outlive_a_change_of_the_root_key_but_not_its_loss(t: TenantTest) {
    let (house, directory, alice) = (House::new(&t.db).await, TestDirectory::new(), &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    let before = with_root(&house, &directory, &["A"]);
    let signed = before.sign(alice, read("x")).await.unwrap();
    holds(&before, &signed).await.unwrap();
    // Who signs next wraps the key with the new version.
    let both = with_root(&house, &directory, &["B", "A"]);
    holds(&both, &signed).await.unwrap();
    both.sign(alice, read("y")).await.unwrap();
    let after = with_root(&house, &directory, &["B"]);
    holds(&after, &signed).await.unwrap();
    let lost = with_root(&house, &directory, &["C"]);
    assert!(matches!(holds(&lost, &signed).await, Err(Error::SignatureInvalid)));
    // Another process may have the version that is missing here: its key stays until somebody ends it.
    assert!(matches!(lost.sign(alice, read("x")).await, Err(Error::Crypto(_))));
    holds(&after, &signed).await.unwrap();
    lost.end_signatures(alice).await.unwrap();
    let again = lost.sign(alice, read("x")).await.unwrap();
    holds(&lost, &again).await.unwrap();
    assert!(matches!(holds(&lost, &signed).await, Err(Error::SignatureInvalid)));
    let plain = House::plain(&t.db).await;
    assert!(matches!(plain.storage.sign(alice, read("x")).await, Err(Error::NoRootKey)));
}

#[db_test]
async fn rewrapping_covers_what_signs(t: DbTest) {
    let (house, directory) = (House::new(&t.db).await, TestDirectory::new());
    let (alice, mallory) = (&t.alice.caller, &t.mallory.caller);
    files(&t.db, alice, BucketChange::default()).await;
    files(&t.db, mallory, BucketChange::default()).await;
    let signed = with_root(&house, &directory, &["A"]).sign(alice, read("x")).await.unwrap();
    // A version that is gone: told, and nothing is lost that it would have helped.
    let lost = with_root(&house, &directory, &["C"]).sign(mallory, read("x")).await.unwrap();
    let done = with_root(&house, &directory, &["B", "A"]).rewrap_root().await.unwrap();
    assert_eq!((done.signing_keys, done.lost_signing_keys), (1, 1));
    let after = with_root(&house, &directory, &["B"]);
    holds(&after, &signed).await.unwrap();
    assert!(matches!(holds(&after, &lost).await, Err(Error::SignatureInvalid)));
    let done = with_root(&house, &directory, &["B", "C"]).rewrap_root().await.unwrap();
    assert_eq!((done.signing_keys, done.lost_signing_keys), (1, 0));
    holds(&after, &lost).await.unwrap();
    assert_eq!(after.rewrap_root().await.unwrap().signing_keys, 0);
}
