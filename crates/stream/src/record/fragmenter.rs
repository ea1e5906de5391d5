//! Units of all tracks, cut into fragments.

use std::time::{Duration, Instant};

use super::container::Container;
use super::lane::Lane;
use super::piece::{Fragment, Piece};
use super::reason::EndReason;
use super::sample::{Described, Run};
use super::timeline::{SECOND, Timeline};
use super::unit::Unit;
use super::{mkv, mp4};
use crate::packet::ClockReading;

/// A fragment has so much time at most. What is not in a fragment yet is lost with the process, so it is less than the
/// second that may be lost.
const LONGEST: Duration = Duration::from_millis(700);
/// A picture that needs no other begins a fragment, if the one before has so much time.
const SHORTEST: Duration = Duration::from_millis(200);
/// A unit that none follows for so long is the last for now.
const ALONE: Duration = Duration::from_millis(700);
/// A fragment has so many bytes at most, give or take a unit.
const LARGEST: usize = 8 << 20;

/// Puts units into fragments.
#[derive(Debug)]
pub(crate) struct Fragmenter {
    container: Container,
    timeline: Timeline,
    lanes: Vec<Lane>,
    /// When the first unit of the fragment that is open came.
    opened: Option<Instant>,
    /// The header does not describe all.
    stale: bool,
    sequence: u32,
    out: Vec<Piece>,
}

impl Fragmenter {
    pub(crate) fn new(container: Container, rates: &[u32]) -> Self {
        Self {
            container,
            timeline: Timeline::new(rates.iter().copied()),
            lanes: rates.iter().map(|rate| Lane::new(*rate)).collect(),
            opened: None,
            stale: false,
            sequence: 0,
            out: Vec::new(),
        }
    }

    pub(crate) fn report(&mut self, track: usize, reading: ClockReading) {
        self.timeline.report(track, reading);
    }

    /// Takes a unit.
    pub(crate) fn push(&mut self, track: usize, unit: Unit) -> Result<(), EndReason> {
        let Some(shown) = self.timeline.place(track, unit.timestamp, unit.arrived) else { return Ok(()) };
        let Some(lane) = self.lanes.get_mut(track) else { return Ok(()) };
        let first = lane.formats.is_empty();
        let effect = lane.follow(shown, &unit).ok_or(EndReason::TooManyFormats)?;
        let (video, key) = (unit.ticks.is_none(), unit.keyframe);
        // Matroska describes a track once.
        let described = effect.described && (first || self.container == Container::Mp4);
        let (span, bytes) = self.span();
        let begins = video && key && span >= SHORTEST.as_nanos();
        if effect.cut || begins || span >= LONGEST.as_nanos() || bytes >= LARGEST {
            self.cut()?;
        }
        self.stale |= described;
        self.opened.get_or_insert(unit.arrived);
        if let Some(lane) = self.lanes.get_mut(track) {
            lane.hold(shown, unit);
        }
        Ok(())
    }

    /// Cuts what has waited for long.
    pub(crate) fn tick(&mut self, now: Instant) -> Result<(), EndReason> {
        if let Some(before) = now.checked_sub(ALONE) {
            for came in self.lanes.iter_mut().filter_map(|lane| lane.release(before)) {
                self.opened.get_or_insert(came);
            }
        }
        if self.opened.is_some_and(|opened| now.saturating_duration_since(opened) >= LONGEST) {
            self.cut()?;
        }
        Ok(())
    }

    /// Cuts all that is there.
    pub(crate) fn finish(&mut self, now: Instant) -> Result<(), EndReason> {
        for lane in &mut self.lanes {
            lane.release(now);
        }
        self.cut()
    }

    /// What was made since this was asked last.
    pub(crate) fn take(&mut self) -> Vec<Piece> {
        std::mem::take(&mut self.out)
    }

    /// Time, in nanoseconds, and bytes of what is ready.
    fn span(&self) -> (u128, usize) {
        let (begin, end) = self.bounds();
        let bytes = self.lanes.iter().map(Lane::bytes).sum();
        (u128::try_from(end.saturating_sub(begin)).unwrap_or(0), bytes)
    }

    /// Begin and end, in nanoseconds, of what is ready.
    fn bounds(&self) -> (i64, i64) {
        let (mut begin, mut end) = (i64::MAX, i64::MIN);
        for (track, lane) in self.lanes.iter().enumerate() {
            if let (Some(first), Some(last)) = (lane.ready.first(), lane.ready.last()) {
                begin = begin.min(self.timeline.nanoseconds(track, first.decoded));
                end = end.max(self.timeline.nanoseconds(track, last.decoded + last.duration));
            }
        }
        if begin > end { (0, 0) } else { (begin, end) }
    }

    fn cut(&mut self) -> Result<(), EndReason> {
        self.opened = None;
        if self.lanes.iter().all(|lane| lane.ready.is_empty()) {
            return Ok(());
        }
        if std::mem::take(&mut self.stale) {
            let header = self.header()?;
            self.out.push(Piece::Header(header));
        }
        let (begin, end) = self.bounds();
        self.sequence = self.sequence.wrapping_add(1);
        let runs: Vec<Run<'_>> = self.runs().collect();
        let bytes = match self.container {
            Container::Mp4 => mp4::fragment(self.sequence, &runs).map_err(EndReason::unfit)?,
            Container::Webm | Container::Matroska => mkv::clusters(&runs),
        };
        let begins = |lane: &Lane| lane.ready.first().is_some_and(|sample| sample.keyframe);
        let mut video = self.lanes.iter().filter(|lane| lane.is_video() && !lane.ready.is_empty()).peekable();
        let keyframe = if video.peek().is_some() {
            video.all(begins)
        } else {
            // Sound can be begun with anywhere, but not by who wants to see.
            !self.lanes.iter().any(Lane::is_video)
        };
        let milliseconds = |time: i64| u64::try_from((time + SECOND / 2_000) / (SECOND / 1_000)).unwrap_or(0);
        let (begin_ms, end_ms) = (milliseconds(begin), milliseconds(end));
        self.out.push(Piece::Fragment(Fragment { bytes, begin_ms, end_ms, keyframe }));
        self.lanes.iter_mut().for_each(|lane| lane.ready.clear());
        Ok(())
    }

    fn runs(&self) -> impl Iterator<Item = Run<'_>> {
        let there = self.lanes.iter().enumerate().filter(|(_, lane)| !lane.ready.is_empty());
        there.map(|(track, lane)| Run { track, rate: lane.rate, samples: &lane.ready, current: lane.current })
    }

    fn header(&self) -> Result<Vec<u8>, EndReason> {
        let there = self.lanes.iter().enumerate().filter(|(_, lane)| !lane.formats.is_empty());
        let tracks: Vec<Described<'_>> =
            there.map(|(track, lane)| Described { track, rate: lane.rate, formats: &lane.formats }).collect();
        let header = match self.container {
            Container::Mp4 => mp4::header(&tracks, None),
            Container::Webm | Container::Matroska => mkv::header(self.container, &tracks),
        };
        header.map_err(EndReason::unfit)
    }
}
