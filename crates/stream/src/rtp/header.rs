//! What stands before the payload of a packet.

/// The fixed part.
const FIXED: usize = 12;
/// Extensions of one byte each for number and length (RFC 8285 section 4.2).
pub(super) const ONE_BYTE: u16 = 0xbede;
/// Extensions of two bytes (section 4.3); the lowest four bits may be anything.
const TWO_BYTE: u16 = 0x1000;

/// A header as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) payload_type: u8,
    pub(crate) marker: bool,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    /// The payload ends with padding, whose last byte says how much it is.
    pub(crate) padded: bool,
    /// Where extensions begin and end, and their profile.
    extensions: Option<(u16, usize, usize)>,
    /// Where the payload begins.
    pub(crate) length: usize,
}

impl Header {
    /// Reads the header of a packet.
    pub(crate) fn read(packet: &[u8]) -> Option<Self> {
        let (fixed, _) = packet.split_first_chunk::<FIXED>()?;
        let [first, second, sequence @ .., _, _, _, _, s0, s1, s2, s3] = *fixed;
        if first >> 6 != 2 {
            return None;
        }
        let [s_hi, s_lo] = sequence;
        let timestamp = word(packet, 4)?;
        let mut length = FIXED + 4 * usize::from(first & 0x0f);
        let mut extensions = None;
        if first & 0x10 != 0 {
            let profile = half(packet, length)?;
            let begin = length + 4;
            length = begin + 4 * usize::from(half(packet, length + 2)?);
            extensions = Some((profile, begin, length));
        }
        (length <= packet.len()).then_some(Self {
            payload_type: second & 0x7f,
            marker: second & 0x80 != 0,
            sequence: u16::from_be_bytes([s_hi, s_lo]),
            timestamp,
            ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
            padded: first & 0x20 != 0,
            extensions,
            length,
        })
    }

    /// The extensions of the packet that this was read of: their numbers and bytes. It ends where they make no sense.
    pub(crate) fn extensions<'p>(&self, packet: &'p [u8]) -> impl Iterator<Item = (u8, &'p [u8])> + use<'p> {
        let (profile, begin, end) = self.extensions.unwrap_or_default();
        Extensions {
            two_byte: profile & 0xfff0 == TWO_BYTE,
            left: packet.get(begin..end).filter(|_| profile == ONE_BYTE || profile & 0xfff0 == TWO_BYTE),
        }
    }

    /// Where the payload ends in a packet of `length` bytes, padding left out.
    pub(crate) fn payload_end(&self, packet: &[u8]) -> Option<usize> {
        let padding = if self.padded { usize::from(*packet.last()?) } else { 0 };
        let end = packet.len().checked_sub(padding)?;
        (end >= self.length && (padding > 0 || !self.padded)).then_some(end)
    }
}

struct Extensions<'p> {
    two_byte: bool,
    left: Option<&'p [u8]>,
}

impl<'p> Iterator for Extensions<'p> {
    type Item = (u8, &'p [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (&first, rest) = self.left?.split_first()?;
            self.left = Some(rest);
            // A zero fills up.
            if first == 0 {
                continue;
            }
            let (id, length, rest) = if self.two_byte {
                let (&length, rest) = rest.split_first()?;
                (first, usize::from(length), rest)
            } else {
                (first >> 4, usize::from(first & 0x0f) + 1, rest)
            };
            // 15 is reserved, and ends them.
            if !self.two_byte && id == 15 {
                self.left = None;
                return None;
            }
            let Some((bytes, rest)) = rest.split_at_checked(length) else {
                self.left = None;
                return None;
            };
            self.left = Some(rest);
            return Some((id, bytes));
        }
    }
}

fn half(packet: &[u8], at: usize) -> Option<u16> {
    packet.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

fn word(packet: &[u8], at: usize) -> Option<u32> {
    packet.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::Header;

    #[test]
    fn a_header_with_everything_is_read() {
        let mut packet = vec![0xb1, 0xe0, 1, 2, 0, 0, 0, 3, 0, 0, 0, 4, 9, 9, 9, 9];
        packet.extend([0xbe, 0xde, 0, 2, 0x10, 7, 0, 0x51, 8, 9, 0, 0]);
        packet.extend([1, 2, 3, 0, 0, 3]);
        let header = Header::read(&packet).unwrap();
        assert_eq!((header.payload_type, header.marker, header.sequence), (0x60, true, 0x0102));
        assert_eq!((header.timestamp, header.ssrc, header.length), (3, 4, 28));
        let extensions: Vec<_> = header.extensions(&packet).collect();
        assert_eq!(extensions, [(1, &[7][..]), (5, &[8, 9][..])]);
        assert_eq!(header.payload_end(&packet), Some(31));
    }

    #[test]
    fn what_is_cut_off_is_no_header() {
        let packet = [0x90, 0x60, 1, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0xbe, 0xde, 0, 1, 0x10, 7, 0, 0];
        for length in 0..packet.len() {
            assert_eq!(Header::read(&packet[..length]), None, "{length}");
        }
        let header = Header::read(&packet).unwrap();
        assert_eq!(header.payload_end(&packet), Some(20));
        let padded = [0xa0, 0x60, 1, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 200];
        let header = Header::read(&padded).unwrap();
        assert_eq!(header.payload_end(&padded), None);
        let nothing = [0xa0, 0x60, 1, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0];
        assert_eq!(Header::read(&nothing).unwrap().payload_end(&nothing), None);
    }
}
