//! One connection, without any memory of others.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use bytestring::ByteString;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use veza_core::{SystemRandom, bytes};

use super::endpoint::{Endpoint, Wire};
use super::error::LinkError;
use super::handshake::upgrade;
use super::incoming::Incoming;
use super::request::Request;
use crate::frame::{Encoder, Event, Limits, Parser, Role};

/// Bytes of one message of a server: a body of the largest size that can be configured, and what is around it.
const MAX_MESSAGE: usize = 1024 * 1024;
/// Bytes that are read at once.
const PIECE: usize = 16 * 1024;

/// One connection to a server: requests go in, answers and events come out, in the order of the wire. It neither
/// resumes nor repeats anything, nor does it look at what comes: that is what [`super::Client`] is for.
#[derive(Debug)]
pub struct Link {
    wire: Wire,
    parser: Parser,
    /// Read, and not parsed yet.
    input: Bytes,
    output: BytesMut,
    over: bool,
}

impl Link {
    /// Connects. The first request must be [`Request::Hello`].
    pub async fn open(endpoint: &Endpoint) -> Result<Self, LinkError> {
        let mut wire = endpoint.open().await?;
        upgrade(&mut wire, endpoint).await?;
        let parser = Parser::new(Role::Client, Limits { message: MAX_MESSAGE, frame: MAX_MESSAGE });
        Ok(Self { wire, parser, input: Bytes::new(), output: BytesMut::new(), over: false })
    }

    /// Queues a request. It is written by [`Link::flush`], and by whatever waits for messages.
    pub fn push(&mut self, id: u64, request: &Request) {
        self.push_text(&request.text(id));
    }

    /// Queues any text as a message, to see what a server makes of it.
    pub fn push_text(&mut self, text: &str) {
        self.output.extend_from_slice(&encoder().text(text));
    }

    /// Bytes that wait to be written.
    pub fn unwritten(&self) -> usize {
        self.output.len()
    }

    /// Writes what was queued. It may be dropped at any time.
    pub async fn flush(&mut self) -> Result<(), LinkError> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// The next message, while what was queued is written. It may be dropped at any time.
    pub async fn next(&mut self) -> Result<Incoming, LinkError> {
        Incoming::read(&self.next_text().await?)
    }

    /// The same, as it came.
    pub async fn next_text(&mut self) -> Result<ByteString, LinkError> {
        poll_fn(|cx| self.poll_text(cx)).await
    }

    /// Says goodbye and waits until the server has closed; what still comes is dropped.
    pub async fn close(mut self) -> Result<(), LinkError> {
        self.output.extend_from_slice(&encoder().close(None));
        loop {
            match self.next_text().await {
                Ok(_dropped) => {}
                Err(LinkError::Closed(_)) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        while self.output.has_remaining() {
            let written = ready!(Pin::new(&mut self.wire).poll_write(cx, &self.output))?;
            if written == 0 {
                return Poll::Ready(Err(std::io::Error::from(std::io::ErrorKind::WriteZero).into()));
            }
            self.output.advance(written);
        }
        // TLS keeps what the socket did not take.
        ready!(Pin::new(&mut self.wire).poll_flush(cx))?;
        Poll::Ready(Ok(()))
    }

    fn poll_text(&mut self, cx: &mut Context<'_>) -> Poll<Result<ByteString, LinkError>> {
        loop {
            while let Some(event) = self.parser.next(&mut self.input)? {
                match event {
                    Event::Text(text) => return Poll::Ready(Ok(text)),
                    Event::Binary(_) => return Poll::Ready(Err(LinkError::Unreadable("bytes".to_owned()))),
                    Event::Ping(data) => self.output.extend_from_slice(&encoder().pong(&data)),
                    Event::Pong(_) => {}
                    Event::Close(close) => {
                        self.over = true;
                        return Poll::Ready(Err(LinkError::Closed(close)));
                    }
                }
            }
            if self.over {
                return Poll::Ready(Err(LinkError::Closed(None)));
            }
            let flushed = self.poll_flush(cx);
            match (self.poll_piece(cx), flushed) {
                (Poll::Ready(outcome), _) => outcome?,
                // What a server said before it stopped reading was read first.
                (Poll::Pending, Poll::Ready(Err(error))) => return Poll::Ready(Err(error)),
                (Poll::Pending, _) => return Poll::Pending,
            }
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        let mut piece = [0; PIECE];
        let mut buf = ReadBuf::new(&mut piece);
        ready!(Pin::new(&mut self.wire).poll_read(cx, &mut buf))?;
        self.over = buf.filled().is_empty();
        self.input = Bytes::copy_from_slice(buf.filled());
        Poll::Ready(Ok(()))
    }
}

/// A frame's, with its own mask.
fn encoder() -> Encoder {
    Encoder::client(bytes(&SystemRandom))
}
