//! Creating once, however often the request arrives.

use std::time::Duration;

use veza_core::fault::Fault;
use veza_core::idempotency::{IdempotencyError, IdempotencyKey, Once, once};
use veza_core::{Caller, Db, DbError, Principal};
use veza_testing::{TenantTest, tenant_test};

use crate::shop::{insert, list, migrator};

#[derive(Debug)]
enum Error {
    Db(DbError),
    Key(IdempotencyError),
}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}
impl From<IdempotencyError> for Error {
    fn from(error: IdempotencyError) -> Self {
        Self::Key(error)
    }
}

fn key(caller: &Caller, key: &str, body: &str) -> IdempotencyKey {
    IdempotencyKey::new(key, caller.principal(), &[b"POST", b"/orders", body.as_bytes()]).unwrap()
}

async fn order(db: &Db, caller: &Caller, name: &str, title: &str) -> Result<Once<String>, Error> {
    let (key, title) = (key(caller, name, title), title.to_owned());
    let create = move |tx: &mut veza_core::TenantTx<'_>| {
        once(tx, Some(&key), |tx| Ok(insert(tx, &title)?.to_string()))
    };
    db.tenant(caller, create).await
}

#[tenant_test(migrator = migrator)]
async fn the_same_request_twice_has_one_effect_and_one_answer(t: TenantTest) {
    let first = order(&t.db, &t.alice.caller, "k", "tea").await.unwrap();
    let second = order(&t.db, &t.alice.caller, "k", "tea").await.unwrap();
    assert!(!first.replayed && second.replayed);
    assert_eq!(first.value, second.value);
    assert_eq!(list(&t.db, &t.alice.caller).await, ["tea"]);
    let other = order(&t.db, &t.alice.caller, "l", "tea").await.unwrap();
    assert!(!other.replayed && other.value != first.value);
}

#[tenant_test(migrator = migrator)]
async fn requests_at_once_have_one_effect_and_one_answer(t: TenantTest) {
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let (db, caller) = (t.db.clone(), t.alice.caller.clone());
            let key = key(&caller, "k", "tea");
            let create = move |tx: &mut veza_core::TenantTx<'_>| {
                once(tx, Some(&key), |tx| {
                    crate::shop::sleep(tx, Duration::from_millis(20))?;
                    Ok::<_, Error>(insert(tx, "tea")?.to_string())
                })
            };
            tokio::spawn(async move { db.tenant(&caller, create).await })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap().unwrap());
    }
    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
    assert!(answers.windows(2).all(|pair| matches!(pair, [a, b] if a.value == b.value)));
    assert_eq!(list(&t.db, &t.alice.caller).await, ["tea"]);
}

#[tenant_test(migrator = migrator)]
async fn the_same_key_for_another_request_is_refused(t: TenantTest) {
    order(&t.db, &t.alice.caller, "k", "tea").await.unwrap();
    let error = order(&t.db, &t.alice.caller, "k", "coffee").await.unwrap_err();
    let Error::Key(error) = error else { panic!("{error:?}") };
    assert_eq!(error.code(), "core.idempotency.key_reused");
    assert_eq!(list(&t.db, &t.alice.caller).await, ["tea"]);
}

#[tenant_test(migrator = migrator)]
async fn a_failure_keeps_nothing(t: TenantTest) {
    let error = order(&t.db, &t.alice.caller, "k", "").await.unwrap_err();
    assert!(matches!(&error, Error::Db(error) if error.constraint().is_some()), "{error:?}");
    // The key is free, even for another request.
    let second = order(&t.db, &t.alice.caller, "k", "tea").await.unwrap();
    assert!(!second.replayed);
}

#[tenant_test(migrator = migrator)]
async fn others_have_keys_of_their_own(t: TenantTest) {
    order(&t.db, &t.alice.caller, "k", "tea").await.unwrap();
    let hers = order(&t.db, &t.mallory.caller, "k", "coffee").await.unwrap();
    assert!(!hers.replayed);
    let program = Caller::verified(t.alice.tenant, Principal::System, t.alice.caller.scopes().clone());
    assert!(!order(&t.db, &program, "k", "coffee").await.unwrap().replayed);
    assert_eq!(list(&t.db, &t.alice.caller).await, ["coffee", "tea"]);
    assert_eq!(list(&t.db, &t.mallory.caller).await, ["coffee"]);
}

#[tenant_test(migrator = migrator)]
async fn without_a_key_it_always_runs(t: TenantTest) {
    for _ in 0..2 {
        let create = |tx: &mut veza_core::TenantTx<'_>| {
            once(tx, None, |tx| Ok::<_, Error>(insert(tx, "tea")?.to_string()))
        };
        assert!(!t.db.tenant(&t.alice.caller, create).await.unwrap().replayed);
    }
    assert_eq!(list(&t.db, &t.alice.caller).await, ["tea", "tea"]);
}

#[test]
fn parts_of_a_request_do_not_run_together() {
    let key = |parts: &[&[u8]]| IdempotencyKey::new("k", Principal::System, parts).unwrap();
    assert_ne!(key(&[b"ab", b"c"]), key(&[b"a", b"bc"]));
    for malformed in ["", "a b", "ü", "a\n", &"x".repeat(256)] {
        assert!(IdempotencyKey::new(malformed, Principal::System, &[]).is_err(), "{malformed}");
    }
}
