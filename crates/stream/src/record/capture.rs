//! Packets in, pieces of a recording out. It has no socket, no file and no clock.

use std::time::{Duration, Instant};

use super::container::Container;
use super::depacketize::Depacketizer;
use super::fragmenter::Fragmenter;
use super::jitter::{Jitter, Next};
use super::piece::Piece;
use super::reason::EndReason;
use super::tapped::Tapped;
use crate::codec::Kind;
use crate::track::Track;

/// A key frame is asked for again when none came for so long.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// A recording that is being made.
#[derive(Debug)]
pub(crate) struct Capture {
    inputs: Vec<Input>,
    fragmenter: Fragmenter,
    now: Instant,
}

/// A track, from packets to units.
#[derive(Debug)]
struct Input {
    jitter: Jitter,
    depacketizer: Depacketizer,
    /// Pictures are left out until one comes that needs no other.
    blind: bool,
    asked: Option<Instant>,
}

impl Capture {
    pub(crate) fn new(tracks: &[Track], begun: Instant) -> Self {
        let rates: Vec<u32> = tracks.iter().map(|track| track.codec.clock_rate()).collect();
        let input = |track: &Track| Input {
            jitter: Jitter::default(),
            depacketizer: Depacketizer::new(track),
            blind: track.codec.kind() == Kind::Video,
            asked: None,
        };
        Self {
            inputs: tracks.iter().map(input).collect(),
            fragmenter: Fragmenter::new(Container::of(tracks), &rates),
            now: begun,
        }
    }

    /// Takes what a publisher sent.
    pub(crate) fn push(&mut self, tapped: Tapped) -> Result<(), EndReason> {
        match tapped {
            Tapped::Packet { track, packet } => {
                let Some(input) = self.inputs.get_mut(track) else { return Ok(()) };
                self.now = self.now.max(packet.arrived);
                input.jitter.push(packet);
                self.drain(track, false)
            }
            Tapped::Clock { track, reading, arrived } => {
                self.now = self.now.max(arrived);
                self.fragmenter.report(track, reading);
                Ok(())
            }
            Tapped::Ended => Ok(()),
        }
    }

    /// Does what is due at `now`.
    pub(crate) fn tick(&mut self, now: Instant) -> Result<(), EndReason> {
        self.now = self.now.max(now);
        for track in 0..self.inputs.len() {
            self.drain(track, false)?;
        }
        self.fragmenter.tick(self.now)
    }

    /// Ends it: nothing more will come.
    pub(crate) fn finish(&mut self) -> Result<(), EndReason> {
        for track in 0..self.inputs.len() {
            self.drain(track, true)?;
        }
        self.fragmenter.finish(self.now)
    }

    /// What was made since this was asked last.
    pub(crate) fn take(&mut self) -> Vec<Piece> {
        self.fragmenter.take()
    }

    /// Tracks of which a key frame should be asked for now.
    pub(crate) fn asks(&mut self) -> Vec<usize> {
        let now = self.now;
        let waits = |asked| now.saturating_duration_since(asked) < ASK_AGAIN;
        let mut tracks = Vec::new();
        for (track, input) in self.inputs.iter_mut().enumerate() {
            if input.blind && !input.asked.is_some_and(waits) {
                input.asked = Some(now);
                tracks.push(track);
            }
        }
        tracks
    }

    fn drain(&mut self, track: usize, ends: bool) -> Result<(), EndReason> {
        let Some(input) = self.inputs.get_mut(track) else { return Ok(()) };
        let mut units = Vec::new();
        while let Some(next) = if ends { input.jitter.rest() } else { input.jitter.next(self.now) } {
            match next {
                Next::Hole => {
                    input.depacketizer.lost();
                    input.lose();
                }
                Next::Packet(packet) => {
                    let good = input.depacketizer.push(&packet, &mut units);
                    for unit in units.drain(..) {
                        input.blind &= !unit.keyframe;
                        if !input.blind {
                            self.fragmenter.push(track, unit)?;
                        }
                    }
                    if !good {
                        input.lose();
                    }
                }
            }
        }
        Ok(())
    }
}

impl Input {
    /// Something is missing: pictures that need it cannot be shown. Sound goes on.
    fn lose(&mut self) {
        self.blind = !matches!(self.depacketizer, Depacketizer::Sound(_));
    }
}
