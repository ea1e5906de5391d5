//! What a frame is.

use super::Violation;

/// What a frame is: the low four bits of its first byte (RFC 6455, section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Data(Kind),
    Close,
    Ping,
    Pong,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Binary,
}

impl Opcode {
    /// From the low four bits of `byte`.
    pub(super) fn read(byte: u8) -> Result<Self, Violation> {
        match byte & 0x0f {
            0x0 => Ok(Self::Continuation),
            0x1 => Ok(Self::Data(Kind::Text)),
            0x2 => Ok(Self::Data(Kind::Binary)),
            0x8 => Ok(Self::Close),
            0x9 => Ok(Self::Ping),
            0xa => Ok(Self::Pong),
            reserved => Err(Violation::ReservedOpcode(reserved)),
        }
    }

    /// The four bits.
    pub(super) fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Data(Kind::Text) => 0x1,
            Self::Data(Kind::Binary) => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    /// Control frames are short, whole, and may stand between the fragments of a message (section 5.5).
    pub(super) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_refuses_the_rest() {
        for bits in 0..16 {
            match Opcode::read(bits) {
                Ok(opcode) => assert_eq!(opcode.bits(), bits),
                Err(violation) => {
                    assert_eq!(violation, Violation::ReservedOpcode(bits));
                    assert!(matches!(bits, 0x3..=0x7 | 0xb..=0xf), "{bits:x}");
                }
            }
        }
    }
}
