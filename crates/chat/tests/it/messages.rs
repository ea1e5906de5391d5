//! Messages are edited, deleted, reacted to, and read page by page.

use veza_chat::message::{self, Body, Direction, HistoryOf, Message};
use veza_chat::room::RoomKind;
use veza_chat::{ChatConfig, Error, EventKind, NewMessage, RoomId};
use veza_core::{Caller, Db, TenantTx};
use veza_testing::{TenantTest, tenant_test};

use crate::rig::{chat, log, page, permit, person, room, send};

async fn edit(db: &Db, by: &Caller, room: RoomId, seq: i64, text: &str) -> Result<Message, Error> {
    let (permit, body) = (permit(by), Body::text(text));
    let edit =
        move |tx: &mut TenantTx<'_>| message::edit(tx, &permit, &ChatConfig::default(), room, seq, &body);
    db.tenant(by, edit).await
}

async fn delete(db: &Db, by: &Caller, room: RoomId, seq: i64) -> Result<Message, Error> {
    let permit = permit(by);
    db.tenant(by, move |tx| message::delete(tx, &permit, room, seq)).await
}

async fn react(db: &Db, by: &Caller, room: RoomId, seq: i64, emoji: &str) -> Result<Message, Error> {
    let (permit, emoji) = (permit(by), emoji.to_owned());
    db.tenant(by, move |tx| message::react(tx, &permit, room, seq, &emoji)).await
}

async fn unreact(db: &Db, by: &Caller, room: RoomId, seq: i64, emoji: &str) -> Result<Message, Error> {
    let (permit, emoji) = (permit(by), emoji.to_owned());
    db.tenant(by, move |tx| message::unreact(tx, &permit, room, seq, &emoji)).await
}

