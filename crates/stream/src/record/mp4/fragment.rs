//! A fragment: where its samples are, and the samples.

use mp4_atom::{Mfhd, Moof, Tfdt, Tfhd, Traf, Trun, TrunEntry};

use super::{Unfit, encoded, track_id};
use crate::record::sample::{Run, Sample};

/// Sample flags (section 8.8.3.1): it depends on no other.
const KEY: u32 = 0x0200_0000;
/// It depends on others, and nothing can begin with it.
const NO_KEY: u32 = 0x0101_0000;
/// The header of `mdat`.
const MDAT: usize = 8;

/// A fragment with runs of several tracks. `sequence` numbers it.
pub(crate) fn fragment(sequence: u32, runs: &[Run<'_>]) -> Result<Vec<u8>, Unfit> {
    // The size of the first box is in the second place needed within it.
    let len = encoded(&moof(sequence, runs, 0)?)?.len();
    let mut bytes = encoded(&moof(sequence, runs, len + MDAT)?)?;
    let payload: usize = runs.iter().map(size).sum();
    bytes.reserve(MDAT + payload);
    bytes.extend(u32::try_from(MDAT + payload)?.to_be_bytes());
    bytes.extend(b"mdat");
    for sample in runs.iter().flat_map(|run| run.samples) {
        bytes.extend_from_slice(&sample.data);
    }
    Ok(bytes)
}

fn size(run: &Run<'_>) -> usize {
    run.samples.iter().map(|sample| sample.data.len()).sum()
}

fn moof(sequence: u32, runs: &[Run<'_>], data: usize) -> Result<Moof, Unfit> {
    let mut offset = data;
    let mut trafs = Vec::new();
    for run in runs {
        trafs.push(traf(run, i32::try_from(offset)?)?);
        offset += size(run);
    }
    Ok(Moof { mfhd: Mfhd { sequence_number: sequence }, traf: trafs })
}

fn traf(run: &Run<'_>, offset: i32) -> Result<Traf, Unfit> {
    let begin = run.samples.first().map_or(0, |sample| sample.decoded);
    let moves = run.samples.iter().any(|sample| sample.shown != sample.decoded);
    let entries: Vec<TrunEntry> =
        run.samples.iter().map(|sample| entry(sample, moves)).collect::<Result<_, _>>()?;
    Ok(Traf {
        tfhd: Tfhd {
            track_id: track_id(run.track)?,
            sample_description_index: Some(u32::try_from(run.current)?.saturating_add(1)),
            default_base_is_moof: true,
            ..Tfhd::default()
        },
        tfdt: Some(Tfdt { base_media_decode_time: u64::try_from(begin)? }),
        trun: vec![Trun { data_offset: Some(offset), samples: entries.into() }],
        ..Traf::default()
    })
}

fn entry(sample: &Sample, moves: bool) -> Result<TrunEntry, Unfit> {
    Ok(TrunEntry {
        duration: Some(u32::try_from(sample.duration)?),
        size: Some(u32::try_from(sample.data.len())?),
        flags: Some(if sample.keyframe { KEY } else { NO_KEY }),
        cts: moves.then_some(sample.shown - sample.decoded),
    })
}
