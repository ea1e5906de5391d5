//! Sending: stored before it is answered, once, in order.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use uuid::Uuid;
use veza_chat::member::Role;
use veza_chat::room::RoomKind;
use veza_chat::{Body, ChatConfig, Error, EventKind, NewAttachment, NewMessage};
use veza_testing::{DbTest, TenantTest, db_test, tenant_test};

use crate::rig::{chat, get, id, log, message, permit, person, room, send, set_role, texts};

#[tenant_test]
async fn what_is_answered_is_stored_with_the_next_number(t: TenantTest) {
    let (ada, bob) = (person(t.alice.tenant, 1), person(t.alice.tenant, 2));
    let (chat, room) = (chat(&t.db), room(&t.db, RoomKind::Private, &ada, &[&bob]).await);
    let first = send(&chat, &ada, room.id, "one").await.unwrap();
    assert_eq!(first.seq, room.last_seq + 1);
    let second = send(&chat, &bob, room.id, "two").await.unwrap();
    assert_eq!(second.seq, first.seq + 1);
    assert_eq!(texts(&t.db, &ada, room.id).await, ["one", "two"]);
    let log = log(&t.db, &bob, room.id).await;
    let seqs: Vec<i64> = log.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=second.seq).collect::<Vec<_>>());
    assert_eq!(log.last().unwrap().kind, EventKind::Message);
    assert_eq!(log.last().unwrap().by, id(&bob));
    let seen = get(&t.db, &ada, room.id).await.unwrap();
    assert_eq!((seen.last_seq, seen.messages), (second.seq, 2));
}

#[tenant_test]
async fn many_at_once_leave_no_gap_and_keep_each_senders_order(t: TenantTest) {
    let people: Vec<_> = (0..8).map(|number| person(t.alice.tenant, number)).collect();
    let others: Vec<_> = people.iter().collect();
    let (chat, room) = (chat(&t.db), room(&t.db, RoomKind::Public, &people[0], &others[1..]).await);
    let senders = people.iter().enumerate().map(|(number, person)| {
        let (chat, person, room) = (chat.clone(), person.clone(), room.id);
        async move {
            let mut seqs = Vec::new();
            for count in 0..25 {
                seqs.push(send(&chat, &person, room, &format!("{number}:{count}")).await.unwrap().seq);
            }
            seqs
        }
    });
    let seqs = futures_util::future::join_all(senders).await;
    for own in &seqs {
        assert!(own.is_sorted());
    }
    let all: BTreeSet<i64> = seqs.into_iter().flatten().collect();
    assert_eq!(all, (room.last_seq + 1..=room.last_seq + 200).collect());
    let texts = texts(&t.db, &people[0], room.id).await;
    for number in 0..8 {
        let prefix = format!("{number}:");
        let own: Vec<_> = texts.iter().filter(|text| text.starts_with(&prefix)).cloned().collect();
        assert_eq!(own, (0..25).map(|count| format!("{number}:{count}")).collect::<Vec<_>>());
    }
}

#[tenant_test(clock = "manual")]
async fn sent_again_it_is_the_first_one_for_seven_days(t: TenantTest) {
    let (ada, bob) = (person(t.alice.tenant, 1), person(t.alice.tenant, 2));
    let (chat, room) = (chat(&t.db), room(&t.db, RoomKind::Public, &ada, &[&bob]).await);
    let other = crate::rig::room(&t.db, RoomKind::Public, &ada, &[]).await;
    let named =
        NewMessage { client_id: Some(Uuid::from_u128(7)), body: Body::text("once"), ..NewMessage::default() };
    let first = chat.send(&permit(&ada), room.id, &named).await.unwrap();
    assert!(!first.known);
    t.clock.advance(TimeDelta::days(7) - TimeDelta::seconds(1));
    let again = chat.send(&permit(&ada), room.id, &named).await.unwrap();
    assert_eq!((again.seq, again.at, again.known), (first.seq, first.at, true));
    // The name is the sender's own, and the room's.
    assert!(!chat.send(&permit(&bob), room.id, &named).await.unwrap().known);
    assert!(!chat.send(&permit(&ada), other.id, &named).await.unwrap().known);
    t.clock.advance(TimeDelta::seconds(2));
    assert!(!chat.send(&permit(&ada), room.id, &named).await.unwrap().known);
    assert_eq!(texts(&t.db, &ada, room.id).await, ["once", "once", "once"]);
}

