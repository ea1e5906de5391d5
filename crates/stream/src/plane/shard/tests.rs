//! Shards side by side, without sockets and threads.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use veza_core::{Clock, SystemClock, SystemRandom};
use zeroize::Zeroizing;

use super::{HOLDS, Shard, Surroundings, Target};
use crate::agreed::{Agreed, Credentials, Fingerprint};
use crate::dtls::{Handshaken, Handshaker, Handshakes, OwnCertificate};
use crate::ice::tests::request;
use crate::ice::{Binding, Protocol, succeed};
use crate::id::SessionId;
use crate::plane::message::Message;
use crate::plane::registry::{NewRole, NewSession, Registry};
use crate::plane::route::{Route, Sink};
use crate::plane::{EndReason, Event, PlaneConfig};
use crate::srtp::Profile;

/// Two shards, and what they told each other and the world.
struct Rig {
    shards: Vec<Shard>,
    registry: Arc<Registry>,
    told: Arc<Mutex<Vec<(usize, Message)>>>,
    events: UnboundedReceiver<Event>,
    now: Instant,
}

/// The datagrams that were sent, and where.
#[derive(Default)]
struct Sent(Vec<(Route, Vec<u8>)>);

impl Sink for Sent {
    fn send(&mut self, route: &Route, _: usize, bytes: &[u8]) {
        self.0.push((*route, bytes.to_vec()));
    }

    fn max_segments(&self) -> usize {
        1
    }
}

impl Rig {
    #[allow(clippy::disallowed_methods, reason = "any moment will do to begin with")]
    fn new() -> Self {
        let now = Instant::now();
        let handshakes = Handshakes::new(&OwnCertificate::generate().unwrap()).unwrap();
        let (handshaker, _thread) = Handshaker::start(handshakes, Instant::now, |_, _, _| {}).unwrap();
        let (registry, told) = (
            Arc::new(Registry::new(&PlaneConfig::default(), Arc::default())),
            Arc::new(Mutex::new(Vec::new())),
        );
        let (sender, events) = unbounded_channel();
        let shard = |number| {
            let told = Arc::clone(&told);
            let around = Surroundings {
                registry: Arc::clone(&registry),
                handshaker: handshaker.clone(),
                events: sender.clone(),
                tell: Arc::new(move |shard, message| {
                    told.lock().unwrap().push((shard, message));
                    true
                }),
                random: Arc::new(SystemRandom),
                shards: 2,
            };
            Shard::new(number, around, now)
        };
        Self { shards: (0..2).map(shard).collect(), registry, told, events, now }
    }

    /// Expects a publisher, whose name it is.
    fn expect(&self, name: &str) -> SessionId {
        let id = SessionId::generate(SystemClock.now(), &SystemRandom);
        let own = |ufrag: &str| Credentials { ufrag: ufrag.into(), pwd: format!("password of {ufrag}") };
        let agreed = Agreed {
            local: own(name),
            remote: own("theirs"),
            fingerprints: vec![Fingerprint([0; 32])],
            tracks: Vec::new(),
        };
        let session = NewSession { id, agreed, role: NewRole::Publish(Vec::new()) };
        self.registry.add(session, self.now + Duration::from_secs(30)).unwrap();
        id
    }

    /// A check for `name` comes to a shard. Answers whether it was answered.
    fn check(&mut self, shard: usize, name: &str, pwd: &str, from: Route) -> bool {
        !self.send(shard, from, &request(&format!("{name}:theirs"), pwd, true, true)).is_empty()
    }

    /// A datagram comes to a shard. Answers what that sends.
    fn send(&mut self, shard: usize, from: Route, bytes: &[u8]) -> Vec<(Route, Vec<u8>)> {
        let mut sent = Sent::default();
        self.shards[shard].datagram(self.now, from, &mut bytes.to_vec(), &mut sent);
        sent.0
    }

    /// Which session the next event says has ended, and why.
    fn ended(&mut self) -> Option<(SessionId, EndReason)> {
        match self.events.try_recv() {
            Ok(Event::Ended(ended)) => Some((ended.session, ended.reason)),
            _ => None,
        }
    }

    fn told(&self) -> Vec<(usize, Message)> {
        std::mem::take(&mut *self.told.lock().unwrap())
    }
}

fn from(port: u16) -> Route {
    let remote = SocketAddr::from(([192, 0, 2, 1], port));
    Route { remote, local: None, protocol: Protocol::Udp, shard: 0 }
}

#[test]
fn an_end_finds_the_session_whose_peer_has_just_come() {
    let mut rig = Rig::new();
    let id = rig.expect("a");
    assert!(rig.check(1, "a", "password of a", from(1)));
    // Who ended it had still seen it wait, and so told the first shard.
    rig.shards[0].take(Message::End(id, EndReason::Ended, None), rig.now, &mut Sent::default());
    let told = rig.told();
    assert!(
        matches!(told.as_slice(), [(1, Message::End(to, EndReason::Ended, None))] if *to == id),
        "{told:?}"
    );
    assert!(rig.events.try_recv().is_err(), "it has not ended yet");
    for (shard, message) in told {
        rig.shards[shard].take(message, rig.now, &mut Sent::default());
    }
    assert_eq!(rig.ended(), Some((id, EndReason::Ended)));
    assert!(rig.registry.all().is_empty());
}

