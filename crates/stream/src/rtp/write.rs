//! Headers that are written.

use super::header::ONE_BYTE;

/// Bytes that a header may have: the fixed part, and extensions.
pub(crate) const MAX_HEADER: usize = 12 + 4 + 80;

/// Writes a header into the beginning of a buffer.
#[derive(Debug)]
pub(crate) struct HeaderWriter<'b> {
    buffer: &'b mut [u8],
    at: usize,
}

impl<'b> HeaderWriter<'b> {
    /// Writes the fixed part. `buffer` has room for [`MAX_HEADER`].
    pub(crate) fn new(
        buffer: &'b mut [u8],
        payload_type: u8,
        marker: bool,
        sequence: u16,
        timestamp: u32,
        ssrc: u32,
    ) -> Option<Self> {
        let (fixed, _) = buffer.split_first_chunk_mut::<12>()?;
        let [s0, s1] = sequence.to_be_bytes();
        let [t0, t1, t2, t3] = timestamp.to_be_bytes();
        let [c0, c1, c2, c3] = ssrc.to_be_bytes();
        let second = payload_type | if marker { 0x80 } else { 0 };
        *fixed = [0x80, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3];
        Some(Self { buffer, at: 12 })
    }

    /// Says that the payload ends with padding.
    pub(crate) fn padded(&mut self) {
        if let Some(first) = self.buffer.first_mut() {
            *first |= 0x20;
        }
    }

    /// Adds an extension of 1 to 16 bytes, while there is room.
    pub(crate) fn extension(&mut self, id: u8, bytes: &[u8]) {
        let begin = if self.at == 12 { 16 } else { self.at };
        let Some(length) = bytes.len().checked_sub(1).and_then(|length| u8::try_from(length).ok()) else {
            return;
        };
        let Some(room) = self.buffer.get_mut(begin..begin + 1 + bytes.len()) else { return };
        let fits = length < 16 && (1..=14).contains(&id) && begin + 1 + bytes.len() <= MAX_HEADER;
        if let (true, Some((first, rest))) = (fits, room.split_first_mut()) {
            *first = (id << 4) | length;
            rest.copy_from_slice(bytes);
            self.at = begin + 1 + bytes.len();
        }
    }

    /// Ends the header and says how long it is.
    pub(crate) fn end(self) -> usize {
        if self.at == 12 {
            return self.at;
        }
        let end = self.at.next_multiple_of(4);
        if let Some(filling) = self.buffer.get_mut(self.at..end) {
            filling.fill(0);
        }
        let words = u16::try_from((end - 16) / 4).unwrap_or_default();
        if let Some(first) = self.buffer.first_mut() {
            *first |= 0x10;
        }
        let [p0, p1] = ONE_BYTE.to_be_bytes();
        let [w0, w1] = words.to_be_bytes();
        if let Some(head) = self.buffer.get_mut(12..16) {
            head.copy_from_slice(&[p0, p1, w0, w1]);
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::super::Header;
    use super::{HeaderWriter, MAX_HEADER};

    #[test]
    fn what_is_written_is_read() {
        let mut buffer = [0xff; MAX_HEADER];
        let mut writer = HeaderWriter::new(&mut buffer, 96, true, 7, 8, 9).unwrap();
        writer.extension(3, &[1, 2]);
        writer.extension(4, &[5; 16]);
        writer.extension(15, &[1]);
        writer.extension(5, &[6; 17]);
        let length = writer.end();
        let header = Header::read(&buffer[..length]).unwrap();
        assert_eq!((header.payload_type, header.marker, header.sequence), (96, true, 7));
        assert_eq!((header.timestamp, header.ssrc, header.length), (8, 9, length));
        let extensions: Vec<_> = header.extensions(&buffer).collect();
        assert_eq!(extensions, [(3, &[1, 2][..]), (4, &[5; 16][..])]);
        let plain = HeaderWriter::new(&mut buffer, 96, false, 7, 8, 9).unwrap().end();
        assert_eq!(plain, 12);
    }
}
