//! Events become bytes.

use bytes::Bytes;

use super::head::Head;
use super::mask::Mask;
use super::opcode::{Kind, Opcode};
use super::{Close, ControlData};

/// Writes whole frames, one for each message.
#[derive(Debug, Clone, Copy)]
pub struct Encoder {
    mask: Option<[u8; 4]>,
}

impl Encoder {
    /// Of a server, without a mask: a frame for many receivers is encoded once and shared.
    pub const fn server() -> Self {
        Self { mask: None }
    }

    /// Of a client, for one frame: each needs a new, unpredictable `mask` (RFC 6455, section 5.3).
    pub const fn client(mask: [u8; 4]) -> Self {
        Self { mask: Some(mask) }
    }

    /// A message of text.
    pub fn text(self, text: &str) -> Bytes {
        self.frame(Opcode::Data(Kind::Text), text.as_bytes())
    }

    /// A message of bytes.
    pub fn binary(self, data: &[u8]) -> Bytes {
        self.frame(Opcode::Data(Kind::Binary), data)
    }

    /// A ping.
    pub fn ping(self, data: &ControlData) -> Bytes {
        self.frame(Opcode::Ping, data)
    }

    /// The answer to a ping with this data.
    pub fn pong(self, data: &ControlData) -> Bytes {
        self.frame(Opcode::Pong, data)
    }

    /// The last frame of a connection; None says no code.
    pub fn close(self, close: Option<&Close>) -> Bytes {
        self.frame(Opcode::Close, &close.map(Close::payload).unwrap_or_default())
    }

    fn frame(self, opcode: Opcode, payload: &[u8]) -> Bytes {
        let length = u64::try_from(payload.len()).unwrap_or(u64::MAX);
        let mut out = Vec::with_capacity(Head::size(length, self.mask.is_some()) + payload.len());
        Head { fin: true, opcode, mask: self.mask, length }.write(&mut out);
        let start = out.len();
        out.extend_from_slice(payload);
        if let (Some(key), Some(payload)) = (self.mask, out.get_mut(start..)) {
            Mask::new(key).apply(payload);
        }
        Bytes::from(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::CloseCode;

    /// The examples of RFC 6455, section 5.7.
    #[test]
    fn writes_the_frames_of_the_rfc() {
        let hello = ControlData::new("Hello").unwrap();
        let (server, client) = (Encoder::server(), Encoder::client([0x37, 0xfa, 0x21, 0x3d]));
        assert_eq!(server.text("Hello"), &b"\x81\x05Hello"[..]);
        assert_eq!(client.text("Hello"), &b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"[..]);
        assert_eq!(server.ping(&hello), &b"\x89\x05Hello"[..]);
        assert_eq!(client.pong(&hello), &b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"[..]);
        assert_eq!(server.binary(&[1; 256]), [&b"\x82\x7e\x01\x00"[..], &[1; 256]].concat());
        let long = [&b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"[..], &vec![1; 65536]].concat();
        assert_eq!(server.binary(&vec![1; 65536]), long);
    }

    #[test]
    fn closes_with_a_code_or_without() {
        let close = Close::new(CloseCode::GOING_AWAY, "bye");
        assert_eq!(Encoder::server().close(None), &b"\x88\x00"[..]);
        assert_eq!(Encoder::server().close(Some(&close)), &b"\x88\x05\x03\xe9bye"[..]);
    }
}
