//! When packets arrived, as `transport-cc` tells it (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).

/// Packets since the last report.
#[derive(Default)]
pub struct Arrivals {
    seen: Vec<(u64, u64)>,
    next: Option<u64>,
    count: u8,
}

/// Nanoseconds of a tick, and of the reference time.
const TICK: u64 = 250_000;
const REFERENCE: u64 = 64_000_000;

impl Arrivals {
    pub fn note(&mut self, sequence: u16, now: u64) {
        let near = self
            .seen
            .last()
            .map(|(number, _)| *number)
            .or(self.next)
            .unwrap_or(1 << 20 | u64::from(sequence));
        self.seen.push((super::sequence::extend(near, sequence), now));
    }

    /// Appends a report of what came since the last, if something did.
    pub fn report(&mut self, into: &mut Vec<u8>, sender: u32, media: u32) {
        self.seen.sort_unstable();
        self.seen.dedup_by_key(|(number, _)| *number);
        let (Some(first), Some(last)) = (self.seen.first().copied(), self.seen.last().copied()) else {
            return;
        };
        let base = self.next.filter(|next| *next < first.0 && first.0 - next < 1_000).unwrap_or(first.0);
        let count = (last.0 - base + 1).min(2_000);
        let mut symbols = vec![0_u8; count as usize];
        let mut deltas = Vec::with_capacity(count as usize + 8);
        let reference = first.1 / REFERENCE;
        let mut before = reference * REFERENCE / TICK;
        for (number, at) in self.seen.drain(..) {
            let Some(symbol) = symbols.get_mut((number - base) as usize) else { break };
            let tick = at / TICK;
            let delta = tick as i64 - before as i64;
            before = tick;
            if let Ok(small) = u8::try_from(delta) {
                *symbol = 1;
                deltas.push(small);
            } else {
                *symbol = 2;
                deltas.extend((delta.clamp(-32_768, 32_767) as i16).to_be_bytes());
            }
        }
        self.next = Some(last.0 + 1);
        let begin = into.len();
        into.extend([0x8f, 205, 0, 0]);
        into.extend(sender.to_be_bytes());
        into.extend(media.to_be_bytes());
        into.extend(((base & 0xffff) as u16).to_be_bytes());
        into.extend((count as u16).to_be_bytes());
        into.extend(&(reference as u32).to_be_bytes()[1..]);
        into.push(self.count);
        self.count = self.count.wrapping_add(1);
        chunks(&symbols, into);
        into.extend(deltas);
        into.resize(begin + (into.len() - begin).div_ceil(4) * 4, 0);
        let words = ((into.len() - begin) / 4 - 1) as u16;
        into[begin + 2..begin + 4].copy_from_slice(&words.to_be_bytes());
    }
}

/// One run where all came in time, else two bits for each.
fn chunks(symbols: &[u8], into: &mut Vec<u8>) {
    if symbols.iter().all(|symbol| *symbol == 1) {
        into.extend((1 << 13 | symbols.len() as u16).to_be_bytes());
        return;
    }
    for seven in symbols.chunks(7) {
        let bits = seven
            .iter()
            .enumerate()
            .fold(0xc000_u16, |bits, (at, symbol)| bits | u16::from(*symbol) << (12 - 2 * at));
        into.extend(bits.to_be_bytes());
    }
}
