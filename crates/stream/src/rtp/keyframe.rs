//! Which packets begin a frame that needs no other.

use crate::codec::Codec;

/// Whether the payload begins a key frame, or is the first that matters to it. Sound always does.
pub(crate) fn begins_keyframe(codec: Codec, payload: &[u8]) -> bool {
    match codec {
        Codec::Opus | Codec::Pcmu | Codec::Pcma | Codec::G722 => true,
        Codec::Vp8 => vp8(payload).unwrap_or(false),
        Codec::Vp9 => vp9(payload).unwrap_or(false),
        Codec::H264 => h264(payload).unwrap_or(false),
        Codec::H265 => h265(payload).unwrap_or(false),
        // N: a new coded video sequence begins (section 4.4 of the payload format).
        Codec::Av1 => payload.first().is_some_and(|first| first & 0x08 != 0),
    }
}

/// RFC 7741 section 4.2: the start of the first partition, whose own header has its lowest bit clear.
fn vp8(payload: &[u8]) -> Option<bool> {
    let (&first, rest) = payload.split_first()?;
    let starts = first & 0x10 != 0 && first.trailing_zeros() >= 3;
    let mut skip = 0;
    if first & 0x80 != 0 {
        let extended = *rest.first()?;
        skip = 1;
        if extended & 0x80 != 0 {
            skip += if rest.get(1)? & 0x80 == 0 { 1 } else { 2 };
        }
        skip += usize::from(extended & 0x40 != 0) + usize::from(extended & 0x30 != 0);
    }
    Some(starts && rest.get(skip)? & 0x01 == 0)
}

/// RFC 9628 section 4.2: the begin of a frame that is not predicted from others, of the lowest spatial layer.
fn vp9(payload: &[u8]) -> Option<bool> {
    let (&first, rest) = payload.split_first()?;
    let (has_id, inter, has_layers, begins) =
        (first & 0x80 != 0, first & 0x40 != 0, first & 0x20 != 0, first & 0x08 != 0);
    let skip = match (has_id, rest.first()) {
        (true, Some(id)) => 1 + usize::from(id & 0x80 != 0),
        (true, None) => return None,
        (false, _) => 0,
    };
    let lowest = !has_layers || (rest.get(skip)? >> 1).trailing_zeros() >= 3;
    Some(begins && !inter && lowest)
}

/// RFC 6184: a sequence parameter set or an IDR picture, alone, in an aggregate, or as the first fragment.
fn h264(payload: &[u8]) -> Option<bool> {
    const IDR: u8 = 5;
    const SEQUENCE: u8 = 7;
    let (&first, mut rest) = payload.split_first()?;
    match first & 0x1f {
        IDR | SEQUENCE => Some(true),
        // STAP-A.
        24 => {
            while let Some((length, units)) = rest.split_first_chunk::<2>() {
                if matches!(units.first()? & 0x1f, IDR | SEQUENCE) {
                    return Some(true);
                }
                rest = units.get(usize::from(u16::from_be_bytes(*length))..)?;
            }
            Some(false)
        }
        // FU-A with its start bit.
        28 => rest.first().map(|head| head & 0x80 != 0 && matches!(head & 0x1f, IDR | SEQUENCE)),
        _ => Some(false),
    }
}

/// RFC 7798: a picture that decoding can begin at (IRAP), or the parameter sets before it.
fn h265(payload: &[u8]) -> Option<bool> {
    let begins = |kind: u8| matches!(kind, 16..=21 | 32 | 33);
    let kind_of = |byte: u8| (byte >> 1) & 0x3f;
    let (&[first, _], mut rest) = payload.split_first_chunk::<2>()?;
    match kind_of(first) {
        // An aggregate.
        48 => {
            while let Some((length, units)) = rest.split_first_chunk::<2>() {
                if begins(kind_of(*units.first()?)) {
                    return Some(true);
                }
                rest = units.get(usize::from(u16::from_be_bytes(*length))..)?;
            }
            Some(false)
        }
        // A fragment.
        49 => rest.first().map(|head| head & 0x80 != 0 && begins(head & 0x3f)),
        kind => Some(begins(kind)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Codec, begins_keyframe};

    #[test]
    fn each_codec_says_where_decoding_can_begin() {
        let cases: [(Codec, &[u8], bool); 20] = [
            (Codec::Vp8, &[0x10, 0x00], true),
            (Codec::Vp8, &[0x10, 0x01], false),
            (Codec::Vp8, &[0x00, 0x00], false),
            (Codec::Vp8, &[0x90, 0x80, 0x81, 0x02, 0x00], true),
            (Codec::Vp8, &[0x90, 0xe0, 0x01, 0x02, 0x00, 0x01], false),
            (Codec::Vp9, &[0x88, 0x01], true),
            (Codec::Vp9, &[0xc8, 0x01], false),
            (Codec::Vp9, &[0xa8, 0x01, 0x02], false),
            (Codec::Vp9, &[0xa8, 0x81, 0x01, 0x00], true),
            (Codec::H264, &[0x65], true),
            (Codec::H264, &[0x61], false),
            (Codec::H264, &[0x78, 0, 1, 0x09, 0, 2, 0x67, 0x01], true),
            (Codec::H264, &[0x7c, 0x85], true),
            (Codec::H264, &[0x7c, 0x45], false),
            (Codec::H265, &[0x26, 0x01], true),
            (Codec::H265, &[0x02, 0x01], false),
            (Codec::H265, &[0x62, 0x01, 0x93], true),
            (Codec::Av1, &[0x18], true),
            (Codec::Av1, &[0x10], false),
            (Codec::Opus, &[], true),
        ];
        for (codec, payload, begins) in cases {
            assert_eq!(begins_keyframe(codec, payload), begins, "{codec:?} {payload:x?}");
        }
    }
}
