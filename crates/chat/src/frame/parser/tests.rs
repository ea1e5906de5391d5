//! One line for each rule.

use bytes::Bytes;

use super::*;
use crate::frame::CloseCode;

const LIMITS: Limits = Limits { message: 300, frame: 200 };

/// All that a client reads of `bytes`.
fn client(bytes: &[u8]) -> (Vec<Event>, Option<Violation>) {
    read(&mut Parser::new(Role::Client, LIMITS), bytes)
}

fn read(parser: &mut Parser, mut bytes: &[u8]) -> (Vec<Event>, Option<Violation>) {
    let mut events = Vec::new();
    loop {
        match parser.next(&mut bytes) {
            Ok(Some(event)) => events.push(event),
            Ok(None) => return (events, None),
            Err(violation) => return (events, Some(violation)),
        }
        assert!(parser.held() <= 2 * LIMITS.message);
    }
}

fn text(text: &'static str) -> Event {
    Event::Text(text.into())
}

fn control(data: &'static [u8]) -> ControlData {
    ControlData::new(data).unwrap()
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn refuses_each_violation_with_its_code() {
    let close_reason = b"\x88\x03\x03\xe8\xff";
    let table: [(&[u8], Violation, u16); 27] = [
        (b"\xc1", Violation::ReservedBits, 1002),
        (b"\xa1", Violation::ReservedBits, 1002),
        (b"\x91", Violation::ReservedBits, 1002),
        (b"\x83", Violation::ReservedOpcode(3), 1002),
        (b"\x8b", Violation::ReservedOpcode(0xb), 1002),
        (b"\x81\x80", Violation::Masked, 1002),
        (b"\x09", Violation::FragmentedControl, 1002),
        (b"\x08", Violation::FragmentedControl, 1002),
        (b"\x89\x7e", Violation::ControlTooLong, 1002),
        (b"\x88\x7f", Violation::ControlTooLong, 1002),
        (b"\x82\x7e\x00\x7d", Violation::NonMinimalLength, 1002),
        (b"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff", Violation::NonMinimalLength, 1002),
        (b"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00", Violation::LengthOverflow, 1002),
        (b"\x80\x00", Violation::UnexpectedContinuation, 1002),
        (b"\x81\x00\x00\x01", Violation::UnexpectedContinuation, 1002),
        (b"\x01\x00\x81\x00", Violation::InterruptedMessage, 1002),
        (b"\x02\x00\x89\x00\x02\x00", Violation::InterruptedMessage, 1002),
        (b"\x82\x7e\x00\xc9", Violation::FrameTooBig, 1009),
        (b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", Violation::FrameTooBig, 1009),
        (b"\x81\x01\xff", Violation::TextNotUtf8, 1007),
        (b"\x81\x01\xc3", Violation::TextNotUtf8, 1007),
        (b"\x01\x01\xc3\x80\x00", Violation::TextNotUtf8, 1007),
        (b"\x88\x01\x03", Violation::CloseTooShort, 1002),
        (b"\x88\x02\x03\xe7", Violation::ReservedCloseCode(999), 1002),
        (b"\x88\x02\x03\xf7", Violation::ReservedCloseCode(1015), 1002),
        (b"\x88\x02\x13\x88", Violation::ReservedCloseCode(5000), 1002),
        (close_reason, Violation::CloseReasonNotUtf8, 1007),
    ];
    for (bytes, violation, code) in table {
        // The rest of the connection is not looked at.
        let (events, refused) = client(&join(&[b"\x89\x00", bytes]));
        assert_eq!(refused, Some(violation), "{bytes:x?}");
        assert_eq!(violation.close_code().get(), code, "{bytes:x?}");
        assert_eq!(events.first(), Some(&Event::Ping(control(b""))), "{bytes:x?}");
    }
}

#[test]
fn refuses_a_client_without_a_mask() {
    let mut parser = Parser::new(Role::Server, LIMITS);
    assert_eq!(read(&mut parser, b"\x81\x00"), (vec![], Some(Violation::Unmasked)));
}

#[test]
fn says_nothing_after_a_violation_or_a_close() {
    let ping = b"\x89\x00";
    for last in [&b"\xff"[..], b"\x88\x00", b"\x01\x01a\x88\x00"] {
        let mut parser = Parser::new(Role::Client, LIMITS);
        assert!(!parser.is_over());
        let _ = read(&mut parser, &join(&[last, ping]));
        assert!(parser.is_over());
        let mut more = &ping[..];
        assert_eq!(parser.next(&mut more), Ok(None));
        assert_eq!((more.len(), parser.held()), (0, 0));
    }
}

#[test]
fn joins_fragments_with_control_frames_between_them() {
    let bytes = b"\x01\x03Hel\x89\x02hi\x00\x00\x8a\x00\x80\x02lo\x82\x00";
    let events = vec![
        Event::Ping(control(b"hi")),
        Event::Pong(control(b"")),
        text("Hello"),
        Event::Binary(Bytes::new()),
    ];
    assert_eq!(client(bytes), (events, None));
}

#[test]
fn reads_a_close_of_each_shape() {
    let close = |bytes| client(bytes).0;
    assert_eq!(close(b"\x88\x00"), [Event::Close(None)]);
    let normal = Close::new(CloseCode::NORMAL, "");
    assert_eq!(close(b"\x88\x02\x03\xe8\x81\x00"), [Event::Close(Some(normal))]);
    let own = Close::new(CloseCode::new(4000).unwrap(), "so");
    assert_eq!(close(b"\x88\x04\x0f\xa0so"), [Event::Close(Some(own))]);
}

#[test]
fn counts_a_message_over_its_fragments_before_it_stores_them() {
    let fragment =
        |head: &[u8], length| join(&[head, &[0x7e, 0x00, length], &vec![b'a'; usize::from(length)]]);
    let first = fragment(b"\x02", 200);
    assert!(matches!(client(&join(&[&first, &[0x80, 100], &[0; 100]])).0[..], [Event::Binary(_)]));
    // Refused by its head alone.
    assert_eq!(client(&join(&[&first, &[0x80, 101]])), (vec![], Some(Violation::MessageTooBig)));
}

#[test]
fn refuses_text_with_the_byte_that_spoils_it() {
    // A frame of ten bytes that announces more than came: an overlong form, a surrogate, beyond U+10FFFF, and
    // a character that is cut.
    for spoiled in [&b"\xc0"[..], b"\xe0\x80", b"\xed\xa0", b"\xf4\x90", b"\xf5", b"\x80", b"\xe2\x82a"] {
        let (last, before) = spoiled.split_last().unwrap();
        let mut parser = Parser::new(Role::Client, LIMITS);
        assert_eq!(read(&mut parser, &join(&[b"\x81\x0aab", before])), (vec![], None), "{spoiled:x?}");
        assert_eq!(read(&mut parser, &[*last]), (vec![], Some(Violation::TextNotUtf8)), "{spoiled:x?}");
        // The same across fragments.
        let length = u8::try_from(before.len()).unwrap();
        let cut = join(&[b"\x01", &[length], before, b"\x00\x0a", &[*last]]);
        assert_eq!(client(&cut), (vec![], Some(Violation::TextNotUtf8)), "{spoiled:x?}");
    }
}

#[test]
fn joins_characters_across_fragments() {
    assert_eq!(client(b"\x01\x01\xf0\x00\x02\x9f\x92\x80\x01\x96"), (vec![text("💖")], None));
}

#[test]
fn unmasks_what_a_client_sends() {
    let mut parser = Parser::new(Role::Server, LIMITS);
    let bytes = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    assert_eq!(read(&mut parser, bytes), (vec![text("Hello")], None));
}

#[test]
fn holds_no_more_than_came() {
    let mut parser = Parser::new(Role::Client, LIMITS);
    assert_eq!(read(&mut parser, b"\x82\x7e\x00\xc8"), (vec![], None));
    assert_eq!(parser.held(), 0, "what was announced is not yet here");
    for came in 1..200 {
        assert_eq!(read(&mut parser, b"a"), (vec![], None));
        assert!((came..=200.min(2 * came)).contains(&parser.held()), "{came}: {}", parser.held());
    }
    assert_eq!(read(&mut parser, b"a").0.len(), 1);
    assert_eq!(parser.held(), 0, "nothing between messages");
}

#[test]
fn gives_a_message_without_spare_room() {
    let (events, _) = client(b"\x02\x03abc\x00\x02de\x00\x02fg\x80\x01h");
    let [Event::Binary(message)] = <[Event; 1]>::try_from(events).unwrap() else {
        panic!("a binary message")
    };
    assert_eq!(message.try_into_mut().unwrap().capacity(), 8);
}

#[test]
fn reads_bytes_that_do_not_lie_together() {
    let mut parser = Parser::new(Role::Server, LIMITS);
    let (front, back) = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58".split_at(8);
    assert_eq!(parser.next(&mut front.chain(back)), Ok(Some(text("Hello"))));
}
