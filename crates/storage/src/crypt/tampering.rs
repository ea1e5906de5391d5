//! What somebody does who can write to the backend.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use proptest::prelude::*;
use uuid::Uuid;
use veza_core::{SeededRandom, TenantId};

use super::layout::capacity;
use super::{DataKey, HEADER, Opener, Place, SEGMENT, Sealer, Span, open_stream, sealed_len, unsealed_len};
use crate::{BlobId, BlobKey, Body, Error, body};

/// An encrypted stream of a few segments.
struct Victim {
    key: DataKey,
    place: Place,
    plain: Vec<u8>,
    sealed: Vec<u8>,
    opener: Opener,
}

fn place(blob: u128, part: u16) -> Place {
    let tenant = TenantId::from_verified(Uuid::from_u128(1));
    Place::new(BlobKey::new(tenant, BlobId::from_uuid(Uuid::from_u128(blob))), part)
}

impl Victim {
    async fn of(len: usize) -> Self {
        let random = SeededRandom::new(9);
        let (key, place) = (DataKey::generate(&random), place(2, 1));
        let plain: Vec<u8> = (0..len).map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[1]).collect();
        let sealer = Sealer::new(&key, place, &random).unwrap();
        let opener = Opener::new(&key, place, sealer.header()).unwrap();
        let sealed = collect(sealer.seal(body::full(plain.clone()))).await.0;
        Self { key, place, plain, sealed, opener }
    }

    /// Reads another stream in the victim's place: what came, and how it ended.
    async fn read(&self, sealed: &[u8]) -> (Vec<u8>, Result<(), Error>) {
        match open_stream(&self.key, self.place, chunks(sealed, 10_000)).await {
            Ok(body) => collect(body).await,
            Err(error) => (Vec::new(), Err(error)),
        }
    }

    /// Says that reading fails, and that all that came is true and from before the byte `at`.
    async fn assert_fails(&self, sealed: &[u8], at: usize, what: &str) {
        let (came, end) = self.read(sealed).await;
        assert!(matches!(end, Err(Error::Corrupt(_))), "{what}: {end:?}");
        assert!(self.plain.starts_with(&came), "{what}");
        assert!(came.len() <= plain_before(at), "{what}: {} bytes came, damage at {at}", came.len());
    }
}

/// Bytes of plaintext in the segments before the one in which an encrypted byte lies.
fn plain_before(at: usize) -> usize {
    match at / SEGMENT {
        0 => 0,
        more => capacity(0) + (more - 1) * capacity(1),
    }
}

fn chunks(bytes: &[u8], size: usize) -> Body {
    let chunks: Vec<_> = bytes.chunks(size).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    Box::pin(stream::iter(chunks))
}

async fn collect(mut body: Body) -> (Vec<u8>, Result<(), Error>) {
    let mut all = Vec::new();
    while let Some(chunk) = body.next().await {
        match chunk {
            Ok(chunk) => all.extend_from_slice(&chunk),
            Err(error) => return (all, Err(error)),
        }
    }
    (all, Ok(()))
}

const LEN: usize = 3 * SEGMENT + 1_000;

#[tokio::test]
async fn what_was_written_comes_back_in_any_chunks() {
    for len in [0, 1, capacity(0), capacity(0) + 1, capacity(0) + capacity(1), LEN] {
        let victim = Victim::of(len).await;
        assert_eq!(
            victim.sealed.len(),
            usize::try_from(sealed_len(len.try_into().unwrap()).unwrap()).unwrap()
        );
        assert_eq!(
            unsealed_len(victim.sealed.len().try_into().unwrap()).unwrap(),
            u64::try_from(len).unwrap()
        );
        for size in [1 + len / 100, SEGMENT - 1, SEGMENT, SEGMENT + 1, 3 * SEGMENT] {
            let opened = open_stream(&victim.key, victim.place, chunks(&victim.sealed, size)).await.unwrap();
            let (came, end) = collect(opened).await;
            end.unwrap();
            assert!(came == victim.plain, "{len} bytes in chunks of {size}");
        }
    }
}

#[tokio::test]
async fn a_changed_bit_is_seen_wherever_it_is() {
    let victim = Victim::of(LEN).await;
    let borders = (0..=3).flat_map(|segment| [segment * SEGMENT, (segment + 1) * SEGMENT - 1]);
    let places = borders.chain(0..HEADER).chain([HEADER, SEGMENT + 99, victim.sealed.len() - 1]);
    for at in places.filter(|at| *at < victim.sealed.len()) {
        let mut sealed = victim.sealed.clone();
        sealed[at] ^= 0x10;
        victim.assert_fails(&sealed, at, "a bit").await;
    }
}

/// Whoever keeps the header does not need the stream's own, which must still be what was written.
#[tokio::test]
async fn a_changed_header_is_seen_by_who_knows_it() {
    let victim = Victim::of(LEN).await;
    let span = Span::new(0..10, LEN.try_into().unwrap()).unwrap();
    for at in 0..HEADER {
        let mut sealed = victim.sealed[..SEGMENT].to_vec();
        sealed[at] ^= 1;
        let (came, end) = collect(victim.opener.open(&span, chunks(&sealed, 999))).await;
        assert!(matches!(end, Err(Error::Corrupt(_))), "{at}");
        assert_eq!(came, b"");
    }
}

