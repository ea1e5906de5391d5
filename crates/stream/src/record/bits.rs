//! Reading fields that are not whole bytes.

/// Bits of a byte string, the highest of each byte first.
#[derive(Debug)]
pub(crate) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// A number of at most 32 bits.
    pub(crate) fn number(&mut self, bits: u32) -> Option<u32> {
        let mut number = 0_u32;
        for _ in 0..bits {
            number = number << 1 | u32::from(self.flag()?);
        }
        Some(number)
    }

    pub(crate) fn byte(&mut self, bits: u32) -> Option<u8> {
        u8::try_from(self.number(bits)?).ok()
    }

    pub(crate) fn skip(&mut self, bits: usize) -> Option<()> {
        self.at = self.at.checked_add(bits)?;
        (self.at <= self.bytes.len().saturating_mul(8)).then_some(())
    }

    /// An unsigned Exp-Golomb code (H.264 section 9.1).
    pub(crate) fn golomb(&mut self) -> Option<u32> {
        let mut zeros = 0_u32;
        while !self.flag()? {
            zeros += 1;
        }
        if zeros > 31 {
            return None;
        }
        let rest = self.number(zeros)?;
        (1_u32 << zeros).checked_add(rest)?.checked_sub(1)
    }

    /// A signed one, whose value does not matter.
    pub(crate) fn skip_golomb(&mut self) -> Option<()> {
        self.golomb().map(drop)
    }

    /// A signed Exp-Golomb code (H.264 section 9.1.1).
    pub(crate) fn signed_golomb(&mut self) -> Option<i64> {
        let code = i64::from(self.golomb()?);
        Some(if code % 2 == 1 { code / 2 + 1 } else { -(code / 2) })
    }
}

/// A NAL unit without the bytes that keep it from looking like a start code (H.264 section 7.4.1).
pub(crate) fn unescaped(nal: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for byte in nal {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        plain.push(*byte);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_and_ends_are_noticed() {
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        assert_eq!([bits.golomb(), bits.golomb(), bits.golomb(), bits.golomb()], [0, 1, 2, 3].map(Some));
        assert_eq!(bits.golomb(), Some(4));
        assert_eq!(bits.golomb(), None);
        assert_eq!(Bits::new(&[0xff]).number(9), None);
        assert_eq!(Bits::new(&[0; 9]).golomb(), None);
        assert_eq!(Bits::new(&[1]).skip(9), None);
        assert_eq!(Bits::new(&[0b0010_0000]).signed_golomb(), Some(2));
        assert_eq!(unescaped(&[1, 0, 0, 3, 1, 0, 0, 3]), [1, 0, 0, 1, 0, 0]);
    }
}
