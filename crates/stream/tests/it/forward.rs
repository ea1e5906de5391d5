//! From one publisher to its viewers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use veza_core::{SystemClock, SystemRandom};
use veza_stream::SessionId;
use veza_stream::plane::{EndReason, Event, Plane, PlaneConfig, SessionStats};

use crate::peer::{AUDIO, Peer, Sources, VIDEO, until};
use crate::road::Road;

pub(crate) const PUBLISHED: Sources = Sources { audio: 11, video: 12, video_rtx: 13 };
pub(crate) const WATCHED: Sources = Sources { audio: 21, video: 22, video_rtx: 23 };

/// What peers do takes real time, so that tests would starve each other's.
static TURN: Mutex<()> = Mutex::new(());

/// A plane, while nobody else has one.
pub(crate) fn plane(threads: usize) -> (MutexGuard<'static, ()>, Plane, UnboundedReceiver<Event>) {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let config = PlaneConfig {
        port: 0,
        listen: vec!["127.0.0.1".parse().unwrap()],
        threads,
        ..PlaneConfig::default()
    };
    let (plane, events) = Plane::start(&config, Arc::new(SystemRandom)).unwrap();
    (turn, plane, events)
}

pub(crate) fn stats(plane: &Plane, session: SessionId) -> SessionStats {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(plane.stats(session)).unwrap()
}

pub(crate) fn id() -> SessionId {
    SessionId::generate(veza_core::Clock::now(&SystemClock), &SystemRandom)
}

/// A publisher that is there.
pub(crate) fn publisher(plane: &Plane, events: &mut UnboundedReceiver<Event>) -> (Peer, SessionId) {
    let session = id();
    let (mut peer, agreed) = Peer::new(plane, PUBLISHED, true);
    plane.publish(session, agreed).unwrap();
    connect(&mut peer, &mut []);
    assert_eq!(events.blocking_recv(), Some(Event::Connected(session)));
    (peer, session)
}

pub(crate) fn connect(peer: &mut Peer, others: &mut [&mut Peer]) {
    let mut all = vec![peer];
    all.extend(others.iter_mut().map(|other| &mut **other));
    until("the connection", &mut all, |all| all[0].connected);
}

/// A viewer that is there.
pub(crate) fn viewer(
    plane: &Plane,
    source: SessionId,
    publisher: &mut Peer,
    events: &mut UnboundedReceiver<Event>,
) -> (Peer, SessionId) {
    let session = id();
    let (mut peer, agreed) = Peer::new(plane, WATCHED, false);
    plane.watch(session, source, vec![0, 1], agreed).unwrap();
    connect(&mut peer, &mut [publisher]);
    assert_eq!(events.blocking_recv(), Some(Event::Connected(session)));
    (peer, session)
}

/// A packet of VP8: a frame of its own, every tenth a key frame.
pub(crate) fn frame(number: u64) -> Vec<u8> {
    let mut payload = vec![0x10, u8::from(!number.is_multiple_of(10))];
    payload.extend(number.to_be_bytes());
    payload.resize(200 + usize::try_from(number % 900).unwrap(), 7);
    payload
}

pub(crate) fn send_frames(publisher: &mut Peer, numbers: std::ops::Range<u64>, viewers: &mut [&mut Peer]) {
    let begin = numbers.start;
    let before: Vec<_> = viewers.iter().map(|viewer| viewer.packets.len()).collect();
    for number in numbers {
        let time = u32::try_from(number).unwrap();
        publisher.send(PUBLISHED.video, VIDEO, 65_000 + number, time * 3_000, true, &frame(number));
        publisher.send(PUBLISHED.audio, AUDIO, 500 + number, time * 960, false, &number.to_be_bytes());
        let sent = 2 * usize::try_from(number - begin + 1).unwrap();
        keep_up(publisher, viewers, &before, sent);
    }
}

/// Waits a little when somebody is far behind: where the machine is busy, the system would drop what nobody reads.
fn keep_up(publisher: &mut Peer, viewers: &mut [&mut Peer], before: &[usize], sent: usize) {
    for _ in 0..200 {
        for viewer in viewers.iter_mut() {
            viewer.turn();
        }
        publisher.turn();
        std::thread::sleep(Duration::from_millis(1));
        let behind = |(viewer, before): (&&mut Peer, &usize)| sent > viewer.packets.len() - before + 40;
        if !viewers.iter().zip(before).any(behind) {
            return;
        }
    }
}

fn forwards(threads: usize) {
    let (_turn, plane, mut events) = plane(threads);
    let (mut publisher, source) = publisher(&plane, &mut events);
    let mut viewers: Vec<_> = (0..5).map(|_| viewer(&plane, source, &mut publisher, &mut events).0).collect();
    let mut all: Vec<&mut Peer> = viewers.iter_mut().collect();
    // Over a round of the sequence numbers.
    send_frames(&mut publisher, 0..1_000, &mut all);
    all.push(&mut publisher);
    until("all packets", &mut all, |all| {
        all[..5]
            .iter()
            .all(|it| it.payloads(WATCHED.video).len() == 1_000 && it.payloads(WATCHED.audio).len() == 1_000)
    });
    for viewer in &viewers {
        assert_eq!(numbers(viewer), (0..1_000).collect::<Vec<_>>());
        let first = viewer.packets.iter().find(|it| *it.header.ssrc == WATCHED.video).unwrap();
        assert!(first.header.marker);
        assert_eq!(first.header.timestamp, 0);
    }
    plane.end(source, EndReason::Ended);
    let mut ended: Vec<_> = (0..6).map(|_| events.blocking_recv().unwrap()).collect();
    let is = |event: &Event, reason| matches!(event, Event::Ended(ended) if ended.reason == reason);
    assert!(is(&ended[0], EndReason::Ended));
    ended.retain(|event| is(event, EndReason::SourceEnded));
    assert_eq!(ended.len(), 5);
    viewers.push(publisher);
    let mut all: Vec<&mut Peer> = viewers.iter_mut().collect();
    until("goodbye", &mut all, |all| all.iter().all(|peer| peer.closed));
    plane.stop();
}

