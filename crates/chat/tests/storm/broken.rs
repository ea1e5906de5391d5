//! Frames that are broken: what the server says before it ends the connection is well formed, and it always ends it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use crate::dice::Dice;
use crate::server::{HOLDS, Server};

/// Connections of the suite.
pub(crate) const CASES: u64 = 400;
/// KiB that they may cost the server.
const MEMORY: u64 = 32 * 1024;
/// Nothing may take longer.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn run(cases: u64, seed: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = Server::start();
    let room = runtime.block_on(server.room("one".to_owned()));
    let mut dice = Dice::new(seed, 1);
    let (mut texts, mut closes, mut before) = (0, 0, None);
    for case in 0..cases {
        let hello = json!({ "id": 1, "method": "hello", "token": server.person(0).token(HOLDS) });
        let mut hello = frame(&mut dice, 1, hello.to_string().as_bytes());
        hello[0] |= 128;
        let mut bytes = frame(&mut dice, 9, b"there?");
        for id in 2..2 + dice.below(8) {
            let text = "ü".repeat(usize::try_from(dice.below(400)).unwrap());
            let request = json!({ "id": id, "method": "send", "room": room, "body": { "text": text } });
            let opcode = *dice.pick(&[1, 1, 1, 1, 1, 1, 1, 0, 2, 9, 10, 8, 3]);
            let payload = request.to_string().into_bytes();
            let payload = if opcode > 7 { payload[..payload.len().min(100)].to_vec() } else { payload };
            bytes.extend(frame(&mut dice, opcode, &payload));
        }
        damage(&mut dice, &mut bytes);
        let said = talk(&server, &mut dice, &hello, &bytes);
        let (some, close) = judge(&said);
        (texts, closes) = (texts + some, closes + u64::from(close));
        if case == cases / 10 {
            before = Some(server.memory());
        }
    }
    let grown = server.memory().saturating_sub(before.unwrap_or_default());
    println!(
        "storm: {cases} connections of broken frames from seed {seed}: {texts} messages, {closes} close frames; {grown} KiB"
    );
    assert!(texts > cases && closes > 0, "too little happened");
    assert!(grown < MEMORY, "{grown} KiB more than before");
    server.never_panicked();
}

/// A client's frame.
fn frame(dice: &mut Dice, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let last = if dice.chance(95) { 128 } else { 0 };
    let mut frame = vec![last | opcode];
    match payload.len() {
        length @ 0..126 => frame.push(128 | u8::try_from(length).unwrap()),
        length => {
            frame.push(0x80 | 0x7e);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    let mask: [u8; 4] = veza_core::bytes(dice.random());
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// Bits flip, bytes are lost or more, lengths are others.
fn damage(dice: &mut Dice, bytes: &mut Vec<u8>) {
    for _ in 0..dice.below(4) {
        let place = usize::try_from(dice.below(u64::try_from(bytes.len()).unwrap())).unwrap();
        match dice.below(6) {
            0 => bytes[place] ^= 1 << dice.below(8),
            1 => bytes.truncate(place.max(1)),
            2 => drop(bytes.remove(place)),
            3 => bytes.insert(place, u8::try_from(dice.below(256)).unwrap()),
            4 => {
                let huge = [0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
                bytes.splice(place..place, huge);
            }
            _ => bytes.extend_from_within(place..),
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
}

/// Says hello, writes the bytes in pieces, and says goodbye until every frame that could be open is over; gives all that
/// the server says until it ends the connection.
fn talk(server: &Server, dice: &mut Dice, hello: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    let request = "GET /v1/chat/connect HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    stream.write_all(hello).unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b"}}") {
        assert!(piece(&mut stream, &mut said), "the answer to hello");
    }
    let head = said.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer to the upgrade");
    assert!(said.starts_with(b"HTTP/1.1 101 "));
    said.drain(..head + 4);
    let goodbye = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8].repeat(8 * 1024);
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = usize::try_from(1 + dice.below(600)).unwrap().min(rest.len());
        // Who has been closed already cannot write.
        if stream.write_all(&rest[..length]).is_err() {
            break;
        }
        rest = &rest[length..];
    }
    let _closed = stream.write_all(&goodbye);
    while !judge(&said).1 && piece(&mut stream, &mut said) {}
    // It waits a few seconds for us to go, so that nothing it said is lost.
    let _closed = stream.shutdown(Shutdown::Write);
    while piece(&mut stream, &mut said) {}
    said
}

/// Reads on; answers whether the connection goes on.
fn piece(stream: &mut TcpStream, said: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 4_096];
    match stream.read(&mut buffer) {
        Ok(count) => {
            said.extend(&buffer[..count]);
            count > 0
        }
        // Bytes that the server did not read any more.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
        Err(error) => panic!("the server does not end the connection: {error}"),
    }
}

/// Checks what a server said: how many messages, and whether it said why it ends.
fn judge(said: &[u8]) -> (u64, bool) {
    let (mut rest, mut texts) = (said, 0);
    while let [first, second, ..] = *rest {
        let (head, length) = match second {
            126 => (4, usize::from(u16::from_be_bytes([rest[2], rest[3]]))),
            127.. => panic!("a frame of a server is masked or huge"),
            length => (2, usize::from(length)),
        };
        // The last one may have been cut off with the connection.
        let Some(payload) = rest.get(head..head + length) else { break };
        rest = &rest[head + length..];
        match first {
            0x81 => {
                message(payload);
                texts += 1;
            }
            0x88 => {
                let code = payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]));
                let defined = [1_000, 1_001, 1_002, 1_003, 1_007, 1_009, 4_400, 4_401, 4_403];
                // A close frame that came back is what the client said.
                assert!(
                    code.is_none_or(|code| defined.contains(&code) || code >= 3_000),
                    "closed with {code:?}"
                );
                assert!(rest.is_empty(), "something after the close frame");
                return (texts, true);
            }
            0x89 | 0x8a => {}
            other => panic!("a frame that begins with {other:#x}"),
        }
    }
    (texts, false)
}

fn message(payload: &[u8]) {
    let value: Value = serde_json::from_slice(payload).expect("messages are JSON");
    let answers = value["id"].is_u64() && (value["result"].is_object() != value["error"]["code"].is_string());
    assert!(answers || value["type"].is_string(), "{value}");
    assert_ne!(value["error"]["code"], "core.internal", "{value}");
}
