//! Changing keys and destroying them.

use std::sync::Arc;

use diesel::sql_types::Uuid as SqlUuid;
use veza_core::{Caller, Db, SystemRandom, TenantScope, Write};
use veza_jobs::{Jobs, JobsConfig, Runtime};
use veza_storage::bucket::BucketChange;
use veza_storage::crypt::{LocalRootKey, RootKey};
use veza_storage::keys::{self, Key, RewrapKeys, Rewrapped, Shredded};
use veza_storage::object;
use veza_storage::upload::{NewPart, NewUpload, Protocol};
use veza_storage::{Error, Storage, body};
use veza_testing::{DbTest, TenantTest, db_test, tenant_test};

use super::{House, agree, files, object as new_object, run};

async fn keys(db: &Db, caller: &Caller) -> Vec<Key> {
    let permit = caller.permit().unwrap();
    run(db, caller, move |tx| keys::list(tx, &permit)).await.unwrap()
}

async fn shred(db: &Db, caller: &Caller, confirmation: String) -> Result<Shredded, Error> {
    let permit = caller.permit().unwrap();
    run(db, caller, move |tx| keys::shred(tx, &permit, &confirmation)).await
}

/// An upload with one part that is there and another to come.
async fn half_an_upload(house: &House, caller: &Caller) -> veza_storage::id::UploadId {
    let new = NewUpload {
        bucket: "files".to_owned(),
        key: veza_storage::ObjectKey::new("parts").unwrap(),
        protocol: Protocol::Multipart,
        length: None,
        attributes: new_object("parts").attributes,
        condition: object::Condition::default(),
        tus: veza_storage::upload::Tus::default(),
    };
    let permit = caller.permit().unwrap();
    let id = house.storage.begin_upload(caller, &permit, new).await.unwrap().id;
    part(house, caller, id, 1).await;
    id
}

async fn part(house: &House, caller: &Caller, id: veza_storage::id::UploadId, number: i32) {
    let part = NewPart { number, len: None, expected: veza_storage::digest::Expected::default() };
    let permit = caller.permit().unwrap();
    house.storage.put_part(caller, &permit, id, part, body::full("part")).await.unwrap();
}

#[db_test]
async fn a_changed_key_wraps_what_the_old_one_did_and_no_byte_moves(t: DbTest) {
    let (house, alice, mallory) = (House::new(&t.db).await, &t.alice.caller, &t.mallory.caller);
    for caller in [alice, mallory] {
        files(&t.db, caller, BucketChange::default()).await;
        house.put(caller, new_object("x"), b"before").await.unwrap();
    }
    let (theirs, before) = (keys(&t.db, mallory).await, house.backend.list(None, None, 100).await.unwrap());
    let upload = half_an_upload(&house, alice).await;
    let first = keys(&t.db, alice).await.remove(0);
    let second = house.storage.rotate_key(alice, &alice.permit().unwrap()).await.unwrap();
    let third = house.storage.rotate_key(alice, &alice.permit().unwrap()).await.unwrap();
    assert_eq!(house.bytes(alice, "x").await.unwrap(), b"before");
    house.put(alice, new_object("y"), b"after").await.unwrap();
    let jobs = Jobs::new(t.db.clone(), JobsConfig::default()).unwrap();
    let runtime = Runtime::builder(&jobs).handler::<RewrapKeys, _>(house.storage.clone()).build().unwrap();
    assert_eq!(runtime.drain(alice).await.unwrap().attempts, 2);
    let now = keys(&t.db, alice).await;
    let facts: Vec<_> =
        now.iter().map(|key| (key.id, key.current, key.contents, key.dropped_at.is_some())).collect();
    assert_eq!(facts, [(third, true, 3, false), (second, false, 0, true), (first.id, false, 0, true)]);
    part(&house, alice, upload, 2).await;
    house.storage.complete(alice, &alice.permit().unwrap(), upload, None, None).await.unwrap();
    for (key, bytes) in [("x", &b"before"[..]), ("y", b"after"), ("parts", b"partpart")] {
        assert_eq!(house.bytes(alice, key).await.unwrap(), bytes, "{key}");
    }
    let after = house.backend.list(None, None, 100).await.unwrap();
    assert!(before.iter().all(|blob| after.contains(blob)));
    assert_eq!(keys(&t.db, mallory).await, theirs);
    agree(&t.db, alice).await;
}

#[tenant_test]
async fn a_change_that_breaks_off_goes_on(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    for name in ["a", "b", "c"] {
        house.put(alice, new_object(name), name.as_bytes()).await.unwrap();
    }
    // One cannot be unwrapped: it stays with its key, and says so each time.
    let damage = "UPDATE storage.contents SET wrapped_key = set_byte(wrapped_key, 60, get_byte(wrapped_key, 60) # 1) \
                  WHERE content_id = (SELECT content_id FROM storage.versions WHERE tenant_id = $1 AND key = 'b') AND tenant_id = $1";
    let change = move |tx: &mut veza_core::TenantTx<'_>| {
        Ok::<_, Error>(tx.execute(diesel::sql_query(damage).bind::<SqlUuid, _>(tx.tenant()))?)
    };
    assert_eq!(t.db.tenant(alice, change).await.unwrap(), 1);
    house.storage.rotate_key(alice, &alice.permit().unwrap()).await.unwrap();
    for _ in 0..2 {
        assert!(matches!(house.storage.rewrap(t.alice.tenant).await, Err(Error::Crypto(_))));
        assert_eq!(house.bytes(alice, "a").await.unwrap(), b"a");
    }
    assert!(keys(&t.db, alice).await.iter().all(|key| key.dropped_at.is_none()));
    t.db.tenant(alice, change).await.unwrap();
    assert_eq!(house.storage.rewrap(t.alice.tenant).await.unwrap(), 3);
    assert_eq!(house.storage.rewrap(t.alice.tenant).await.unwrap(), 0);
    assert_eq!(house.bytes(alice, "b").await.unwrap(), b"b");
}

