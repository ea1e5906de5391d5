//! Whether two readings of a stream agree.

use std::collections::BTreeMap;
use std::fmt;

use veza_chat::frame::{Close, CloseCode, Encoder, Event, Role, Violation};

use crate::peer::{self, Refused};
use crate::random::Random;
use crate::reading::{self, End, Reading};
use crate::stream::Stream;

/// Where tungstenite differs, and why that is no fault of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    /// It takes lengths in more bytes than they need; RFC 6455, section 5.2 says that the minimal number of
    /// bytes MUST be used. So it also takes a short control frame with a long length.
    LaxLength,
    /// It gives a close with a code that must not be sent as one with 1002; we refuse it, which makes 1002 too.
    ReservedCloseCode,
    /// It does not know 1014, which IANA registered after the RFC.
    BadGateway,
    /// It judges whole frames; we refuse with the first byte that cannot be made good.
    Later,
}

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    events: BTreeMap<&'static str, u64>,
    violations: BTreeMap<String, u64>,
    differences: BTreeMap<Difference, u64>,
}

/// Reads the stream with both.
pub(crate) fn judge(stream: &Stream, random: &mut Random, tally: &mut Tally) -> Result<(), String> {
    let (ours, theirs) = (reading::read(stream, random)?, peer::read(stream, &[]));
    tally.count(&ours);
    let agree = match &ours.end {
        End::Refused(violation) => refused(stream, &ours.events, *violation, &theirs, tally),
        End::Waiting => ours.events == theirs.events && matches!(theirs.end, End::Waiting),
        End::Closed => closed(&ours.events, &theirs, tally),
    };
    if !agree {
        return Err(format!("we read {ours:?}\nthey read {theirs:?}"));
    }
    if random.once_in(4) { encoded(&ours.events, stream, random) } else { Ok(()) }
}

fn closed(ours: &[Event], theirs: &Reading<Refused>, tally: &mut Tally) -> bool {
    let mut expected = ours.to_vec();
    if let Some(Event::Close(Some(close))) = ours.last()
        && close.code() == CloseCode::BAD_GATEWAY
    {
        tally.differ(Difference::BadGateway);
        expected.pop();
        expected.push(protocol_violation());
    }
    expected == theirs.events && matches!(theirs.end, End::Closed)
}

fn refused(
    stream: &Stream,
    ours: &[Event],
    violation: Violation,
    theirs: &Reading<Refused>,
    tally: &mut Tally,
) -> bool {
    let same = ours == theirs.events;
    match (violation, &theirs.end) {
        (_, End::Refused(refused)) if same && same_kind(violation, *refused) => true,
        (Violation::NonMinimalLength | Violation::ControlTooLong, _) if theirs.events.starts_with(ours) => {
            tally.differ(Difference::LaxLength);
            true
        }
        (Violation::ReservedCloseCode(_), End::Closed) => {
            tally.differ(Difference::ReservedCloseCode);
            theirs.events.split_last() == Some((&protocol_violation(), ours))
        }
        (_, End::Waiting) if same => {
            tally.differ(Difference::Later);
            // Whatever follows, they refuse it too when the frame is whole.
            let more = peer::read(stream, &vec![0xff; stream.limits.frame + 14]);
            let End::Refused(refused) = more.end else { return false };
            more.events == ours && same_kind(violation, refused)
        }
        _ => false,
    }
}

/// Of several faults in one frame each implementation names the one that it sees first: they look at the
/// length before the rest of the head, and at a close's reason before its code.
fn same_kind(ours: Violation, theirs: Refused) -> bool {
    match (ours.close_code(), theirs) {
        (CloseCode::PROTOCOL_ERROR, Refused::Protocol | Refused::TooBig)
        | (CloseCode::INVALID_PAYLOAD, Refused::Utf8)
        | (CloseCode::TOO_BIG, Refused::TooBig) => true,
        (_, Refused::Utf8) => matches!(ours, Violation::ReservedCloseCode(_)),
        _ => false,
    }
}

fn protocol_violation() -> Event {
    Event::Close(Some(Close::new(CloseCode::PROTOCOL_ERROR, "Protocol violation")))
}

/// They read what we write of what we read.
fn encoded(events: &[Event], stream: &Stream, random: &mut Random) -> Result<(), String> {
    // Not within the limit of one frame, since it came in several.
    let fits = |event: &&Event| match event {
        Event::Text(text) => text.len() <= stream.limits.frame,
        Event::Binary(data) => data.len() <= stream.limits.frame,
        Event::Close(Some(close)) => close.code() != CloseCode::BAD_GATEWAY,
        _ => true,
    };
    let events: Vec<Event> = events.iter().filter(fits).cloned().collect();
    let bytes = events.iter().flat_map(|event| encode(event, stream.reader, random)).collect();
    let theirs = peer::read(&Stream { bytes, ..*stream }, &[]);
    if theirs.events == events { Ok(()) } else { Err(format!("we wrote {events:?}\nthey read {theirs:?}")) }
}

fn encode(event: &Event, reader: Role, random: &mut Random) -> Vec<u8> {
    let encoder = match reader {
        Role::Server => Encoder::client(random.mask()),
        Role::Client => Encoder::server(),
    };
    let frame = match event {
        Event::Text(text) => encoder.text(text),
        Event::Binary(data) => encoder.binary(data),
        Event::Ping(data) => encoder.ping(data),
        Event::Pong(data) => encoder.pong(data),
        Event::Close(close) => encoder.close(close.as_ref()),
    };
    frame.to_vec()
}

impl Tally {
    fn count(&mut self, reading: &Reading<Violation>) {
        for event in &reading.events {
            let name = match event {
                Event::Text(_) => "text",
                Event::Binary(_) => "binary",
                Event::Ping(_) => "ping",
                Event::Pong(_) => "pong",
                Event::Close(_) => "close",
            };
            *self.events.entry(name).or_default() += 1;
        }
        if let End::Refused(violation) = &reading.end {
            let name = format!("{violation:?}");
            let name = name.split('(').next().unwrap_or_default().to_owned();
            *self.violations.entry(name).or_default() += 1;
        }
    }

    fn differ(&mut self, difference: Difference) {
        *self.differences.entry(difference).or_default() += 1;
    }

    /// A run that never came to one of them says nothing about it.
    pub(crate) fn assert_all_seen(&self) {
        assert_eq!((self.events.len(), self.violations.len(), self.differences.len()), (5, 16, 4), "{self}");
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "read {:?}, refused {:?}, other than tungstenite {:?}",
            self.events, self.violations, self.differences
        )
    }
}
