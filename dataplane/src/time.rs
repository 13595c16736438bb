//! Our own clock, as a number handed in: nothing in here reads one.

use core::ops::{Add, Sub};
use core::time::Duration;

/// A moment on our monotonic clock, in microseconds since the process's epoch.
///
/// Not to be mixed with a call's [`Timestamp`](crate::wire::Timestamp). Only `switch` makes one from a real clock;
/// tests make them from numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The process's epoch.
    pub const ZERO: Self = Self(0);
    /// Later than every moment that comes: "no deadline".
    pub const FAR_FUTURE: Self = Self(u64::MAX);

    /// The moment `micros` microseconds after the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Time passed since `earlier`; zero if `earlier` is in fact later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// Whole milliseconds since `earlier`, wrapping like a 32-bit time-stamp (after 49.7 days); 0 if `earlier` is later.
    pub const fn millis_since(self, earlier: Self) -> u32 {
        (self.0.saturating_sub(earlier.0) / 1000) as u32
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates at [`Instant::FAR_FUTURE`].
    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(later.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    /// Saturates at [`Instant::ZERO`].
    fn sub(self, earlier: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(earlier.as_micros()).unwrap_or(u64::MAX)))
    }
}
