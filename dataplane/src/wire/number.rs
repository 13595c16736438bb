//! Call numbers and sequence numbers: 15 and 8 bits that must not be mixed up.

use core::fmt;
use core::num::NonZeroU16;

/// A 15-bit call number, never 0: it names one leg at the end that chose it (RFC 5456 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallNumber(NonZeroU16);

impl CallNumber {
    /// The number in stateless ("apathetic") replies, which belong to no call.
    pub const NO_CALL: Self = Self(NonZeroU16::MIN);
    /// The largest call number, 32767.
    pub const MAX: Self = match NonZeroU16::new(0x7fff) {
        Some(n) => Self(n),
        None => unreachable!(),
    };

    /// The low 15 bits of `word` as a call number; `None` if they are 0.
    pub const fn from_wire(word: u16) -> Option<Self> {
        match NonZeroU16::new(word & 0x7fff) {
            Some(n) => Some(Self(n)),
            None => None,
        }
    }

    /// The number, 1..=32767.
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

impl fmt::Display for CallNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An 8-bit count of full frames, which wraps (RFC 5456 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SeqNo(pub u8);

impl SeqNo {
    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// How many steps `self` lies ahead of `earlier`, modulo 256.
    pub const fn ahead_of(self, earlier: Self) -> u8 {
        self.0.wrapping_sub(earlier.0)
    }
}
