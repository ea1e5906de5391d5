//! Another publisher in the place of one: who watches stays.

use tokio::sync::mpsc::UnboundedReceiver;
use veza_stream::plane::{EndReason, Event, Plane};
use veza_stream::{Codec, SessionId, Track};

use crate::forward::{WATCHED, connect, frame, id, plane, publisher, send_frames, viewer};
use crate::peer::{AUDIO, Peer, Sources, VIDEO, until};

const NEXT: Sources = Sources { audio: 31, video: 32, video_rtx: 33 };

/// The next publisher, whose tracks stand the other way round, and whose peer has not come.
fn next(plane: &Plane) -> (Peer, SessionId) {
    let session = id();
    let (peer, mut agreed) = Peer::new(plane, NEXT, true);
    agreed.tracks.reverse();
    plane.publish(session, agreed).unwrap();
    (peer, session)
}

/// Its numbers and times have nothing to do with those of the one before.
fn send_next(peer: &mut Peer, numbers: std::ops::Range<u64>, viewers: &mut [&mut Peer]) {
    for number in numbers {
        let time = u32::try_from(number).unwrap();
        let picture = 4_000_000_000_u32.wrapping_add(time * 3_000);
        peer.send(NEXT.video, VIDEO, 7 + number, picture, true, &frame(number));
        let sound = 77_u32.wrapping_add(time * 960);
        peer.send(NEXT.audio, AUDIO, 60_000 + number, sound, false, &number.to_be_bytes());
        for viewer in viewers.iter_mut() {
            viewer.turn();
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

/// What came of a source is without gaps, and its times never go back.
fn goes_on(viewer: &Peer, ssrc: u32) {
    let mut packets: Vec<_> = viewer.packets.iter().filter(|it| *it.header.ssrc == ssrc).collect();
    packets.sort_by_key(|packet| packet.seq_no);
    for pair in packets.windows(2) {
        let (one, two) = (pair[0], pair[1]);
        assert_eq!(*one.seq_no + 1, *two.seq_no);
        let later = two.header.timestamp.wrapping_sub(one.header.timestamp);
        assert!((1..900_000).contains(&later), "{} then {}", one.header.timestamp, two.header.timestamp);
    }
}

fn ended(events: &mut UnboundedReceiver<Event>, all: &mut [&mut Peer]) -> (SessionId, EndReason) {
    let mut found = None;
    until("an end", all, |_| {
        if let Ok(Event::Ended(ended)) = events.try_recv() {
            found = Some((ended.session, ended.reason));
        }
        found.is_some()
    });
    found.unwrap()
}

fn stays(threads: usize) {
    let (_turn, plane, mut events) = plane(threads);
    let (mut first, source) = publisher(&plane, &mut events);
    let mut viewers: Vec<_> = (0..4).map(|_| viewer(&plane, source, &mut first, &mut events).0).collect();
    // One has not come yet.
    let (mut late, agreed) = Peer::new(&plane, WATCHED, false);
    plane.watch(id(), source, vec![0, 1], agreed).unwrap();
    let mut all: Vec<&mut Peer> = viewers.iter_mut().collect();
    send_frames(&mut first, 0..95, &mut all);
    until("the first one's frames", &mut all, |all| {
        let came = |it: &&mut Peer, track| it.payloads(track).len() == 95;
        all.iter().all(|it| came(it, WATCHED.video) && came(it, WATCHED.audio))
    });
    let (mut second, next) = next(&plane);
    plane.take_over(source, next);
    assert_eq!(ended(&mut events, &mut all), (source, EndReason::TakenOver));
    let (_, agreed) = Peer::new(&plane, WATCHED, false);
    assert!(plane.watch(id(), source, vec![0, 1], agreed).is_err(), "nobody begins to watch what is over");
    connect(&mut second, &mut all);
    assert_eq!(events.blocking_recv(), Some(Event::Connected(next)));
    // Frames 3 to 9 need one that is not sent.
    send_next(&mut second, 3..60, &mut all);
    until("the second one's frames", &mut all, |all| {
        let came = |it: &&mut Peer, track, count| it.payloads(track).len() >= count;
        all.iter().all(|it| came(it, WATCHED.video, 95 + 50) && came(it, WATCHED.audio, 95 + 57))
    });
    let wanted: Vec<_> = (0..95).chain(10..60).map(frame).collect();
    for viewer in &viewers {
        assert_eq!(viewer.payloads(WATCHED.video), wanted);
        assert_eq!(viewer.payloads(WATCHED.audio).len(), 95 + 57);
        goes_on(viewer, WATCHED.video);
        goes_on(viewer, WATCHED.audio);
    }
    assert!(second.keyframe_requests > 0, "a key frame is asked for");
    connect(&mut late, &mut [&mut second]);
    send_next(&mut second, 60..80, &mut [&mut late]);
    until("what the late one sees", &mut [&mut late, &mut second], |all| {
        all[0].payloads(WATCHED.video).last() == Some(&frame(79))
    });
    assert!(events.try_recv().is_ok_and(|event| matches!(event, Event::Connected(_))));
    assert!(events.try_recv().is_err(), "nobody else ended");
    plane.stop();
}

#[test]
fn viewers_stay_on_one_thread() {
    stays(1);
}

#[test]
fn viewers_stay_on_three_threads() {
    stays(3);
}

/// What is lost around the change is asked for by numbers of both; what was lost of the first is gone.
#[test]
fn what_is_lost_after_the_change_is_sent_again() {
    let (_turn, plane, mut events) = plane(1);
    let (mut first, source) = publisher(&plane, &mut events);
    let (mut viewer, _) = viewer(&plane, source, &mut first, &mut events);
    send_frames(&mut first, 0..50, &mut [&mut viewer]);
    let (mut second, next) = next(&plane);
    plane.take_over(source, next);
    connect(&mut second, &mut [&mut viewer]);
    send_next(&mut second, 10..20, &mut [&mut viewer]);
    viewer.loses = |nth| nth % 9 == 4;
    send_next(&mut second, 20..120, &mut [&mut viewer]);
    let mut more = 120;
    until("the lost frames", &mut [], |_| {
        send_next(&mut second, more..more + 1, &mut [&mut viewer]);
        more += 1;
        let came = viewer.payloads(WATCHED.video);
        (20..120).all(|number| came.contains(&frame(number)))
    });
    plane.stop();
}

#[test]
fn who_can_play_nothing_of_it_is_ended() {
    let (_turn, plane, mut events) = plane(2);
    let (mut first, source) = publisher(&plane, &mut events);
    let (mut viewer, there) = viewer(&plane, source, &mut first, &mut events);
    let waiting = id();
    let (_, agreed) = Peer::new(&plane, WATCHED, false);
    plane.watch(waiting, source, vec![0, 1], agreed).unwrap();
    let (_, mut agreed) = Peer::new(&plane, NEXT, true);
    agreed.tracks[1] = Track { codec: Codec::H264, ..agreed.tracks[1].clone() };
    let next = id();
    plane.publish(next, agreed).unwrap();
    plane.take_over(source, next);
    let mut all: Vec<_> = (0..3).map(|_| ended(&mut events, &mut [&mut viewer])).collect();
    let mut wanted = vec![
        (there, EndReason::SourceChanged),
        (waiting, EndReason::SourceChanged),
        (source, EndReason::TakenOver),
    ];
    all.sort_by_key(|(session, _)| *session);
    wanted.sort_by_key(|(session, _)| *session);
    assert_eq!(all, wanted);
    assert_eq!(plane.sessions(), [next]);
    plane.stop();
}

#[test]
fn viewers_end_with_a_publisher_that_never_comes() {
    let (_turn, plane, mut events) = plane(3);
    let (mut first, source) = publisher(&plane, &mut events);
    let (mut viewer, there) = viewer(&plane, source, &mut first, &mut events);
    let (_, second) = next(&plane);
    plane.take_over(source, second);
    assert_eq!(ended(&mut events, &mut [&mut viewer]), (source, EndReason::TakenOver));
    // And that one is taken over before its peer came.
    let (_, third) = next(&plane);
    plane.take_over(second, third);
    assert_eq!(ended(&mut events, &mut [&mut viewer]), (second, EndReason::TakenOver));
    plane.end(third, EndReason::NeverConnected);
    let mut both: Vec<_> = (0..2).map(|_| ended(&mut events, &mut [&mut viewer])).collect();
    both.sort_by_key(|(session, _)| *session);
    let mut wanted = vec![(there, EndReason::SourceEnded), (third, EndReason::NeverConnected)];
    wanted.sort_by_key(|(session, _)| *session);
    assert_eq!(both, wanted);
    plane.stop();
}

/// Who comes before the publisher does waits for it.
#[test]
fn viewers_may_come_before_their_publisher() {
    let (_turn, plane, mut events) = plane(3);
    let (mut publisher, source) = next(&plane);
    let session = id();
    let (mut viewer, agreed) = Peer::new(&plane, WATCHED, false);
    plane.watch(session, source, vec![1, 0], agreed).unwrap();
    connect(&mut viewer, &mut []);
    assert_eq!(events.blocking_recv(), Some(Event::Connected(session)));
    connect(&mut publisher, &mut [&mut viewer]);
    send_next(&mut publisher, 0..40, &mut [&mut viewer]);
    until("all frames", &mut [&mut viewer, &mut publisher], |all| all[0].payloads(WATCHED.video).len() == 40);
    plane.stop();
}
