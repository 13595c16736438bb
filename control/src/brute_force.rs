//! Whoever guesses secrets is answered slower and slower: by source and by the name tried, whether there is such a name
//! or not. A right answer never waits, so nobody is locked out by others' guesses.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use dataplane::time::Instant;

use crate::engine::Control;
use crate::output::Topic;
use crate::recent::Recent;

/// Wrong answers after which refusals wait.
const FAILURES: usize = 5;
/// In this time; after as long without one, all is forgotten.
const WINDOW: Duration = Duration::from_secs(60);
/// The first wait; each further wrong answer doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait: a leg is held meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// Wrong answers to our challenges, lately.
#[derive(Debug)]
pub(crate) struct BruteForce {
    sources: Recent<Failures>,
    names: Recent<Failures>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    at: [Instant; FAILURES],
    next: u8,
    /// Wrong answers since there were too many.
    beyond: u8,
}

impl Default for Failures {
    fn default() -> Self {
        Self { at: [Instant::FAR_FUTURE; FAILURES], next: 0, beyond: 0 } // in the future: never
    }
}

impl Failures {
    fn is_recent(now: Instant, at: Instant) -> bool {
        at <= now && now.since(at) < WINDOW
    }

    fn last(&self) -> Instant {
        self.at[(usize::from(self.next) + FAILURES - 1) % FAILURES]
    }

    /// Counts one more; `true` if that was one too many.
    fn count(&mut self, now: Instant) -> bool {
        if !Self::is_recent(now, self.last()) {
            self.beyond = 0;
        }
        self.at[usize::from(self.next)] = now;
        self.next = (self.next + 1) % FAILURES as u8;
        let first = self.at[usize::from(self.next)];
        if self.beyond > 0 || Self::is_recent(now, first) {
            self.beyond = self.beyond.saturating_add(1);
        }
        self.beyond == 1
    }

    fn wait(&self, now: Instant) -> Duration {
        match self.beyond {
            0 | 1 => Duration::ZERO,
            _ if !Self::is_recent(now, self.last()) => Duration::ZERO,
            beyond => LONGEST_WAIT.min(FIRST_WAIT * 2_u32.pow(u32::from(beyond - 2).min(8))),
        }
    }
}

impl BruteForce {
    pub(crate) fn new(seed: u64) -> Self {
        Self { sources: Recent::new(seed), names: Recent::new(seed.rotate_left(32)) }
    }

    fn wait(&self, now: Instant, source: IpAddr, name: &str) -> Duration {
        let of = |failures: Option<&Failures>| failures.map_or(Duration::ZERO, |f| f.wait(now));
        of(self.sources.get(source)).max(of(self.names.get(name)))
    }
}

impl Control {
    /// A wrong answer to a challenge, or none where one was due.
    pub(crate) fn proof_failed(&mut self, now: Instant, remote: SocketAddr, name: &str) {
        let source = self.brute_force.sources.record(now, remote.ip()).count(now);
        let named = self.brute_force.names.record(now, name).count(now);
        let whose = match (source, named) {
            (false, false) => return,
            (true, false) => format!("{} has", remote.ip()),
            (false, true) => format!("whoever says it is \"{name}\", {remote} the last, has"),
            (true, true) => format!("{} as \"{name}\" has", remote.ip()),
        };
        let text = format!(
            "{whose} failed to prove it {FAILURES} times within a minute: refusals are slowed down"
        );
        self.complain(now, Topic::Admission, remote, text);
    }

    /// How long a refusal of credentials waits, beyond what `delayreject` asks for.
    pub(crate) fn refusal_wait(&self, now: Instant, remote: SocketAddr, name: &str) -> Duration {
        self.brute_force.wait(now, remote.ip(), name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn the_sixth_failure_within_a_minute_waits_and_each_further_one_longer() {
        let mut failures = Failures::default();
        for second in 1..=4 {
            assert!(!failures.count(at(second)));
            assert_eq!(failures.wait(at(second)), Duration::ZERO);
        }
        assert!(failures.count(at(5)), "told once");
        assert_eq!(failures.wait(at(5)), Duration::ZERO);
        for expected in [1, 2, 4, 8, 8, 8] {
            assert!(!failures.count(at(6)));
            assert_eq!(failures.wait(at(6)), Duration::from_secs(expected));
        }
        for _ in 0..300 {
            assert!(!failures.count(at(6)));
        }
        assert_eq!(failures.wait(at(6)), LONGEST_WAIT);
        assert_eq!(failures.wait(at(66)), Duration::ZERO, "a quiet minute");
        assert!(!failures.count(at(66)), "and it begins anew");
    }

    #[test]
    fn a_failure_now_and_then_never_waits() {
        let mut failures = Failures::default();
        for second in (0..1000).step_by(16) {
            assert!(!failures.count(at(second)));
            assert_eq!(failures.wait(at(second)), Duration::ZERO);
        }
    }
}
