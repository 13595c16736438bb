//! Time-stamps of a call: milliseconds of the *call's* clock, whole or in part.

/// A call's full time-stamp: 32 bits of milliseconds since its sender's start of call; wraps after 49.7 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Timestamp(pub u32);

/// The low 16 bits of a [`Timestamp`], as mini frames and trunk entries carry them (RFC 5456 §8.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct MiniTimestamp(pub u16);

impl Timestamp {
    /// The part a mini frame carries.
    pub const fn low16(self) -> MiniTimestamp {
        MiniTimestamp(self.0 as u16)
    }

    /// Restores the time-stamp of which a mini frame carries the low 16 bits.
    ///
    /// `self` is the newest heard on the leg; the answer is the nearest to it: a frame up to 32.768 s late or
    /// 32.767 s early comes out right, one farther off a whole wrap (65.536 s) wrong. Never fails; before the start
    /// of the call it wraps below zero, which [`Timestamp::is_before`] tells.
    ///
    /// RFC 5456 §8.1.2 would have a full frame announce each wrap. We do not wait for it: Asterisk does not send
    /// one, and elsewhere it may overtake, or be overtaken by, the mini frames around it.
    #[must_use]
    pub const fn extend(self, mini: MiniTimestamp) -> Self {
        let ahead = mini.0.wrapping_sub(self.low16().0).cast_signed();
        Self(self.0.wrapping_add_signed(ahead as i32))
    }

    /// The time-stamp `millis` later, wrapping; an offset backwards is given as its two's complement.
    #[must_use]
    pub const fn offset_by(self, millis: u32) -> Self {
        Self(self.0.wrapping_add(millis))
    }

    /// Whether `self` lies before `other`, across the wrap of 32 bits.
    pub const fn is_before(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0).cast_signed() < 0
    }

    /// The later of two, across the wrap of 32 bits.
    #[must_use]
    pub const fn latest(self, other: Self) -> Self {
        if self.is_before(other) { other } else { self }
    }
}
