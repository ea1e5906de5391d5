//! Bytes become events.

use bytes::Buf;

use super::assembly::{self, Assembly};
use super::head::{Head, HeadReader};
use super::mask::Mask;
use super::opcode::Opcode;
use super::{Close, ControlData, Event, Violation};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

/// Which end of the connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads masked frames.
    Server,
    /// Reads unmasked frames.
    Client,
}

/// How much a peer may send at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message, over all its fragments.
    pub message: usize,
    /// Bytes of the payload of one frame. Control frames have a limit of their own, 125.
    pub frame: usize,
}

/// Makes events of the bytes of one connection, as they come and however they are cut.
///
/// It holds the message that is not whole yet, in a buffer of at most twice the bytes that came of it, and
/// nothing at all between messages. What a frame announces is checked against [`Limits`] before a byte of it
/// is stored.
#[derive(Debug)]
pub struct Parser {
    role: Role,
    limits: Limits,
    head: HeadReader,
    frame: Option<Frame>,
    message: Option<Assembly>,
    control: Vec<u8>,
    over: bool,
}

/// A frame whose payload comes.
#[derive(Debug)]
struct Frame {
    fin: bool,
    opcode: Opcode,
    mask: Option<Mask>,
    missing: usize,
}

impl Parser {
    /// Before the first frame.
    pub const fn new(role: Role, limits: Limits) -> Self {
        let head = HeadReader::Empty;
        Self { role, limits, head, frame: None, message: None, control: Vec::new(), over: false }
    }

    /// The next event of `input`; what it consists of is consumed. None when all of `input` was consumed and
    /// more is needed. Call it until then.
    ///
    /// After a close or a violation the connection says nothing more: input is dropped, the answer is None.
    pub fn next(&mut self, input: &mut impl Buf) -> Result<Option<Event>, Violation> {
        let outcome = if self.over { Ok(None) } else { self.read(input) };
        if matches!(outcome, Err(_) | Ok(Some(Event::Close(_)))) {
            self.over = true;
            (self.frame, self.message, self.control) = (None, None, Vec::new());
        }
        if self.over {
            input.advance(input.remaining());
        }
        outcome
    }

    /// After a close or a violation.
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// Bytes of heap that it holds now; none between messages.
    pub fn held(&self) -> usize {
        self.control.capacity() + self.message.as_ref().map_or(0, Assembly::held)
    }

    fn read(&mut self, input: &mut impl Buf) -> Result<Option<Event>, Violation> {
        loop {
            let Some(mut frame) = self.frame.take() else {
                let Some(head) = self.read_head(input)? else { return Ok(None) };
                self.frame = Some(self.begin(head)?);
                continue;
            };
            let count = frame.missing.min(input.remaining());
            self.read_payload(&mut frame, input, count)?;
            frame.missing -= count;
            if frame.missing > 0 {
                self.frame = Some(frame);
                return Ok(None);
            }
            if let Some(event) = self.end(&frame)? {
                return Ok(Some(event));
            }
        }
    }

    fn read_head(&mut self, input: &mut impl Buf) -> Result<Option<Head>, Violation> {
        while input.has_remaining() {
            if let Some(head) = self.head.push(input.get_u8(), self.role)? {
                return Ok(Some(head));
            }
        }
        Ok(None)
    }

    /// The frame of a head that may stand here and announces no more than is allowed.
    fn begin(&mut self, head: Head) -> Result<Frame, Violation> {
        let missing = usize::try_from(head.length).or(Err(Violation::FrameTooBig))?;
        match (head.opcode, &self.message) {
            (Opcode::Continuation, None) => return Err(Violation::UnexpectedContinuation),
            (Opcode::Data(_), Some(_)) => return Err(Violation::InterruptedMessage),
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => {}
            (Opcode::Continuation | Opcode::Data(_), message) => {
                if missing > self.limits.frame {
                    return Err(Violation::FrameTooBig);
                }
                let before = message.as_ref().map_or(0, Assembly::len);
                if missing > self.limits.message.saturating_sub(before) {
                    return Err(Violation::MessageTooBig);
                }
            }
        }
        if let Opcode::Data(kind) = head.opcode {
            self.message = Some(Assembly::new(kind));
        }
        Ok(Frame { fin: head.fin, opcode: head.opcode, mask: head.mask.map(Mask::new), missing })
    }

    fn read_payload(
        &mut self,
        frame: &mut Frame,
        input: &mut impl Buf,
        count: usize,
    ) -> Result<(), Violation> {
        let (last, mask) = (frame.fin && count == frame.missing, frame.mask.as_mut());
        let Some(message) = self.message.as_mut().filter(|_| !frame.opcode.is_control()) else {
            self.control.reserve_exact(count);
            assembly::take(&mut self.control, input, count, mask);
            return Ok(());
        };
        let missing =
            if frame.fin { frame.missing } else { self.limits.message.saturating_sub(message.len()) };
        message.take(input, count, missing, mask);
        // What is whole now is checked as a whole.
        if last { Ok(()) } else { message.check() }
    }

    /// What a frame was, whose payload is here; None when the message has more fragments.
    fn end(&mut self, frame: &Frame) -> Result<Option<Event>, Violation> {
        let control = std::mem::take;
        match frame.opcode {
            Opcode::Close => Close::read(control(&mut self.control)).map(|close| Some(Event::Close(close))),
            Opcode::Ping => Ok(Some(Event::Ping(ControlData::of_frame(control(&mut self.control))))),
            Opcode::Pong => Ok(Some(Event::Pong(ControlData::of_frame(control(&mut self.control))))),
            Opcode::Continuation | Opcode::Data(_) => {
                let whole = self.message.take_if(|_| frame.fin);
                whole.map(Assembly::finish).transpose()
            }
        }
    }
}
