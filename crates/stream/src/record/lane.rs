//! One track on its way into fragments.

use std::sync::Arc;
use std::time::Instant;

use super::format::{Format, LAST_PICTURE};
use super::sample::Sample;
use super::unit::Unit;

/// The most formats that a file of one recording describes. A publisher changes the size of its pictures a few times,
/// among a few sizes.
const MAX_FORMATS: usize = 64;

/// A track: what is ready for a fragment, and the unit whose duration is not known before the next one.
#[derive(Debug)]
pub(crate) struct Lane {
    /// Ticks of its clock in a second.
    pub(crate) rate: u32,
    pub(crate) formats: Vec<Arc<Format>>,
    pub(crate) current: usize,
    pub(crate) ready: Vec<Sample>,
    held: Option<Held>,
    /// The last moment of decoding that was given away.
    last: i64,
    /// How long the last picture was.
    usual: Option<i64>,
}

#[derive(Debug)]
struct Held {
    sample: Sample,
    /// Its own duration, where the codec says it.
    ticks: Option<i64>,
    arrived: Instant,
}

/// What a unit means for the fragment that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Effect {
    /// It must end before this unit.
    pub(crate) cut: bool,
    /// The header must say more than it did.
    pub(crate) described: bool,
}

impl Lane {
    pub(crate) const fn new(rate: u32) -> Self {
        Self { rate, formats: Vec::new(), current: 0, ready: Vec::new(), held: None, last: -1, usual: None }
    }

    /// Whether its units are pictures.
    pub(crate) fn is_video(&self) -> bool {
        self.formats.first().is_some_and(|format| format.size().is_some())
    }

    /// Makes the unit that is held ready, now that the next one is known, which is shown at `shown`.
    pub(crate) fn follow(&mut self, shown: i64, unit: &Unit) -> Option<Effect> {
        let (decoded, mut effect) = (shown.max(self.last.saturating_add(1)), Effect::default());
        if let Some(held) = self.held.take() {
            let mut duration = decoded - held.sample.decoded;
            // Silence stays silence: what comes long after begins a fragment of its own.
            if let Some(own) = held.ticks.filter(|own| duration > own + i64::from(self.rate) / 2) {
                (duration, effect.cut) = (own, true);
            }
            self.usual = Some(duration);
            self.ready.push(Sample { duration, ..held.sample });
        }
        let known = self.formats.iter().position(|format| *format == unit.format);
        let current = match known {
            Some(known) => known,
            None if self.formats.len() >= MAX_FORMATS => return None,
            None => {
                self.formats.push(Arc::clone(&unit.format));
                effect.described = true;
                self.formats.len() - 1
            }
        };
        effect.cut |= current != self.current && !self.ready.is_empty();
        Some(effect)
    }

    /// Holds a unit until the next one is known.
    pub(crate) fn hold(&mut self, shown: i64, unit: Unit) {
        let decoded = shown.max(self.last.saturating_add(1));
        self.last = decoded;
        self.current = self.formats.iter().position(|format| *format == unit.format).unwrap_or(0);
        let mut data = unit.data;
        // A header of Matroska has the first format alone, and not every player of MP4 reads more than the first.
        if unit.keyframe && self.formats.len() > 1 {
            data = [unit.format.in_band(), data].concat();
        }
        let sample = Sample { shown, decoded, duration: 0, keyframe: unit.keyframe, data };
        self.held = Some(Held { sample, ticks: unit.ticks.map(i64::from), arrived: unit.arrived });
    }

    /// Makes the unit that is held ready as if none followed, if it came at `before` or earlier. Answers when it came.
    pub(crate) fn release(&mut self, before: Instant) -> Option<Instant> {
        let held = self.held.take_if(|held| held.arrived <= before)?;
        let picture = i64::try_from(u128::from(self.rate) * LAST_PICTURE.as_millis() / 1_000).unwrap_or(1);
        let longest = i64::from(self.rate);
        let duration = held.ticks.or(self.usual).unwrap_or(picture).clamp(1, longest);
        self.ready.push(Sample { duration, ..held.sample });
        Some(held.arrived)
    }

    /// Bytes that are ready.
    pub(crate) fn bytes(&self) -> usize {
        self.ready.iter().map(|sample| sample.data.len()).sum()
    }
}
