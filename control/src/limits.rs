//! How many calls each section lets through, counted and timed per section and direction.

use dataplane::time::Instant;

use crate::call::Call;
use crate::cause::Cause;
use crate::conf::Limits;
use crate::engine::Control;
use crate::slab::Key;

/// A section's calls in one direction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meter {
    /// Calls at the moment.
    calls: u32,
    /// When the calls let through so far would have come at exactly `cps_max`: a token bucket in one word.
    due: Instant,
}

/// Which limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    Calls { now: u32, max: u32 },
    PerSecond { max: u32 },
}

impl Default for Meter {
    fn default() -> Self {
        Self { calls: 0, due: Instant::ZERO }
    }
}

impl Meter {
    /// Takes one call's share of the calls a second, if the section may have one more.
    fn passes(&mut self, now: Instant, limits: &Limits) -> Result<(), Over> {
        if let Some(max) = limits.calls_max.filter(|max| self.calls >= *max) {
            return Err(Over::Calls { now: self.calls, max });
        }
        if let Some(max) = limits.cps_max {
            let interval = std::time::Duration::from_secs(1) / max;
            if self.due > now + interval * (max - 1) {
                return Err(Over::PerSecond { max });
            }
            self.due = self.due.max(now) + interval;
        }
        Ok(())
    }

    fn begin(&mut self) {
        self.calls += 1;
    }

    fn end(&mut self) {
        self.calls -= 1;
    }
}

impl Over {
    /// In words: limit, section and count.
    fn words(self, section: &str, direction: &str) -> String {
        match self {
            Self::Calls { now, max } => {
                format!("[{section}] has {now} calls; calls_max_{direction} is {max}")
            }
            Self::PerSecond { max } => {
                format!(
                    "[{section}] has had its {max} calls a second; cps_max_{direction} is {max}"
                )
            }
        }
    }
}

impl Control {
    /// Why a caller that has proved what it must is not let through all the same: its section's limits, or a loop.
    pub(crate) fn held_back(
        &mut self,
        now: Instant,
        section: &str,
        limits: &Limits,
        numbers: (Option<&str>, &str),
    ) -> Option<(Cause, String)> {
        let loops = match self.config.general.loop_calls_max {
            0 => Ok(()),
            limit => self.loop_guard.passes(now, numbers, limit),
        };
        if let Err(calls) = loops {
            let caller = numbers.0.unwrap_or("nobody");
            let why = format!(
                "{calls} calls from \"{caller}\" to it within 2 s: they go in circles (loop_calls_max)"
            );
            return Some((Cause::ROUTING_ERROR, why));
        }
        let over = self.meters.get_mut(section)?.passes(now, limits).err()?;
        Some((Cause::SWITCH_CONGESTION, over.words(section, "in")))
    }

    /// A section's caller has become a call.
    pub(crate) fn count_in(&mut self, section: &str) {
        if let Some(meter) = self.meters.get_mut(section) {
            meter.begin();
        }
    }

    /// A section's call is over.
    pub(crate) fn uncount_in(&mut self, call: &Call) {
        if let Some(meter) = self.meters.get_mut(&call.user.name) {
            meter.end();
        }
    }

    /// Why one more call may not go to a configured peer.
    pub(crate) fn held_back_out(&mut self, now: Instant, peer: u32) -> Option<String> {
        let peer = self.peers.get_mut(peer)?;
        let over = peer.meter.passes(now, &peer.config.limits).err()?;
        Some(over.words(&peer.config.name, "out"))
    }

    /// A leg calls a configured peer.
    pub(crate) fn count_out(&mut self, leg: Key, peer: u32) {
        let Some(leg) = self.legs.get_mut(leg) else { return };
        leg.counts_for = Some(peer);
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.meter.begin();
        }
    }

    /// A leg ends: if it called a configured peer, that may be called once more.
    pub(crate) fn uncount_out(&mut self, leg: Key) {
        let peer = self.legs.get_mut(leg).and_then(|leg| leg.counts_for.take());
        if let Some(peer) = peer.and_then(|peer| self.peers.get_mut(peer)) {
            peer.meter.end();
        }
    }

    /// From now on a call has as long as the sections of its caller and of whom it reached allow.
    pub(crate) fn limit_duration(&mut self, now: Instant, call: Key, limits: Limits) {
        let Some(call) = self.calls.get_mut(call) else { return };
        if let Some(longest) = limits.duration_max {
            call.ends_at = call.ends_at.min(now + longest);
        }
    }

    /// The limits of the section a leg calls.
    pub(crate) fn limits_out(&self, leg: Key) -> Option<(&str, Limits)> {
        let peer = self.peers.get(self.legs.get(leg)?.counts_for?)?;
        Some((&peer.config.name, peer.config.limits))
    }

    /// Which section's limit on its duration a call has reached, in words.
    pub(crate) fn duration_reached(&self, now: Instant, call: &Call) -> String {
        let talked = call.answered.map(|answered| now.since(answered));
        let own = (call.user.name.as_str(), call.user.limits);
        let far = call.callee.and_then(|leg| self.limits_out(leg));
        let reached = [Some(own), far].into_iter().flatten().find_map(|(section, limits)| {
            let longest = limits.duration_max?;
            (talked >= Some(longest)).then_some((section, longest))
        });
        // Who answered later than the caller was told has the only limit left.
        let (section, longest) = reached
            .or(far.and_then(|(section, limits)| Some((section, limits.duration_max?))))
            .unwrap_or((own.0, std::time::Duration::ZERO));
        format!("[{section}] allows {} s a call (call_seconds_max)", longest.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn calls_a_second_come_at_once_or_evenly_and_no_more() {
        let limits = Limits { cps_max: Some(10), ..Limits::default() };
        let start = Instant::from_micros(5_000_000);
        let mut meter = Meter::default();
        let mut passed = |now| (0..100).filter(|_| meter.passes(now, &limits).is_ok()).count();
        assert_eq!(passed(start), 10, "a full bucket");
        assert_eq!(passed(start + Duration::from_millis(99)), 0);
        assert_eq!(passed(start + Duration::from_millis(100)), 1, "one comes back each 100 ms");
        assert_eq!(passed(start + Duration::from_millis(450)), 3);
        assert_eq!(passed(start + Duration::from_secs(60)), 10, "and no more than it holds");
    }

    #[test]
    fn calls_at_a_time_are_counted_before_the_bucket_is_asked() {
        let limits = Limits { calls_max: Some(1), cps_max: Some(2), duration_max: None };
        let now = Instant::from_micros(1);
        let mut meter = Meter::default();
        assert_eq!(meter.passes(now, &limits), Ok(()));
        meter.begin();
        assert_eq!(meter.passes(now, &limits), Err(Over::Calls { now: 1, max: 1 }));
        meter.end();
        assert_eq!(meter.passes(now, &limits), Ok(()));
        assert_eq!(meter.passes(now, &limits), Err(Over::PerSecond { max: 2 }));
    }
}
