//! Elements of EBML (RFC 8794), written and, as far as we write them, read.

/// Ids of elements, with the marker of their length (RFC 9559 section 5.1).
pub(super) mod id {
    pub(in crate::record::mkv) const EBML: u32 = 0x1A45_DFA3;
    pub(in crate::record::mkv) const EBML_VERSION: u32 = 0x4286;
    pub(in crate::record::mkv) const EBML_READ_VERSION: u32 = 0x42F7;
    pub(in crate::record::mkv) const EBML_MAX_ID_LENGTH: u32 = 0x42F2;
    pub(in crate::record::mkv) const EBML_MAX_SIZE_LENGTH: u32 = 0x42F3;
    pub(in crate::record::mkv) const DOC_TYPE: u32 = 0x4282;
    pub(in crate::record::mkv) const DOC_TYPE_VERSION: u32 = 0x4287;
    pub(in crate::record::mkv) const DOC_TYPE_READ_VERSION: u32 = 0x4285;
    pub(in crate::record::mkv) const SEGMENT: u32 = 0x1853_8067;
    pub(in crate::record::mkv) const SEEK_HEAD: u32 = 0x114D_9B74;
    pub(in crate::record::mkv) const SEEK: u32 = 0x4DBB;
    pub(in crate::record::mkv) const SEEK_ID: u32 = 0x53AB;
    pub(in crate::record::mkv) const SEEK_POSITION: u32 = 0x53AC;
    pub(in crate::record::mkv) const INFO: u32 = 0x1549_A966;
    pub(in crate::record::mkv) const TIMESTAMP_SCALE: u32 = 0x002A_D7B1;
    pub(in crate::record::mkv) const DURATION: u32 = 0x4489;
    pub(in crate::record::mkv) const MUXING_APP: u32 = 0x4D80;
    pub(in crate::record::mkv) const WRITING_APP: u32 = 0x5741;
    pub(in crate::record::mkv) const TRACKS: u32 = 0x1654_AE6B;
    pub(in crate::record::mkv) const TRACK_ENTRY: u32 = 0xAE;
    pub(in crate::record::mkv) const TRACK_NUMBER: u32 = 0xD7;
    pub(in crate::record::mkv) const TRACK_UID: u32 = 0x73C5;
    pub(in crate::record::mkv) const TRACK_TYPE: u32 = 0x83;
    pub(in crate::record::mkv) const FLAG_LACING: u32 = 0x9C;
    pub(in crate::record::mkv) const CODEC_ID: u32 = 0x86;
    pub(in crate::record::mkv) const CODEC_PRIVATE: u32 = 0x63A2;
    pub(in crate::record::mkv) const SEEK_PRE_ROLL: u32 = 0x56BB;
    pub(in crate::record::mkv) const VIDEO: u32 = 0xE0;
    pub(in crate::record::mkv) const PIXEL_WIDTH: u32 = 0xB0;
    pub(in crate::record::mkv) const PIXEL_HEIGHT: u32 = 0xBA;
    pub(in crate::record::mkv) const AUDIO: u32 = 0xE1;
    pub(in crate::record::mkv) const SAMPLING_FREQUENCY: u32 = 0xB5;
    pub(in crate::record::mkv) const CHANNELS: u32 = 0x9F;
    pub(in crate::record::mkv) const CLUSTER: u32 = 0x1F43_B675;
    pub(in crate::record::mkv) const TIMESTAMP: u32 = 0xE7;
    pub(in crate::record::mkv) const SIMPLE_BLOCK: u32 = 0xA3;
    pub(in crate::record::mkv) const CUES: u32 = 0x1C53_BB6B;
    pub(in crate::record::mkv) const CUE_POINT: u32 = 0xBB;
    pub(in crate::record::mkv) const CUE_TIME: u32 = 0xB3;
    pub(in crate::record::mkv) const CUE_TRACK_POSITIONS: u32 = 0xB7;
    pub(in crate::record::mkv) const CUE_TRACK: u32 = 0xF7;
    pub(in crate::record::mkv) const CUE_CLUSTER_POSITION: u32 = 0xF1;
}