#[tokio::test]
async fn a_cut_is_seen_wherever_it_is() {
    let victim = Victim::of(LEN).await;
    for at in [0, 1, HEADER, HEADER + 15, HEADER + 16, 100, SEGMENT - 1, SEGMENT, SEGMENT + 1, SEGMENT + 16] {
        victim.assert_fails(&victim.sealed[..at], at.saturating_sub(1), "cut").await;
    }
    for segments in 1..=3 {
        let at = segments * SEGMENT;
        victim.assert_fails(&victim.sealed[..at], at - 1, "cut between segments").await;
    }
    let last = victim.sealed.len() - 1;
    victim.assert_fails(&victim.sealed[..last], last, "the last byte").await;
}

#[tokio::test]
async fn appended_bytes_are_seen() {
    for len in [0, 10, capacity(0), capacity(0) + capacity(1), LEN] {
        let victim = Victim::of(len).await;
        let end = victim.sealed.len();
        for tail in [&b"x"[..], &[0; 16], &victim.sealed[..end.min(SEGMENT)], &victim.sealed[end - 16..]] {
            let sealed = [&victim.sealed, tail].concat();
            victim.assert_fails(&sealed, end - 1, "appended").await;
        }
    }
}

#[tokio::test]
async fn segments_out_of_order_are_seen() {
    let victim = Victim::of(LEN).await;
    let segments: Vec<&[u8]> = victim.sealed.chunks(SEGMENT).collect();
    for order in
        [vec![0, 2, 1, 3], vec![0, 1, 3], vec![0, 1, 1, 2, 3], vec![0, 2, 3], vec![1, 2, 3], vec![0, 3, 1, 2]]
    {
        let sealed: Vec<u8> = order.iter().flat_map(|at| segments[*at].to_vec()).collect();
        let same = order.iter().enumerate().take_while(|(at, segment)| at == *segment).count();
        victim.assert_fails(&sealed, same.min(3) * SEGMENT, &format!("{order:?}")).await;
    }
}

#[tokio::test]
async fn a_stream_lies_at_its_place_alone() {
    let victim = Victim::of(LEN).await;
    let other = DataKey::generate(&SeededRandom::new(10));
    for (key, place) in [(&victim.key, place(3, 1)), (&victim.key, place(2, 2)), (&other, victim.place)] {
        let opened = open_stream(key, place, body::full(victim.sealed.clone())).await.unwrap();
        let (came, end) = collect(opened).await;
        assert!(matches!(end, Err(Error::Corrupt(_))));
        assert_eq!(came, b"");
    }
}

#[tokio::test]
async fn two_streams_of_one_key_share_nothing() {
    let (random, key) = (SeededRandom::new(11), DataKey::generate(&SeededRandom::new(12)));
    let mut sealed = Vec::new();
    for _ in 0..2 {
        let sealer = Sealer::new(&key, place(2, 1), &random).unwrap();
        sealed.push(collect(sealer.seal(body::full(vec![0; 1_000]))).await.0);
    }
    let same = sealed[0][HEADER..].iter().zip(&sealed[1][HEADER..]).filter(|(a, b)| a == b).count();
    assert!(same < 50, "{same} of 1016 bytes are the same");
}

#[tokio::test]
async fn a_source_that_breaks_does_not_end_the_stream() {
    let key = DataKey::generate(&SeededRandom::new(13));
    let sealer = Sealer::new(&key, place(2, 1), &SeededRandom::new(14)).unwrap();
    let broken = stream::iter([Ok(Bytes::from(vec![7; SEGMENT])), Err(Error::Body("gone".into()))]);
    let answer = sealer.seal(Box::pin(broken)).try_collect::<Vec<_>>().await;
    assert!(matches!(answer, Err(Error::Body(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any range comes from its span alone, and not when a byte of that is changed, missing or too many.
    #[test]
    fn ranges_come_from_their_spans(a in 0..LEN, b in 0..LEN, at in any::<prop::sample::Index>(), size in 1_usize..200_000) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let victim = Victim::of(LEN).await;
            let range = a.min(b)..a.max(b) + 1;
            let span = Span::new(range.start.try_into().unwrap()..range.end.try_into().unwrap(), LEN.try_into().unwrap());
            let span = span.unwrap();
            let mut sealed = victim.sealed[usize::try_from(span.sealed.start).unwrap()..usize::try_from(span.sealed.end).unwrap()].to_vec();
            let (came, end) = collect(victim.opener.open(&span, chunks(&sealed, size))).await;
            end.unwrap();
            assert!(came == victim.plain[range.clone()]);

            let at = at.index(sealed.len());
            let cut = collect(victim.opener.open(&span, chunks(&sealed[..at], size))).await;
            assert!(cut.1.is_err());
            assert!(victim.plain[range.clone()].starts_with(&cut.0));
            sealed[at] ^= 1;
            let (came, end) = collect(victim.opener.open(&span, chunks(&sealed, size))).await;
            assert!(matches!(end, Err(Error::Corrupt(_))));
            assert!(victim.plain[range].starts_with(&came));
        });
    }
}
