//! Who is there, and since when they are not.

use std::time::Duration;

use veza_chat::{Chat, Connection, Delivery, Error, MAX_WATCHED, MemberId, Presence};
use veza_core::{Db, Tasks};
use veza_testing::{TenantTest, tenant_test};

use crate::rig::{id, permit, person};

fn node(db: &Db) -> (Chat, Tasks) {
    let (chat, tasks) = (crate::rig::chat(db), Tasks::new());
    chat.start(&tasks);
    (chat, tasks)
}

async fn next(connection: &mut Connection) -> Presence {
    match tokio::time::timeout(Duration::from_secs(20), connection.next()).await.expect("something comes") {
        Delivery::Presence(presence) => presence,
        other => panic!("{other:?}"),
    }
}

#[tenant_test]
async fn who_comes_and_goes_is_told_to_those_who_watch(t: TenantTest) {
    let (ada, bob) = (person(t.alice.tenant, 0x51), person(t.alice.tenant, 0x52));
    let (chat, tasks) = node(&t.db);
    let mut hers = chat.connect(ada.clone());
    let before = hers.watch(&[id(&bob)]).await.unwrap();
    assert_eq!(before, [Presence { member: id(&bob), online: false, last_seen: None }]);
    let (first, second) = (chat.connect(bob.clone()), chat.connect(bob.clone()));
    let came = next(&mut hers).await;
    assert!(came.online && came.member == id(&bob));
    // With one connection left they are there.
    drop(first);
    tokio::time::timeout(Duration::from_millis(1_500), hers.next()).await.unwrap_err();
    drop(second);
    assert!(!next(&mut hers).await.online);
    // It is remembered, also by others.
    let (other, _other) = node(&t.db);
    for _ in 0..200 {
        let seen = other.presence(&permit(&ada), &[id(&bob)]).await.unwrap();
        if seen[0].last_seen.is_some() {
            assert!(!seen[0].online);
            assert!(tasks.stop(Duration::from_secs(5)).await);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody noted when they left");
}

#[tenant_test]
async fn people_of_other_tenants_are_not_seen(t: TenantTest) {
    let (ada, eve) = (person(t.alice.tenant, 0x61), person(t.mallory.tenant, 0x61));
    let (chat, _tasks) = node(&t.db);
    let mut theirs = chat.connect(eve.clone());
    theirs.watch(&[id(&ada)]).await.unwrap();
    // The same id, of whom this very connection is one.
    assert!(next(&mut theirs).await.online);
    let _hers = chat.connect(ada.clone());
    tokio::time::timeout(Duration::from_millis(1_500), theirs.next()).await.unwrap_err();
    drop(theirs);
    let seen = chat.presence(&permit(&eve), &[id(&ada)]).await.unwrap();
    assert!(!seen[0].online);
}

#[tenant_test]
async fn one_watches_so_many(t: TenantTest) {
    let ada = person(t.alice.tenant, 1);
    let (chat, _tasks) = node(&t.db);
    let mut connection = chat.connect(ada);
    let crowd: Vec<MemberId> = (0..=MAX_WATCHED)
        .map(|n| MemberId::from_uuid(uuid::Uuid::from_u128(n.try_into().unwrap())))
        .collect();
    assert!(matches!(connection.watch(&crowd).await, Err(Error::LimitReached { .. })));
    assert_eq!(connection.watch(&crowd[1..]).await.unwrap().len(), MAX_WATCHED);
}
