//! Packets over TCP that are cut anywhere, and what no honest peer would send.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use veza_stream::Protocol;
use veza_stream::plane::{Event, Plane};

use crate::attack::check;
use crate::forward::{WATCHED, connect, id, plane, publisher, send_frames, stats, viewer};
use crate::peer::{Connection, Peer, until};

fn server(plane: &Plane) -> SocketAddr {
    plane.candidates().iter().find(|it| it.protocol == Protocol::Tcp).unwrap().address
}

fn open(plane: &Plane) -> TcpStream {
    let stream = TcpStream::connect(server(plane)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

fn framed(packet: &[u8]) -> Vec<u8> {
    [&u16::try_from(packet.len()).unwrap().to_be_bytes()[..], packet].concat()
}

/// A frame of what the server says.
fn read(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut packet = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut packet).unwrap();
    packet
}

/// Whether the server has closed a connection, within some time.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    match stream.read(&mut [0; 16]) {
        Ok(read) => read == 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

/// Bytes of this process's memory that are in use.
fn memory() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

#[test]
fn a_frame_may_be_cut_at_each_byte() {
    let (_turn, plane, _events) = plane(1);
    let (_, agreed) = Peer::new(&plane, WATCHED, true);
    let (local, theirs) = (agreed.local.clone(), agreed.remote.ufrag.clone());
    plane.publish(id(), agreed).unwrap();
    let check = framed(&check(&format!("{}:{theirs}", local.ufrag), &local.pwd));
    for cut in 0..=check.len() {
        let mut stream = open(&plane);
        let (one, two) = check.split_at(cut);
        stream.write_all(one).unwrap();
        // Nagle's algorithm is off: each is a segment, as far as that can be said of TCP.
        stream.flush().unwrap();
        std::thread::sleep(Duration::from_micros(500));
        stream.write_all(two).unwrap();
        let answer = read(&mut stream);
        assert_eq!(&answer[..2], [1, 1], "cut at {cut}: a success is answered");
        // And again over the same connection, twice in one piece.
        stream.write_all(&[&check[..], &check[..]].concat()).unwrap();
        assert_eq!((&read(&mut stream)[..2], &read(&mut stream)[..2]), (&[1, 1][..], &[1, 1][..]));
    }
    let mut stream = open(&plane);
    for byte in &check {
        stream.write_all(&[*byte]).unwrap();
    }
    assert_eq!(&read(&mut stream)[..2], [1, 1], "byte by byte");
    plane.stop();
}

/// A generator of nonsense, the same each time.
struct Nonsense(u64);

impl Nonsense {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }
}

#[test]
fn nonsense_over_tcp_costs_no_memory_and_disturbs_nobody() {
    let (_turn, plane, mut events) = plane(2);
    let (mut publisher, source) = publisher(&plane, &mut events);
    let (mut watching, session) = viewer(&plane, source, &mut publisher, &mut events);
    let begun = plane.sessions().len();
    let seed = framed(&check("somebody:else", "a password of 22 letters"));
    let mut nonsense = Nonsense(7);
    let before = memory();
    let mut kept = Vec::new();
    for round in 0..200_u64 {
        let mut stream = open(&plane);
        stream.set_nonblocking(true).unwrap();
        let bytes = match round % 5 {
            // A valid frame with some bytes changed, also of its length.
            0 => {
                let mut bytes = seed.repeat(40);
                for _ in 0..30 {
                    let at = usize::try_from(nonsense.below(u64::try_from(bytes.len()).unwrap())).unwrap();
                    bytes[at] = nonsense.byte();
                }
                bytes
            }
            // A long frame that never ends.
            1 => [&[31, 0][..], &vec![0; 7_000]].concat(),
            // Frames without anything in them.
            2 => vec![0; 100_000],
            // The longest frames, many of them.
            3 => [&[255, 255][..], &vec![1; 65_535]].concat().repeat(4),
            _ => (0..20_000).map(|_| nonsense.byte()).collect(),
        };
        // Whoever is closed in the middle of it has said enough.
        let _closed = stream.write_all(&bytes);
        kept.push(stream);
        if round % 20 == 0 {
            let number = round / 20;
            send_frames(&mut publisher, number..number + 1, &mut [&mut watching]);
        }
    }
    until("all frames", &mut [&mut watching, &mut publisher], |all| {
        all[0].payloads(WATCHED.video).len() == 10
    });
    let grown = memory().saturating_sub(before);
    // Two hundred connections with less than a frame each, and what the allocator keeps.
    assert!(grown < 64 << 20, "{grown} bytes for what strangers said");
    assert_eq!(plane.sessions().len(), begun);
    assert!(stats(&plane, session).connected && events.try_recv().is_err());
    plane.stop();
}

/// Who is not a peer does not keep its connection, and takes no place from those who are.
#[test]
fn strangers_do_not_keep_their_connections() {
    let (_turn, plane, mut events) = plane(1);
    let mut noisy = open(&plane);
    noisy.write_all(&framed(&[0x80; 40]).repeat(200)).unwrap();
    assert!(is_closed(&mut noisy), "it has said nothing that a peer would");
    let mut oversize = open(&plane);
    oversize.write_all(&[255, 255]).unwrap();
    assert!(is_closed(&mut oversize), "no packet is so long");
    let (mut publisher, source) = publisher(&plane, &mut events);
    let session = id();
    let (mut viewer, agreed) = Peer::new(&plane, WATCHED, false);
    viewer.connection = Some(Connection::open(server(&plane)));
    plane.watch(session, source, vec![0, 1], agreed).unwrap();
    connect(&mut viewer, &mut [&mut publisher]);
    assert_eq!(events.blocking_recv(), Some(Event::Connected(session)));
    send_frames(&mut publisher, 0..100, &mut [&mut viewer]);
    until("all frames", &mut [&mut viewer, &mut publisher], |all| {
        all[0].payloads(WATCHED.video).len() == 100
    });
    plane.stop();
}