#[test]
fn an_address_is_not_taken_from_who_is_heard_from_it() {
    let mut rig = Rig::new();
    rig.expect("victim");
    rig.expect("forger");
    assert!(rig.check(0, "victim", "password of victim", from(1)));
    assert!(rig.check(0, "forger", "password of forger", from(2)));
    let held = rig.shards[0].routes[&from(1)];
    assert!(!rig.check(0, "forger", "password of forger", from(1)));
    assert_eq!(rig.shards[0].routes[&from(1)], held);
    rig.now += HOLDS;
    assert!(rig.check(0, "forger", "password of forger", from(1)), "who had it is gone");
    assert_ne!(rig.shards[0].routes[&from(1)], held);
}

#[test]
fn an_address_leads_to_another_shard_only_with_the_password() {
    let mut rig = Rig::new();
    rig.expect("elsewhere");
    assert!(rig.check(1, "elsewhere", "password of elsewhere", from(1)));
    assert!(!rig.check(0, "elsewhere", "a guess", from(2)));
    assert!(rig.told().is_empty() && rig.shards[0].routes.is_empty());
    rig.check(0, "elsewhere", "password of elsewhere", from(2));
    assert!(matches!(rig.told().as_slice(), [(1, Message::Datagram(..))]));
    // Nor is it taken from a session that is here.
    rig.expect("here");
    assert!(rig.check(0, "here", "password of here", from(3)));
    rig.check(0, "elsewhere", "password of elsewhere", from(3));
    assert!(rig.told().is_empty());
    assert!(matches!(rig.shards[0].routes[&from(3)], Target::Here(_)));
    // And what leads elsewhere is forgotten when nobody checks it any more.
    rig.now += HOLDS;
    rig.shards[0].tick(rig.now, &mut Sent::default());
    assert!(!rig.shards[0].routes.contains_key(&from(2)));
    assert_eq!(rig.shards[0].steered, 0);
}

#[test]
fn a_name_goes_when_a_restart_takes_its_place() {
    let mut rig = Rig::new();
    let id = rig.expect("first");
    assert!(rig.check(0, "first", "password of first", from(1)));
    let own = |ufrag: &str, pwd: &str| Credentials { ufrag: ufrag.into(), pwd: pwd.into() };
    let (local, remote) = (own("second", "another"), own("theirs", "theirs"));
    rig.shards[0].take(Message::Restart(id, local, remote), rig.now, &mut Sent::default());
    assert!(rig.check(0, "first", "password of first", from(1)), "both hold until the new one is used");
    assert!(rig.check(0, "second", "another", from(1)));
    assert!(!rig.check(0, "first", "password of first", from(1)));
    assert_eq!(rig.shards[0].names.keys().collect::<Vec<_>>(), ["second"]);
}

#[test]
fn a_shard_that_panicked_ends_its_sessions_and_no_others() {
    let mut rig = Rig::new();
    let (lost, waits, elsewhere) = (rig.expect("lost"), rig.expect("waits"), rig.expect("elsewhere"));
    assert!(rig.check(0, "lost", "password of lost", from(1)));
    assert!(rig.check(1, "elsewhere", "password of elsewhere", from(2)));
    let now = rig.now;
    let broken = rig.shards.remove(0);
    rig.shards.insert(0, broken.replaced(now));
    assert_eq!(rig.ended(), Some((lost, EndReason::Failed)));
    assert!(rig.events.try_recv().is_err());
    assert!(matches!(rig.told().as_slice(), [(1, Message::SourceEnded(id))] if *id == lost));
    let left = rig.registry.all();
    assert!(left.len() == 2 && left.contains(&waits) && left.contains(&elsewhere), "{left:?}");
    assert!(!rig.check(0, "lost", "password of lost", from(1)));
    assert!(rig.check(0, "waits", "password of waits", from(1)));
}

#[test]
fn media_goes_where_a_peer_shows_to_be() {
    let mut rig = Rig::new();
    let id = rig.expect("a");
    assert!(rig.check(0, "a", "password of a", from(1)));
    let material = Zeroizing::new(vec![7; Profile::Aes128Gcm.keying_material()]);
    let fingerprint = Fingerprint([0; 32]);
    assert!(rig.shards[0].session(id).unwrap().secure(&Handshaken {
        profile: Profile::Aes128Gcm,
        material,
        fingerprint,
        goodbye: bytes::Bytes::new(),
    }));
    let goes_to = |rig: &mut Rig| rig.shards[0].session(id).unwrap().line.as_ref().unwrap().route;
    // It nominates an address that may be anybody's.
    let sent = rig.send(0, from(2), &request("a:theirs", "password of a", true, true));
    let [_answer, (asked, question)] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((*asked, goes_to(&mut rig)), (from(2), from(1)));
    let question = Binding::read(question).unwrap();
    assert_eq!((question.to, question.from), ("theirs", "a"));
    assert!(question.is_signed_with("password of theirs") && question.controlled);
    let answer = succeed(&question, "192.0.2.9:9".parse().unwrap(), "password of theirs");
    // An answer with another password, one from elsewhere, one to another question.
    rig.send(0, from(2), &succeed(&question, "192.0.2.9:9".parse().unwrap(), "a guess"));
    rig.send(0, from(1), &answer);
    let mut other = answer.clone();
    other[8] ^= 1;
    rig.send(0, from(2), &other);
    assert_eq!(goes_to(&mut rig), from(1));
    // It is not asked at each packet, and again when the question may have been lost.
    assert_eq!(rig.send(0, from(2), &request("a:theirs", "password of a", true, true)).len(), 1);
    rig.now += Duration::from_millis(100);
    assert_eq!(rig.send(0, from(2), &request("a:theirs", "password of a", true, true)).len(), 2);
    rig.send(0, from(2), &answer);
    assert_eq!(goes_to(&mut rig), from(2));
}
