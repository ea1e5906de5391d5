//! What holds for all bytes.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::frame::opcode::Kind;
use crate::frame::{CloseCode, Encoder};

const LIMITS: Limits = Limits { message: 1000, frame: 700 };

/// What a parser reads of pieces, while it holds no more than twice of what came, within the limits.
fn read(role: Role, pieces: &[&[u8]]) -> (Vec<Event>, Option<Violation>, bool) {
    let (mut parser, mut events, mut came) = (Parser::new(role, LIMITS), Vec::new(), 0);
    for mut piece in pieces.iter().copied() {
        came += piece.len();
        loop {
            match parser.next(&mut piece) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(violation) => return (events, Some(violation), parser.is_over()),
            }
        }
        assert!(piece.is_empty());
        assert!(parser.held() <= 2 * came.min(LIMITS.message + ControlData::MAX));
    }
    (events, None, parser.is_over())
}

/// Cuts at places that need not be in order.
fn cut<'b>(bytes: &'b [u8], places: &[Index]) -> Vec<&'b [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect()
}

fn event() -> impl Strategy<Value = Event> {
    let control = || vec(any::<u8>(), 0..=125).prop_map(|data| ControlData::new(data).unwrap());
    prop_oneof![
        any::<String>().prop_map(|text| Event::Text(text.into())),
        vec(any::<u8>(), 0..600).prop_map(|data| Event::Binary(data.into())),
        control().prop_map(Event::Ping),
        control().prop_map(Event::Pong),
    ]
}

fn close() -> impl Strategy<Value = Option<Close>> {
    let code = (1000_u16..5000).prop_filter_map("may be sent", CloseCode::new);
    prop::option::of((code, any::<String>()).prop_map(|(code, reason)| Close::new(code, reason)))
}

fn encode(encoder: Encoder, event: &Event) -> Bytes {
    match event {
        Event::Text(text) => encoder.text(text),
        Event::Binary(data) => encoder.binary(data),
        Event::Ping(data) => encoder.ping(data),
        Event::Pong(data) => encoder.pong(data),
        Event::Close(close) => encoder.close(close.as_ref()),
    }
}

/// A message as fragments, with a ping after each but the last.
fn fragments(kind: Kind, pieces: &[&[u8]], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        let fin = at + 1 == pieces.len();
        let opcode = if at == 0 { Opcode::Data(kind) } else { Opcode::Continuation };
        Head { fin, opcode, mask, length: piece.len().try_into().unwrap() }.write(&mut out);
        let start = out.len();
        out.extend_from_slice(piece);
        if let Some(key) = mask {
            Mask::new(key).apply(&mut out[start..]);
        }
        if !fin {
            let encoder = mask.map_or(Encoder::server(), Encoder::client);
            out.extend_from_slice(&encoder.ping(&ControlData::default()));
        }
    }
    out
}

proptest! {
    #[test]
    fn what_was_encoded_is_read_however_it_is_cut(
        events in vec(event(), 0..8),
        close in close(),
        masks in vec(any::<[u8; 4]>(), 9),
        by_client: bool,
        places in vec(any::<Index>(), 0..20),
    ) {
        let events: Vec<Event> = events.into_iter().chain([Event::Close(close)]).collect();
        let encoder = |mask| if by_client { Encoder::client(mask) } else { Encoder::server() };
        let frames: Vec<Bytes> =
            events.iter().zip(masks).map(|(event, mask)| encode(encoder(mask), event)).collect();
        let bytes = frames.concat();
        let role = if by_client { Role::Server } else { Role::Client };
        prop_assert_eq!(read(role, &cut(&bytes, &places)), (events, None, true));
    }

    #[test]
    fn a_message_is_itself_over_any_fragmentation(
        text in any::<String>(),
        is_text: bool,
        fragmentation in vec(any::<Index>(), 0..8),
        mask: Option<[u8; 4]>,
        places in vec(any::<Index>(), 0..20),
    ) {
        let (kind, expected) = if is_text {
            (Kind::Text, Event::Text(text.clone().into()))
        } else {
            (Kind::Binary, Event::Binary(text.clone().into()))
        };
        let pieces = cut(text.as_bytes(), &fragmentation);
        let bytes = fragments(kind, &pieces, mask);
        let role = if mask.is_some() { Role::Server } else { Role::Client };
        let (mut events, violation, _) = read(role, &cut(&bytes, &places));
        prop_assert_eq!((events.pop(), violation), (Some(expected), None));
        let ping = Event::Ping(ControlData::default());
        prop_assert_eq!(events, vec![ping; pieces.len() - 1]);
    }

    #[test]
    fn arbitrary_bytes_mean_the_same_however_they_are_cut(
        bytes in vec(prop_oneof![Just(0x81), Just(0x82), Just(0x01), Just(0x80), Just(0x00), 0_u8..=255], 0..200),
        role in prop_oneof![Just(Role::Server), Just(Role::Client)],
        places in vec(any::<Index>(), 0..20),
    ) {
        prop_assert_eq!(read(role, &cut(&bytes, &places)), read(role, &[&bytes]));
    }
}