#[tenant_test]
async fn the_same_message_at_once_is_stored_once(t: TenantTest) {
    let ada = person(t.alice.tenant, 1);
    // Two services, as in two processes.
    let (one, two) = (chat(&t.db), chat(&t.db));
    let room = room(&t.db, RoomKind::Public, &ada, &[]).await;
    let permit = permit(&ada);
    for name in 0..10 {
        let named = NewMessage {
            client_id: Some(Uuid::from_u128(name)),
            body: Body::text("once"),
            ..NewMessage::default()
        };
        let sends = (0..6).map(|n| if n % 2 == 0 { &one } else { &two });
        let sends = sends.map(|chat| chat.send(&permit, room.id, &named));
        let sent = futures_util::future::join_all(sends).await;
        let seqs: BTreeSet<i64> = sent.iter().map(|sent| sent.as_ref().unwrap().seq).collect();
        assert_eq!(seqs.len(), 1);
        assert_eq!(sent.iter().filter(|sent| !sent.as_ref().unwrap().known).count(), 1);
    }
    assert_eq!(get(&t.db, &ada, room.id).await.unwrap().messages, 10);
}

#[tenant_test]
async fn who_may_not_write_is_told_why(t: TenantTest) {
    let people: Vec<_> = (0..4).map(|number| person(t.alice.tenant, number)).collect();
    let (ada, bob, eve, root) = (&people[0], &people[1], &people[2], &people[3]);
    let chat = chat(&t.db);
    let private = room(&t.db, RoomKind::Private, ada, &[bob]).await;
    let public = room(&t.db, RoomKind::Public, ada, &[bob]).await;
    let broadcast = room(&t.db, RoomKind::Broadcast, ada, &[bob, root]).await;
    assert!(matches!(send(&chat, eve, private.id, "x").await, Err(Error::NotFound("room"))));
    assert!(matches!(send(&chat, eve, public.id, "x").await, Err(Error::NotMember)));
    assert!(matches!(send(&chat, bob, broadcast.id, "x").await, Err(Error::RoleNeeded("moderator"))));
    send(&chat, ada, broadcast.id, "x").await.unwrap();
    set_role(&t.db, ada, broadcast.id, root, Role::Moderator).await.unwrap();
    send(&chat, root, broadcast.id, "x").await.unwrap();
    set_role(&t.db, ada, public.id, bob, Role::Reader).await.unwrap();
    assert!(matches!(send(&chat, bob, public.id, "x").await, Err(Error::RoleNeeded("member"))));
    // Nothing of it was stored.
    assert_eq!(get(&t.db, ada, private.id).await.unwrap().last_seq, private.last_seq);
    assert_eq!(get(&t.db, ada, public.id).await.unwrap().last_seq, public.last_seq + 1);
}

