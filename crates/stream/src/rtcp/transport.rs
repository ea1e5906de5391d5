//! Which packets of a transport came, as a peer tells.

/// The list, which is read where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrived<'p> {
    /// The number of the first packet that it speaks of.
    pub(crate) first: u16,
    /// Of how many it speaks.
    pub(crate) count: u16,
    chunks: &'p [u8],
}

impl<'p> Arrived<'p> {
    /// Reads what stands behind the sources of the feedback.
    pub(super) fn read(body: &'p [u8]) -> Option<Self> {
        let (&[f0, f1, c0, c1, _, _, _, _], chunks) = body.split_first_chunk::<8>()?;
        Some(Self { first: u16::from_be_bytes([f0, f1]), count: u16::from_be_bytes([c0, c1]), chunks })
    }

    /// How many of them did not come. When the list is shorter than it says, the rest counts as having come.
    pub(crate) fn missing(&self) -> u32 {
        let (mut left, mut missing) = (u32::from(self.count), 0);
        for chunk in self.chunks.chunks_exact(2) {
            let Some(chunk) = chunk.first_chunk().copied().map(u16::from_be_bytes) else { break };
            let (of, not) = statuses(chunk, left);
            missing += not;
            left -= of;
            if left == 0 {
                break;
            }
        }
        missing
    }
}

/// Of how many packets, `left` at most, a chunk speaks, and how many of them did not come.
fn statuses(chunk: u16, left: u32) -> (u32, u32) {
    // The same status again and again.
    if chunk & 0x8000 == 0 {
        let run = u32::from(chunk & 0x1fff).min(left);
        return (run, if chunk & 0x6000 == 0 { run } else { 0 });
    }
    // A status of one bit each, or of two.
    let (symbols, width) = if chunk & 0x4000 == 0 { (14, 1) } else { (7, 2) };
    let of = left.min(symbols);
    let not = (0..of).filter(|at| {
        let shift = 14 - width * (at + 1);
        (chunk >> shift) & ((1 << width) - 1) == 0
    });
    (of, u32::try_from(not.count()).unwrap_or(of))
}
