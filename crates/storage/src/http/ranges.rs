//! `Range` (RFC 9110, section 14.2).

use std::ops::Range;

use crate::Error;

/// More ranges than a reader needs; who asks for more gets the whole.
const MOST: usize = 32;

/// The ranges that a header asks for, in its order, of `len` bytes; none for the whole: without a header, with
/// one that cannot be read, and with too many. Ranges that overlap become one, so that no answer is larger
/// than the object by more than its own lines.
///
/// # Errors
/// [`Error::RangeUnsatisfiable`] when none of them begins before the end.
pub(super) fn read(header: Option<&str>, len: u64) -> Result<Option<Vec<Range<u64>>>, Error> {
    let Some(specs) = header.and_then(specs) else { return Ok(None) };
    let ranges: Vec<Range<u64>> = specs.iter().filter_map(|spec| spec.within(len)).collect();
    if ranges.is_empty() {
        return Err(Error::RangeUnsatisfiable { len });
    }
    Ok(Some(apart(ranges)))
}

/// One range as it was asked for.
enum Spec {
    From(u64, Option<u64>),
    Last(u64),
}

impl Spec {
    fn within(&self, len: u64) -> Option<Range<u64>> {
        let range = match *self {
            Self::From(first, last) => first..last.map_or(len, |last| last.saturating_add(1).min(len)),
            Self::Last(count) => len.saturating_sub(count)..len,
        };
        (range.start < range.end).then_some(range)
    }
}

fn specs(header: &str) -> Option<Vec<Spec>> {
    let (unit, list) = header.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let specs: Vec<Spec> = list.split(',').map(|text| spec(text.trim())).collect::<Option<_>>()?;
    (specs.len() <= MOST).then_some(specs)
}

fn spec(text: &str) -> Option<Spec> {
    let (first, last) = text.split_once('-')?;
    match (first, last) {
        ("", count) => Some(Spec::Last(number(count)?)),
        (first, "") => Some(Spec::From(number(first)?, None)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Spec::From(first, Some(last)))
        }
    }
}

/// A number of digits; one too large for us is beyond every end.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// The same ranges when none overlaps another, else as few as cover the same bytes, in ascending order.
fn apart(ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut sorted = ranges.clone();
    sorted.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::with_capacity(sorted.len());
    for range in sorted {
        match merged.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    if merged.len() == ranges.len() { ranges } else { merged }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::single_range_in_vec_init, reason = "one range is what is meant")]
    fn ranges_are_read_as_http_has_them() {
        let of = |header, len| read(Some(header), len).ok().flatten();
        assert_eq!(of("bytes=0-0", 10), Some(vec![0..1]));
        assert_eq!(of("Bytes=2-", 10), Some(vec![2..10]));
        assert_eq!(of("bytes=-3", 10), Some(vec![7..10]));
        assert_eq!(of("bytes=-30", 10), Some(vec![0..10]));
        assert_eq!(of("bytes=5-99999999999999999999999", 10), Some(vec![5..10]));
        assert_eq!(of("bytes=8-9, 0-1,20-", 10), Some(vec![8..10, 0..2]), "in the order asked for");
        assert_eq!(of("bytes=0-4,2-6,9-9,0-0", 10), Some(vec![0..7, 9..10]), "overlapping");
        for whole in ["", "bytes", "items=0-1", "bytes=", "bytes=a-b", "bytes=3-2", "bytes=-", "bytes=+1-2"] {
            assert!(matches!(read(Some(whole), 10), Ok(None)), "{whole}");
        }
        let many = format!("bytes={}", "0-0,".repeat(MOST) + "0-0");
        assert!(matches!(read(Some(&many), 10), Ok(None)));
        assert!(matches!(read(None, 10), Ok(None)));
        for (beyond, len) in [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=99-100,-0", 10)] {
            assert!(matches!(read(Some(beyond), len), Err(Error::RangeUnsatisfiable { .. })), "{beyond}");
        }
    }
}
