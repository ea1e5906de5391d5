//! What a parser makes of a stream.

use veza_chat::frame::{ControlData, Event, Limits, Parser, Violation};

use crate::random::Random;
use crate::stream::Stream;

/// What a parser made of a stream; `E` is how it refuses.
#[derive(Debug)]
pub(crate) struct Reading<E> {
    pub(crate) events: Vec<Event>,
    pub(crate) end: End<E>,
}

/// How it ended.
#[derive(Debug)]
pub(crate) enum End<E> {
    /// With the stream, while more could have come.
    Waiting,
    /// By a close frame.
    Closed,
    /// By what must not be.
    Refused(E),
}

/// Reads the stream, cut at random, with the parser under test; it must hold no more than came and than is
/// allowed.
pub(crate) fn read(stream: &Stream, random: &mut Random) -> Result<Reading<Violation>, String> {
    let (mut parser, mut events, mut rest) =
        (Parser::new(stream.reader, stream.limits), Vec::new(), &stream.bytes[..]);
    let longest = if random.once_in(4) { 3 } else { stream.bytes.len().max(1) };
    let mut came = 0;
    while !rest.is_empty() {
        let (mut piece, after) = rest.split_at(rest.len().min(1 + random.below(longest)));
        came += piece.len();
        rest = after;
        loop {
            match parser.next(&mut piece) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(violation) => return Ok(Reading { events, end: End::Refused(violation) }),
            }
        }
        if !piece.is_empty() || parser.held() > most_held(stream.limits, came) {
            return Err(format!("{} bytes were left, {} are held", piece.len(), parser.held()));
        }
    }
    Ok(Reading { events, end: if parser.is_over() { End::Closed } else { End::Waiting } })
}

fn most_held(limits: Limits, came: usize) -> usize {
    (limits.message + ControlData::MAX).min(2 * came)
}
