//! The one place that reads the time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dataplane::time::Instant;

/// The process's clock: the same epoch for every thread it is handed to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    epoch: std::time::Instant,
}

impl Clock {
    /// A clock that starts now, at [`Instant::ZERO`].
    pub(crate) fn start() -> Self {
        Self { epoch: std::time::Instant::now() }
    }

    /// Now, on the monotonic clock.
    pub(crate) fn now(self) -> Instant {
        let micros = self.epoch.elapsed().as_micros();
        Instant::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// How long until `then`; zero if it has passed, `None` if it never comes.
    pub(crate) fn until(self, then: Instant) -> Option<Duration> {
        (then != Instant::FAR_FUTURE).then(|| then.since(self.now()))
    }
}

/// Seconds since 1970 on the wall clock; 0 if it is set before that.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_up_from_its_start() {
        let clock = Clock::start();
        let (first, second) = (clock.now(), clock.now());
        assert!(first <= second && second < Instant::ZERO + Duration::from_secs(60));
        assert_eq!(clock.until(Instant::FAR_FUTURE), None);
        assert_eq!(clock.until(Instant::ZERO), Some(Duration::ZERO));
        let hour = Duration::from_secs(3600);
        let left = clock.until(second + hour).unwrap();
        assert!(left <= hour && left > hour / 2);
    }

    #[test]
    fn the_wall_clock_is_past_the_year_2020() {
        assert!(unix_seconds() > 1_577_836_800);
    }
}
