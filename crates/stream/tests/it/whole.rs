//! The whole way: an offer by WHIP, an offer by WHEP, and what is said arrives.

use std::time::Duration;

use str0m::media::Direction;
use veza_core::{Caller, Tasks};
use veza_stream::session::SessionsOf;
use veza_stream::{ChannelId, Streams, Watched};
use veza_testing::{TenantTest, tenant_test};

use crate::peer::{Peer, until};
use crate::rig::{create, new, node, sessions};

async fn publisher(streams: &Streams, caller: &Caller, id: ChannelId) -> Peer {
    let (mut peer, pending, offer) = Peer::offering(Direction::SendOnly);
    let started = streams.publish(&caller.permit().unwrap(), None, id, &offer).await.unwrap();
    peer.answered(pending, &started.answer);
    peer
}

async fn viewer(streams: &Streams, caller: &Caller, id: ChannelId) -> Peer {
    let (mut peer, pending, offer) = Peer::offering(Direction::RecvOnly);
    let watched = streams.watch(&caller.permit().unwrap(), None, id, &offer).await.unwrap();
    let Watched::Started(started) = watched else { panic!("{watched:?}") };
    peer.answered(pending, &started.answer);
    peer
}

/// The number that an answer has for a codec.
pub(crate) fn number(answer: &str, codec: &str) -> u8 {
    let line = answer.lines().find(|line| line.starts_with("a=rtpmap:") && line.contains(codec)).unwrap();
    line.trim_start_matches("a=rtpmap:").split(' ').next().unwrap().parse().unwrap()
}

pub(crate) fn mids(offer: &str) -> Vec<String> {
    offer.lines().filter_map(|line| line.strip_prefix("a=mid:")).map(str::to_owned).collect()
}

#[tenant_test]
async fn what_is_published_by_whip_is_seen_by_whep(t: TenantTest) {
    let alice = &t.alice.caller;
    let id = create(&t.db, alice, new("one")).await.unwrap().id;
    let (streams, tasks): (Streams, Tasks) = node(&t.db);
    let (mut sender, pending, offer) = Peer::offering(Direction::SendOnly);
    let started = streams.publish(&alice.permit().unwrap(), None, id, &offer).await.unwrap();
    sender.answered(pending, &started.answer);
    let mut receiver = viewer(&streams, alice, id).await;
    until("both connections", &mut [&mut sender, &mut receiver], |all| all.iter().all(|peer| peer.connected));
    let (sound, mid) = (number(&started.answer, "opus"), mids(&offer).remove(0));
    let said: Vec<Vec<u8>> = (0..50).map(|number| format!("packet {number}").into_bytes()).collect();
    let mut index = 0;
    until("all that is said", &mut [&mut sender, &mut receiver], |_| {
        index += 1;
        index > 20
    });
    for (number, payload) in (1_000..).zip(&said) {
        sender.say(&mid, sound, number, payload);
        receiver.turn();
    }
    let heard = |peer: &Peer| {
        let payloads = peer.packets.iter().map(|packet| packet.payload.to_vec());
        let mut heard: Vec<Vec<u8>> = payloads.filter(|payload| payload.starts_with(b"packet")).collect();
        heard.dedup();
        heard
    };
    until("all that is said", &mut [&mut sender, &mut receiver], |all| heard(all[1]).len() >= said.len());
    assert_eq!(heard(&receiver), said);
    // It is written down that they came, and in the end what they used.
    let mut now = Vec::new();
    for _ in 0..1_000 {
        now = sessions(&t.db, alice, id, SessionsOf::Now).await;
        if now.iter().all(|session| session.connected_at.is_some()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(now.len() == 2 && now.iter().all(|session| session.connected_at.is_some()), "{now:?}");
    assert!(tasks.stop(Duration::from_secs(10)).await);
    let ended = sessions(&t.db, alice, id, SessionsOf::Ever).await;
    let viewer = ended.iter().find(|session| session.id != started.id).unwrap();
    assert!(viewer.sent_bytes > 0 && viewer.ended_at.is_some(), "{viewer:?}");
    let publisher = ended.iter().find(|session| session.id == started.id).unwrap();
    assert!(publisher.received_bytes > 0, "{publisher:?}");
    assert_eq!(publisher.end_reason.as_deref(), Some("drained"));
}

#[tenant_test]
async fn a_publisher_of_another_tenant_is_not_heard(t: TenantTest) {
    let (alice, mallory) = (&t.alice.caller, &t.mallory.caller);
    let (hers, his) = (
        create(&t.db, alice, new("hers")).await.unwrap().id,
        create(&t.db, mallory, new("his")).await.unwrap().id,
    );
    let (streams, _tasks) = node(&t.db);
    let mut sender = publisher(&streams, alice, hers).await;
    let mut other = publisher(&streams, mallory, his).await;
    let mut receiver = viewer(&streams, mallory, his).await;
    let mut all = [&mut sender, &mut other, &mut receiver];
    until("all connections", &mut all, |all| all.iter().all(|peer| peer.connected));
}
