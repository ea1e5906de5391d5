//! Threads with real sockets.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use veza_core::{Clock, SystemClock, SystemRandom};

use crate::agreed::{Agreed, Credentials, Fingerprint};
use crate::ice::tests::request;
use crate::id::SessionId;
use crate::plane::message::Message;
use crate::plane::{EndReason, Event, Plane, PlaneConfig};

/// Expects a publisher and checks as it would. Answers once the check is answered.
fn come(plane: &Plane, from: &UdpSocket) -> SessionId {
    let id = SessionId::generate(SystemClock.now(), &SystemRandom);
    let (local, remote) = (plane.credentials(), Credentials { ufrag: "peer".into(), pwd: "theirs".into() });
    let check = request(&format!("{}:peer", local.ufrag), &local.pwd, true, true);
    let agreed = Agreed { local, remote, fingerprints: vec![Fingerprint([0; 32])], tracks: Vec::new() };
    plane.publish(id, agreed).unwrap();
    let (mut buffer, server) = ([0; 1_500], plane.candidates()[0].address);
    for _ in 0..50 {
        from.send_to(&check, server).unwrap();
        if from.recv_from(&mut buffer).is_ok() {
            return id;
        }
    }
    panic!("nobody answers");
}

#[tokio::test]
async fn a_thread_that_panics_goes_on_without_its_sessions() {
    let config = PlaneConfig {
        port: 0,
        listen: vec!["127.0.0.1".parse().unwrap()],
        threads: 1,
        tcp: true,
        ..PlaneConfig::default()
    };
    let (plane, mut events) = Plane::start(&config, Arc::new(SystemRandom)).unwrap();
    let from = UdpSocket::bind("127.0.0.1:0").unwrap();
    from.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    for _ in 0..2 {
        let session = come(&plane, &from);
        plane.tell(0, Message::Panic);
        let Some(Event::Ended(ended)) = events.recv().await else { panic!("it goes on") };
        assert_eq!((ended.session, ended.reason), (session, EndReason::Failed));
        assert!(plane.sessions().is_empty());
    }
    plane.stop();
}