/// The size of an element that ends with its file.
pub(super) const UNKNOWN: [u8; 8] = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

/// Elements on their way into a file.
#[derive(Debug, Default)]
pub(super) struct Ebml(pub(super) Vec<u8>);

impl Ebml {
    pub(super) fn id(&mut self, id: u32) {
        self.0.extend(id.to_be_bytes().into_iter().skip_while(|byte| *byte == 0));
    }

    /// A size in eight bytes, so that it takes the same place whatever it is.
    pub(super) fn size(&mut self, size: usize) {
        let size = u64::try_from(size).unwrap_or(0) & 0x00ff_ffff_ffff_ffff;
        self.0.extend((size | 1 << 56).to_be_bytes());
    }

    /// The least bytes that hold a size.
    fn short_size(&mut self, size: usize) {
        match u16::try_from(size) {
            Ok(size @ 0..0x7f) => self.0.push(0x80 | u8::try_from(size).unwrap_or(0)),
            Ok(size @ 0x7f..0x3fff) => self.0.extend((0x4000 | size).to_be_bytes()),
            _ => self.size(size),
        }
    }

    pub(super) fn bytes(&mut self, id: u32, bytes: &[u8]) {
        self.id(id);
        self.short_size(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn text(&mut self, id: u32, text: &str) {
        self.bytes(id, text.as_bytes());
    }

    pub(super) fn number(&mut self, id: u32, number: u64) {
        let bytes = number.to_be_bytes();
        let zeros = bytes.iter().take(7).take_while(|byte| **byte == 0).count();
        self.bytes(id, bytes.get(zeros..).unwrap_or_default());
    }

    /// A number in eight bytes, whatever it is.
    pub(super) fn long_number(&mut self, id: u32, number: u64) {
        self.bytes(id, &number.to_be_bytes());
    }

    pub(super) fn float(&mut self, id: u32, number: f64) {
        self.bytes(id, &number.to_be_bytes());
    }

    /// An element of elements.
    pub(super) fn master(&mut self, id: u32, inner: impl FnOnce(&mut Self)) {
        let mut elements = Self::default();
        inner(&mut elements);
        self.bytes(id, &elements.0);
    }
}

/// An element that was read: its id, its content, and what is behind it. One of unknown size has all the rest.
pub(super) fn read(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let id_len = usize::try_from(bytes.first()?.leading_zeros()).ok()? + 1;
    let (id, rest) = bytes.split_at_checked(id_len).filter(|_| id_len <= 4)?;
    let id = id.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
    let size_len = usize::try_from(rest.first()?.leading_zeros()).ok()? + 1;
    let (size, rest) = rest.split_at_checked(size_len).filter(|_| size_len <= 8)?;
    if size == UNKNOWN {
        return Some((id, rest, &[]));
    }
    let size = size.iter().fold(0_u64, |size, byte| size << 8 | u64::from(*byte));
    let marker = 1_u64.checked_shl(u32::try_from(7 * size_len).ok()?)?;
    let (content, behind) = rest.split_at_checked(usize::try_from(size & (marker - 1)).ok()?)?;
    Some((id, content, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut ebml = Ebml::default();
        for len in [0, 1, 126, 127, 128, 16_382, 16_383, 16_384, 70_000] {
            ebml.bytes(id::CODEC_PRIVATE, &vec![7; len]);
        }
        ebml.number(id::TRACK_NUMBER, 0);
        ebml.number(id::TRACK_UID, 0x0100);
        let mut rest = ebml.0.as_slice();
        for len in [0, 1, 126, 127, 128, 16_382, 16_383, 16_384, 70_000] {
            let (id, content, behind) = read(rest).unwrap();
            assert_eq!((id, content.len()), (id::CODEC_PRIVATE, len));
            rest = behind;
        }
        let (number, content, behind) = read(rest).unwrap();
        assert_eq!((number, content), (id::TRACK_NUMBER, &[0][..]));
        assert_eq!(read(behind).unwrap().1, [1, 0]);
        assert_eq!(read(&[0, 1]), None);
        assert_eq!(read(&[0x80]), None);
    }
}
