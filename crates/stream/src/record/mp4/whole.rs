//! One file of a header and fragments.

use mp4_atom::{Decode, Encode, Ftyp, Mehd, Moov, SegmentReference, Sidx};

use super::Unfit;
use crate::record::joined::Part;

/// What begins a file whose fragments follow in `parts`: its last `header`, which says now how long it is, and an index.
pub(crate) fn whole(header: &[u8], milliseconds: u64, parts: &[Part]) -> Result<Vec<u8>, Unfit> {
    let mut rest = header;
    let kind = Ftyp::decode(&mut rest)?;
    let mut moov = Moov::decode(&mut rest)?;
    if let Some(mvex) = &mut moov.mvex {
        mvex.mehd = Some(Mehd { fragment_duration: milliseconds });
    }
    // Players that look for fragments late believe these.
    moov.mvhd.duration = milliseconds;
    for trak in &mut moov.trak {
        trak.tkhd.duration = milliseconds;
        trak.mdia.mdhd.duration = ticks(milliseconds, trak.mdia.mdhd.timescale);
    }
    let mut bytes = Vec::new();
    kind.encode(&mut bytes)?;
    moov.encode(&mut bytes)?;
    if let Some(index) = index(&moov, parts)? {
        index.encode(&mut bytes)?;
    }
    Ok(bytes)
}

/// Where which time is, in groups of segments, for it counts at most 65,535 (section 8.16.3).
fn index(moov: &Moov, parts: &[Part]) -> Result<Option<Sidx>, Unfit> {
    let video = moov.trak.iter().find(|trak| trak.mdia.minf.vmhd.is_some());
    let Some(track) = video.or(moov.trak.first()) else { return Ok(None) };
    let (Some(first), group) = (parts.first(), parts.len() / 65_536 + 1) else { return Ok(None) };
    let timescale = track.mdia.mdhd.timescale;
    let mut references = Vec::new();
    let mut groups = parts.chunks(group).peekable();
    while let Some(some) = groups.next() {
        let size: u64 = some.iter().map(|part| part.bytes).sum();
        let end = some.last().map_or(0, |part| part.begin_ms + part.duration_ms);
        let next = groups.peek().and_then(|next| next.first()).map_or(end, |part| part.begin_ms);
        let begin = some.first().map_or(0, |part| part.begin_ms);
        references.push(SegmentReference {
            reference_type: false,
            referenced_size: u32::try_from(size)?,
            subsegment_duration: u32::try_from(ticks(next.saturating_sub(begin), timescale))?,
            starts_with_sap: some.first().is_some_and(|part| part.keyframe),
            sap_type: u8::from(some.first().is_some_and(|part| part.keyframe)),
            sap_delta_time: 0,
        });
    }
    Ok(Some(Sidx {
        reference_id: track.tkhd.track_id,
        timescale,
        earliest_presentation_time: ticks(first.begin_ms, timescale),
        first_offset: 0,
        references,
    }))
}

fn ticks(milliseconds: u64, timescale: u32) -> u64 {
    milliseconds.saturating_mul(timescale.into()) / 1_000
}
