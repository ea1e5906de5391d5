//! Packets behind their lengths.

/// Bytes of a packet: handshakes and media are cut to what a datagram takes.
const LONGEST: usize = 8 * 1024;

/// What stands at the beginning of what was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'b> {
    /// A packet.
    Whole(&'b [u8]),
    /// Less than one.
    Part,
    /// More than any packet has.
    TooLong,
}

/// Reads the packet behind its length of two bytes (RFC 4571 section 2).
pub(super) fn frame(bytes: &[u8]) -> Frame<'_> {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else { return Frame::Part };
    let length = usize::from(u16::from_be_bytes(*length));
    if length > LONGEST {
        return Frame::TooLong;
    }
    rest.get(..length).map_or(Frame::Part, Frame::Whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Frame, LONGEST, frame};

    proptest! {
        #[test]
        fn packets_are_what_was_framed(packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..8)) {
            let mut bytes = Vec::new();
            for packet in &packets {
                bytes.extend(u16::try_from(packet.len()).unwrap().to_be_bytes());
                bytes.extend(packet);
            }
            let mut rest = &bytes[..];
            for packet in &packets {
                for end in 0..packet.len() + 2 {
                    prop_assert_eq!(frame(&rest[..end]), Frame::Part);
                }
                prop_assert_eq!(frame(rest), Frame::Whole(packet));
                rest = &rest[packet.len() + 2..];
            }
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn nothing_that_comes_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            match frame(&bytes) {
                Frame::Whole(packet) => prop_assert!(packet.len() + 2 <= bytes.len()),
                Frame::Part => prop_assert!(bytes.len() < LONGEST + 2),
                Frame::TooLong => prop_assert!(usize::from(u16::from_be_bytes([bytes[0], bytes[1]])) > LONGEST),
            }
        }
    }
}