#[db_test]
async fn the_root_key_is_changed_and_the_old_one_can_go(t: DbTest) {
    let (house, alice, mallory) = (House::new(&t.db).await, &t.alice.caller, &t.mallory.caller);
    for caller in [alice, mallory] {
        files(&t.db, caller, BucketChange::default()).await;
        house.put(caller, new_object("x"), b"x").await.unwrap();
    }
    let path = house.directory.path().join("root");
    let old = std::fs::read_to_string(&path).unwrap();
    let new = house.directory.path().join("new");
    LocalRootKey::create(&new, "second", &SystemRandom).unwrap();
    let line = std::fs::read_to_string(&new).unwrap();
    let open = |lines: String| {
        std::fs::write(&new, lines).unwrap();
        let root: Arc<dyn RootKey> = Arc::new(LocalRootKey::open(&new, Arc::new(SystemRandom)).unwrap());
        let config = house.storage.config().clone();
        Storage::new(t.db.clone(), config, "fs", Arc::clone(&house.backend), Some(root)).unwrap()
    };
    let alone = open(line.clone());
    let (permit, key) = (alice.permit().unwrap(), veza_storage::ObjectKey::new("x").unwrap());
    let locked_out = alone.read(alice, &permit, "files", &key, None, None).await;
    assert!(matches!(locked_out, Err(Error::Crypto(_))), "{locked_out:?}");
    assert!(matches!(alone.rewrap_root().await, Err(Error::Crypto(_))));
    let both = open(format!("{line}{old}"));
    assert_eq!(both.rewrap_root().await.unwrap(), Rewrapped { tenants: 2, keys: 2, ..Rewrapped::default() });
    assert_eq!(both.rewrap_root().await.unwrap(), Rewrapped::default());
    let alone = open(line);
    for caller in [alice, mallory] {
        let permit = caller.permit().unwrap();
        alone.read(caller, &permit, "files", &key, None, None).await.unwrap();
    }
    assert!(keys(&t.db, alice).await.iter().all(|key| key.root == "second"));
}

#[tenant_test]
async fn who_destroys_the_keys_destroys_the_files(t: TenantTest) {
    let (house, alice, mallory) = (House::new(&t.db).await, &t.alice.caller, &t.mallory.caller);
    for caller in [alice, mallory] {
        files(&t.db, caller, BucketChange { versioning: Some(true), ..BucketChange::default() }).await;
        house.put(caller, new_object("x"), b"secret").await.unwrap();
    }
    for wrong in [String::new(), "yes".to_owned(), t.mallory.tenant.to_string()] {
        assert!(matches!(shred(&t.db, alice, wrong).await, Err(Error::Invalid(_))));
    }
    let version = house.put(alice, new_object("held"), b"held").await.unwrap().version_id;
    let hold = async |on| {
        let permit = alice.permit().unwrap();
        run(&t.db, alice, move |tx| object::set_legal_hold(tx, &permit, "files", version, on)).await.unwrap();
    };
    hold(true).await;
    let confirmation = t.alice.tenant.to_string();
    assert!(matches!(shred(&t.db, alice, confirmation.clone()).await, Err(Error::Retained)));
    assert_eq!(house.bytes(alice, "x").await.unwrap(), b"secret");
    hold(false).await;
    let upload = half_an_upload(&house, alice).await;
    let shredded = shred(&t.db, alice, confirmation.clone()).await.unwrap();
    assert_eq!(shredded, Shredded { keys: 1, contents: 3, unencrypted: 0 });
    for _ in 0..2 {
        assert!(matches!(house.bytes(alice, "x").await, Err(Error::Shredded)), "also by who knew the key");
    }
    let permit = alice.permit().unwrap();
    let part = NewPart { number: 2, len: None, expected: veza_storage::digest::Expected::default() };
    let late = house.storage.put_part(alice, &permit, upload, part, body::full("part")).await;
    assert!(matches!(late, Err(Error::Shredded)), "{late:?}");
    house.put(alice, new_object("new"), b"new").await.unwrap();
    assert_eq!(house.bytes(alice, "new").await.unwrap(), b"new");
    assert_eq!(house.bytes(mallory, "x").await.unwrap(), b"secret");
}

#[tenant_test]
async fn without_a_root_key_there_is_nothing_to_change(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    let config = house.storage.config().clone();
    let plain = Storage::new(t.db.clone(), config, "fs", Arc::clone(&house.backend), None).unwrap();
    let answer = plain.rotate_key(alice, &alice.permit().unwrap()).await;
    assert!(matches!(answer, Err(Error::Setup(_))), "{answer:?}");
}
