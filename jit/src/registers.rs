//! Sets of a frame's registers.

use std::ops::Range;

/// A set of registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers(pub [u64; 4]);

impl Registers {
    /// All that there can be.
    pub const ALL: Registers = Registers([u64::MAX; 4]);

    /// One register.
    pub fn one(r: u8) -> Registers {
        let mut registers = Registers::default();
        registers.add(r);
        registers
    }

    fn below(end: u16) -> Registers {
        Registers(std::array::from_fn(|word| match end.saturating_sub(word as u16 * 64) {
            count @ 0..64 => (1 << count) - 1,
            _ => u64::MAX,
        }))
    }

    /// Those in a range, which may end beyond the last.
    pub fn range(range: Range<u16>) -> Registers {
        Registers::below(range.end).minus(Registers::below(range.start))
    }

    /// Whether `r` is one of them.
    pub fn has(self, r: u8) -> bool {
        self.0[usize::from(r) / 64] >> (r % 64) & 1 != 0
    }

    /// Adds `r`.
    pub fn add(&mut self, r: u8) {
        self.0[usize::from(r) / 64] |= 1 << (r % 64);
    }

    /// Takes `r` out.
    pub fn remove(&mut self, r: u8) {
        self.0[usize::from(r) / 64] &= !(1 << (r % 64));
    }

    /// Those of either.
    pub fn or(self, other: Registers) -> Registers {
        Registers(std::array::from_fn(|i| self.0[i] | other.0[i]))
    }

    /// Those of both.
    pub fn and(self, other: Registers) -> Registers {
        Registers(std::array::from_fn(|i| self.0[i] & other.0[i]))
    }

    /// Those that `other` lacks.
    pub fn minus(self, other: Registers) -> Registers {
        Registers(std::array::from_fn(|i| self.0[i] & !other.0[i]))
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == [0; 4]
    }

    /// All of them, in order.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..4u8).flat_map(move |word| {
            let mut bits = self.0[usize::from(word)];
            std::iter::from_fn(move || {
                let bit = (bits != 0).then(|| bits.trailing_zeros() as u8)?;
                bits &= bits - 1;
                Some(word * 64 + bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cross_words() {
        let some = Registers::range(62..66);
        assert_eq!(some.iter().collect::<Vec<_>>(), [62, 63, 64, 65]);
        assert_eq!(Registers::range(250..u16::MAX).iter().count(), 6);
        assert!(Registers::range(0..256) == Registers::ALL && some.minus(some).is_empty());
    }
}
