//! How many there may be at once, of a channel and of an organisation.

use veza_core::Caller;
use veza_core::fault::{Fault, Kind};
use veza_stream::channel::NewChannel;
use veza_stream::{ChannelId, Error, StreamConfig, Watched};
use veza_testing::{TenantTest, tenant_test};

use crate::rig::{config, create, new, node, node_with, offer};
use crate::sessions::{publish, watch};

#[tenant_test]
async fn viewers_have_limits(t: TenantTest) {
    let alice = &t.alice.caller;
    let (streams, _tasks) = node_with(&t.db, StreamConfig { max_viewers: 2, ..config() });
    let small = create(&t.db, alice, NewChannel { max_viewers: Some(1), ..new("small") }).await.unwrap().id;
    let large = create(&t.db, alice, new("large")).await.unwrap().id;
    publish(&streams, alice, small).await.unwrap();
    publish(&streams, alice, large).await.unwrap();
    watch(&streams, alice, small).await.unwrap();
    let refused = watch(&streams, alice, small).await;
    assert!(matches!(refused, Err(Error::TooManyViewers { max: 1, of: "the channel" })));
    let viewer = watch(&streams, alice, large).await.unwrap();
    assert!(matches!(
        watch(&streams, alice, large).await,
        Err(Error::TooManyViewers { max: 2, of: "the organisation" })
    ));
    streams.end_session(&alice.permit().unwrap(), large, viewer.id).await.unwrap();
    watch(&streams, alice, large).await.unwrap();
}

/// Who asks for sessions and never comes takes nobody else's place.
#[tenant_test]
async fn those_who_wait_for_their_peers_have_limits(t: TenantTest) {
    let (alice, mallory) = (&t.alice.caller, &t.mallory.caller);
    let (streams, _tasks) = node_with(&t.db, StreamConfig { max_waiting: 3, ..config() });
    let id = create(&t.db, alice, new("one")).await.unwrap().id;
    publish(&streams, alice, id).await.unwrap();
    let mut waiting = Vec::new();
    for _ in 0..2 {
        waiting.push(watch(&streams, alice, id).await.unwrap().id);
    }
    let refused = watch(&streams, alice, id).await.unwrap_err();
    assert!(matches!(refused, Error::TooManyWaiting { max: 3 }), "{refused:?}");
    assert!(refused.retry_after().is_some() && refused.kind() == Kind::RateLimited);
    let other = create(&t.db, alice, new("other")).await.unwrap().id;
    assert!(matches!(publish(&streams, alice, other).await, Err(Error::TooManyWaiting { max: 3 })));
    let his = create(&t.db, mallory, new("his")).await.unwrap().id;
    publish(&streams, mallory, his).await.unwrap();
    for id_of in waiting {
        streams.end_session(&alice.permit().unwrap(), id, id_of).await.unwrap();
    }
    publish(&streams, alice, other).await.unwrap();
}

/// Counter-offers are bounded by tenant.
#[tenant_test]
async fn counter_offers_have_limits(t: TenantTest) {
    let (streams, _tasks) = node(&t.db);
    let h264 = offer("recvonly").replace("VP8/90000", "H264/90000");
    let mut ids = Vec::new();
    for caller in [&t.alice.caller, &t.mallory.caller] {
        let id = create(&t.db, caller, new("one")).await.unwrap().id;
        publish(&streams, caller, id).await.unwrap();
        ids.push((caller, id));
    }
    let ask = async |(caller, id): (&Caller, ChannelId)| {
        streams.watch(&caller.permit().unwrap(), None, id, &h264).await
    };
    let mut offered = Vec::new();
    let refused = loop {
        match ask(ids[0]).await {
            Ok(Watched::Counter { resource, .. }) => offered.push(resource),
            refused => break refused,
        }
    };
    assert!(matches!(refused, Err(Error::TooManyWaiting { max: 500 })), "{refused:?}");
    assert_eq!(offered.len(), 500);
    assert!(matches!(ask(ids[1]).await, Ok(Watched::Counter { .. })));
    assert!(streams.withdraw(ids[0].0, ids[0].1, &offered[7]));
    assert!(matches!(ask(ids[0]).await, Ok(Watched::Counter { .. })));
}
