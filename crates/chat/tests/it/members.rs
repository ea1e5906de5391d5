//! Members come, go and become something else.

use veza_chat::member::{self, Role};
use veza_chat::room::RoomKind;
use veza_chat::{ChatConfig, Error, EventKind, RoomId};
use veza_core::{Caller, Db, Query, TenantTx};
use veza_testing::{TenantTest, tenant_test};

use crate::rig::{chat, get, id, log, manager, page, permit, person, remove, room, send, set_role, texts};

async fn join(db: &Db, who: &Caller, room: RoomId) -> Result<member::Member, Error> {
    let permit = permit(who);
    db.tenant(who, move |tx| member::join(tx, &permit, &ChatConfig::default(), room)).await
}

async fn add(db: &Db, by: &Caller, room: RoomId, who: &Caller, role: Role) -> Result<member::Member, Error> {
    let (permit, who) = (permit(by), id(who));
    db.tenant(by, move |tx| member::add_member(tx, &permit, &ChatConfig::default(), room, who, role)).await
}

#[tenant_test]
async fn open_rooms_are_joined_and_left(t: TenantTest) {
    let (ada, bob) = (person(t.alice.tenant, 1), person(t.alice.tenant, 2));
    let public = room(&t.db, RoomKind::Public, &ada, &[]).await;
    let private = room(&t.db, RoomKind::Private, &ada, &[]).await;
    assert_eq!(join(&t.db, &bob, public.id).await.unwrap().role, Role::Member);
    assert_eq!(join(&t.db, &bob, public.id).await.unwrap().role, Role::Member);
    assert_eq!(get(&t.db, &bob, public.id).await.unwrap().members, 2);
    assert!(matches!(join(&t.db, &bob, private.id).await, Err(Error::NotFound("room"))));
    remove(&t.db, &bob, public.id, &bob).await.unwrap();
    let seen = get(&t.db, &bob, public.id).await.unwrap();
    assert_eq!((seen.members, seen.membership), (1, None));
    let kinds: Vec<EventKind> = log(&t.db, &ada, public.id).await.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Room, EventKind::Join, EventKind::Join, EventKind::Leave]);
}

#[tenant_test]
async fn roles_decide_who_decides(t: TenantTest) {
    let people: Vec<_> = (0..5).map(|number| person(t.alice.tenant, number)).collect();
    let (owner, moderator, other, reader, new) = (&people[0], &people[1], &people[2], &people[3], &people[4]);
    let room = room(&t.db, RoomKind::Private, owner, &[moderator, other, reader]).await.id;
    set_role(&t.db, owner, room, moderator, Role::Moderator).await.unwrap();
    set_role(&t.db, moderator, room, reader, Role::Reader).await.unwrap();
    for (by, who, role) in [
        (moderator, other, Role::Moderator),
        (moderator, moderator, Role::Owner),
        (moderator, owner, Role::Member),
        (other, reader, Role::Member),
        (reader, reader, Role::Member),
    ] {
        let refused = set_role(&t.db, by, room, who, role).await;
        assert!(matches!(refused, Err(Error::RoleNeeded(_))), "{refused:?}");
    }
    assert!(matches!(add(&t.db, reader, room, new, Role::Reader).await, Err(Error::RoleNeeded("member"))));
    assert!(matches!(add(&t.db, other, room, new, Role::Moderator).await, Err(Error::RoleNeeded(_))));
    assert_eq!(add(&t.db, other, room, new, Role::Member).await.unwrap().role, Role::Member);
    // Who is there already stays what they are.
    assert_eq!(add(&t.db, other, room, moderator, Role::Member).await.unwrap().role, Role::Moderator);
    for (by, who) in [(moderator, owner), (other, reader), (reader, other), (new, moderator)] {
        assert!(matches!(remove(&t.db, by, room, who).await, Err(Error::RoleNeeded(_))));
    }
    remove(&t.db, moderator, room, new).await.unwrap();
    assert!(matches!(remove(&t.db, moderator, room, new).await, Err(Error::NotFound("member"))));
    remove(&t.db, owner, room, moderator).await.unwrap();
    assert!(matches!(get(&t.db, moderator, room).await, Err(Error::NotFound("room"))));
    assert_eq!(get(&t.db, owner, room).await.unwrap().members, 3);
}

#[tenant_test]
async fn a_room_keeps_an_owner(t: TenantTest) {
    let (ada, bob) = (person(t.alice.tenant, 1), person(t.alice.tenant, 2));
    let room = room(&t.db, RoomKind::Private, &ada, &[&bob]).await.id;
    assert!(matches!(remove(&t.db, &ada, room, &ada).await, Err(Error::LastOwner)));
    assert!(matches!(set_role(&t.db, &ada, room, &ada, Role::Member).await, Err(Error::LastOwner)));
    set_role(&t.db, &ada, room, &bob, Role::Owner).await.unwrap();
    remove(&t.db, &ada, room, &ada).await.unwrap();
    // The last one of all may go.
    remove(&t.db, &bob, room, &bob).await.unwrap();
}

