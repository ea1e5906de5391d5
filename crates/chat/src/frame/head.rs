//! What stands before a payload.

use super::opcode::Opcode;
use super::{Role, Violation};

/// The first byte: FIN and what the frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    fin: bool,
    opcode: Opcode,
}

/// The head of a frame (RFC 6455, section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// The last frame of its message.
    pub(super) fin: bool,
    pub(super) opcode: Opcode,
    pub(super) mask: Option<[u8; 4]>,
    /// Bytes of payload.
    pub(super) length: u64,
}

/// Reads heads byte by byte, and refuses each at the first byte that breaks a rule.
#[derive(Debug, Clone, Copy)]
pub(super) enum HeadReader {
    /// Between frames.
    Empty,
    /// After the first byte.
    Started(Start),
    /// Within a length of 16 or 64 bits.
    Length { start: Start, wide: bool, missing: u8, length: u64 },
    /// Within the mask.
    Mask { start: Start, length: u64, missing: u8, key: u32 },
}

impl HeadReader {
    /// The head when `byte` is its last. `receiver` decides whether there is a mask.
    pub(super) fn push(&mut self, byte: u8, receiver: Role) -> Result<Option<Head>, Violation> {
        match *self {
            Self::Empty => {
                *self = Self::Started(Start::read(byte)?);
                Ok(None)
            }
            Self::Started(start) => self.second(start, byte, receiver),
            Self::Length { start, wide, missing, length } => {
                let (length, missing) = (length << 8 | u64::from(byte), missing - 1);
                if missing > 0 {
                    *self = Self::Length { start, wide, missing, length };
                    return Ok(None);
                }
                check_length(wide, length)?;
                Ok(self.after_length(start, length, receiver))
            }
            Self::Mask { start, length, missing, key } => {
                let (key, missing) = (key << 8 | u32::from(byte), missing - 1);
                if missing > 0 {
                    *self = Self::Mask { start, length, missing, key };
                    return Ok(None);
                }
                Ok(Some(self.finish(start, length, Some(key.to_be_bytes()))))
            }
        }
    }

    fn second(&mut self, start: Start, byte: u8, receiver: Role) -> Result<Option<Head>, Violation> {
        match (receiver, byte & 0x80 != 0) {
            (Role::Server, false) => return Err(Violation::Unmasked),
            (Role::Client, true) => return Err(Violation::Masked),
            (Role::Server, true) | (Role::Client, false) => {}
        }
        let length = byte & 0x7f;
        if length > 125 && start.opcode.is_control() {
            return Err(Violation::ControlTooLong);
        }
        let wide = match length {
            126 => false,
            127 => true,
            _ => return Ok(self.after_length(start, u64::from(length), receiver)),
        };
        *self = Self::Length { start, wide, missing: if wide { 8 } else { 2 }, length: 0 };
        Ok(None)
    }

    fn after_length(&mut self, start: Start, length: u64, receiver: Role) -> Option<Head> {
        match receiver {
            Role::Client => Some(self.finish(start, length, None)),
            Role::Server => {
                *self = Self::Mask { start, length, missing: 4, key: 0 };
                None
            }
        }
    }

    fn finish(&mut self, start: Start, length: u64, mask: Option<[u8; 4]>) -> Head {
        *self = Self::Empty;
        Head { fin: start.fin, opcode: start.opcode, mask, length }
    }
}

impl Start {
    fn read(byte: u8) -> Result<Self, Violation> {
        if byte & 0x70 != 0 {
            return Err(Violation::ReservedBits);
        }
        let (fin, opcode) = (byte & 0x80 != 0, Opcode::read(byte)?);
        if opcode.is_control() && !fin {
            return Err(Violation::FragmentedControl);
        }
        Ok(Self { fin, opcode })
    }
}

fn check_length(wide: bool, length: u64) -> Result<(), Violation> {
    if wide && length >> 63 == 1 {
        return Err(Violation::LengthOverflow);
    }
    let least = if wide { 0x1_0000 } else { 126 };
    if length < least { Err(Violation::NonMinimalLength) } else { Ok(()) }
}

impl Head {
    /// Bytes of the head before a payload of `length`.
    pub(super) fn size(length: u64, masked: bool) -> usize {
        let wide = match length {
            ..126 => 0,
            126..0x1_0000 => 2,
            0x1_0000.. => 8,
        };
        2 + wide + if masked { 4 } else { 0 }
    }

    /// Appends the head.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let fin = if self.fin { 0x80 } else { 0 };
        out.push(fin | self.opcode.bits());
        let masked = if self.mask.is_some() { 0x80 } else { 0 };
        match (u8::try_from(self.length), u16::try_from(self.length)) {
            (Ok(short @ ..126), _) => out.push(masked | short),
            (_, Ok(length)) => {
                out.push(masked | 0x7e);
                out.extend_from_slice(&length.to_be_bytes());
            }
            _ => {
                out.push(masked | 0x7f);
                out.extend_from_slice(&self.length.to_be_bytes());
            }
        }
        out.extend(self.mask.into_iter().flatten());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::opcode::Kind;

    #[test]
    fn reads_what_it_writes_at_every_width_of_length() {
        let lengths = [0, 1, 125, 126, 127, 0xffff, 0x1_0000, u64::from(u32::MAX) + 1, u64::MAX >> 1];
        for (length, mask) in lengths.iter().flat_map(|length| [(length, None), (length, Some([1, 2, 3, 4]))])
        {
            let head = Head { fin: true, opcode: Opcode::Data(Kind::Binary), mask, length: *length };
            let receiver = if mask.is_some() { Role::Server } else { Role::Client };
            let (mut bytes, mut reader) = (Vec::new(), HeadReader::Empty);
            head.write(&mut bytes);
            assert_eq!(bytes.len(), Head::size(*length, mask.is_some()));
            let (last, before) = bytes.split_last().unwrap();
            for byte in before {
                assert_eq!(reader.push(*byte, receiver), Ok(None));
            }
            assert_eq!(reader.push(*last, receiver), Ok(Some(head)));
        }
    }
}
