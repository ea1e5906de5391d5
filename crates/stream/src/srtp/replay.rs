//! What came before is not taken again (RFC 3711 section 3.3.2).

/// Packets behind the highest that are still told apart.
const WIDTH: u64 = 128;

/// The highest number of a source, and which of those before it came.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Window {
    highest: Option<u64>,
    /// Bit `n` stands for `highest - n`.
    seen: u128,
}

impl Window {
    /// Whether `index` may be taken. It is not noted: the tag has to be right first.
    pub(super) fn is_new(&self, index: u64) -> bool {
        let Some(highest) = self.highest else { return true };
        match highest.checked_sub(index) {
            None => true,
            Some(behind) => behind < WIDTH && self.seen & (1 << behind) == 0,
        }
    }

    /// Notes that `index` came.
    pub(super) fn note(&mut self, index: u64) {
        let Some(highest) = self.highest else {
            (self.highest, self.seen) = (Some(index), 1);
            return;
        };
        match highest.checked_sub(index) {
            Some(behind) if behind < WIDTH => self.seen |= 1 << behind,
            Some(_) => {}
            None => {
                let ahead = index - highest;
                self.seen = if ahead < WIDTH { (self.seen << ahead) | 1 } else { 1 };
                self.highest = Some(index);
            }
        }
    }

    /// The whole number of which `low` are the lowest 16 bits, as near as can be to the highest (appendix A).
    pub(super) fn index(&self, low: u16) -> u64 {
        let Some(highest) = self.highest else { return u64::from(low) };
        nearest(highest, low)
    }
}

/// The number that ends in `low` and is the nearest to `to`.
pub(crate) fn nearest(to: u64, low: u16) -> u64 {
    let same = (to & !0xffff) | u64::from(low);
    if same + 0x8000 < to {
        same + 0x1_0000
    } else if same > to + 0x8000 {
        same.checked_sub(0x1_0000).unwrap_or(same)
    } else {
        same
    }
}

#[cfg(test)]
mod tests {
    use super::{Window, nearest};

    #[test]
    fn a_number_is_taken_once() {
        let mut window = Window::default();
        for index in [5, 3, 200, 199, 73] {
            assert!(window.is_new(index), "{index}");
            window.note(index);
            assert!(!window.is_new(index), "{index}");
        }
        assert!(!window.is_new(72), "too old to tell");
        assert!(window.is_new(74));
        window.note(1_000);
        assert!(!window.is_new(200));
    }

    #[test]
    fn numbers_go_on_beyond_sixteen_bits() {
        assert_eq!(nearest(65_530, 3), 65_539);
        assert_eq!(nearest(65_539, 65_530), 65_530);
        assert_eq!(nearest(10, 65_530), 65_530, "there is nothing before zero");
        assert_eq!(nearest(0x2_0001, 0xffff), 0x1_ffff);
        assert_eq!(nearest(0x1_8000, 0), 0x1_0000);
    }
}
