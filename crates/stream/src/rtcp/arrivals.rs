//! Which packets of a publisher's transport came, and when, to be told to it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::write::end_packet;
use super::{format, kind};
use crate::srtp::nearest;

/// Packets that one report speaks of at most.
const MOST: usize = 512;
/// What the first time of a report is counted in.
const REFERENCE: u128 = 64_000;
/// What the times between packets are counted in, in microseconds.
const STEP: i64 = 250;

/// Collects arrivals until the next report.
#[derive(Debug)]
pub(crate) struct Arrivals {
    began: Instant,
    /// The number of the first packet that was not spoken of.
    first: Option<u64>,
    /// When that one and those behind it came, in steps since the beginning.
    times: VecDeque<Option<i64>>,
    reports: u8,
}

impl Arrivals {
    pub(crate) fn new(began: Instant) -> Self {
        Self { began, first: None, times: VecDeque::new(), reports: 0 }
    }

    /// Notes that the packet with this number came.
    pub(crate) fn note(&mut self, sequence: u16, now: Instant) {
        let first = *self.first.get_or_insert_with(|| u64::from(sequence) + 0x1_0000);
        let length = u64::try_from(self.times.len()).unwrap_or(u64::MAX);
        let index = nearest(first + length, sequence);
        // What was spoken of as lost is lost; what is far ahead belongs to another count.
        let Some(at) = index.checked_sub(first).and_then(|at| usize::try_from(at).ok()) else { return };
        if at >= MOST {
            return self.begin_again(sequence, now);
        }
        if at >= self.times.len() {
            self.times.resize(at + 1, None);
        }
        let steps = self.steps(now);
        if let Some(time) = self.times.get_mut(at) {
            time.get_or_insert(steps);
        }
    }

    fn begin_again(&mut self, sequence: u16, now: Instant) {
        self.first = Some(u64::from(sequence) + 0x1_0000);
        self.times.clear();
        self.times.push_back(Some(self.steps(now)));
    }

    fn steps(&self, now: Instant) -> i64 {
        let micros = now.saturating_duration_since(self.began).as_micros();
        i64::try_from(micros).unwrap_or(i64::MAX) / STEP
    }

    /// Appends a report of what came since the last, if anything did.
    pub(crate) fn report(&mut self, out: &mut Vec<u8>, own: u32, ssrc: u32) {
        let Some(first) = self.first else { return };
        let Some(base) = self.times.iter().flatten().min().copied() else { return };
        let begin = out.len();
        let reference = i64::try_from(REFERENCE).unwrap_or(i64::MAX) / STEP;
        out.extend([0x80 | format::ARRIVALS, kind::TRANSPORT_FEEDBACK, 0, 0]);
        out.extend(own.to_be_bytes());
        out.extend(ssrc.to_be_bytes());
        let [.., f0, f1] = first.to_be_bytes();
        let count = u16::try_from(self.times.len()).unwrap_or(u16::MAX);
        let [.., r0, r1, r2] = (base / reference).to_be_bytes();
        out.extend([f0, f1]);
        out.extend(count.to_be_bytes());
        out.extend([r0, r1, r2, self.reports]);
        self.list(out, (base / reference) * reference);
        end_packet(out, begin);
        self.reports = self.reports.wrapping_add(1);
        self.first = Some(first + u64::from(count));
        self.times.clear();
    }

    /// Appends seven statuses in each chunk, and the times between those that came.
    fn list(&self, out: &mut Vec<u8>, mut last: i64) {
        let mut deltas = Vec::with_capacity(self.times.len());
        let mut statuses = Vec::with_capacity(self.times.len());
        for time in &self.times {
            let delta = time.and_then(|time| i16::try_from(time - last).ok());
            let Some(delta) = delta else {
                statuses.push(0_u16);
                continue;
            };
            last += i64::from(delta);
            match u8::try_from(delta) {
                Ok(small) => {
                    statuses.push(1);
                    deltas.push(small);
                }
                Err(_too_large) => {
                    statuses.push(2);
                    deltas.extend(delta.to_be_bytes());
                }
            }
        }
        for seven in statuses.chunks(7) {
            let mut chunk = 0xc000_u16;
            for (status, shift) in seven.iter().zip([12, 10, 8, 6, 4, 2, 0]) {
                chunk |= status << shift;
            }
            out.extend(chunk.to_be_bytes());
        }
        out.extend(deltas);
    }

    /// How long packets are collected.
    pub(crate) const EVERY: Duration = Duration::from_millis(50);
}
