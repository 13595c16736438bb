//! When a peer's waiting entries have to leave: a wheel of slots of one millisecond.

use core::time::Duration;

use crate::handoff::PeerIndex;
use crate::time::Instant;

const SLOTS: u64 = 1024;

/// The longest interval, which has to fit the wheel.
const INTERVAL_MAX_MS: u64 = 1000;

/// Ends a slot's list, and says of a peer that it is in none.
const NONE: u32 = u32::MAX;

/// Which peers' entries leave in which millisecond. A peer is in it once or not at all.
#[derive(Debug)]
pub(crate) struct Ticks {
    heads: Box<[u32]>,
    /// By peer, the one behind it in its slot.
    next: Box<[u32]>,
    /// By peer, whether it is in a slot.
    waits: Box<[bool]>,
    /// Bit per slot: whether anybody is in it.
    occupied: [u64; SLOTS as usize / 64],
    /// Every slot up to this millisecond is empty.
    done_ms: u64,
    waiting: u32,
}

impl Ticks {
    pub(crate) fn new(peers_max: u32) -> Self {
        Self {
            heads: vec![NONE; SLOTS as usize].into_boxed_slice(),
            next: vec![NONE; peers_max as usize].into_boxed_slice(),
            waits: vec![false; peers_max as usize].into_boxed_slice(),
            occupied: [0; SLOTS as usize / 64],
            done_ms: 0,
            waiting: 0,
        }
    }

    /// Has `peer` come up at its next tick, unless it waits for one already.
    ///
    /// Its ticks lie `interval_ms` apart, shifted by its index, so that not all peers send in the same millisecond.
    pub(crate) fn schedule(&mut self, peer: PeerIndex, interval_ms: u16, now: Instant) {
        let index = peer.0 as usize;
        if self.waits[index] {
            return;
        }
        let interval = u64::from(interval_ms).clamp(1, INTERVAL_MAX_MS);
        let (now_ms, phase) = (millis(now), u64::from(peer.0) % interval);
        if self.waiting == 0 {
            self.done_ms = self.done_ms.max(now_ms);
        }
        let due = now_ms + interval - (now_ms + interval - phase) % interval;
        // After a stall the wheel lags behind; then it comes up at the wheel's end, which is due as well.
        let slot = (due.min(self.done_ms + SLOTS) % SLOTS) as usize;
        self.next[index] = core::mem::replace(&mut self.heads[slot], peer.0);
        self.waits[index] = true;
        self.occupied[slot / 64] |= 1 << (slot % 64);
        self.waiting += 1;
    }

    /// The next peer whose tick has come.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<PeerIndex> {
        let now_ms = millis(now);
        while self.waiting > 0 && self.done_ms < now_ms {
            let slot = ((self.done_ms + 1) % SLOTS) as usize;
            let head = self.heads[slot];
            if head != NONE {
                self.heads[slot] = self.next[head as usize];
                if self.heads[slot] == NONE {
                    self.occupied[slot / 64] &= !(1 << (slot % 64));
                }
                self.waits[head as usize] = false;
                self.waiting -= 1;
                return Some(PeerIndex(head));
            }
            self.done_ms += 1;
        }
        None
    }

    /// When the next peer's tick comes; `None` if nobody waits.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        if self.waiting == 0 {
            return None;
        }
        let mut ms = self.done_ms + 1;
        loop {
            let slot = (ms % SLOTS) as usize;
            let rest = self.occupied[slot / 64] >> (slot % 64);
            if rest != 0 {
                ms += u64::from(rest.trailing_zeros());
                return Some(Instant::ZERO + Duration::from_millis(ms));
            }
            ms += 64 - (slot as u64 % 64); // on to the next word; somebody waits, so one is not empty
        }
    }
}

fn millis(now: Instant) -> u64 {
    now.as_micros() / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1000)
    }

    #[test]
    fn peers_come_up_at_their_own_milliseconds_within_the_interval() {
        let mut ticks = Ticks::new(40);
        for peer in 0..40 {
            ticks.schedule(PeerIndex(peer), 20, at(1007));
            ticks.schedule(PeerIndex(peer), 20, at(1007));
        }
        assert_eq!(ticks.next_due(), Some(at(1008)));
        let mut seen = 0;
        for ms in 1007..=1027 {
            while let Some(peer) = ticks.pop(at(ms)) {
                assert_eq!(u64::from(peer.0) % 20, ms % 20);
                seen += 1;
            }
        }
        assert_eq!((seen, ticks.next_due()), (40, None));
    }

    #[test]
    fn a_long_sleep_or_a_stall_loses_nobody() {
        let mut ticks = Ticks::new(3);
        ticks.schedule(PeerIndex(0), 1000, at(5));
        assert_eq!(ticks.next_due(), Some(at(1000)));
        ticks.schedule(PeerIndex(1), 20, at(90_000));
        assert_eq!(ticks.pop(at(90_000)), Some(PeerIndex(0)));
        assert_eq!(ticks.pop(at(90_000)), Some(PeerIndex(1)));
        assert_eq!(ticks.pop(at(90_000)), None);
        ticks.schedule(PeerIndex(2), 65_535, at(10_000_000));
        assert!(ticks.next_due().is_some_and(|due| due > at(10_000_000) && due <= at(10_001_000)));
    }
}
