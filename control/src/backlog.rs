//! Registrations that wait, so that live calls do not: ten thousand peers may come back at once after an outage.
//!
//! So many a millisecond are taken as they come; the others are kept, up to a bound, and taken in the milliseconds
//! after, between whatever else there is to do.

use std::collections::VecDeque;

use dataplane::handoff::CoreId;
use dataplane::time::Instant;
use dataplane::wire::{FrameType, FullHeader, IaxSubclass};

use crate::association::Found;
use crate::engine::Control;
use crate::leg::Work;
use crate::transport::Address;

/// Frames of registrations taken in a millisecond.
const PER_MS: u32 = 32;
/// Most that wait. More are dropped and counted: their senders repeat them.
const WAITING_MAX: usize = 32_768;

/// Frames of registrations that wait.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    waiting: VecDeque<(CoreId, Address, Vec<u8>)>,
    /// The millisecond of the last one taken, and how many it had.
    ms: u64,
    taken: u32,
}

impl Backlog {
    /// Whether one more may be taken now.
    fn has_turn(&mut self, now: Instant) -> bool {
        let ms = now.as_micros() / 1000;
        if ms != self.ms {
            (self.ms, self.taken) = (ms, 0);
        }
        self.taken += 1;
        self.taken <= PER_MS
    }

    /// When the next of those that wait has its turn.
    pub(crate) fn deadline(&self) -> Instant {
        if self.waiting.is_empty() {
            return Instant::FAR_FUTURE;
        }
        Instant::from_micros((self.ms + u64::from(self.taken >= PER_MS)) * 1000)
    }
}

impl Control {
    /// Whether a frame is about a registration with us, and so may wait.
    pub(crate) fn may_wait(&self, found: Found, header: &FullHeader) -> bool {
        match found {
            Found::Leg(key) => {
                self.legs.get(key).is_some_and(|leg| matches!(leg.work, Work::Registrar(_)))
            }
            Found::Tombstone(..) => false,
            Found::Nothing => {
                let registers = [IaxSubclass::RegReq, IaxSubclass::RegRel];
                header.frame_type == FrameType::Iax && registers.contains(&header.subclass.as_iax())
            }
        }
    }

    /// Keeps a frame for later if there are too many of its kind now; `false`: it has its turn.
    pub(crate) fn put_off(
        &mut self,
        now: Instant,
        core: CoreId,
        from: Address,
        octets: &[u8],
    ) -> bool {
        if self.backlog.waiting.is_empty() && self.backlog.has_turn(now) {
            return false;
        }
        if self.backlog.waiting.len() < WAITING_MAX {
            self.backlog.waiting.push_back((core, from, octets.to_vec()));
        } else {
            self.stats.limited += 1;
        }
        true
    }

    /// Takes those whose turn it is.
    pub(crate) fn take_up(&mut self, now: Instant) {
        while !self.backlog.waiting.is_empty() && self.backlog.has_turn(now) {
            if let Some((core, from, octets)) = self.backlog.waiting.pop_front() {
                self.handle_found(now, core, from, &octets);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_millisecond_has_its_share() {
        let mut backlog = Backlog::default();
        for ms in 5..8 {
            let now = Instant::from_micros(ms * 1000);
            let turns = (0..100).filter(|_| backlog.has_turn(now)).count();
            assert_eq!(turns, PER_MS as usize);
        }
        assert_eq!(backlog.deadline(), Instant::FAR_FUTURE, "nobody waits");
        let from = (dataplane::handoff::SocketId(0), "192.0.2.1:4569".parse().unwrap());
        backlog.waiting.push_back((CoreId(0), from, Vec::new()));
        assert_eq!(backlog.deadline(), Instant::from_micros(8000));
    }
}
