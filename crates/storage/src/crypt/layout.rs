//! Where the bytes of a stream lie in its encrypted form.

use std::ops::Range;

use super::cipher::TAG;
use super::header::HEADER;
use crate::Error;

/// Bytes of an encrypted segment, tag and (in the first) header included.
///
/// Measured (`examples/throughput.rs`): segments of 1 MiB are not faster than those of 64 KiB,
/// for AES runs at the same speed and 64 KiB stay in the cache; but a reader of one byte decrypts a whole segment,
/// and every stream holds one in memory. The tags cost 0.02 %.
pub const SEGMENT: usize = 64 * 1024;

const SIZE: u64 = 64 * 1024;
const FIRST: u64 = SIZE - 40 - 16;
const OTHER: u64 = SIZE - 16;

/// The most bytes of a stream: its segments are numbered with 32 bits.
pub(super) const MAX_LEN: u64 = FIRST + OTHER * 0xffff_ffff;

/// Bytes that a segment holds.
pub(super) const fn capacity(number: u32) -> usize {
    if number == 0 { SEGMENT - HEADER - TAG } else { SEGMENT - TAG }
}

/// Segments of a stream of `len` bytes; there is always one.
const fn segments(len: u64) -> u64 {
    1 + len.saturating_sub(FIRST).div_ceil(OTHER)
}

/// Bytes of the encrypted form of `len` bytes. [`Error::TooLarge`] above 256 TiB.
pub const fn sealed_len(len: u64) -> Result<u64, Error> {
    if len > MAX_LEN { Err(Error::TooLarge { max: MAX_LEN }) } else { Ok(40 + len + 16 * segments(len)) }
}

/// Bytes of which `sealed` bytes are the encrypted form; [`Error::Corrupt`] if there is no such number.
pub fn unsealed_len(sealed: u64) -> Result<u64, Error> {
    let overhead = 40 + 16 * sealed.div_ceil(SIZE);
    let len = sealed.checked_sub(overhead).filter(|len| sealed_len(*len).is_ok_and(|len| len == sealed));
    len.ok_or(Error::Corrupt("an encrypted stream has a length that none has"))
}

/// The segments in which a range lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Where they are in the encrypted form; this is what to read.
    pub sealed: Range<u64>,
    /// The number of the first.
    pub(super) first: u32,
    /// The stream ends with the last of them.
    pub(super) ends: bool,
    /// Bytes to leave out at the beginning.
    pub(super) skip: u64,
    /// Bytes of the range.
    pub(super) take: u64,
}

impl Span {
    /// The segments of a range of a stream of `len` bytes, of which there are so many.
    pub fn new(range: Range<u64>, len: u64) -> Result<Self, Error> {
        let sealed = sealed_len(len)?;
        if range.start > range.end || range.end > len {
            return Err(Error::RangeUnsatisfiable { len });
        }
        let first = segment_of(range.start.min(len.saturating_sub(1)));
        let last = segment_of(range.end.saturating_sub(1).max(range.start.min(len.saturating_sub(1))));
        let begin = if first == 0 { 0 } else { FIRST + (first - 1) * OTHER };
        Ok(Self {
            sealed: first * SIZE..sealed.min((last + 1) * SIZE),
            first: u32::try_from(first).map_err(|_larger| Error::TooLarge { max: MAX_LEN })?,
            ends: last + 1 == segments(len),
            skip: range.start - begin,
            take: range.end - range.start,
        })
    }
}

/// The segment in which a byte lies.
const fn segment_of(byte: u64) -> u64 {
    if byte < FIRST { 0 } else { 1 + (byte - FIRST) / OTHER }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INTERESTING: [u64; 10] = [
        0,
        1,
        FIRST - 1,
        FIRST,
        FIRST + 1,
        FIRST + OTHER - 1,
        FIRST + OTHER,
        FIRST + OTHER + 1,
        10 * SIZE,
        MAX_LEN,
    ];

    #[test]
    fn constants_agree() {
        assert_eq!(SIZE, u64::try_from(SEGMENT).unwrap());
        assert_eq!(FIRST, u64::try_from(capacity(0)).unwrap());
        assert_eq!(OTHER, u64::try_from(capacity(1)).unwrap());
    }

    #[test]
    fn lengths_are_turned_back() {
        for len in INTERESTING {
            assert_eq!(unsealed_len(sealed_len(len).unwrap()).unwrap(), len);
        }
        assert_eq!(sealed_len(0).unwrap(), 56);
        assert_eq!(sealed_len(FIRST).unwrap(), SIZE);
        assert_eq!(sealed_len(FIRST + 1).unwrap(), SIZE + 17);
        assert!(matches!(sealed_len(MAX_LEN + 1), Err(Error::TooLarge { .. })));
        for sealed in [0, 39, 40, 55, SIZE + 1, SIZE + 16, 2 * SIZE + 16, u64::MAX] {
            assert!(unsealed_len(sealed).is_err(), "{sealed}");
        }
    }

    proptest! {
        /// The span holds the range, and no segment more than it touches.
        #[test]
        fn a_span_is_as_small_as_can_be(len in 1..20 * SIZE, a in any::<u64>(), b in any::<u64>()) {
            let (a, b) = (a % len, b % len);
            let range = a.min(b)..a.max(b) + 1;
            let span = Span::new(range.clone(), len).unwrap();
            prop_assert_eq!(span.sealed.start % SIZE, 0);
            prop_assert_eq!(u64::from(span.first), span.sealed.start / SIZE);
            prop_assert_eq!(span.ends, span.sealed.end == sealed_len(len).unwrap());
            prop_assert!(span.ends || span.sealed.end.is_multiple_of(SIZE));
            prop_assert_eq!(span.take, range.end - range.start);
            prop_assert!(span.skip < SIZE);
            let count = (span.sealed.end - span.sealed.start).div_ceil(SIZE);
            prop_assert!(count <= 2 + span.take / OTHER);
        }

        #[test]
        fn ranges_outside_have_no_span(len in 0..5 * SIZE, more in 1..SIZE) {
            prop_assert!(Span::new(0..len + more, len).is_err());
        }
    }
}