#[tenant_test]
async fn an_edit_is_an_event_and_leaves_what_was_said_before(t: TenantTest) {
    let (ada, bob) = (person(t.alice.tenant, 1), person(t.alice.tenant, 2));
    let (chat, room) = (chat(&t.db), room(&t.db, RoomKind::Private, &ada, &[&bob]).await.id);
    let seq = send(&chat, &bob, room, "frist").await.unwrap().seq;
    assert!(matches!(edit(&t.db, &ada, room, seq, "x").await, Err(Error::NotSender)));
    let edited = edit(&t.db, &bob, room, seq, "first").await.unwrap();
    assert_eq!(edited.body, Some(Body::text("first")));
    assert!(edited.edited_at.is_some());
    edit(&t.db, &bob, room, seq, "First").await.unwrap();
    let log = log(&t.db, &ada, room).await;
    let last = log.last().unwrap();
    assert_eq!((last.kind, last.target, last.seq), (EventKind::Edit, Some(seq), seq + 2));
    assert_eq!(last.body.as_deref(), Some(r#"{"text":"First"}"#));
    let permit = permit(&ada);
    let revisions =
        move |tx: &mut veza_core::ReadTx<'_>| message::edits(tx, &permit, room, seq, &page(2, None));
    let first = t.db.read(&ada, revisions).await.unwrap();
    let texts: Vec<_> = first.items.iter().map(|r| r.body.clone().unwrap().text.unwrap()).collect();
    assert_eq!((texts, first.next_cursor.is_some()), (vec!["frist".to_owned(), "first".to_owned()], true));
}

#[tenant_test]
async fn of_a_deleted_message_only_the_number_stays(t: TenantTest) {
    let (ada, bob, eve) = (person(t.alice.tenant, 1), person(t.alice.tenant, 2), person(t.alice.tenant, 3));
    let (chat, room) = (chat(&t.db), room(&t.db, RoomKind::Private, &ada, &[&bob, &eve]).await.id);
    let seq = send(&chat, &bob, room, "secret").await.unwrap().seq;
    edit(&t.db, &bob, room, seq, "secret!").await.unwrap();
    react(&t.db, &eve, room, seq, "👍").await.unwrap();
    assert!(matches!(delete(&t.db, &eve, room, seq).await, Err(Error::RoleNeeded("moderator"))));
    let gone = delete(&t.db, &ada, room, seq).await.unwrap();
    assert!(gone.deleted_at.is_some() && gone.body.is_none() && gone.reactions.is_empty());
    // Once is enough.
    let before = log(&t.db, &ada, room).await;
    delete(&t.db, &bob, room, seq).await.unwrap();
    let after = log(&t.db, &ada, room).await;
    assert_eq!(before, after);
    assert!(!serde_json::to_string(&after).unwrap().contains("secret"));
    assert!(after.iter().zip(1..).all(|(event, number)| event.seq == number));
    assert!(matches!(edit(&t.db, &bob, room, seq, "x").await, Err(Error::Deleted)));
    assert!(matches!(react(&t.db, &bob, room, seq, "x").await, Err(Error::Deleted)));
}

#[tenant_test]
async fn each_reacts_once_with_each_emoji(t: TenantTest) {
    let (ada, bob) = (person(t.alice.tenant, 1), person(t.alice.tenant, 2));
    let (chat, room) = (chat(&t.db), room(&t.db, RoomKind::Private, &ada, &[&bob]).await.id);
    let seq = send(&chat, &ada, room, "hello").await.unwrap().seq;
    for (who, emoji) in [(&ada, "👍"), (&bob, "👍"), (&bob, "👍"), (&bob, "tada")] {
        react(&t.db, who, room, seq, emoji).await.unwrap();
    }
    let seen = crate::rig::message(&t.db, &bob, room, seq).await.unwrap();
    assert_eq!(seen.reactions, [("tada".to_owned(), 1), ("👍".to_owned(), 2)].into());
    assert_eq!(seen.own_reactions, ["tada", "👍"]);
    unreact(&t.db, &bob, room, seq, "tada").await.unwrap();
    unreact(&t.db, &bob, room, seq, "tada").await.unwrap();
    let seen = unreact(&t.db, &bob, room, seq, "👍").await.unwrap();
    assert_eq!((seen.reactions, seen.own_reactions), ([("👍".to_owned(), 1)].into(), Vec::new()));
    for bad in ["", "a b", "\n", &"x".repeat(65)] {
        assert!(matches!(react(&t.db, &ada, room, seq, bad).await, Err(Error::Invalid(_))), "{bad:?}");
    }
    let events = log(&t.db, &ada, room).await;
    let count = |kind| events.iter().filter(|event| event.kind == kind).count();
    assert_eq!((count(EventKind::React), count(EventKind::Unreact)), (3, 2));
    assert!(matches!(react(&t.db, &ada, room, seq - 1, "x").await, Err(Error::NotFound("message"))));
}

#[tenant_test]
async fn history_goes_both_ways_and_into_threads(t: TenantTest) {
    let ada = person(t.alice.tenant, 1);
    let (chat, room) = (chat(&t.db), room(&t.db, RoomKind::Private, &ada, &[]).await.id);
    let root = send(&chat, &ada, room, "0").await.unwrap().seq;
    for number in 1..10 {
        let reply_to = (number % 3 == 0).then_some(root);
        let body = Body::text(number.to_string());
        let message = NewMessage { body, reply_to, ..NewMessage::default() };
        chat.send(&permit(&ada), room, &message).await.unwrap();
    }
    let read = async |of, direction| {
        let (mut found, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let (permit, page) = (permit(&ada), page(4, cursor.as_deref()));
            let history = move |tx: &mut veza_core::ReadTx<'_>| {
                message::history(tx, &permit, room, of, direction, &page)
            };
            let list = t.db.read(&ada, history).await.unwrap();
            found.extend(list.items.into_iter().map(|message| message.body.unwrap().text.unwrap()));
            cursor = list.next_cursor;
            if cursor.is_none() {
                return found.concat();
            }
        }
    };
    assert_eq!(read(HistoryOf::Room, Direction::Forward).await, "0123456789");
    assert_eq!(read(HistoryOf::Room, Direction::Backward).await, "9876543210");
    assert_eq!(read(HistoryOf::Thread(root), Direction::Forward).await, "369");
    assert_eq!(read(HistoryOf::Thread(root), Direction::Backward).await, "963");
}