#[tenant_test]
async fn what_breaks_a_rule_is_refused_and_stored_nowhere(t: TenantTest) {
    let ada = person(t.alice.tenant, 1);
    let (chat, room) = (chat(&t.db), room(&t.db, RoomKind::Public, &ada, &[]).await);
    let data = |text: &str| serde_json::from_str(text).unwrap();
    let bodies = [
        Body::default(),
        Body::text(""),
        Body::text("a\0b"),
        Body { text: None, data: Some(data(r#"{"a":["b\u0000"]}"#)) },
        Body::text("x".repeat(ChatConfig::default().max_message_bytes)),
    ];
    for body in bodies {
        let message = NewMessage { body, ..NewMessage::default() };
        let refused = chat.send(&permit(&ada), room.id, &message).await.unwrap_err();
        assert!(matches!(&refused, Error::Invalid(fields) if fields[0].field == "/body"), "{refused:?}");
    }
    for reply_to in [0, -1, 1, i64::MAX] {
        let message = NewMessage { body: Body::text("x"), reply_to: Some(reply_to), ..NewMessage::default() };
        let refused = chat.send(&permit(&ada), room.id, &message).await.unwrap_err();
        assert!(matches!(&refused, Error::Invalid(fields) if fields[0].field == "/reply_to"), "{refused:?}");
    }
    // A program without storage has nothing to attach.
    let attachments = vec![NewAttachment { bucket: "files".to_owned(), key: "x".to_owned() }];
    let message = NewMessage { body: Body::text("x"), attachments, ..NewMessage::default() };
    let refused = chat.send(&permit(&ada), room.id, &message).await.unwrap_err();
    assert!(matches!(&refused, Error::Invalid(fields) if fields[0].field == "/attachments"), "{refused:?}");
    assert_eq!(get(&t.db, &ada, room.id).await.unwrap().last_seq, room.last_seq);
}

#[tenant_test]
async fn replies_are_counted_and_have_no_replies(t: TenantTest) {
    let ada = person(t.alice.tenant, 1);
    let (chat, room) = (chat(&t.db), room(&t.db, RoomKind::Public, &ada, &[]).await);
    let root = send(&chat, &ada, room.id, "root").await.unwrap().seq;
    let reply = |to| NewMessage { body: Body::text("re"), reply_to: Some(to), ..NewMessage::default() };
    let (permit, first) = (permit(&ada), reply(root));
    let sends = (0..5).map(|_| chat.send(&permit, room.id, &first));
    let sent = futures_util::future::join_all(sends).await;
    let last = sent.into_iter().map(|sent| sent.unwrap().seq).max().unwrap();
    let seen = message(&t.db, &ada, room.id, root).await.unwrap();
    assert_eq!((seen.replies, seen.last_reply_seq), (5, Some(last)));
    assert_eq!(message(&t.db, &ada, room.id, last).await.unwrap().reply_to, Some(root));
    assert!(matches!(chat.send(&permit, room.id, &reply(last)).await, Err(Error::Invalid(_))));
}

#[db_test]
async fn a_message_that_cannot_be_written_fails_alone(t: DbTest) {
    t.database.superuser().execute(
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN IF new.body::text LIKE '%poison%' THEN RAISE 'refused'; END IF; RETURN new; END $$; \
         CREATE TRIGGER refuse BEFORE INSERT ON chat.events FOR EACH ROW EXECUTE FUNCTION public.refuse()",
    );
    let (ada, eve) = (person(t.alice.tenant, 1), person(t.mallory.tenant, 1));
    let chat = chat(&t.db);
    let (hers, theirs) =
        (room(&t.db, RoomKind::Public, &ada, &[]).await, room(&t.db, RoomKind::Public, &eve, &[]).await);
    let sends = (0..60).map(|number| {
        let (by, room) = if number % 3 == 0 { (&eve, theirs.id) } else { (&ada, hers.id) };
        let text = if number % 20 == 7 { "poison".to_owned() } else { number.to_string() };
        let chat = chat.clone();
        async move { send(&chat, by, room, &text).await.map(|sent| (room, sent.seq)) }
    });
    let sent = futures_util::future::join_all(sends).await;
    let failed: Vec<usize> = (0..60).filter(|number| sent[*number].is_err()).collect();
    assert_eq!(failed, [7, 27, 47]);
    for (room, who) in [(&hers, &ada), (&theirs, &eve)] {
        let seqs = sent.iter().flatten().filter(|(place, _)| *place == room.id).map(|(_, seq)| *seq);
        let seqs: Vec<i64> = seqs.collect();
        let end = room.last_seq + i64::try_from(seqs.len()).unwrap();
        assert_eq!(seqs, (room.last_seq + 1..=end).collect::<Vec<_>>());
        assert_eq!(get(&t.db, who, room.id).await.unwrap().last_seq, end);
    }
}

#[tenant_test]
async fn too_many_that_wait_are_refused(t: TenantTest) {
    let ada = person(t.alice.tenant, 1);
    let config = ChatConfig { queue: 20, queue_per_tenant: 10, ..ChatConfig::default() };
    let chat = veza_chat::Chat::new(t.db.clone(), config).unwrap();
    let room = room(&t.db, RoomKind::Public, &ada, &[]).await;
    let sends = (0..100).map(|number| {
        let (chat, ada) = (chat.clone(), ada.clone());
        async move { send(&chat, &ada, room.id, &number.to_string()).await }
    });
    let sent = futures_util::future::join_all(sends).await;
    let refused = sent.iter().filter(|sent| matches!(sent, Err(Error::Overloaded))).count();
    let stored = sent.iter().flatten().count();
    assert!(refused > 0 && stored >= 10 && refused + stored == 100, "{refused} refused, {stored} stored");
    assert_eq!(texts(&t.db, &ada, room.id).await.len(), stored);
    assert_eq!(chat.waiting(), 0);
    send(&chat, &ada, room.id, "later").await.unwrap();
}

/// The runtime on which a writer began ends, as that of one worker of several does.
#[db_test]
async fn a_writer_that_was_cut_off_is_started_anew(t: DbTest) {
    let ada = person(t.alice.tenant, 1);
    let (chat, room) = (chat(&t.db), room(&t.db, RoomKind::Public, &ada, &[]).await.id);
    // The commit waits for this lock until the runtime is gone.
    let mut superuser = t.database.superuser();
    superuser.execute(&format!("BEGIN; SELECT FROM chat.rooms WHERE room_id = '{room}' FOR UPDATE"));
    let (elsewhere, sender) = (chat.clone(), ada.clone());
    let cut = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let sending = send(&elsewhere, &sender, room, "cut off");
            let soon = tokio::time::timeout(std::time::Duration::from_millis(300), sending).await;
            assert!(soon.is_err(), "the lock holds");
        });
    });
    cut.join().unwrap();
    superuser.execute("COMMIT");
    send(&chat, &ada, room, "goes on").await.unwrap();
}
