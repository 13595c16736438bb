//! The one place of the bench that reads the time.

use dataplane::time::Instant;

/// A clock that starts at zero when it is made; both PBXes of a pair read the same one, so latencies are differences.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    epoch: std::time::Instant,
}

impl Clock {
    /// Starts the clock.
    pub(crate) fn start() -> Self {
        Self { epoch: std::time::Instant::now() }
    }

    /// Time since the start.
    pub(crate) fn now(&self) -> Instant {
        Instant::ZERO + self.epoch.elapsed()
    }
}
