//! Rooms are made, found, changed.

use veza_chat::room::{self, NewRoom, RoomChange, RoomKind, RoomsOf};
use veza_chat::{ChatConfig, Error, EventKind, RoomId};
use veza_core::{Caller, Db, TenantTx};
use veza_testing::{TenantTest, tenant_test};

use crate::rig::{chat, get, id, log, page, permit, person, room, send};

async fn update(db: &Db, by: &Caller, room: RoomId, change: RoomChange) -> Result<room::Room, Error> {
    let permit = permit(by);
    db.tenant(by, move |tx| room::update(tx, &permit, room, None, &change)).await
}

async fn direct(db: &Db, by: &Caller, other: &Caller) -> Result<(room::Room, bool), Error> {
    let (permit, other) = (permit(by), id(other));
    db.tenant(by, move |tx| room::direct(tx, &permit, &ChatConfig::default(), other)).await
}

#[tenant_test]
async fn a_direct_room_is_there_once(t: TenantTest) {
    let (ada, bob, eve) = (person(t.alice.tenant, 1), person(t.alice.tenant, 2), person(t.alice.tenant, 3));
    let both = (0..6).map(|n| if n % 2 == 0 { direct(&t.db, &ada, &bob) } else { direct(&t.db, &bob, &ada) });
    let made = futures_util::future::join_all(both).await;
    let rooms: Vec<_> = made.into_iter().map(Result::unwrap).collect();
    assert!(rooms.iter().all(|(room, _)| room.id == rooms[0].0.id));
    assert_eq!(rooms.iter().filter(|(_, made)| *made).count(), 1);
    assert_eq!(rooms[0].0.between, Some(vec![id(&ada), id(&bob)]));
    assert!(matches!(get(&t.db, &eve, rooms[0].0.id).await, Err(Error::NotFound("room"))));
    assert!(matches!(direct(&t.db, &ada, &ada).await, Err(Error::Invalid(_))));
    let leave = crate::rig::remove(&t.db, &bob, rooms[0].0.id, &bob).await;
    assert!(matches!(leave, Err(Error::Direct)));
}

#[tenant_test]
async fn settings_change_under_their_version_and_are_an_event(t: TenantTest) {
    let (ada, bob) = (person(t.alice.tenant, 1), person(t.alice.tenant, 2));
    let made = room(&t.db, RoomKind::Public, &ada, &[&bob]).await;
    let name = |name: &str| RoomChange { name: Some(name.to_owned()), ..RoomChange::default() };
    assert!(matches!(update(&t.db, &bob, made.id, name("x")).await, Err(Error::RoleNeeded("moderator"))));
    let (permit, stale) = (permit(&ada), [made.version + 1]);
    let change = name("x");
    let refused =
        t.db.tenant(&ada, move |tx| room::update(tx, &permit, made.id, Some(&stale), &change)).await;
    assert!(matches!(refused, Err(Error::VersionMismatch)));
    let changed = update(&t.db, &ada, made.id, name("other")).await.unwrap();
    assert_eq!((changed.name.as_deref(), changed.version), (Some("other"), made.version + 1));
    // The same again is no change.
    assert_eq!(update(&t.db, &ada, made.id, name("other")).await.unwrap().version, changed.version);
    let events = log(&t.db, &bob, made.id).await;
    assert_eq!(events.iter().filter(|event| event.kind == EventKind::Room).count(), 2);
    for bad in ["", " x", "x\n", &"x".repeat(101)] {
        assert!(matches!(update(&t.db, &ada, made.id, name(bad)).await, Err(Error::Invalid(_))), "{bad:?}");
    }
}

#[tenant_test]
async fn in_an_archived_room_nothing_happens(t: TenantTest) {
    let (ada, bob) = (person(t.alice.tenant, 1), person(t.alice.tenant, 2));
    let (chat, made) = (chat(&t.db), room(&t.db, RoomKind::Public, &ada, &[&bob]).await.id);
    let said = send(&chat, &bob, made, "hello").await.unwrap().seq;
    let archived = |archived| RoomChange { archived: Some(archived), ..RoomChange::default() };
    assert!(update(&t.db, &ada, made, archived(true)).await.unwrap().archived);
    assert!(matches!(send(&chat, &ada, made, "x").await, Err(Error::Archived)));
    let (permit_, body) = (permit(&bob), veza_chat::Body::text("y"));
    let edit = move |tx: &mut TenantTx<'_>| {
        veza_chat::message::edit(tx, &permit_, &ChatConfig::default(), made, said, &body)
    };
    assert!(matches!(t.db.tenant(&bob, edit).await, Err(Error::Archived)));
    let rename = RoomChange { name: Some("x".to_owned()), ..RoomChange::default() };
    assert!(matches!(update(&t.db, &ada, made, rename).await, Err(Error::Archived)));
    update(&t.db, &ada, made, archived(false)).await.unwrap();
    send(&chat, &ada, made, "x").await.unwrap();
}

#[tenant_test]
async fn lists_show_what_one_may_see(t: TenantTest) {
    let (ada, bob) = (person(t.alice.tenant, 1), person(t.alice.tenant, 2));
    let mut own = Vec::new();
    for kind in [RoomKind::Public, RoomKind::Private, RoomKind::Broadcast, RoomKind::Public] {
        own.push(room(&t.db, kind, &ada, &[]).await.id);
    }
    let list = async |who: &Caller, of, limit| {
        let (mut found, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let (permit, page) = (permit(who), page(limit, cursor.as_deref()));
            let list = t.db.read(who, move |tx| room::list(tx, &permit, of, &page)).await.unwrap();
            found.extend(list.items.into_iter().map(|room| (room.id, room.membership.is_some())));
            cursor = list.next_cursor;
            if cursor.is_none() {
                return found;
            }
        }
    };
    let all: Vec<_> = own.iter().map(|room| (*room, true)).collect();
    assert_eq!(list(&ada, RoomsOf::Caller, 2).await, all);
    assert!(list(&bob, RoomsOf::Caller, 2).await.is_empty());
    let open = [(own[0], false), (own[2], false), (own[3], false)];
    assert_eq!(list(&bob, RoomsOf::Everybody, 1).await, open);
}

#[tenant_test]
async fn there_may_be_so_many(t: TenantTest) {
    let ada = person(t.alice.tenant, 1);
    let few = ChatConfig { max_rooms: 2, ..ChatConfig::default() };
    let new = NewRoom { kind: RoomKind::Public, name: "x".to_owned(), topic: None, members: Vec::new() };
    let make = || {
        let (permit, few, new) = (ada.permit().unwrap(), few.clone(), new.clone());
        t.db.tenant(&ada, move |tx| room::create(tx, &permit, &few, &new))
    };
    let made = futures_util::future::join_all((0..5).map(|_| make())).await;
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 2);
    assert!(
        made.iter().all(|made| matches!(made, Ok(_) | Err(Error::LimitReached { noun: "room", max: 2 })))
    );
}
