//! Sessions: who may be there at once, how they end, and what they used.

use std::time::Duration;

use veza_core::{Caller, TenantTx};
use veza_stream::channel::{self, NewChannel};
use veza_stream::session::{Session, SessionsOf};
use veza_stream::token::{GrantKind, NewToken};
use veza_stream::{ChannelId, Codec, Error, Started, StreamConfig, Streams, Watched};
use veza_testing::{DbTest, TenantTest, db_test, tenant_test};

use crate::rig::{config, create, new, node, node_with, offer, sessions};

pub(crate) async fn publish(streams: &Streams, caller: &Caller, id: ChannelId) -> Result<Started, Error> {
    streams.publish(&caller.permit().unwrap(), None, id, &offer("sendonly")).await
}

pub(crate) async fn watch(streams: &Streams, caller: &Caller, id: ChannelId) -> Result<Started, Error> {
    match streams.watch(&caller.permit().unwrap(), None, id, &offer("recvonly")).await? {
        Watched::Started(started) => Ok(started),
        Watched::Counter { offer, .. } => panic!("a counter-offer: {offer}"),
    }
}

/// Waits until a session has ended: the data plane tells it from another thread.
async fn ended(t: &TenantTest, caller: &Caller, id: ChannelId, session: veza_stream::SessionId) -> Session {
    for _ in 0..1_000 {
        let all = sessions(&t.db, caller, id, SessionsOf::Ever).await;
        if let Some(found) = all.into_iter().find(|found| found.id == session && found.ended_at.is_some()) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{session} goes on");
}

#[tenant_test]
async fn one_publishes_and_many_watch(t: TenantTest) {
    let alice = &t.alice.caller;
    let id = create(&t.db, alice, new("one")).await.unwrap().id;
    let (streams, _tasks) = node(&t.db);
    assert!(matches!(watch(&streams, alice, id).await, Err(Error::NotLive)));
    let first = publish(&streams, alice, id).await.unwrap();
    assert!(first.answer.contains("a=recvonly\r\n") && first.resource.len() == 22);
    assert!(matches!(publish(&streams, alice, id).await, Err(Error::Busy)));
    let viewers = [watch(&streams, alice, id).await.unwrap(), watch(&streams, alice, id).await.unwrap()];
    assert_ne!(viewers[0].resource, viewers[1].resource);
    assert_eq!(sessions(&t.db, alice, id, SessionsOf::Now).await.len(), 3);
    streams.end_session(&alice.permit().unwrap(), id, first.id).await.unwrap();
    assert_eq!(ended(&t, alice, id, first.id).await.end_reason.as_deref(), Some("ended"));
    assert!(matches!(watch(&streams, alice, id).await, Err(Error::NotLive)));
    let again = streams.end_session(&alice.permit().unwrap(), id, first.id).await;
    assert!(matches!(again, Err(Error::NotFound("session"))), "one ends once");
    publish(&streams, alice, id).await.unwrap();
}

#[tenant_test]
async fn a_publisher_is_taken_over_where_that_is_allowed(t: TenantTest) {
    let alice = &t.alice.caller;
    let open = create(&t.db, alice, NewChannel { take_over: true, ..new("open") }).await.unwrap().id;
    let shut = create(&t.db, alice, new("shut")).await.unwrap().id;
    let (streams, _tasks) = node(&t.db);
    let first = publish(&streams, alice, open).await.unwrap();
    let second = publish(&streams, alice, open).await.unwrap();
    assert_eq!(ended(&t, alice, open, first.id).await.end_reason.as_deref(), Some("taken_over"));
    let now = sessions(&t.db, alice, open, SessionsOf::Now).await;
    assert_eq!(now.iter().map(|session| session.id).collect::<Vec<_>>(), [second.id]);
    watch(&streams, alice, open).await.unwrap();
    let first = publish(&streams, alice, shut).await.unwrap();
    let new = NewToken { grants: vec![GrantKind::Publish], seconds: 60, take_over: true };
    let (token, _) = streams.create_token(&alice.permit().unwrap(), shut, &new).await.unwrap();
    let grant = streams.check_token(&token).unwrap();
    let permit = grant.caller.permit().unwrap();
    streams.publish(&permit, Some(&grant), shut, &offer("sendonly")).await.unwrap();
    assert_eq!(ended(&t, alice, shut, first.id).await.end_reason.as_deref(), Some("taken_over"));
}

#[tenant_test]
async fn of_publishers_at_once_one_is_there(t: TenantTest) {
    let alice = &t.alice.caller;
    let id = create(&t.db, alice, new("one")).await.unwrap().id;
    let (one, _tasks) = node(&t.db);
    let (two, _more) = node(&t.db);
    let all = [&one, &two, &one, &two].map(|streams| publish(streams, alice, id));
    let all = futures_util::future::join_all(all).await;
    assert_eq!(all.iter().filter(|one| one.is_ok()).count(), 1);
    assert!(all.iter().filter_map(|one| one.as_ref().err()).all(|error| matches!(error, Error::Busy)));
    assert_eq!(sessions(&t.db, alice, id, SessionsOf::Ever).await.len(), 1, "nothing half done");
    let (here, elsewhere) = (watch(&one, alice, id).await, watch(&two, alice, id).await);
    let refused = here.err().or(elsewhere.err());
    assert!(matches!(refused, Some(Error::Elsewhere)), "one process has it, and says so: {refused:?}");
}

#[tenant_test]
async fn what_cannot_be_played_is_offered_otherwise(t: TenantTest) {
    let alice = &t.alice.caller;
    let id = create(&t.db, alice, new("one")).await.unwrap().id;
    let (streams, _tasks) = node(&t.db);
    publish(&streams, alice, id).await.unwrap();
    let permit = alice.permit().unwrap();
    let h264 = offer("recvonly").replace("VP8/90000", "H264/90000");
    let Watched::Counter { resource, offer: ours } = streams.watch(&permit, None, id, &h264).await.unwrap()
    else {
        panic!("H264 is not live");
    };
    assert!(ours.contains("a=rtpmap:96 VP8/90000\r\n") && ours.contains("a=setup:actpass\r\n"));
    let answer = offer("recvonly").replace("actpass", "active");
    assert!(!streams.waits(&t.mallory.caller, id, &resource));
    let stranger = streams.answer(&t.mallory.caller.permit().unwrap(), id, &resource, &answer).await;
    assert!(matches!(stranger, Err(Error::NotFound(_))));
    let malformed = streams.answer(&permit, id, &resource, &offer("recvonly")).await;
    assert!(matches!(malformed, Err(Error::Unsupported(_))), "it may be tried again: {malformed:?}");
    streams.answer(&permit, id, &resource, &answer).await.unwrap();
    assert!(matches!(streams.answer(&permit, id, &resource, &answer).await, Err(Error::NotFound(_))));
    assert_eq!(sessions(&t.db, alice, id, SessionsOf::Now).await.len(), 2);
}

#[tenant_test]
async fn refused_offers_begin_nothing(t: TenantTest) {
    let alice = &t.alice.caller;
    let only_av1 = NewChannel { codecs: vec![Codec::Av1, Codec::Opus], ..new("av1") };
    let id = create(&t.db, alice, only_av1).await.unwrap().id;
    let (streams, _tasks) = node_with(&t.db, StreamConfig { publish_minutes_per_month: Some(0), ..config() });
    assert!(matches!(publish(&streams, alice, id).await, Err(Error::Unsupported(_))));
    let permit = || alice.permit().unwrap();
    assert!(matches!(streams.publish(&permit(), None, id, "v=0").await, Err(Error::Malformed(_))));
    let av1 = offer("sendonly").replace("VP8/90000", "AV1/90000");
    let used_up = streams.publish(&permit(), None, id, &av1).await;
    assert!(matches!(used_up, Err(Error::LimitReached { max: 0, .. })), "{used_up:?}");
    assert!(sessions(&t.db, alice, id, SessionsOf::Ever).await.is_empty());
    // The data plane hears of it on a thread of its own.
    for _ in 0..1_000 {
        if streams.plane().unwrap().sessions().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("a session of the data plane goes on");
}

/// Who watches stays, and is let go with the one who took over.
#[tenant_test]
async fn viewers_stay_when_a_publisher_is_taken_over(t: TenantTest) {
    let alice = &t.alice.caller;
    let id = create(&t.db, alice, NewChannel { take_over: true, ..new("one") }).await.unwrap().id;
    let (streams, _tasks) = node(&t.db);
    let first = publish(&streams, alice, id).await.unwrap();
    let viewer = watch(&streams, alice, id).await.unwrap();
    let second = publish(&streams, alice, id).await.unwrap();
    assert_eq!(ended(&t, alice, id, first.id).await.end_reason.as_deref(), Some("taken_over"));
    let now = sessions(&t.db, alice, id, SessionsOf::Now).await;
    let mut ids: Vec<_> = now.iter().map(|session| session.id).collect();
    ids.sort();
    assert_eq!(ids, [viewer.id, second.id]);
    let h264 = offer("sendonly").replace("VP8/90000", "H264/90000");
    let third = streams.publish(&alice.permit().unwrap(), None, id, &h264).await.unwrap();
    assert_eq!(ended(&t, alice, id, viewer.id).await.end_reason.as_deref(), Some("source_changed"));
    streams.end_session(&alice.permit().unwrap(), id, third.id).await.unwrap();
    assert!(sessions(&t.db, alice, id, SessionsOf::Now).await.is_empty());
}

/// A removed channel, and ended tokens, end what goes on.
#[tenant_test]
async fn who_loses_the_right_is_cut(t: TenantTest) {
    let alice = &t.alice.caller;
    let (one, two) = (new("one"), new("two"));
    let (one, two) =
        (create(&t.db, alice, one).await.unwrap().id, create(&t.db, alice, two).await.unwrap().id);
    let (streams, _tasks) = node(&t.db);
    let removed = publish(&streams, alice, one).await.unwrap();
    let new = NewToken { grants: vec![GrantKind::Publish], seconds: 60, take_over: false };
    let (token, _) = streams.create_token(&alice.permit().unwrap(), two, &new).await.unwrap();
    let grant = streams.check_token(&token).unwrap();
    let permit = grant.caller.permit().unwrap();
    let revoked = streams.publish(&permit, Some(&grant), two, &offer("sendonly")).await.unwrap();
    let kept = watch(&streams, alice, two).await.unwrap();
    let permit = alice.permit().unwrap();
    let change = move |tx: &mut TenantTx<'_>| {
        channel::end_tokens(tx, &permit, two)?;
        let listed = channel::get(tx, &permit.caller().permit()?, one)?;
        channel::remove(tx, &permit, listed.id, None)
    };
    t.db.tenant(alice, change).await.unwrap();
    assert_eq!(ended(&t, alice, two, revoked.id).await.end_reason.as_deref(), Some("revoked"));
    let permit = alice.permit::<veza_stream::permission::ReadChannels>().unwrap();
    for _ in 0..1_000 {
        if streams.session(&permit, one, removed.id).await.unwrap().session.ended_at.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let gone = streams.session(&permit, one, removed.id).await.unwrap().session;
    assert_eq!(gone.end_reason.as_deref(), Some("ended"));
    assert_eq!(ended(&t, alice, two, kept.id).await.end_reason.as_deref(), Some("source_ended"));
}

/// What a killed process left is ended by others, and makes room for a publisher at once.
#[db_test(clock = "manual")]
async fn lost_sessions_are_found(t: DbTest) {
    let alice = &t.alice.caller;
    let (one, two) = (new("one"), new("two"));
    let (one, two) =
        (create(&t.db, alice, one).await.unwrap().id, create(&t.db, alice, two).await.unwrap().id);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (killed, _tasks) = {
        let _entered = runtime.enter();
        node(&t.db)
    };
    publish(&killed, alice, one).await.unwrap();
    publish(&killed, alice, two).await.unwrap();
    // Nobody sees to them any more.
    runtime.shutdown_background();
    let (next, tasks) = node(&t.db);
    t.clock.advance(chrono::TimeDelta::seconds(41));
    publish(&next, alice, one).await.unwrap();
    next.start_worker(&tasks);
    for _ in 0..1_000 {
        if sessions(&t.db, alice, two, SessionsOf::Now).await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for id in [one, two] {
        let all = sessions(&t.db, alice, id, SessionsOf::Ever).await;
        assert_eq!(all.last().unwrap().end_reason.as_deref(), Some("lost"));
    }
}
