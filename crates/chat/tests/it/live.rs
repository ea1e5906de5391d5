//! Listening: each event behind the cursor comes once, in order, whatever happens in between.

use std::time::Duration;

use veza_chat::message::{self, Body};
use veza_chat::room::RoomKind;
use veza_chat::{Chat, Connection, Delivery, Error, Event, EventKind, NewMessage, RoomId, SignalKind};
use veza_core::{Caller, TenantTx};
use veza_core::{Db, Tasks};
use veza_testing::{TenantTest, tenant_test};

use crate::rig::{id, log, permit, person, remove, room, send};

/// A process that serves.
struct Node {
    chat: Chat,
    _tasks: Tasks,
}

fn node(db: &Db) -> Node {
    let (chat, tasks) = (crate::rig::chat(db), Tasks::new());
    chat.start(&tasks);
    Node { chat, _tasks: tasks }
}

async fn next(connection: &mut Connection) -> Delivery {
    tokio::time::timeout(Duration::from_secs(20), connection.next()).await.expect("something comes")
}

async fn event(connection: &mut Connection) -> Event {
    match next(connection).await {
        Delivery::Event { event, .. } => event,
        other => panic!("{other:?} is no event"),
    }
}

/// The numbers up to `last`, as they come.
async fn seqs(connection: &mut Connection, last: i64) -> Vec<i64> {
    let mut seqs = Vec::new();
    while seqs.last() != Some(&last) {
        seqs.push(event(connection).await.seq);
    }
    seqs
}

#[tenant_test]
async fn who_listens_gets_the_log_and_then_what_happens(t: TenantTest) {
    let (ada, bob) = (person(t.alice.tenant, 1), person(t.alice.tenant, 2));
    let node = node(&t.db);
    let room = room(&t.db, RoomKind::Private, &ada, &[&bob]).await.id;
    let seq = send(&node.chat, &ada, room, "before").await.unwrap().seq;
    let mut all = node.chat.connect(bob.clone());
    let mut new = node.chat.connect(ada.clone());
    assert_eq!(all.subscribe(room, Some(0)).await.unwrap(), seq);
    assert_eq!(new.subscribe(room, None).await.unwrap(), seq);
    assert_eq!(seqs(&mut all, seq).await, (1..=seq).collect::<Vec<_>>());
    send(&node.chat, &bob, room, "after").await.unwrap();
    let (permit, body) = (permit(&ada), Body::text("edited"));
    let edit = move |tx: &mut TenantTx<'_>| {
        message::edit(tx, &permit, &veza_chat::ChatConfig::default(), room, seq, &body)
    };
    t.db.tenant(&ada, edit).await.unwrap();
    for connection in [&mut all, &mut new] {
        let (sent, edited) = (event(connection).await, event(connection).await);
        assert_eq!((sent.seq, sent.kind, sent.by), (seq + 1, EventKind::Message, id(&bob)));
        assert_eq!((edited.seq, edited.kind, edited.target), (seq + 2, EventKind::Edit, Some(seq)));
    }
}

/// What comes live is what the log has, byte for byte.
#[tenant_test]
async fn live_and_log_are_the_same(t: TenantTest) {
    let ada = person(t.alice.tenant, 1);
    let node = node(&t.db);
    let room = room(&t.db, RoomKind::Public, &ada, &[]).await.id;
    let mut live = node.chat.connect(ada.clone());
    live.subscribe(room, Some(0)).await.unwrap();
    for text in ["plain", "\"quoted\" \\ \u{1F980} \u{7f}", "<b>&amp;</b>"] {
        let message = NewMessage { body: Body::text(text), ..NewMessage::default() };
        node.chat.send(&permit(&ada), room, &message).await.unwrap();
    }
    let log = log(&t.db, &ada, room).await;
    for stored in log {
        assert_eq!(
            serde_json::to_string(&event(&mut live).await).unwrap(),
            serde_json::to_string(&stored).unwrap()
        );
    }
}