#[test]
fn each_viewer_gets_each_packet_from_one_thread() {
    forwards(1);
}

#[test]
fn each_viewer_gets_each_packet_from_three_threads() {
    forwards(3);
}

/// Frames that came as they were sent, by their numbers.
fn numbers(viewer: &Peer) -> Vec<u64> {
    let number = |payload: &Vec<u8>| u64::from_be_bytes(payload[2..10].try_into().unwrap());
    let payloads = viewer.payloads(WATCHED.video);
    payloads.iter().filter(|payload| **payload == frame(number(payload))).map(number).collect()
}

/// Sends frames, and waits now and then until all are there: what is missing for too long is given up. That the last is
/// lost shows only when another follows.
fn send_and_see(publisher: &mut Peer, viewer: &mut Peer, count: u64) {
    for begin in (0..count).step_by(20) {
        send_frames(publisher, begin..begin + 20, &mut [viewer]);
        until("the frames", &mut [viewer, publisher], |all| {
            numbers(all[0]).starts_with(&(0..begin + 10).collect::<Vec<_>>())
        });
    }
    let mut next = count;
    until("the last frames", &mut [], |_| {
        send_frames(publisher, next..next + 1, &mut [viewer]);
        next += 1;
        numbers(viewer).starts_with(&(0..count).collect::<Vec<_>>())
    });
}

#[test]
fn what_a_viewer_loses_is_sent_again() {
    let (_turn, plane, mut events) = plane(1);
    let (mut publisher, source) = publisher(&plane, &mut events);
    let (mut viewer, session) = viewer(&plane, source, &mut publisher, &mut events);
    viewer.loses = |nth| nth % 7 == 3;
    send_and_see(&mut publisher, &mut viewer, 600);
    let stats = stats(&plane, session);
    assert!(stats.tracks[1].retransmitted >= 60, "{stats:?}");
    plane.stop();
}

#[test]
fn what_a_publisher_loses_is_asked_for() {
    let (_turn, plane, mut events) = plane(1);
    let (mut publisher, source) = publisher(&plane, &mut events);
    let (mut viewer, _) = viewer(&plane, source, &mut publisher, &mut events);
    publisher.loses_sent = |nth| nth % 15 == 4;
    send_and_see(&mut publisher, &mut viewer, 200);
    assert!(stats(&plane, source).tracks[1].retransmitted > 5);
    plane.stop();
}

#[test]
fn a_late_viewer_begins_with_a_key_frame() {
    let (_turn, plane, mut events) = plane(2);
    let (mut publisher, source) = publisher(&plane, &mut events);
    send_frames(&mut publisher, 0..25, &mut []);
    let (mut viewer, _) = viewer(&plane, source, &mut publisher, &mut events);
    send_frames(&mut publisher, 25..50, &mut [&mut viewer]);
    until("the last frame", &mut [&mut viewer, &mut publisher], |all| {
        all[0].payloads(WATCHED.video).last() == Some(&frame(49))
    });
    let first = viewer.payloads(WATCHED.video).remove(0);
    assert_eq!(first[1], 0, "it begins with a key frame");
    plane.stop();
}

#[test]
fn pictures_recover_on_a_bad_road() {
    let (_turn, plane, mut events) = plane(1);
    let road = |seed| Road::new(seed, 5, Duration::from_millis(20), Duration::from_millis(50));
    let source = id();
    let (mut publisher, agreed) = Peer::new(&plane, PUBLISHED, true);
    publisher.roads = Some([road(1), road(2)]);
    plane.publish(source, agreed).unwrap();
    connect(&mut publisher, &mut []);
    assert_eq!(events.blocking_recv(), Some(Event::Connected(source)));
    let session = id();
    let (mut viewer, agreed) = Peer::new(&plane, WATCHED, false);
    viewer.roads = Some([road(3), road(4)]);
    plane.watch(session, source, vec![0, 1], agreed).unwrap();
    connect(&mut viewer, &mut [&mut publisher]);
    for number in 0..1_000 {
        let time = u32::try_from(number).unwrap();
        publisher.send(PUBLISHED.video, VIDEO, 65_000 + number, time * 3_000, true, &frame(number));
        for _ in 0..3 {
            publisher.turn();
            viewer.turn();
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    // It may begin late, and what was lost three times over may be gone: a key frame mends that.
    let wanted: Vec<Vec<u8>> = (950..1_000).map(frame).collect();
    let came = |viewer: &Peer| {
        let payloads = viewer.payloads(WATCHED.video);
        wanted.iter().filter(|frame| payloads.contains(frame)).count()
    };
    until("the last frames", &mut [&mut viewer, &mut publisher], |all| came(all[0]) >= 48);
    let lost: usize = viewer.roads.iter().chain(&publisher.roads).flatten().map(|road| road.lost).sum();
    let overtaken: usize =
        viewer.roads.iter().chain(&publisher.roads).flatten().map(|road| road.overtaken).sum();
    let (published, watched) = (stats(&plane, source), stats(&plane, session));
    println!("lost {lost}, overtaken {overtaken}; {published:?}; {watched:?}");
    assert!(lost > 100 && overtaken > 500);
    assert!(published.tracks[1].retransmitted > 10 && watched.tracks[1].retransmitted > 10);
    let all = viewer.payloads(WATCHED.video).len();
    assert!(all > 950, "{all} of 1000 frames");
    plane.stop();
}
