//! Two processes and Redis between them, which comes and goes.

use std::time::Duration;

use veza_chat::room::RoomKind;
use veza_chat::{Chat, ChatConfig, Connection, Delivery, RoomId, SignalKind};
use veza_core::config::Secret;
use veza_core::{Caller, Tasks};
use veza_testing::{DbTest, Redis, db_test};

use crate::rig::{person, room, send};

fn node(t: &DbTest, redis: &Redis) -> (Chat, Tasks) {
    let config = ChatConfig { redis_url: Some(Secret::new(redis.url())), ..ChatConfig::default() };
    let (chat, tasks) = (Chat::new(t.db.clone(), config).unwrap(), Tasks::new());
    chat.start(&tasks);
    (chat, tasks)
}

/// The next event; what was typed or read may still be on its way.
async fn next(connection: &mut Connection) -> Delivery {
    loop {
        let next = tokio::time::timeout(Duration::from_secs(20), connection.next()).await;
        match next.expect("something comes") {
            Delivery::Signal { .. } => {}
            other => return other,
        }
    }
}

/// Reads until it is heard: that goes over Redis and nothing else.
async fn heard(by: &mut Connection, other: &mut Connection, room: RoomId) {
    for _ in 0..400 {
        by.signal(room, SignalKind::Read, Some(1));
        let soon = tokio::time::timeout(Duration::from_millis(50), other.next()).await;
        match soon {
            Ok(Delivery::Signal { kind: SignalKind::Read, .. }) => return,
            Ok(other) => panic!("{other:?}"),
            Err(_silence) => {}
        }
    }
    panic!("nobody hears the other process");
}

#[db_test]
async fn redis_may_come_and_go(t: DbTest) {
    let mut redis = veza_testing::redis();
    let (ada, bob) = (person(t.alice.tenant, 1), person(t.alice.tenant, 2));
    let ((one, _one), (two, _two)) = (node(&t, &redis), node(&t, &redis));
    let room = room(&t.db, RoomKind::Private, &ada, &[&bob]).await.id;
    let listen = async |chat: &Chat, who: &Caller| {
        let mut connection = chat.connect(who.clone());
        let head = connection.subscribe(room, None).await.unwrap();
        (connection, head)
    };
    let (mut hers, _) = listen(&one, &ada).await;
    let (mut his, mut head) = listen(&two, &bob).await;
    let talk = async |his: &mut Connection, hers: &mut Connection, head: &mut i64| {
        for text in ["a", "b", "c"] {
            send(&one, &ada, room, text).await.unwrap();
            *head += 1;
            for connection in [&mut *his, &mut *hers] {
                match next(connection).await {
                    Delivery::Event { event, .. } => assert_eq!(event.seq, *head),
                    other => panic!("{other:?}"),
                }
            }
        }
    };
    heard(&mut hers, &mut his, room).await;
    talk(&mut his, &mut hers, &mut head).await;
    redis.stop();
    // Slower, and nothing is lost.
    talk(&mut his, &mut hers, &mut head).await;
    redis.start();
    heard(&mut hers, &mut his, room).await;
    talk(&mut his, &mut hers, &mut head).await;
}

/// What somebody else says on the channel does no harm.
#[db_test]
async fn nonsense_on_the_bus_is_passed_over(t: DbTest) {
    let redis = veza_testing::redis();
    let (ada, bob) = (person(t.alice.tenant, 1), person(t.alice.tenant, 2));
    let ((one, _one), (two, _two)) = (node(&t, &redis), node(&t, &redis));
    let room = room(&t.db, RoomKind::Private, &ada, &[&bob]).await.id;
    let (mut hers, mut his) = (one.connect(ada.clone()), two.connect(bob.clone()));
    let head = his.subscribe(room, None).await.unwrap();
    hers.subscribe(room, None).await.unwrap();
    heard(&mut hers, &mut his, room).await;
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let tenant = t.alice.tenant;
    let ahead = format!(r#"{{"by":"{tenant}","heads":[["{tenant}","{room}",1000]]}}"#);
    let elsewhere = format!(r#"{{"by":"{tenant}","heads":[["{room}","{tenant}",1]]}}"#);
    for shard in 0..64 {
        for text in ["", "{", "null", "[1]", "\u{0}", ahead.as_str(), elsewhere.as_str()] {
            redis::cmd("PUBLISH")
                .arg(format!("veza:chat:{shard}"))
                .arg(text)
                .exec_async(&mut connection)
                .await
                .unwrap();
        }
    }
    send(&one, &ada, room, "x").await.unwrap();
    match next(&mut his).await {
        Delivery::Event { event, .. } => assert_eq!(event.seq, head + 1),
        other => panic!("{other:?}"),
    }
}
