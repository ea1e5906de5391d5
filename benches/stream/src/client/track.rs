//! What came of one source.

use super::sequence::extend;

/// Holes are asked for after so long, asked for again, and given up.
const ASK: u64 = 5_000_000;
const AGAIN: u64 = 60_000_000;
const PATIENCE: u64 = 1_000_000_000;
/// As Chromium does.
const MOST_ASKED: u8 = 10;

/// A source as a viewer gets it.
#[derive(Default)]
pub struct Track {
    pub ssrc: u32,
    /// Whether what is missing can be asked for.
    pub repairs: bool,
    first: u64,
    highest: Option<u64>,
    missing: Vec<Missing>,
    received: u64,
    /// What the last report told.
    reported: (u64, u64),
    /// The middle of the last sender report, and when it came.
    sender: Option<(u32, u64)>,
}

struct Missing {
    number: u64,
    since: u64,
    asked: u64,
    times: u8,
}

/// What was counted since it was last taken.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counts {
    pub packets: u64,
    pub bytes: u64,
    /// Behind one with a higher number.
    pub late: u64,
    pub twice: u64,
    pub asked: u64,
    pub repaired: u64,
    /// Never came.
    pub lost: u64,
    /// Whose tag was checked, and was wrong.
    pub checked: u64,
    pub forged: u64,
}

impl Track {
    pub fn new(ssrc: Option<u32>, repairs: bool) -> Self {
        Self { ssrc: ssrc.unwrap_or_default(), repairs, ..Self::default() }
    }

    /// Takes a packet. Gives its number, counted on.
    pub fn take(&mut self, low: u16, now: u64, repaired: bool, counts: &mut Counts) -> u64 {
        let Some(highest) = self.highest else {
            let number = 1 << 20 | u64::from(low);
            (self.first, self.highest) = (number, Some(number));
            self.received += 1;
            return number;
        };
        let number = extend(highest, low);
        if number > highest {
            for number in (highest + 1..number).take(1_000) {
                self.missing.push(Missing { number, since: now, asked: 0, times: 0 });
            }
            self.highest = Some(number);
        } else if let Some(at) = self.missing.iter().position(|missing| missing.number == number) {
            self.missing.swap_remove(at);
            counts.late += u64::from(!repaired);
            counts.repaired += u64::from(repaired);
        } else {
            counts.twice += 1;
            return number;
        }
        self.received += 1;
        number
    }

    /// Appends a request for what is missing.
    pub fn ask(&mut self, into: &mut Vec<u8>, sender: u32, now: u64, counts: &mut Counts) {
        self.missing.retain(|missing| {
            let holds = now < missing.since + PATIENCE;
            counts.lost += u64::from(!holds);
            holds
        });
        if !self.repairs {
            return;
        }
        let due = |missing: &&mut Missing| {
            now >= missing.since + ASK && now >= missing.asked + AGAIN && missing.times < MOST_ASKED
        };
        let begin = into.len();
        for missing in self.missing.iter_mut().filter(due).take(100) {
            if into.len() == begin {
                into.extend([0x81, 205, 0, 0]);
                into.extend(sender.to_be_bytes());
                into.extend(self.ssrc.to_be_bytes());
            }
            missing.asked = now;
            missing.times += 1;
            counts.asked += 1;
            into.extend(((missing.number & 0xffff) as u16).to_be_bytes());
            into.extend([0, 0]);
        }
        if into.len() > begin {
            let words = ((into.len() - begin) / 4 - 1) as u16;
            into[begin + 2..begin + 4].copy_from_slice(&words.to_be_bytes());
        }
    }

    pub fn is_missing_some(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Notes the middle of the time that a sender report tells.
    pub fn note_sender(&mut self, middle: u32, now: u64) {
        self.sender = Some((middle, now));
    }

    /// Appends a block of a receiver report (RFC 3550 section 6.4.1), once something came.
    pub fn block(&mut self, into: &mut Vec<u8>, now: u64) -> bool {
        let Some(highest) = self.highest else { return false };
        let expected = highest - self.first + 1;
        let (before, had) = self.reported;
        self.reported = (expected, self.received);
        let (came, due) = (self.received - had, (expected - before).max(1));
        let fraction = (due.saturating_sub(came) * 256 / due).min(255) as u8;
        let lost = expected.saturating_sub(self.received).min(0x7f_ffff) as u32;
        into.extend(self.ssrc.to_be_bytes());
        into.push(fraction);
        into.extend(&lost.to_be_bytes()[1..]);
        into.extend(((highest - (1 << 20)) as u32).to_be_bytes());
        into.extend(90_u32.to_be_bytes());
        let (last, delay) =
            self.sender.map_or((0, 0), |(middle, at)| (middle, ((now - at) * 65_536 / 1_000_000_000) as u32));
        into.extend(last.to_be_bytes());
        into.extend(delay.to_be_bytes());
        true
    }
}
