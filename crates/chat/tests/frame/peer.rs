//! The other implementation.

use std::io::{self, Read, Write};

use tungstenite::error::ProtocolError;
use tungstenite::protocol::{WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};
use veza_chat::frame::{Close, CloseCode, ControlData, Event, Role};

use crate::reading::{End, Reading};
use crate::stream::Stream;

/// How tungstenite refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Protocol,
    Utf8,
    TooBig,
}

/// Reads the stream, and `more` after it.
pub(crate) fn read(stream: &Stream, more: &[u8]) -> Reading<Refused> {
    let role = match stream.reader {
        Role::Server => tungstenite::protocol::Role::Server,
        Role::Client => tungstenite::protocol::Role::Client,
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(512)
        .write_buffer_size(0)
        .max_message_size(Some(stream.limits.message))
        .max_frame_size(Some(stream.limits.frame));
    let mut socket = WebSocketContext::new(role, Some(config));
    let mut connection = Connection(stream.bytes.chain(more));
    let mut events = Vec::new();
    let end = loop {
        match socket.read(&mut connection) {
            Ok(message) => events.push(event(message)),
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => break End::Waiting,
            Err(Error::Protocol(_)) => break End::Refused(Refused::Protocol),
            Err(Error::Utf8(_)) => break End::Refused(Refused::Utf8),
            Err(Error::Capacity(_)) => break End::Refused(Refused::TooBig),
            Err(other) => panic!("{other:?}"),
        }
        if let Some(Event::Close(_)) = events.last() {
            break End::Closed;
        }
    };
    Reading { events, end }
}

fn event(message: Message) -> Event {
    let control = |data| ControlData::new(data).unwrap();
    match message {
        Message::Text(text) => Event::Text(text.as_str().into()),
        Message::Binary(data) => Event::Binary(data),
        Message::Ping(data) => Event::Ping(control(data)),
        Message::Pong(data) => Event::Pong(control(data)),
        Message::Close(close) => Event::Close(
            close.map(|close| Close::new(CloseCode::new(close.code.into()).unwrap(), close.reason.as_str())),
        ),
        Message::Frame(_) => panic!("tungstenite does not read single frames"),
    }
}

/// What comes, and a peer that hears all.
struct Connection<R>(R);

impl<R: Read> Read for Connection<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R> Write for Connection<R> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
