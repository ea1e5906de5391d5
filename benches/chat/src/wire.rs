//! WebSockets by hand, for the load: as little as a client can do, the same for every server.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Outcome;

/// One connection.
pub struct Wire {
    stream: TcpStream,
    input: Vec<u8>,
    /// What of the input was taken.
    taken: usize,
}

/// A frame of a server: its opcode, and its payload's place in the input.
pub struct Frame {
    pub opcode: u8,
    pub payload: std::ops::Range<usize>,
}

pub const TEXT: u8 = 1;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

impl Wire {
    /// Connects and upgrades.
    pub async fn open(port: u16, path: &str, more: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let mut wire = Self { stream, input: Vec::with_capacity(4_096), taken: 0 };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{more}\r\n"
        );
        wire.stream.write_all(request.as_bytes()).await?;
        loop {
            if let Some(end) = wire.input.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&wire.input[..end]).into_owned();
                wire.taken = end + 4;
                return if head.contains(" 101 ") { Ok(wire) } else { Err(head.into()) };
            }
            wire.more().await?;
        }
    }

    async fn more(&mut self) -> Outcome {
        if self.taken > 0 {
            self.input.drain(..self.taken);
            self.taken = 0;
        }
        if self.stream.read_buf(&mut self.input).await? == 0 {
            return Err("the server closed the connection".into());
        }
        Ok(())
    }

    /// The next whole frame, of what was read or of what comes. Its place holds until the next call.
    pub async fn frame(&mut self) -> Outcome<Frame> {
        loop {
            if let Some(frame) = self.whole() {
                return Ok(frame);
            }
            self.more().await?;
        }
    }

    fn whole(&mut self) -> Option<Frame> {
        let rest = &self.input[self.taken..];
        let (opcode, short) = (rest.first()? & 15, usize::from(rest.get(1)? & 127));
        let (head, len) = match short {
            126 => (4, usize::from(u16::from_be_bytes(rest.get(2..4)?.try_into().ok()?))),
            127 => (10, usize::try_from(u64::from_be_bytes(rest.get(2..10)?.try_into().ok()?)).ok()?),
            len => (2, len),
        };
        let begin = self.taken + head;
        (self.input.len() >= begin + len).then(|| {
            self.taken = begin + len;
            Frame { opcode, payload: begin..begin + len }
        })
    }

    pub fn payload(&self, frame: &Frame) -> &[u8] {
        &self.input[frame.payload.clone()]
    }

    pub async fn write(&mut self, bytes: &[u8]) -> Outcome {
        Ok(self.stream.write_all(bytes).await?)
    }
}

/// A client's frame, whose mask is zero.
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![128 | opcode];
    match u16::try_from(payload.len()) {
        Ok(len) if len < 126 => frame.push(128 | payload.len() as u8),
        Ok(len) => {
            frame.push(128 | 126);
            frame.extend(len.to_be_bytes());
        }
        Err(_) => panic!("the load has no such messages"),
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}