#[tenant_test]
async fn who_reads_slowly_lags_and_loses_nothing(t: TenantTest) {
    let ada = person(t.alice.tenant, 1);
    let node = node(&t.db);
    let room = room(&t.db, RoomKind::Public, &ada, &[]).await.id;
    let mut slow = node.chat.connect(ada.clone());
    let head = slow.subscribe(room, None).await.unwrap();
    // More than the queue of a connection and the memory of a room hold.
    for _ in 0..15 {
        let sends = (0..100).map(|n| {
            let (chat, ada) = (node.chat.clone(), ada.clone());
            async move { send(&chat, &ada, room, &n.to_string()).await.unwrap() }
        });
        futures_util::future::join_all(sends).await;
    }
    assert_eq!(seqs(&mut slow, head + 1_500).await, (head + 1..=head + 1_500).collect::<Vec<_>>());
    send(&node.chat, &ada, room, "live again").await.unwrap();
    assert_eq!(event(&mut slow).await.seq, head + 1_501);
}

#[tenant_test]
async fn resuming_needs_only_the_last_number_on_any_node(t: TenantTest) {
    let ada = person(t.alice.tenant, 1);
    let (one, two) = (node(&t.db), node(&t.db));
    let room = room(&t.db, RoomKind::Public, &ada, &[]).await.id;
    let mut first = one.chat.connect(ada.clone());
    let head = first.subscribe(room, None).await.unwrap();
    for n in 0..700 {
        let sender = if n % 2 == 0 { &one } else { &two };
        send(&sender.chat, &ada, room, "x").await.unwrap();
        if n == 99 {
            assert_eq!(seqs(&mut first, head + 100).await.len(), 100);
            drop(first);
            first = two.chat.connect(ada.clone());
        }
    }
    first.subscribe(room, Some(head + 100)).await.unwrap();
    assert_eq!(seqs(&mut first, head + 700).await, (head + 101..=head + 700).collect::<Vec<_>>());
}

/// Two nodes that tell each other nothing: what one writes the other finds when it compares.
#[tenant_test]
async fn what_nobody_told_of_is_found(t: TenantTest) {
    let ada = person(t.alice.tenant, 1);
    let (one, two) = (node(&t.db), node(&t.db));
    let room = room(&t.db, RoomKind::Public, &ada, &[]).await.id;
    let mut here = one.chat.connect(ada.clone());
    let head = here.subscribe(room, None).await.unwrap();
    send(&one.chat, &ada, room, "here").await.unwrap();
    assert_eq!(event(&mut here).await.seq, head + 1);
    send(&two.chat, &ada, room, "there").await.unwrap();
    // The next one here shows the hole at once; without one the comparison finds it.
    send(&one.chat, &ada, room, "here").await.unwrap();
    assert_eq!(seqs(&mut here, head + 3).await, [head + 2, head + 3]);
    send(&two.chat, &ada, room, "there").await.unwrap();
    assert_eq!(event(&mut here).await.seq, head + 4);
}

#[tenant_test]
async fn a_cursor_from_the_future_is_told_so(t: TenantTest) {
    let ada = person(t.alice.tenant, 1);
    let node = node(&t.db);
    let room = room(&t.db, RoomKind::Public, &ada, &[]).await.id;
    let mut connection = node.chat.connect(ada.clone());
    let head = connection.subscribe(room, Some(1_000_000)).await.unwrap();
    assert!(matches!(next(&mut connection).await, Delivery::Reset { head: at, .. } if at == head));
    send(&node.chat, &ada, room, "x").await.unwrap();
    assert_eq!(event(&mut connection).await.seq, head + 1);
    assert!(matches!(connection.subscribe(room, Some(-1)).await, Err(Error::Invalid(_))));
}

