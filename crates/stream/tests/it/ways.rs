//! Ways to a peer: they change, and are not always datagrams.

use str0m::IceCreds;
use veza_stream::plane::Event;
use veza_stream::{Credentials, Protocol};

use crate::forward::{WATCHED, connect, frame, id, plane, publisher, send_frames, stats, viewer};
use crate::peer::{Connection, Peer, until};

#[test]
fn who_gets_another_address_goes_on() {
    let (_turn, plane, mut events) = plane(3);
    let (mut publisher, source) = publisher(&plane, &mut events);
    let (mut viewer, _) = viewer(&plane, source, &mut publisher, &mut events);
    send_frames(&mut publisher, 0..100, &mut [&mut viewer]);
    publisher.moves();
    viewer.moves();
    // Its checks come from there, every few seconds.
    let mut number = 100;
    until("media from and to the new addresses", &mut [], |_| {
        send_frames(&mut publisher, number..number + 10, &mut [&mut viewer]);
        number += 10;
        viewer.payloads(WATCHED.video).last() == Some(&frame(number - 1))
    });
    assert!(number > 110, "nothing comes to the new address before it was checked");
    plane.stop();
}

#[test]
fn ice_restarts_without_a_gap() {
    let (_turn, plane, mut events) = plane(2);
    let (mut publisher, source) = publisher(&plane, &mut events);
    let (mut viewer, session) = viewer(&plane, source, &mut publisher, &mut events);
    send_frames(&mut publisher, 0..50, &mut [&mut viewer]);
    let local = plane.credentials();
    let remote = IceCreds::new();
    let theirs = Credentials { ufrag: remote.ufrag.clone(), pwd: remote.pass.clone() };
    plane.restart(session, local.clone(), theirs).unwrap();
    send_frames(&mut publisher, 50..100, &mut [&mut viewer]);
    let mut api = viewer.rtc.direct_api();
    api.set_local_ice_credentials(remote);
    api.set_remote_ice_credentials(IceCreds { ufrag: local.ufrag, pass: local.pwd });
    send_frames(&mut publisher, 100..400, &mut [&mut viewer]);
    until("all frames", &mut [&mut viewer, &mut publisher], |all| {
        all[0].payloads(WATCHED.video).len() == 400
    });
    assert!(stats(&plane, session).connected);
    assert!(
        plane.restart(id(), plane.credentials(), plane.credentials()).is_err(),
        "nobody has this session"
    );
    plane.stop();
}

#[test]
fn media_comes_over_tcp_where_nothing_else_does() {
    let (_turn, plane, mut events) = plane(2);
    let (mut publisher, source) = publisher(&plane, &mut events);
    let session = id();
    let (mut viewer, agreed) = Peer::new(&plane, WATCHED, false);
    let server = plane.candidates().iter().find(|it| it.protocol == Protocol::Tcp).unwrap().address;
    viewer.connection = Some(Connection::open(server));
    plane.watch(session, source, vec![0, 1], agreed).unwrap();
    connect(&mut viewer, &mut [&mut publisher]);
    assert_eq!(events.blocking_recv(), Some(Event::Connected(session)));
    send_frames(&mut publisher, 0..300, &mut [&mut viewer]);
    until("all frames", &mut [&mut viewer, &mut publisher], |all| {
        all[0].payloads(WATCHED.video).len() == 300
    });
    plane.stop();
}
