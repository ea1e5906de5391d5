//! What sessions use is counted once, and their topic hears of them.

use std::time::Duration;

use chrono::TimeDelta;
use str0m::media::Direction;
use veza_core::{Caller, TenantTx};
use veza_jobs::pull;
use veza_jobs::topic::{self, ExchangeKind, NewBinding, NewExchange};
use veza_stream::channel::NewChannel;
use veza_stream::session::SessionsOf;
use veza_stream::{ChannelId, Error, SessionId, StreamConfig, Streams, Watched};
use veza_testing::{DbTest, db_test};

use crate::peer::{AUDIO, Peer, until};
use crate::rig::{config, create, new, node_with, offer, sessions};
use crate::whole::{mids, number};

/// A publisher and a viewer that are there, also as the database has it.
async fn both(t: &DbTest, streams: &Streams, alice: &Caller, id: ChannelId) -> (Peer, Peer) {
    let (mut sender, pending, offer) = Peer::offering(Direction::SendOnly);
    let started = streams.publish(&alice.permit().unwrap(), None, id, &offer).await.unwrap();
    sender.answered(pending, &started.answer);
    let (mut receiver, pending, offer) = Peer::offering(Direction::RecvOnly);
    let watched = streams.watch(&alice.permit().unwrap(), None, id, &offer).await.unwrap();
    let Watched::Started(started) = watched else { panic!("{watched:?}") };
    receiver.answered(pending, &started.answer);
    until("both connections", &mut [&mut sender, &mut receiver], |all| all.iter().all(|peer| peer.connected));
    for _ in 0..1_000 {
        let now = sessions(&t.db, alice, id, SessionsOf::Now).await;
        if now.iter().all(|session| session.connected_at.is_some()) {
            return (sender, receiver);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it was not written down that both came");
}

/// Waits until all that a peer has sent was heard.
async fn heard(streams: &Streams, session: SessionId, peer: &Peer) {
    for _ in 0..1_000 {
        let stats = streams.plane().unwrap().stats(session).await.unwrap();
        if stats.bytes_received == peer.bytes_out {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{session} was not heard to the end");
}

#[db_test]
async fn bytes_are_metered_to_the_last_packet(t: DbTest) {
    let alice = &t.alice.caller;
    let id = create(&t.db, alice, new("one")).await.unwrap().id;
    let (streams, tasks) = node_with(&t.db, config());
    let (mut sender, pending, offer) = Peer::offering(Direction::SendOnly);
    let published = streams.publish(&alice.permit().unwrap(), None, id, &offer).await.unwrap();
    sender.answered(pending, &published.answer);
    let (mut receiver, pending, theirs) = Peer::offering(Direction::RecvOnly);
    let watched = streams.watch(&alice.permit().unwrap(), None, id, &theirs).await.unwrap();
    let Watched::Started(watched) = watched else { panic!("{watched:?}") };
    receiver.answered(pending, &watched.answer);
    until("both connections", &mut [&mut sender, &mut receiver], |all| all.iter().all(|peer| peer.connected));
    let (sound, mid) = (number(&published.answer, "opus"), mids(&offer).remove(0));
    for index in 0..500 {
        sender.say(&mid, sound, index, &[7; 300]);
        receiver.turn();
    }
    until("the sound", &mut [&mut sender, &mut receiver], |all| all[1].packets.len() >= 300);
    // Both are silent from now on, and the one ends by its tenant's word, the other with the process.
    heard(&streams, watched.id, &receiver).await;
    heard(&streams, published.id, &sender).await;
    let told = receiver.bytes_out;
    streams.end_session(&alice.permit().unwrap(), id, watched.id).await.unwrap();
    receiver.listen();
    assert!(tasks.stop(Duration::from_secs(10)).await);
    sender.listen();
    let ended = sessions(&t.db, alice, id, SessionsOf::Ever).await;
    for (session, peer, out) in [(watched.id, &receiver, told), (published.id, &sender, sender.bytes_out)] {
        let row = ended.iter().find(|row| row.id == session).unwrap();
        assert!(row.ended_at.is_some());
        let counted = (u64::try_from(row.received_bytes).unwrap(), u64::try_from(row.sent_bytes).unwrap());
        assert_eq!(counted, (out, peer.bytes_in), "{:?}", row.kind);
    }
    let mut superuser = t.database.superuser();
    let mut used = |kind: &str| {
        superuser.count(&format!(
            "SELECT coalesce(sum(quantity), 0)::bigint FROM core.usage_events WHERE kind = 'stream.{kind}'"
        ))
    };
    let of = |count: u64| i64::try_from(count).unwrap();
    assert_eq!(used("received_bytes"), of(told + sender.bytes_out));
    assert_eq!(used("sent_bytes"), of(receiver.bytes_in + sender.bytes_in));
}

#[db_test(clock = "manual")]
async fn each_second_counts_once_and_the_topic_hears(t: DbTest) {
    let alice = &t.alice.caller;
    let permit = alice.permit().unwrap();
    let exchange = NewExchange { name: "stream".to_owned(), kind: ExchangeKind::Topic, keep_days: 1 };
    // A queue that takes nothing: what is metered is not for the tenant to forbid.
    let narrow = serde_json::json!({ "name": "narrow", "max_message_bytes": 1 });
    let make = move |tx: &mut TenantTx<'_>| {
        topic::create_exchange(tx, &permit, &exchange)?;
        pull::create(tx, &permit, &serde_json::from_value(narrow.clone()).unwrap())?;
        topic::bind(tx, &permit, "stream", &NewBinding::new("pull:narrow")).map(drop)
    };
    t.db.tenant(alice, make).await.unwrap();
    let id = create(&t.db, alice, new("one")).await.unwrap().id;
    let (streams, tasks) = node_with(&t.db, config());
    let (_sender, _receiver) = Box::pin(both(&t, &streams, alice, id)).await;
    t.clock.advance(TimeDelta::seconds(30));
    assert!(tasks.stop(Duration::from_secs(10)).await);
    let ended = sessions(&t.db, alice, id, SessionsOf::Ever).await;
    assert!(ended.iter().all(|session| session.seconds == 30 && session.ended_at.is_some()), "{ended:?}");
    let mut superuser = t.database.superuser();
    let mut used = |kind: &str| {
        superuser.count(&format!(
            "SELECT coalesce(sum(quantity), 0)::bigint FROM core.usage_events WHERE kind = 'stream.{kind}'"
        ))
    };
    assert_eq!((used("published_seconds"), used("watched_seconds")), (30, 30));
    let received: i64 = ended.iter().map(|session| session.received_bytes).sum();
    let sent: i64 = ended.iter().map(|session| session.sent_bytes).sum();
    assert_eq!((used("received_bytes"), used("sent_bytes")), (received, sent));
    let told = "(SELECT string_agg(routing_key, ' ' ORDER BY event_id) FROM jobs.events WHERE routing_key <> 'stream.viewers')";
    assert_eq!(superuser.text(told).as_deref(), Some("stream.started stream.stopped"));
    let month = "SELECT (published_seconds * 1000 + watched_seconds)::bigint FROM stream.months";
    assert_eq!(superuser.count(month), 30_030);
}

/// What is used up in a month is refused until the next.
#[db_test(clock = "manual")]
async fn a_month_has_so_many_minutes(t: DbTest) {
    let alice = &t.alice.caller;
    let id = create(&t.db, alice, new("one")).await.unwrap().id;
    let limited = StreamConfig { watch_minutes_per_month: Some(1), ..config() };
    let (streams, tasks) = node_with(&t.db, limited.clone());
    let (_sender, _receiver) = Box::pin(both(&t, &streams, alice, id)).await;
    t.clock.advance(TimeDelta::seconds(61));
    assert!(tasks.stop(Duration::from_secs(10)).await);
    let (streams, _tasks) = node_with(&t.db, limited);
    streams.publish(&alice.permit().unwrap(), None, id, &offer("sendonly")).await.unwrap();
    let refused = streams.watch(&alice.permit().unwrap(), None, id, &offer("recvonly")).await;
    assert!(matches!(refused, Err(Error::LimitReached { max: 1, .. })), "{refused:?}");
    t.clock.advance(TimeDelta::days(32));
    streams.watch(&alice.permit().unwrap(), None, id, &offer("recvonly")).await.unwrap();
}

/// Who sends too much is judged from the beginning, however often somebody else has it read.
#[db_test(clock = "manual")]
async fn who_sends_too_much_is_cut(t: DbTest) {
    let alice = &t.alice.caller;
    let slow = NewChannel { max_kbps: Some(16), ..new("slow") };
    let id = create(&t.db, alice, slow).await.unwrap().id;
    let (streams, _tasks) = node_with(&t.db, config());
    let (mut sender, pending, described) = Peer::offering(Direction::SendOnly);
    let started = streams.publish(&alice.permit().unwrap(), None, id, &described).await.unwrap();
    sender.answered(pending, &started.answer);
    until("the connection", &mut [&mut sender], |all| all[0].connected);
    let mid = described.lines().find_map(|line| line.strip_prefix("a=mid:")).unwrap().to_owned();
    for number in 0..1_500 {
        // Eighty kbit/s, and ten readings a second.
        sender.say(&mid, AUDIO, 1_000 + number, &[7; 100]);
        if number % 10 == 0 {
            drop(streams.publish(&alice.permit().unwrap(), None, id, &offer("sendonly")).await);
            let all = sessions(&t.db, alice, id, SessionsOf::Ever).await;
            let first = all.iter().find(|session| session.id == started.id).unwrap();
            if let Some(reason) = &first.end_reason {
                return assert_eq!(reason, "limit_reached");
            }
        }
        t.clock.advance(TimeDelta::milliseconds(10));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it goes on");
}
