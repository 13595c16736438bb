//! Calls that go round in circles. IAX2 counts no hops, so a loop of switches shows only by the same call coming again
//! and again.

use std::time::Duration;

use dataplane::time::Instant;

use crate::recent::Recent;

/// In this time.
const WINDOW: Duration = Duration::from_secs(2);
/// Most calls counted.
const COUNTED: usize = 32;

/// Counts the calls of one number by one caller. Calls without a caller's number look all alike, so that many more
/// of them pass; a loop of such calls still ends.
#[derive(Debug)]
pub(crate) struct LoopGuard {
    calls: Recent<Calls>,
}

/// The last calls let through, the newest before `next`.
#[derive(Debug, Clone, Copy)]
struct Calls {
    at: [Instant; COUNTED],
    next: u8,
}

impl Default for Calls {
    fn default() -> Self {
        Self { at: [Instant::FAR_FUTURE; COUNTED], next: 0 } // in the future: never
    }
}

impl LoopGuard {
    pub(crate) fn new(seed: u64) -> Self {
        Self { calls: Recent::new(seed) }
    }

    /// Counts one more call if at most `limit` of the like come within two seconds. Otherwise how many have come.
    pub(crate) fn passes(
        &mut self,
        now: Instant,
        (caller, called): (Option<&str>, &str),
        limit: u16,
    ) -> Result<(), usize> {
        let limit = if caller.is_some() { usize::from(limit).min(COUNTED) } else { COUNTED };
        let calls = self.calls.record(now, (caller, called));
        let newest = usize::from(calls.next) + COUNTED;
        let before = calls.at[(newest - limit) % COUNTED];
        if before <= now && now.since(before) < WINDOW {
            return Err(limit);
        }
        calls.at[newest % COUNTED] = now;
        calls.next = (usize::from(calls.next) + 1) as u8 % COUNTED as u8;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    #[test]
    fn the_fifth_call_within_two_seconds_is_a_loop() {
        let mut guard = LoopGuard::new(1);
        let call = (Some("2000"), "600");
        for millis in [0, 600, 1200, 1800] {
            assert_eq!(guard.passes(at(millis), call, 4), Ok(()));
        }
        assert_eq!(guard.passes(at(1999), call, 4), Err(4));
        assert_eq!(guard.passes(at(1999), (Some("2001"), "600"), 4), Ok(()), "another caller");
        assert_eq!(guard.passes(at(1999), (Some("2000"), "601"), 4), Ok(()), "another number");
        assert_eq!(guard.passes(at(2000), call, 4), Ok(()), "the first is two seconds old");
        assert_eq!(guard.passes(at(2001), call, 4), Err(4));
    }

    #[test]
    fn callers_without_a_number_are_not_one_caller_but_their_loop_ends() {
        let mut guard = LoopGuard::new(1);
        let passed = (0..100).filter(|n| guard.passes(at(1000 + n), (None, "600"), 4).is_ok());
        assert_eq!(passed.count(), COUNTED);
    }
}
