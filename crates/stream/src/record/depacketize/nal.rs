//! NAL units, as H.264 and H.265 have them, put together to access units.

use std::sync::Arc;

use super::assembly::{Assembly, Open};
use crate::packet::Packet;
use crate::record::format::Format;
use crate::record::unit::{MAX_UNIT, Unit};

/// What the two differ in.
pub(crate) trait Syntax {
    /// What a payload holds; none when it makes no sense.
    fn piece(payload: &[u8]) -> Option<Piece<'_>>;

    /// What a unit is.
    fn role(nal: &[u8]) -> Role;

    /// Keeps a parameter set; answers whether anything changed.
    fn keep(&mut self, nal: &[u8]) -> bool;

    /// What the parameter sets say, once they are all there.
    fn format(&self) -> Option<Format>;
}

/// What a payload holds.
pub(crate) enum Piece<'p> {
    /// Nothing.
    Nothing,
    /// One unit.
    Whole,
    /// Several, each behind its length.
    Several(&'p [u8]),
    /// A part of one: whether it is the first and the last, the header that the unit begins with, and the part.
    Part { ends: (bool, bool), header: Vec<u8>, part: &'p [u8] },
    /// What was not agreed.
    Unknown,
}

/// What a unit is.
pub(crate) enum Role {
    /// A parameter set.
    Parameters,
    /// A delimiter, an end or filling, which mean nothing in a file.
    Ignored,
    /// A slice: whether it is the first of its picture, and of a key frame.
    Slice { begins: bool, keyframe: bool },
    /// Something else that belongs to the picture.
    Other,
}

/// Puts the packets of one of the two together.
#[derive(Debug, Default)]
pub(crate) struct Nals<S> {
    assembly: Assembly,
    fragments: Fragments,
    syntax: S,
    changed: bool,
    format: Option<Arc<Format>>,
}

impl<S: Syntax + Default> Nals<S> {
    /// Knows the parameter sets of a description already.
    pub(super) fn new(announced: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut this = Self::default();
        for nal in announced {
            this.changed |= this.syntax.keep(&nal);
        }
        this
    }
}

impl<S: Syntax> Nals<S> {
    pub(super) fn lost(&mut self) {
        self.assembly.lost();
        self.fragments.drop_open();
    }

    pub(super) fn push(&mut self, packet: &Packet, out: &mut Vec<Unit>) -> bool {
        let mut assembly = std::mem::take(&mut self.assembly);
        let (ended, open) = assembly.enter(packet);
        let mut good = ended.is_none_or(|ended| self.close(ended, out));
        if !self.payload(&packet.payload, open) {
            open.broken = true;
        }
        let ended = if packet.marker { assembly.finish() } else { None };
        self.assembly = assembly;
        good &= ended.is_none_or(|ended| self.close(ended, out));
        good
    }

    fn payload(&mut self, payload: &[u8], open: &mut Open) -> bool {
        let Some(piece) = S::piece(payload) else { return false };
        if matches!(piece, Piece::Nothing) {
            return true;
        }
        if !matches!(piece, Piece::Part { .. }) && self.fragments.is_open() {
            self.fragments.drop_open();
            open.broken = true;
        }
        match piece {
            Piece::Nothing => true,
            Piece::Whole => {
                self.nal(payload, open);
                true
            }
            Piece::Several(rest) => {
                let Some(units) = aggregated(rest) else { return false };
                for nal in units {
                    self.nal(nal, open);
                }
                true
            }
            Piece::Part { ends, header, part } => {
                let (fits, whole) = self.fragments.push(ends, header, part);
                if let Some(nal) = whole {
                    self.nal(&nal, open);
                }
                fits
            }
            Piece::Unknown => false,
        }
    }

    fn nal(&mut self, nal: &[u8], open: &mut Open) {
        match S::role(nal) {
            Role::Parameters => self.changed |= self.syntax.keep(nal),
            Role::Ignored => {}
            Role::Slice { begins, keyframe } => {
                open.begins(begins);
                open.keyframe |= keyframe;
                append(open, nal);
            }
            Role::Other => append(open, nal),
        }
    }

    /// Answers whether the unit is whole.
    fn close(&mut self, open: Open, out: &mut Vec<Unit>) -> bool {
        if open.broken {
            self.fragments.drop_open();
            return false;
        }
        // Parameter sets may come alone.
        if open.data.is_empty() {
            return true;
        }
        if std::mem::take(&mut self.changed)
            && let Some(format) = self.syntax.format()
        {
            self.format = Some(Arc::new(format));
        }
        let Some(format) = self.format.clone() else { return false };
        let Open { timestamp, arrived, data, keyframe, .. } = open;
        out.push(Unit { timestamp, arrived, keyframe, ticks: None, format, data });
        true
    }
}

/// A NAL unit that comes in several packets.
#[derive(Debug, Default)]
struct Fragments {
    bytes: Option<Vec<u8>>,
}

impl Fragments {
    /// Takes a part; `header` begins the unit when this is its first. Answers the unit with its last part, and whether
    /// the part fits to what was there.
    fn push(&mut self, ends: (bool, bool), header: Vec<u8>, part: &[u8]) -> (bool, Option<Vec<u8>>) {
        let (first, last) = ends;
        if first {
            self.bytes = Some(header);
        }
        let Some(bytes) = &mut self.bytes else { return (false, None) };
        if bytes.len() + part.len() > MAX_UNIT {
            self.bytes = None;
            return (false, None);
        }
        bytes.extend_from_slice(part);
        (true, if last { self.bytes.take() } else { None })
    }

    /// Whether a unit waits for its end.
    fn is_open(&self) -> bool {
        self.bytes.is_some()
    }

    fn drop_open(&mut self) {
        self.bytes = None;
    }
}

/// NAL units of a packet that holds several, each behind its length. None where a length is wrong.
fn aggregated(mut rest: &[u8]) -> Option<Vec<&[u8]>> {
    let mut units = Vec::new();
    while let Some((len, behind)) = rest.split_first_chunk::<2>() {
        let (unit, behind) = behind.split_at_checked(u16::from_be_bytes(*len).into())?;
        units.push(unit);
        rest = behind;
    }
    rest.is_empty().then_some(units)
}

/// Puts a NAL unit into an access unit, as files have it: behind its length.
fn append(open: &mut Open, nal: &[u8]) {
    let Ok(len) = u32::try_from(nal.len()) else { return };
    open.extend(&len.to_be_bytes());
    open.extend(nal);
}