#[tenant_test]
async fn a_manager_rules_without_reading(t: TenantTest) {
    let (ada, bob, root) = (person(t.alice.tenant, 1), person(t.alice.tenant, 2), manager(t.alice.tenant, 9));
    let chat = chat(&t.db);
    let private = room(&t.db, RoomKind::Private, &ada, &[&bob]).await.id;
    let said = send(&chat, &ada, private, "between us").await.unwrap().seq;
    assert_eq!(get(&t.db, &root, private).await.unwrap().membership, None);
    assert!(matches!(crate::rig::message(&t.db, &root, private, said).await, Err(Error::NotMember)));
    assert!(matches!(send(&chat, &root, private, "boo").await, Err(Error::NotFound("room"))));
    set_role(&t.db, &root, private, &bob, Role::Owner).await.unwrap();
    // To read they join, and everybody sees that.
    join(&t.db, &root, private).await.unwrap();
    assert_eq!(texts(&t.db, &root, private).await, ["between us"]);
    let log = log(&t.db, &ada, private).await;
    assert_eq!((log.last().unwrap().kind, log.last().unwrap().by), (EventKind::Join, id(&root)));
}

#[tenant_test]
async fn what_was_read_is_counted(t: TenantTest) {
    let (ada, bob) = (person(t.alice.tenant, 1), person(t.alice.tenant, 2));
    let chat = chat(&t.db);
    let room = room(&t.db, RoomKind::Public, &ada, &[&bob]).await.id;
    let mut seqs = Vec::new();
    for text in ["one", "two", "three"] {
        seqs.push(send(&chat, &ada, room, text).await.unwrap().seq);
    }
    let unread = async |who: &Caller| get(&t.db, who, room).await.unwrap().membership.unwrap().unread;
    assert_eq!((unread(&ada).await, unread(&bob).await), (0, 3));
    let read = async |who: &Caller, seq| {
        let permit = permit(who);
        t.db.tenant(who, move |tx| member::read(tx, &permit, room, seq)).await
    };
    assert_eq!(read(&bob, seqs[1]).await.unwrap().unread, 1);
    // What was read stays read.
    assert_eq!(read(&bob, seqs[0]).await.unwrap().unread, 1);
    assert!(matches!(read(&bob, seqs[2] + 1).await, Err(Error::Invalid(_))));
    assert!(matches!(read(&bob, -1).await, Err(Error::Invalid(_))));
    // What is no message is not unread.
    join(&t.db, &person(t.alice.tenant, 3), room).await.unwrap();
    assert_eq!(unread(&bob).await, 1);
    // Who joins later has nothing to catch up with; who writes has read.
    assert_eq!(unread(&person(t.alice.tenant, 3)).await, 0);
    send(&chat, &bob, room, "four").await.unwrap();
    assert_eq!((unread(&ada).await, unread(&bob).await), (1, 0));
}

#[tenant_test]
async fn members_come_page_by_page(t: TenantTest) {
    let people: Vec<_> = (0..7).map(|number| person(t.alice.tenant, number)).collect();
    let others: Vec<_> = people.iter().collect();
    let room = room(&t.db, RoomKind::Private, &people[0], &others[1..]).await.id;
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let (permit, request) = (permit(&people[1]), page(3, cursor.as_deref()));
        let list = t.db.read(&people[1], move |tx| member::list(tx, &permit, room, &request)).await.unwrap();
        found.extend(list.items.into_iter().map(|member| member.id));
        cursor = list.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, people.iter().map(id).collect::<Vec<_>>());
}

#[tenant_test]
async fn who_came_back_stays_where_they_joined_since(t: TenantTest) {
    let (ada, bob) = (person(t.alice.tenant, 1), person(t.alice.tenant, 2));
    let mut before = Vec::new();
    for _ in 0..3 {
        before.push(room(&t.db, RoomKind::Public, &bob, &[&ada]).await.id);
    }
    let removed = t.db.tenant(&ada, |tx| Ok::<_, Error>(tx.now())).await.unwrap();
    let since = room(&t.db, RoomKind::Public, &ada, &[&bob]).await.id;
    let system = Caller::system(t.alice.tenant);
    // Somebody with the same id in another organisation is somebody else.
    let mallory = person(t.mallory.tenant, 2);
    let theirs = room(&t.db, RoomKind::Public, &mallory, &[]).await.id;
    for expected in [3, 0] {
        let (permit, who) = (system.permit().unwrap(), id(&bob));
        let leave = move |tx: &mut TenantTx<'_>| member::leave_rooms(tx, &permit, who, removed);
        assert_eq!(t.db.tenant(&system, leave).await.unwrap(), expected);
    }
    for left in before {
        let seen = get(&t.db, &ada, left).await.unwrap();
        assert_eq!((seen.members, seen.membership.unwrap().role), (1, Role::Owner));
    }
    assert_eq!(get(&t.db, &ada, since).await.unwrap().members, 2);
    assert_eq!(get(&t.db, &mallory, theirs).await.unwrap().members, 1);
}
