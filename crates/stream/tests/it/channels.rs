//! Channels, their limits, and who may not reach them.

use veza_core::page::PageRequest;
use veza_core::{Fault, TenantTx};
use veza_stream::channel::{self, ChannelChange, NewChannel};
use veza_stream::token::{GrantKind, NewToken};
use veza_stream::{Codec, Error, StreamConfig};
use veza_testing::{TenantTest, tenant_test};

use crate::rig::{create, new, node, offer};

#[tenant_test]
async fn a_channel_is_made_changed_and_removed(t: TenantTest) {
    let alice = &t.alice.caller;
    let settings = NewChannel { codecs: vec![Codec::H264, Codec::Opus], max_viewers: Some(5), ..new("one") };
    let made = create(&t.db, alice, settings).await.unwrap();
    assert_eq!((made.name.as_str(), made.version, made.settings.max_viewers), ("one", 1, Some(5)));
    assert_eq!(made.settings.allowed_codecs(), [Codec::Opus, Codec::H264]);
    let change = ChannelChange {
        name: Some("two".to_owned()),
        description: Some("about".to_owned()),
        max_viewers: Some(None),
        codecs: Some(Vec::new()),
        ..ChannelChange::default()
    };
    let update = |versions: Option<Vec<i64>>| {
        let (permit, change) = (alice.permit().unwrap(), change.clone());
        t.db.tenant(alice, move |tx| channel::update(tx, &permit, made.id, versions.as_deref(), &change))
    };
    let changed = update(Some(vec![1])).await.unwrap();
    assert_eq!((changed.name.as_str(), changed.version, changed.settings.max_viewers), ("two", 2, None));
    assert_eq!(changed.settings.allowed_codecs().len(), Codec::ALL.len());
    assert!(matches!(update(Some(vec![1])).await, Err(Error::VersionMismatch)));
    let permit = alice.permit().unwrap();
    let remove = move |tx: &mut TenantTx<'_>| channel::remove(tx, &permit, made.id, None);
    t.db.tenant(alice, remove).await.unwrap();
    assert!(matches!(update(None).await, Err(Error::NotFound("channel"))));
    let permit = alice.permit().unwrap();
    let listed = move |tx: &mut veza_core::ReadTx<'_>| {
        channel::list(tx, &permit, &PageRequest::new(None, None).unwrap())
    };
    assert!(t.db.read(alice, listed).await.unwrap().items.is_empty());
}

#[tenant_test]
async fn every_broken_rule_is_named(t: TenantTest) {
    let bad = NewChannel {
        name: " ".to_owned(),
        description: Some("\0".to_owned()),
        codecs: vec![Codec::Vp8; 10],
        max_viewers: Some(0),
        max_kbps: Some(1),
        ..NewChannel::default()
    };
    let error = create(&t.db, &t.alice.caller, bad).await.unwrap_err();
    let fields: Vec<_> = error.fields().iter().map(|field| &*field.field).collect();
    assert_eq!(fields, ["/max_viewers", "/max_kbps", "/codecs", "/name", "/description"]);
}

#[tenant_test]
async fn a_tenant_has_as_many_channels_as_it_may(t: TenantTest) {
    let alice = &t.alice.caller;
    let config = StreamConfig { max_channels: 2, ..StreamConfig::default() };
    let create = |name: &str| {
        let (permit, config, new) = (alice.permit().unwrap(), config.clone(), new(name));
        t.db.tenant(alice, move |tx| channel::create(tx, &permit, &config, &new))
    };
    let (one, two, three) = futures_util::future::join3(create("a"), create("b"), create("c")).await;
    let made = [&one, &two, &three].into_iter().filter(|made| made.is_ok()).count();
    assert_eq!(made, 2);
    assert!(matches!(create("d").await, Err(Error::LimitReached { max: 2, .. })));
}

#[tenant_test]
async fn a_foreign_channel_is_like_none(t: TenantTest) {
    let (alice, mallory) = (&t.alice.caller, &t.mallory.caller);
    let hers = create(&t.db, alice, new("hers")).await.unwrap();
    let (streams, _tasks) = node(&t.db);
    let live = streams.publish(&alice.permit().unwrap(), None, hers.id, &offer("sendonly")).await.unwrap();
    let attack = |what: usize| {
        let (manage, read) = (mallory.permit().unwrap(), mallory.permit().unwrap());
        t.db.tenant(mallory, move |tx: &mut TenantTx<'_>| match what {
            0 => channel::get(tx, &read, hers.id).map(drop),
            1 => channel::update(tx, &manage, hers.id, None, &ChannelChange::default()).map(drop),
            2 => channel::remove(tx, &manage, hers.id, None),
            _ => channel::end_tokens(tx, &manage, hers.id),
        })
    };
    for what in 0..4 {
        assert!(matches!(attack(what).await, Err(Error::NotFound("channel"))), "{what}");
    }
    let publish = streams.publish(&mallory.permit().unwrap(), None, hers.id, &offer("sendonly")).await;
    assert!(matches!(publish, Err(Error::NotFound("channel"))));
    let watch = streams.watch(&mallory.permit().unwrap(), None, hers.id, &offer("recvonly")).await;
    assert!(matches!(watch, Err(Error::NotFound("channel"))));
    let new = NewToken { grants: vec![GrantKind::Watch], seconds: 60, take_over: false };
    let token = streams.create_token(&mallory.permit().unwrap(), hers.id, &new).await;
    assert!(matches!(token, Err(Error::NotFound("channel"))));
    let end = streams.end_session(&mallory.permit().unwrap(), hers.id, live.id).await;
    assert!(matches!(end, Err(Error::NotFound("session"))));
    let seen = streams.session(&mallory.permit().unwrap(), hers.id, live.id).await;
    assert!(matches!(seen, Err(Error::NotFound("session"))));
    assert!(
        streams.session(&alice.permit().unwrap(), hers.id, live.id).await.unwrap().session.ended_at.is_none()
    );
}

/// A token holds for its channel until it ends, or all of them are ended.
#[tenant_test(clock = "manual")]
async fn tokens_end(t: TenantTest) {
    let alice = &t.alice.caller;
    let hers = create(&t.db, alice, new("hers")).await.unwrap();
    let (streams, _tasks) = node(&t.db);
    let new = NewToken { grants: vec![GrantKind::Publish], seconds: 60, take_over: false };
    let (token, _) = streams.create_token(&alice.permit().unwrap(), hers.id, &new).await.unwrap();
    let grant = streams.check_token(&token).unwrap();
    assert_eq!((grant.channel, grant.caller.tenant()), (hers.id, t.alice.tenant));
    streams.check_epoch(&grant).await.unwrap();
    let permit = alice.permit().unwrap();
    t.db.tenant(alice, move |tx| channel::end_tokens(tx, &permit, hers.id)).await.unwrap();
    assert!(matches!(streams.check_epoch(&grant).await, Err(Error::TokenExpired)));
    let (token, _) = streams.create_token(&alice.permit().unwrap(), hers.id, &new).await.unwrap();
    streams.check_epoch(&streams.check_token(&token).unwrap()).await.unwrap();
    t.clock.advance(chrono::TimeDelta::seconds(61));
    assert!(matches!(streams.check_token(&token), Err(Error::TokenExpired)));
}