#[tenant_test]
async fn who_is_removed_hears_that_and_nothing_more(t: TenantTest) {
    let (ada, bob) = (person(t.alice.tenant, 1), person(t.alice.tenant, 2));
    let node = node(&t.db);
    let room = room(&t.db, RoomKind::Private, &ada, &[&bob]).await.id;
    let mut connection = node.chat.connect(bob.clone());
    connection.subscribe(room, None).await.unwrap();
    remove(&t.db, &ada, room, &bob).await.unwrap();
    send(&node.chat, &ada, room, "secret").await.unwrap();
    assert_eq!(event(&mut connection).await.kind, EventKind::Leave);
    assert!(matches!(next(&mut connection).await, Delivery::Ended { .. }));
    assert!(!connection.signal(room, SignalKind::Typing, None));
    assert!(matches!(connection.subscribe(room, None).await, Err(Error::NotFound("room"))));
    // Back again, the old departure is history.
    let (permit, who) = (permit(&ada), id(&bob));
    let config = veza_chat::ChatConfig::default();
    let add = move |tx: &mut TenantTx<'_>| {
        veza_chat::member::add_member(tx, &permit, &config, room, who, veza_chat::member::Role::Member)
    };
    t.db.tenant(&ada, add).await.unwrap();
    let head = connection.subscribe(room, Some(0)).await.unwrap();
    assert_eq!(seqs(&mut connection, head).await.len(), usize::try_from(head).unwrap());
    send(&node.chat, &ada, room, "welcome").await.unwrap();
    assert_eq!(event(&mut connection).await.seq, head + 1);
}

#[tenant_test]
async fn who_may_not_read_does_not_listen(t: TenantTest) {
    let (ada, bob, eve) = (person(t.alice.tenant, 1), person(t.alice.tenant, 2), person(t.mallory.tenant, 1));
    let node = node(&t.db);
    let private = room(&t.db, RoomKind::Private, &ada, &[]).await.id;
    let public = room(&t.db, RoomKind::Public, &ada, &[]).await.id;
    let subscribe =
        async |who: &Caller, room: RoomId| node.chat.connect(who.clone()).subscribe(room, None).await;
    assert!(matches!(subscribe(&bob, private).await, Err(Error::NotFound("room"))));
    subscribe(&bob, public).await.unwrap();
    for room in [private, public] {
        assert!(matches!(subscribe(&eve, room).await, Err(Error::NotFound("room"))));
    }
    // The same id in another tenant is another place.
    let mut bobs = node.chat.connect(bob);
    bobs.subscribe(public, None).await.unwrap();
    assert!(!node.chat.connect(eve).signal(public, SignalKind::Typing, None));
}

#[tenant_test]
async fn typing_is_heard_by_the_others(t: TenantTest) {
    let (ada, bob) = (person(t.alice.tenant, 1), person(t.alice.tenant, 2));
    let node = node(&t.db);
    let room = room(&t.db, RoomKind::Private, &ada, &[&bob]).await.id;
    let (mut hers, mut his) = (node.chat.connect(ada.clone()), node.chat.connect(bob.clone()));
    for connection in [&mut hers, &mut his] {
        connection.subscribe(room, None).await.unwrap();
    }
    for _ in 0..3 {
        assert!(his.signal(room, SignalKind::Typing, None));
    }
    match next(&mut hers).await {
        Delivery::Signal { kind: SignalKind::Typing, by, .. } => assert_eq!(by, id(&bob)),
        other => panic!("{other:?}"),
    }
    // Once is enough, and who types does not hear it.
    send(&node.chat, &ada, room, "x").await.unwrap();
    for connection in [&mut hers, &mut his] {
        assert_eq!(event(connection).await.kind, EventKind::Message);
    }
}

/// A message that was deleted is not told to those who come later.
#[tenant_test]
async fn what_is_deleted_is_gone_from_memory_too(t: TenantTest) {
    let ada = person(t.alice.tenant, 1);
    let node = node(&t.db);
    let room = room(&t.db, RoomKind::Public, &ada, &[]).await.id;
    let mut first = node.chat.connect(ada.clone());
    let head = first.subscribe(room, None).await.unwrap();
    let seq = send(&node.chat, &ada, room, "secret").await.unwrap().seq;
    let permit = permit(&ada);
    t.db.tenant(&ada, move |tx| message::delete(tx, &permit, room, seq)).await.unwrap();
    assert_eq!(seqs(&mut first, head + 2).await.len(), 2);
    let mut later = node.chat.connect(ada.clone());
    later.subscribe(room, Some(head)).await.unwrap();
    let event = event(&mut later).await;
    assert_eq!((event.seq, event.body), (seq, None));
}
