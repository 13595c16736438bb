//! What was seen lately: a table of fixed size, so that a flood of names and addresses costs no memory.

use std::hash::{BuildHasher, Hash};

use dataplane::time::Instant;
use foldhash::fast::FixedState;

const SETS: usize = 512;
const WAYS: usize = 4;

/// A record each of what was seen lately, found by hash. Where all places of a set are taken, what was seen longest ago
/// is forgotten.
#[derive(Debug)]
pub(crate) struct Recent<T> {
    hasher: FixedState,
    slots: Box<[[Slot<T>; WAYS]]>,
}

#[derive(Debug, Clone, Copy)]
struct Slot<T> {
    hash: u64,
    seen: Instant,
    record: T,
}

impl<T: Copy + Default> Recent<T> {
    /// An empty table; the seed hides who shares a set with whom.
    pub(crate) fn new(seed: u64) -> Self {
        let empty = Slot { hash: 0, seen: Instant::ZERO, record: T::default() };
        Self {
            hasher: FixedState::with_seed(seed),
            slots: vec![[empty; WAYS]; SETS].into_boxed_slice(),
        }
    }

    /// The record of `key`, as seen now; a default one if it is new or forgotten.
    pub(crate) fn record(&mut self, now: Instant, key: impl Hash) -> &mut T {
        let hash = self.hasher.hash_one(key);
        let set = &mut self.slots[(hash >> 32) as usize % SETS];
        let known = set.iter().position(|slot| slot.hash == hash);
        let oldest = (1..WAYS).fold(0, |a, b| if set[b].seen < set[a].seen { b } else { a });
        let slot = &mut set[known.unwrap_or(oldest)];
        if known.is_none() {
            (slot.hash, slot.record) = (hash, T::default());
        }
        slot.seen = now;
        &mut slot.record
    }

    /// The record of `key`, without having seen it.
    pub(crate) fn get(&self, key: impl Hash) -> Option<&T> {
        let hash = self.hasher.hash_one(key);
        let set = &self.slots[(hash >> 32) as usize % SETS];
        set.iter().find(|slot| slot.hash == hash).map(|slot| &slot.record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_longest_ago_is_forgotten_first() {
        let mut recent = Recent::<u32>::new(1);
        let at = |millis: u64| Instant::from_micros(millis * 1000);
        for key in 0..100_000_u64 {
            *recent.record(at(key), key) = 7;
            *recent.record(at(key), u64::MAX) += 1;
        }
        assert_eq!(recent.get(u64::MAX), Some(&100_000), "seen all the time");
        assert_eq!(recent.get(99_999_u64), Some(&7));
        let kept = (0..100_000_u64).filter(|key| recent.get(*key).is_some()).count();
        assert!((SETS..SETS * WAYS).contains(&kept), "{kept}");
    }
}
