//! Clusters: samples of all tracks in the order of time.

use super::ebml::{Ebml, id};
use super::track::number;
use crate::record::sample::{Run, Sample};

/// A block says its time in 16 bits, so what is so much later, in milliseconds, begins another cluster.
const LONGEST: u64 = 30_000;

/// One or more clusters with these samples.
pub(crate) fn clusters(runs: &[Run<'_>]) -> Vec<u8> {
    let mut blocks: Vec<(u64, &Run<'_>, &Sample)> = Vec::new();
    for run in runs {
        blocks.extend(run.samples.iter().map(|sample| (milliseconds(sample.shown, run.rate), run, sample)));
    }
    // Stable, so what is decoded first stays first.
    blocks.sort_by_key(|(_, run, sample)| milliseconds(sample.decoded, run.rate));
    let mut ebml = Ebml::default();
    while let Some(begin) = blocks.iter().map(|(time, ..)| *time).min() {
        let fits = |(time, ..): &&(u64, &Run<'_>, &Sample)| time.saturating_sub(begin) < LONGEST;
        let behind = blocks.split_off(blocks.iter().take_while(fits).count().max(1));
        let size: usize = blocks.iter().map(|(_, _, sample)| sample.data.len() + 32).sum();
        let mut inner = Ebml(Vec::with_capacity(size));
        inner.number(id::TIMESTAMP, begin);
        for (time, run, sample) in &blocks {
            block(&mut inner, time.saturating_sub(begin), run, sample);
        }
        ebml.bytes(id::CLUSTER, &inner.0);
        blocks = behind;
    }
    ebml.0
}

pub(super) fn milliseconds(ticks: i64, rate: u32) -> u64 {
    let (ticks, rate) = (u64::try_from(ticks).unwrap_or(0), u64::from(rate.max(1)));
    (ticks.saturating_mul(1_000).saturating_add(rate / 2)) / rate
}

fn block(ebml: &mut Ebml, time: u64, run: &Run<'_>, sample: &Sample) {
    let mut content = Vec::with_capacity(sample.data.len() + 4);
    content.push(0x80 | u8::try_from(number(run.track)).unwrap_or(0x7f));
    content.extend(i16::try_from(time).unwrap_or(i16::MAX).to_be_bytes());
    content.push(if sample.keyframe { 0x80 } else { 0 });
    content.extend_from_slice(&sample.data);
    ebml.bytes(id::SIMPLE_BLOCK, &content);
}
