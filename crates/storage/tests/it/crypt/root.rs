//! Root keys in a file.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use veza_core::{Clock, SystemClock, SystemRandom, TenantId};
use veza_storage::Error;
use veza_storage::crypt::{LocalRootKey, RootKey, TenantKey, TenantKeyId};

use crate::fs::Directory;

fn open(path: &Path) -> Result<LocalRootKey, Error> {
    LocalRootKey::open(path, Arc::new(SystemRandom))
}

fn tenant_key() -> TenantKey {
    let now = SystemClock.now();
    let (tenant, id) = (TenantId::generate(now, &SystemRandom), TenantKeyId::generate(now, &SystemRandom));
    TenantKey::generate(tenant, id, &SystemRandom)
}

/// Keys are equal when one opens what the other closed.
fn assert_same(one: &TenantKey, two: &TenantKey) {
    let blob = veza_storage::BlobKey::new(
        one.tenant(),
        veza_storage::BlobId::generate(SystemClock.now(), &SystemRandom),
    );
    let data_key = veza_storage::crypt::DataKey::generate(&SystemRandom);
    let wrapped = one.wrap(blob, &data_key, &SystemRandom).unwrap();
    two.unwrap(blob, &wrapped).unwrap();
}

#[tokio::test]
async fn a_tenants_key_comes_back_to_its_tenant_alone() {
    let directory = Directory::new();
    let path = directory.path().join("root");
    LocalRootKey::create(&path, "2026", &SystemRandom).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let (root, key, other) = (open(&path).unwrap(), tenant_key(), tenant_key());
    let wrapped = key.wrap_with(&root).await.unwrap();
    assert_eq!(wrapped.root, "2026");
    assert_same(&key, &TenantKey::unwrap_with(&root, key.tenant(), key.id(), &wrapped).await.unwrap());
    for (tenant, id) in [(other.tenant(), key.id()), (key.tenant(), other.id())] {
        let answer = TenantKey::unwrap_with(&root, tenant, id, &wrapped).await;
        assert!(matches!(answer, Err(Error::Crypto(_))), "{answer:?}");
    }
}

#[tokio::test]
async fn a_root_key_is_changed() {
    let directory = Directory::new();
    let (old, new) = (directory.path().join("old"), directory.path().join("new"));
    LocalRootKey::create(&old, "2026", &SystemRandom).unwrap();
    LocalRootKey::create(&new, "2027", &SystemRandom).unwrap();
    let key = tenant_key();
    let by_old = key.wrap_with(&open(&old).unwrap()).await.unwrap();

    let lines = [
        std::fs::read_to_string(&new).unwrap(),
        "# retired\n\n".to_owned(),
        std::fs::read_to_string(&old).unwrap(),
    ];
    let both = directory.path().join("both");
    std::fs::write(&both, lines.concat()).unwrap();
    std::fs::set_permissions(&both, PermissionsExt::from_mode(0o600)).unwrap();
    let root = open(&both).unwrap();
    assert_eq!(root.current(), "2027");
    let read = TenantKey::unwrap_with(&root, key.tenant(), key.id(), &by_old).await.unwrap();
    let by_new = read.wrap_with(&root).await.unwrap();
    assert_eq!(by_new.root, "2027");

    // Then the old one goes.
    let root = open(&new).unwrap();
    assert_same(&key, &TenantKey::unwrap_with(&root, key.tenant(), key.id(), &by_new).await.unwrap());
    let answer = TenantKey::unwrap_with(&root, key.tenant(), key.id(), &by_old).await;
    assert!(matches!(answer, Err(Error::Crypto(_))), "{answer:?}");
    // Another key of the old one's name opens nothing either.
    let forged = veza_storage::crypt::WrappedKey { root: "2027".to_owned(), ..by_old };
    let answer = TenantKey::unwrap_with(&root, key.tenant(), key.id(), &forged).await;
    assert!(matches!(answer, Err(Error::Crypto(_))), "{answer:?}");
}

#[tokio::test]
async fn files_that_are_no_root_key_are_refused() {
    let directory = Directory::new();
    let path = directory.path().join("root");
    assert!(matches!(open(&path), Err(Error::Setup(_))));
    LocalRootKey::create(&path, "one", &SystemRandom).unwrap();
    let line = std::fs::read_to_string(&path).unwrap();
    // An existing one is never replaced: with it all that was stored would be lost.
    assert!(matches!(LocalRootKey::create(&path, "two", &SystemRandom), Err(Error::Setup(_))));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), line);
    assert!(matches!(
        LocalRootKey::create(&directory.path().join("x"), "a b", &SystemRandom),
        Err(Error::Setup(_))
    ));

    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o604)).unwrap();
    assert!(matches!(open(&path), Err(Error::Setup(_))));
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    open(&path).unwrap();
    let secret = line.split_whitespace().last().unwrap();
    for text in
        ["", "# none", "one", "one AAAA", "o/e AAAA", &format!("{line}{line}"), &format!("one {secret}AAAA")]
    {
        std::fs::write(&path, text).unwrap();
        let error = open(&path).unwrap_err().to_string();
        assert!(!error.contains(secret), "{error}");
    }
}
